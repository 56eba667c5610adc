"""Shapes on plain arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def spread(x: Any, shape: tuple[int, ...]) -> Any:
    """x broadcast to the shape. A small result is written out: a view costs more to make."""
    if math.prod(shape) > 4096:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out
