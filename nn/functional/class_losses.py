"""Losses over classes: cross-entropy of logits, and its second half for log-probabilities.

Class scores are (N, C), (N, C, d₁, ...) or (C,); class indices have that shape without C.
Every row has a *share* of the result, in which weights, ignored rows and the mean come together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, IndexingError, ShapeError, describe
from tinygrad_tr.rules import losses
from tinygrad_tr.rules.indexing import take_along_axis
from tinygrad_tr.rules.shape import moveaxis, reshape
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array, require_probability, require_reduction, value_of

Operand = Any  # a Tensor, or what NumPy makes an array of
Array = Any


def cross_entropy(
    x: Operand,
    target: Operand,
    weight: Operand = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """−w_y ln softmax(x)_y for logits x and class indices y.

    Targets in the shape of x are probabilities: −Σ w_c y_c ln softmax(x)_c. `label_smoothing` ε
    makes targets (1 − ε) y + ε/C (arXiv 1512.00567). Targets `ignore_index` do not count. The
    mean divides by Σ w_y for class indices, by the number of rows for probabilities.
    """
    require_reduction("cross_entropy", reduction)
    require_probability("cross_entropy", "label_smoothing", label_smoothing)
    rows = rows_of_classes("cross_entropy", x)
    weights = class_weights("cross_entropy", weight, rows)
    total = reduction != "none"
    y = value_of(target)
    share: Any
    if y.shape == x.shape and y.dtype.kind == "f":
        soft = rows_of_classes("cross_entropy", target)
        share = 1 / row_count("cross_entropy", len(rows)) if reduction == "mean" else 1.0
    else:
        index, counted = class_indices("cross_entropy", x, target, ignore_index)
        own, share = shares("cross_entropy", index, counted, weights, reduction)
        if not label_smoothing:
            out = losses.cross_entropy(rows, index, own * share, total=total)
            return out if total or x.ndim == 2 else reshape(out, without_classes(x))
        soft = np.eye(rows.shape[1], dtype=x.dtype)[value_of(index)]
    if label_smoothing:
        soft = soft * (1 - label_smoothing) + label_smoothing / rows.shape[1]
    if weights is not None:
        soft = soft * weights
    out = losses.soft_cross_entropy(rows, soft, share, total=total)
    return out if total or x.ndim == 2 else reshape(out, without_classes(x))


def nll_loss(
    x: Operand,
    target: Operand,
    weight: Operand = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """−w_y x_y for log-probabilities x and class indices y; the mean divides by Σ w_y."""
    require_reduction("nll_loss", reduction)
    rows = rows_of_classes("nll_loss", x)
    weights = class_weights("nll_loss", weight, rows)
    index, counted = class_indices("nll_loss", x, target, ignore_index)
    own, share = shares("nll_loss", index, counted, weights, reduction)
    picked = take_along_axis(rows, value_of(index)[:, None], axis=1)  # (N, C) -> (N, 1)
    each = reshape(picked, -1) * -(own * share)
    return np.sum(each) if reduction != "none" else reshape(each, without_classes(x))


def without_classes(x: Any) -> tuple[int, ...]:
    """The shape of x without its class axis: one place for each target."""
    return (*x.shape[:1], *x.shape[2:]) if x.ndim > 1 else ()


def rows_of_classes(operation: str, x: Any) -> Any:
    """(N, C, d₁, ...) -> (N·d₁···, C), one row per target; (C,) -> (1, C)."""
    require_float_array(operation, x)
    if x.ndim == 2:
        return x
    if x.ndim == 0 or x.size == 0:
        raise ShapeError(
            operation, "there are no classes", got=f"shape {x.shape}",
            wanted="(N, C), (N, C, d₁, ...) or (C,)",
        )  # fmt: skip
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    return reshape(moveaxis(x, 1, -1) if x.ndim > 1 else x, (-1, classes))


def class_weights(operation: str, weight: Any, rows: Any) -> Array | None:
    """One weight per class as an array, or None."""
    if weight is None:
        return None
    if getattr(weight, "requires_grad", False) or np.shape(weight) != rows.shape[1:]:
        raise ShapeError(
            operation, "the weight must be one constant per class", got=describe(weight),
            wanted=f"shape {rows.shape[1:]}, without a gradient",
        )  # fmt: skip
    return value_of(weight).astype(rows.dtype)


def class_indices(
    operation: str, x: Any, target: Any, ignore_index: int
) -> tuple[Any, Array | None]:
    """The targets in one row, all in [0, C), and which of them count (None: all).

    A Tensor that is one already stays itself: the graph then knows it, and when it is changed.
    """
    y = value_of(target)
    if y.dtype.kind not in "iu":
        raise DtypeError(
            operation, "class targets must be integers", got=describe(target),
            wanted="dtype=np.int64 where they are made (Python lists become float32), "
            f"t.astype(np.int64), or probabilities in the shape {x.shape}",
        )  # fmt: skip
    if y.shape != without_classes(x):
        raise ShapeError(
            operation, "the targets do not fit the scores",
            got=f"scores {x.shape}, targets {y.shape} {y.dtype}",
            wanted=f"integers {without_classes(x)}, or floats {x.shape} for probabilities",
        )  # fmt: skip
    classes = x.shape[1] if x.ndim > 1 else x.shape[0]
    flat = y.reshape(-1)
    # Seen as unsigned, negative numbers are the largest of all: one pass for both ends.
    highest = np.maximum.reduce(flat.view(f"u{flat.itemsize}"), initial=0)
    if highest < classes and not 0 <= ignore_index < classes:
        return (target if y.ndim == 1 and isinstance(target, Tensor) else flat), None
    counted = flat != ignore_index
    wrong = counted & ((flat < 0) | (flat >= classes))
    if wrong.any():
        raise IndexingError(
            operation, f"class {flat[wrong][0]} does not exist",
            got=f"targets from {flat.min()} to {flat.max()}",
            wanted=f"0 to {classes - 1}, or ignore_index={ignore_index}",
        )  # fmt: skip
    return np.where(counted, flat, 0), counted.astype(x.dtype)


def shares(
    operation: str, index: Any, counted: Array | None, weights: Array | None, reduction: str
) -> tuple[Any, Any]:
    """The weight of each target, and the share of the result that a weight of 1 has."""
    own: Any = 1.0 if weights is None else weights[value_of(index)]
    counts: Any = 1.0 if counted is None else counted
    if reduction != "mean":
        return own, counts
    all_alike = weights is None and counted is None
    mass = len(index) if all_alike else (own * counts).sum()
    return own, counts / row_count(operation, mass)


def row_count(operation: str, total: Any) -> Any:
    """What a mean divides by, which must not be 0."""
    if total == 0:
        raise ArgumentError(
            operation, "the mean of no losses", got="no target that counts",
            wanted="a target that is not ignored and has a weight, or reduction='sum'",
        )  # fmt: skip
    return total
