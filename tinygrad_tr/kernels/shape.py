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
