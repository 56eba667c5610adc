"""Shapes on plain arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def stretched_axes(made: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of an array of shape `made` that broadcasting from `shape` stretched."""
    extra = len(made) - len(shape)
    return tuple(
        axis for axis, n in enumerate(made) if axis < extra or (n != 1 == shape[axis - extra])
    )


def spread(x: Any, shape: tuple[int, ...]) -> Any:
    """x broadcast to the shape. A small result is written out: a view costs more to make."""
    if math.prod(shape) > 4096:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out


def total(axes: tuple[int, ...], *arrays: Any) -> Any:
    """Σ x, or Σ x·y of arrays of one shape, over the axes, which stay with length 1.

    einsum sums products as it makes them: one pass, and no array of products.
    """
    shape = arrays[0].shape
    letters = list(range(len(shape)))
    kept = [axis for axis in letters if axis not in axes]
    operands = [part for x in arrays for part in (x, letters)]
    return np.einsum(*operands, kept).reshape([n if i in kept else 1 for i, n in enumerate(shape)])
