"""What metrics check of their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, IndexingError, ShapeError, describe
from tinygrad_tr.graph import value_of

Array = np.ndarray[Any, Any]
Labels = Any  # class numbers or bools, (m,): an array, a Tensor or a list
Scores = Any  # floats: an array, a Tensor or a list
Weights = Any  # one number ≥ 0 per example, (m,), or None: all count once


def labels_of(operation: str, name: str, labels: Labels, classes: int | None = None) -> Array:
    """Class numbers (m,), all below `classes` if that is known."""
    y = np.asarray(value_of(labels))
    if y.ndim != 1 or not y.size:
        raise ShapeError(
            operation, f"{name} has one class for each example", got=f"{y.shape}",
            wanted="(m,) with m ≥ 1; .reshape(-1) of a column",
        )  # fmt: skip
    if y.dtype.kind not in "biu":
        raise DtypeError(
            operation, f"{name} has no class numbers", got=describe(y),
            wanted="integers or bools; of scores, scores.argmax(axis=1) or p > 0.5",
        )  # fmt: skip
    y = y.astype(np.int64)
    outside = y < 0 if classes is None else (y < 0) | (y >= classes)
    if outside.any():
        raise IndexingError(
            operation, f"{name} has a class out of range",
            got=f"{y[outside][0]} at row {np.flatnonzero(outside)[0]}",
            wanted="≥ 0" if classes is None else f"0 to {classes - 1}",
        )  # fmt: skip
    return y


def pairs_of(
    operation: str, y_true: Labels, y_pred: Labels, classes: int | None = None
) -> tuple[Array, Array]:
    """True and predicted class numbers, equally many."""
    y = labels_of(operation, "y_true", y_true, classes)
    guess = labels_of(operation, "y_pred", y_pred, classes)
    require_length(operation, "y_pred", guess, len(y))
    return y, guess


def scores_of(operation: str, scores: Scores, m: int) -> Array:
    """Finite numbers in m rows."""
    s = np.asarray(value_of(scores))
    if s.dtype.kind not in "fiu":
        raise DtypeError(operation, "scores are numbers", got=describe(s), wanted="floats")
    require_length(operation, "y_score", s, m)
    finite = np.isfinite(s)
    if not finite.all():
        raise ArgumentError(
            operation, "a score is not finite",
            got=f"{s[~finite][0]} at row {np.argwhere(~finite)[0][0]}",
            wanted="numbers that can be put in order",
        )  # fmt: skip
    return s


def weights_of(operation: str, sample_weight: Weights, m: int) -> Array:
    """One weight ≥ 0 for each of m examples, float64; ones if none are given."""
    if sample_weight is None:
        return np.ones(m)
    w = np.asarray(value_of(sample_weight))
    if w.dtype.kind not in "biuf":
        raise DtypeError(operation, "weights are numbers", got=describe(w), wanted="floats ≥ 0")
    if w.shape != (m,):
        raise ShapeError(
            operation, "one weight for each example", got=f"{w.shape}", wanted=f"({m},)"
        )
    w = w.astype(np.float64)
    if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
        raise ArgumentError(
            operation, "weights that cannot be averaged with",
            got=f"{w.min()} to {w.max()}", wanted="finite numbers ≥ 0, not all 0",
        )  # fmt: skip
    return w


def require_length(operation: str, name: str, array: Array, m: int) -> None:
    if not array.ndim or len(array) != m:
        raise ShapeError(
            operation, f"{name} is not of the same examples as y_true",
            got=f"{array.shape}", wanted=f"{m} rows",
        )  # fmt: skip
