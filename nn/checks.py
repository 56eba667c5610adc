"""What layers and losses refuse, checked once, above the numerics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of as array_in
from tinygrad_tr.rules.losses import REDUCTIONS


def value_of(x: Any) -> Any:
    """The array in a Tensor, array or list."""
    value = array_in(x)
    return value if hasattr(value, "dtype") else np.asarray(value)


def require_reduction(operation: str, reduction: str) -> Callable[[Any], Any]:
    """The function of that name: the mean, the sum, or everything as it is."""
    if reduction not in REDUCTIONS:
        raise ArgumentError(
            operation, "unknown reduction", got=repr(reduction), wanted=" or ".join(REDUCTIONS)
        )
    return REDUCTIONS[reduction]


def require_float_array(operation: str, x: Any) -> None:
    """Refuse what is no array of floats: integers would turn float32 into float64."""
    if not hasattr(x, "dtype") or x.dtype.kind != "f":
        raise DtypeError(
            operation, "the numbers must be floats", got=describe(x),
            wanted="a Tensor or array of floats, such as t.astype(np.float32)",
        )  # fmt: skip


def require_same_shape(operation: str, x: Any, target: Any, reduction: str) -> Callable[[Any], Any]:
    """Refuse shapes that differ, though they may broadcast; the reduction's function."""
    require_float_array(operation, x)
    if hasattr(target, "dtype"):
        require_float_array(operation, target)
    if x.shape != np.shape(target):
        raise ShapeError(
            operation, "the target has another shape", got=f"{x.shape} and {np.shape(target)}",
            wanted="one shape; t.reshape(...) if the numbers belong together",
        )  # fmt: skip
    return require_reduction(operation, reduction)


def require_probability(operation: str, name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ArgumentError(operation, f"{name} is no probability", got=repr(p), wanted="[0, 1]")


def require_positive(operation: str, name: str, number: float) -> None:
    if not number > 0:
        raise ArgumentError(operation, f"{name} must be positive", got=repr(number), wanted="> 0")


def weighted(operation: str, losses: Any, weight: Any) -> Any:
    """The losses times a weight that broadcasts to their shape, and does not stretch them."""
    if weight is None:
        return losses
    shape = np.shape(weight)
    fits = len(shape) <= len(losses.shape) and all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(losses.shape), strict=False)
    )
    if not fits:
        raise ShapeError(
            operation, "the weight does not broadcast to the losses",
            got=f"losses {losses.shape}, weight {shape}",
            wanted="from the last axis on, equal lengths or 1",
        )  # fmt: skip
    return losses * weight
