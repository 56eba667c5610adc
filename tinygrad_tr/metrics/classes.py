"""Metrics of predicted classes: what was taken for what."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.arguments import whole, within
from tinygrad_tr.errors import ArgumentError, ShapeError

from .checks import (
    Array,
    Labels,
    Scores,
    Weights,
    labels_of,
    pairs_of,
    require_length,
    scores_of,
    weights_of,
)

AVERAGES = ("binary", "macro", "micro", "weighted", None)


def confusion_matrix(
    y_true: Labels,
    y_pred: Labels,
    *,
    classes: int | None = None,
    sample_weight: Weights = None,
) -> Array:
    """C[i, j] = Σ w over the examples of class i that were taken for class j: (classes, classes).

    Integers without weights. `classes` is the largest class number + 1, unless given.
    """
    y, guess = pairs_of("confusion_matrix", y_true, y_pred, classes)
    w = weights_of("confusion_matrix", sample_weight, len(y))
    n = classes or int(max(y.max(), guess.max())) + 1
    table = np.bincount(y * n + guess, w, minlength=n * n).reshape(n, n)
    return table if sample_weight is not None else table.astype(np.int64)


# ------------------------------------------------------------------ how many are right


def accuracy(y_true: Labels, y_pred: Labels, *, sample_weight: Weights = None) -> float:
    """Σ w 1{ŷ = y} / Σ w: the share of examples that are right."""
    y, guess = pairs_of("accuracy", y_true, y_pred)
    return share(guess == y, weights_of("accuracy", sample_weight, len(y)))


def weighted_error(y_true: Labels, y_pred: Labels, sample_weight: Weights = None) -> float:
    """Σ w 1{ŷ ≠ y} / Σ w: mistakes that must not happen weigh more. Course 3, week 1."""
    y, guess = pairs_of("weighted_error", y_true, y_pred)
    return share(guess != y, weights_of("weighted_error", sample_weight, len(y)))


def mean_error(y_true: Labels, y_pred: Labels, groups: Any) -> float:
    """The error of each group, such as a country, averaged: a small group counts as a large one.

    `groups` (m,) says by any values which group an example is in. Course 3, week 1.
    """
    y, guess = pairs_of("mean_error", y_true, y_pred)
    group = np.asarray(groups)
    require_length("mean_error", "groups", group, len(y))
    if group.ndim != 1:
        raise ShapeError(
            "mean_error", "one group for each example", got=f"{group.shape}", wanted=f"({len(y)},)"
        )
    _, member, count = np.unique(group, return_inverse=True, return_counts=True)
    return float(np.mean(np.bincount(member, guess != y) / count))


def top_k_accuracy(
    y_true: Labels, y_score: Scores, k: int = 5, *, sample_weight: Weights = None
) -> float:
    """The share of examples whose class is among the k with the highest scores, (m, classes).

    Of equal scores the first counts as the highest, so that k = 1 is the accuracy of argmax.
    """
    operation = "top_k_accuracy"
    s = scores_of(operation, y_score, len(labels_of(operation, "y_true", y_true)))
    if s.ndim != 2:
        raise ShapeError(
            operation, "one score for each class", got=f"{s.shape}", wanted="(m, classes)"
        )
    y = labels_of(operation, "y_true", y_true, s.shape[1])
    if whole(operation, "k", k) > s.shape[1]:
        raise ArgumentError(operation, "k counts classes", got=f"{k=}", wanted=f"1 to {s.shape[1]}")
    own = s[np.arange(len(y)), y][:, None]
    earlier = np.arange(s.shape[1]) < y[:, None]
    place = np.sum((s > own) | ((s == own) & earlier), axis=1)  # 0 is the highest
    return share(place < k, weights_of(operation, sample_weight, len(y)))


def share(chosen: Array, w: Array) -> float:
    """Σ w over the chosen / Σ w."""
    return float(w[chosen].sum() / w.sum())


# ------------------------------------------------------------------ precision and recall


class PrecisionRecallF1(NamedTuple):
    """Three numbers, or three arrays (classes,)."""

    precision: Any
    recall: Any
    f1: Any


def precision_recall_f1(
    y_true: Labels,
    y_pred: Labels,
    *,
    average: str | None = "binary",
    sample_weight: Weights = None,
    zero_division: float = 0.0,
) -> PrecisionRecallF1:
    """P = TP/(TP + FP), R = TP/(TP + FN), F₁ = 2/(1/P + 1/R) = 2 TP/(2 TP + FP + FN).

    `average` says of which classes: "binary" of class 1 when there is only 0 beside it;
    "macro" the mean over the classes, "weighted" by how many examples they have, "micro" with
    TP, FP, FN added up; None gives an array (classes,). A class that neither y_true nor y_pred
    has is in no mean.

    0/0 is `zero_division`: 0, 1, or NaN, which a mean leaves out. F₁ is 0 when TP = 0 and
    there was anything to find or found. Course 3, week 1.
    """
    operation = "precision_recall_f1"
    counts = Counts(operation, y_true, y_pred, average, sample_weight, zero_division)
    return PrecisionRecallF1(counts.precision(), counts.recall(), counts.f_beta(1.0))


def precision(
    y_true: Labels,
    y_pred: Labels,
    *,
    average: str | None = "binary",
    sample_weight: Weights = None,
    zero_division: float = 0.0,
) -> Any:
    """P = TP/(TP + FP): of what was taken for the class, the share that is. Options as above."""
    counts = Counts("precision", y_true, y_pred, average, sample_weight, zero_division)
    return counts.precision()


def recall(
    y_true: Labels,
    y_pred: Labels,
    *,
    average: str | None = "binary",
    sample_weight: Weights = None,
    zero_division: float = 0.0,
) -> Any:
    """R = TP/(TP + FN): of what is of the class, the share that was found. Options as above."""
    return Counts("recall", y_true, y_pred, average, sample_weight, zero_division).recall()


def f_beta(
    y_true: Labels,
    y_pred: Labels,
    beta: float,
    *,
    average: str | None = "binary",
    sample_weight: Weights = None,
    zero_division: float = 0.0,
) -> Any:
    """F_β = (1 + β²) P R/(β² P + R): recall weighs β times as much as precision."""
    beta = within("f_beta", "beta", beta, low=0)
    counts = Counts("f_beta", y_true, y_pred, average, sample_weight, zero_division)
    return counts.f_beta(beta)


def f1(
    y_true: Labels,
    y_pred: Labels,
    *,
    average: str | None = "binary",
    sample_weight: Weights = None,
    zero_division: float = 0.0,
) -> Any:
    """F₁ = 2/(1/P + 1/R), the harmonic mean of precision and recall. Options as above."""
    return Counts("f1", y_true, y_pred, average, sample_weight, zero_division).f_beta(1.0)


class Counts:
    """TP, FP and FN of each class, (classes,), and the average that is wanted of them."""

    def __init__(
        self,
        operation: str,
        y_true: Labels,
        y_pred: Labels,
        average: str | None,
        sample_weight: Weights,
        zero_division: float,
    ) -> None:
        if average not in AVERAGES:
            raise ArgumentError(
                operation, "unknown average", got=f"{average=}",
                wanted=", ".join(map(repr, AVERAGES)),
            )  # fmt: skip
        is_nan = zero_division != zero_division
        if not (zero_division in (0, 1) or is_nan):
            raise ArgumentError(
                operation, "no such value of 0/0", got=f"{zero_division=}", wanted="0, 1 or NaN"
            )
        y, guess = pairs_of(operation, y_true, y_pred)
        w = weights_of(operation, sample_weight, len(y))
        classes = int(max(y.max(), guess.max())) + 1
        if average == "binary" and classes > 2:
            raise ArgumentError(
                operation, "there are more than two classes", got=f"{classes}, average='binary'",
                wanted="average='macro', 'micro', 'weighted' or None",
            )  # fmt: skip
        n = 2 if average == "binary" else classes
        right = guess == y
        self.average, self.zero_division = average, float(zero_division)
        self.true = np.bincount(y[right], w[right], minlength=n)
        self.guessed = np.bincount(guess, w, minlength=n)
        self.actual = np.bincount(y, w, minlength=n)
        self.occurs = np.bincount(np.append(y, guess), minlength=n) > 0

    def precision(self) -> Any:
        return self.averaged(self.true, self.guessed)

    def recall(self) -> Any:
        return self.averaged(self.true, self.actual)

    def f_beta(self, beta: float) -> Any:
        """(1 + β²) TP / ((1 + β²) TP + β² FN + FP)."""
        return self.averaged((1 + beta**2) * self.true, beta**2 * self.actual + self.guessed)

    def averaged(self, above: Array, below: Array) -> Any:
        """above/below for each class, or the mean that is wanted."""
        if self.average == "binary":
            return float(self.ratio(above, below)[1])
        if self.average == "micro":
            return float(self.ratio(above.sum(), below.sum()))
        each = self.ratio(above, below)
        if self.average is None:
            return each
        w = self.actual if self.average == "weighted" else np.ones(len(each))
        counted = self.occurs & ~np.isnan(each)
        if not w[counted].sum() > 0:
            return self.zero_division
        return float(np.average(each[counted], weights=w[counted]))

    def ratio(self, above: Array, below: Array) -> Array:
        """above/below, and `zero_division` where that is 0/0."""
        nothing = np.full(np.shape(below), self.zero_division)
        return np.divide(above, below, out=nothing, where=below > 0)
