"""Metrics of scores: what every threshold would give, from which on a score is positive."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError

from .checks import Array, Labels, Scores, Weights, labels_of, scores_of, weights_of


def roc_curve(
    y_true: Labels, y_score: Scores, *, sample_weight: Weights = None
) -> tuple[Array, Array, Array]:
    """FP/(FP + TN), TP/(TP + FN) and the threshold, from "nothing is positive" to "all is".

    Three arrays of one length: each different score is once the lowest that counts as positive,
    and before them stands ∞. y_true (m,) has the classes 0 and 1, y_score is (m,).
    """
    y, s, w = binary("roc_curve", y_true, y_score, sample_weight)
    true, false, thresholds = cumulative(y, s, w)
    require_both("roc_curve", true[-1], false[-1])
    start = np.zeros(1)
    return (
        np.concatenate([start, false / false[-1]]),
        np.concatenate([start, true / true[-1]]),
        np.concatenate([[np.inf], thresholds]),
    )


def roc_auc(
    y_true: Labels,
    y_score: Scores,
    *,
    average: str | None = "macro",
    sample_weight: Weights = None,
) -> Any:
    """The area under the ROC curve: how often a positive has a higher score than a negative.

    Equal scores count half. For scores (m, classes) it is the area of each class against the
    rest: their mean ("macro"), weighted by how many examples they have ("weighted"), or, with
    None, an array (classes,).
    """
    operation = "roc_auc"
    s = scores_of(operation, y_score, len(labels_of(operation, "y_true", y_true)))
    if s.ndim == 1:
        return area(operation, *binary(operation, y_true, s, sample_weight))
    if s.ndim != 2 or s.shape[1] < 2:
        raise ShapeError(
            operation, "scores are of one class or of all", got=f"{s.shape}",
            wanted="(m,) or (m, classes)",
        )  # fmt: skip
    if average not in ("macro", "weighted", None):
        raise ArgumentError(
            operation, "unknown average", got=f"{average=}", wanted="'macro', 'weighted' or None"
        )
    y = labels_of(operation, "y_true", y_true, s.shape[1])
    w = weights_of(operation, sample_weight, len(y))
    classes = range(s.shape[1])
    areas = np.array([area(f"{operation}, class {c}", y == c, s[:, c], w) for c in classes])
    if average is None:
        return areas
    sizes = np.bincount(y, w) if average == "weighted" else None
    return float(np.average(areas, weights=sizes))


def precision_recall_curve(
    y_true: Labels, y_score: Scores, *, sample_weight: Weights = None
) -> tuple[Array, Array, Array]:
    """TP/(TP + FP) and TP/(TP + FN) for each threshold, lowest first: (n + 1,), (n + 1,), (n,).

    Every different score is a threshold: from it on a score counts as positive. The last
    precision is 1 and the last recall 0, without a threshold. y_score is (m,).
    """
    operation = "precision_recall_curve"
    y, s, w = binary(operation, y_true, y_score, sample_weight)
    true, false, thresholds = cumulative(y, s, w)
    require_positive(operation, true[-1])
    P, R = true / (true + false), true / true[-1]
    return np.append(P[::-1], 1.0), np.append(R[::-1], 0.0), thresholds[::-1]


def average_precision(y_true: Labels, y_score: Scores, *, sample_weight: Weights = None) -> float:
    """Σ (Rₙ − Rₙ₋₁) Pₙ over the thresholds, highest first: the area under precision and recall."""
    P, R, _ = precision_recall_curve(y_true, y_score, sample_weight=sample_weight)
    return float(np.sum((R[:-1] - R[1:]) * P[:-1]))


def binary(
    operation: str, y_true: Labels, y_score: Scores, sample_weight: Weights
) -> tuple[Array, Array, Array]:
    """Whether an example is positive, its score, and its weight, each (m,)."""
    y = labels_of(operation, "y_true", y_true, classes=2)
    s = scores_of(operation, y_score, len(y))
    if s.ndim != 1:
        raise ShapeError(
            operation, "one score for each example, that of class 1", got=f"{s.shape}",
            wanted=f"({len(y)},); p[:, 1] of two columns",
        )  # fmt: skip
    return y == 1, s, weights_of(operation, sample_weight, len(y))


def cumulative(y: Array, s: Array, w: Array) -> tuple[Array, Array, Array]:
    """TP and FP when the scores down to each threshold are positive, and the thresholds."""
    counts = w > 0
    y, s, w = y[counts], s[counts], w[counts]
    order = np.argsort(s, kind="stable")[::-1]
    y, s, w = y[order], s[order], w[order]
    ends = np.append(np.flatnonzero(np.diff(s)), len(s) - 1)  # the last of each equal score
    return np.cumsum(w * y)[ends], np.cumsum(w * ~y)[ends], s[ends]


def area(operation: str, y: Array, s: Array, w: Array) -> float:
    """∫ TPR dFPR by trapezoids, exact for this curve of straight pieces."""
    true, false, _ = cumulative(y, s, w)
    require_both(operation, true[-1], false[-1])
    tpr, fpr = np.append(0.0, true / true[-1]), np.append(0.0, false / false[-1])
    return float(np.trapezoid(tpr, fpr))


def require_both(operation: str, positive: float, negative: float) -> None:
    if not (positive > 0 and negative > 0):
        raise ArgumentError(
            operation, "y_true has only one class, so nothing can be told apart",
            got="no positive example" if negative > 0 else "no negative example",
            wanted="examples of both",
        )  # fmt: skip


def require_positive(operation: str, positive: float) -> None:
    if not positive > 0:
        raise ArgumentError(
            operation, "recall needs something to find", got="no positive example",
            wanted="at least one example of class 1",
        )  # fmt: skip
