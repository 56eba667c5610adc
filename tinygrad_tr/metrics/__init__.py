"""Metrics: how good predictions are, as numbers. Course 3, week 1.

    tt.metrics.f1(y, z.argmax(axis=1), average="macro")
    tt.metrics.roc_auc(y, p)

The truth comes first, then what was predicted, as in scikit-learn, and where scikit-learn has
the metric the numbers are its numbers. A metric of `train.fit` gets the predictions first:

    metrics={"F1": lambda z, y: tt.metrics.f1(y, z.argmax(axis=1), average="macro")}

Arrays, lists and Tensors are taken; of a Tensor that requires a gradient only the values, for a
metric has no derivative: what is trained is a loss.

Classes are numbers 0, 1, ... or bools, scores are floats, and both have one row per example;
label maps, of which `mean_iou` and its like are, have one class per pixel.
`sample_weight` (m,) lets an example count more than once; without it each counts once.
"""

from .classes import (
    accuracy,
    confusion_matrix,
    f1,
    f_beta,
    mean_error,
    precision,
    precision_recall_f1,
    recall,
    top_k_accuracy,
    weighted_error,
)
from .pixels import iou_per_class, mean_iou, pixel_accuracy
from .ranking import average_precision, precision_recall_curve, roc_auc, roc_curve
from .sequences import perplexity
from .streams import false_alarms_per_day

__all__ = [
    "accuracy", "average_precision", "confusion_matrix", "f1", "f_beta", "false_alarms_per_day",
    "iou_per_class", "mean_error", "mean_iou", "perplexity", "pixel_accuracy", "precision",
    "precision_recall_curve", "precision_recall_f1", "recall", "roc_auc", "roc_curve",
    "top_k_accuracy", "weighted_error",
]  # fmt: skip
