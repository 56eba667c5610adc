"""The loss of sequences whose alignment with their labels is unknown."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole
from tinygrad_tr.errors import ArgumentError, IndexingError, ShapeError, describe
from tinygrad_tr.rules.ctc import ctc
from tinygrad_tr.rules.indexing import integers
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array, require_reduction, value_of
from ..utils.rnn import require_lengths

Array = np.ndarray[Any, Any]


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """−ln p(targets), the sum over all alignments of the labels with the steps.

    Log-probabilities (T, N, C), of which the first `input_lengths` (N,) steps count, and labels
    (N, S), the first `target_lengths` (N,) of each row, or all of them in one row (Σ lengths,).
    Without N: (T, C), (S,), and a number each. An alignment has one symbol a step; without its
    repeats and then without its blanks it is the labels, so equal neighbours need a blank between
    them, and no labels are blanks at every step. The mean is over the sequences, after each loss
    is divided by its number of labels, or by 1.

    Too few steps for the labels are an infinite loss with a gradient of 0 (PyTorch: NaN) or, with
    `zero_infinity`, a loss of 0. The gradient is the formula's, minus the probability of a symbol
    at a step given the labels. PyTorch adds the probability of the symbol, which is part of the
    way through `log_softmax`: behind one, the gradients of the logits are the same.
    """
    name = "ctc_loss"
    require_reduction(name, reduction)
    require_float_array(name, log_probs)
    if log_probs.ndim not in (2, 3) or not log_probs.size:
        raise ShapeError(
            name, "there are no log-probabilities", got=describe(log_probs),
            wanted="(T, N, C), or (T, C) of one sequence; none of them 0",
        )  # fmt: skip
    single = log_probs.ndim == 2
    x = log_probs[:, None] if single else log_probs
    T, N, C = x.shape
    if not is_whole(blank) or not 0 <= blank < C:
        raise ArgumentError(
            name, "blank is none of the classes", got=f"blank={blank!r}", wanted=f"0 to {C - 1}"
        )
    if single:
        input_lengths, target_lengths = np.ravel(input_lengths), np.ravel(target_lengths)
        targets = value_of(targets)[None]
    steps = require_lengths("ctc_loss(input_lengths)", input_lengths, N, T)
    rows, lengths = rows_of_labels(targets, target_lengths, N)
    require_labels(rows[counted(rows, lengths)], C, blank)
    losses = ctc(x, rows, steps, lengths, blank=int(blank))
    if zero_infinity:
        losses = np.where(np.isinf(losses), 0, losses)
    if reduction == "mean":
        return np.mean(losses / np.maximum(lengths, 1).astype(x.dtype))
    if reduction == "sum":
        return np.sum(losses)
    return losses[0] if single else losses


def counted(rows: Array, lengths: Array) -> Array:
    """(N, S): whether a label is one of its row, and not what the row is filled up with."""
    return np.arange(rows.shape[1]) < lengths[:, None]


def rows_of_labels(targets: Any, lengths: Any, n: int) -> tuple[Array, Array]:
    """The labels as (N, longest), filled up with zeros, and how many there are in each row."""
    y = integers("ctc_loss", targets)
    if y.ndim not in (1, 2) or (y.ndim == 2 and len(y) != n):
        raise ShapeError(
            "ctc_loss", "the targets do not fit the log-probabilities", got=describe(y),
            wanted=f"({n}, S), or all labels in one row",
        )  # fmt: skip
    lengths = require_lengths("ctc_loss(target_lengths)", lengths, n, y.shape[-1])
    if y.ndim == 2:
        y = y[counted(y, lengths)]
    elif len(y) != lengths.sum():
        raise ShapeError(
            "ctc_loss", "the lengths do not add up to the targets",
            got=f"{len(y)} labels, lengths of {lengths.sum()}", wanted="as many",
        )  # fmt: skip
    rows = np.zeros((n, lengths.max()), np.int64)
    rows[counted(rows, lengths)] = y
    return rows, lengths


def require_labels(y: Array, classes: int, blank: int) -> None:
    """Refuse labels that are no class, or the blank."""
    wrong = y[(y < 0) | (y >= classes) | (y == blank)]
    if wrong.size:
        problem = "the blank is no label" if blank in wrong else f"class {wrong[0]} does not exist"
        raise IndexingError(
            "ctc_loss", problem, got=f"targets from {y.min()} to {y.max()}",
            wanted=f"0 to {classes - 1}, without the blank {blank}",
        )  # fmt: skip
