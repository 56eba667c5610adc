"""Metrics of label maps, which have a class for each pixel. Course 4, week 3."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.graph import value_of

from .checks import Array, Labels, labels_of
from .classes import confusion_matrix


def pixel_accuracy(y_true: Labels, y_pred: Labels, *, ignore_index: int | None = None) -> float:
    """The share of pixels that are right. Maps (H, W), (N, H, W) or of any other shape.

    It flatters where one class fills the picture: see mean_iou. Pixels whose true class is
    `ignore_index` do not count.
    """
    table = pixel_table("pixel_accuracy", y_true, y_pred, None, ignore_index)
    return float(np.trace(table) / table.sum())


def iou_per_class(
    y_true: Labels,
    y_pred: Labels,
    *,
    classes: int | None = None,
    ignore_index: int | None = None,
) -> Array:
    """|A ∩ B| / |A ∪ B| for each class, A its true pixels and B the predicted ones: (classes,).

    All pixels of all maps count together. NaN for a class that neither map has. `classes` is
    the largest class number + 1, unless given.
    """
    return intersection_over_union(
        pixel_table("iou_per_class", y_true, y_pred, classes, ignore_index)
    )


def mean_iou(y_true: Labels, y_pred: Labels, *, ignore_index: int | None = None) -> float:
    """The mean of iou_per_class over the classes that at least one of the maps has."""
    table = pixel_table("mean_iou", y_true, y_pred, None, ignore_index)
    return float(np.nanmean(intersection_over_union(table)))


def intersection_over_union(table: Array) -> Array:
    """C_kk / (Σ_j C_kj + Σ_i C_ik − C_kk) of a confusion matrix C; NaN for 0/0."""
    both = np.diag(table)
    either = table.sum(axis=0) + table.sum(axis=1) - both
    return np.divide(both, either, out=np.full(len(both), np.nan), where=either > 0)


def pixel_table(
    operation: str,
    y_true: Labels,
    y_pred: Labels,
    classes: int | None,
    ignore_index: int | None,
) -> Array:
    """The confusion matrix of all pixels that count."""
    y, guess = np.asarray(value_of(y_true)), np.asarray(value_of(y_pred))
    if y.shape != guess.shape:
        raise ShapeError(
            operation, "the maps are not of the same pixels",
            got=f"y_true {y.shape}, y_pred {guess.shape}",
            wanted="equal shapes; of scores (N, classes, H, W), scores.argmax(axis=1)",
        )  # fmt: skip
    counted = np.ones(y.shape, bool) if ignore_index is None else y != ignore_index
    if not counted.any():
        raise ArgumentError(
            operation, "there is no pixel that counts", got=f"{y.shape}, {ignore_index=}",
            wanted="at least one",
        )  # fmt: skip
    maps = {"y_true": y[counted], "y_pred": guess[counted]}
    checked = (labels_of(operation, name, map_, classes) for name, map_ in maps.items())
    return confusion_matrix(*checked, classes=classes)
