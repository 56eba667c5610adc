"""Choices between numbers, place by place, without a branch that a processor would have to guess.

NumPy's own functions stop for each number at a condition that has no order: twenty times as slow
as the memory. They still do what is small, and what is no array: Tensors, for instance.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any

BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}
LARGE = 4096


def rectified(x: Array) -> Array:
    """max(0, x); NaN stays. For many floats, clipping is four times as fast as np.maximum."""
    if x.__class__ is np.ndarray and x.size >= LARGE and x.dtype in BITS:
        return x.clip(0, math.inf)
    return np.maximum(x, 0)


def where(condition: Array, x: Array, y: Array) -> Array:
    """x where the condition holds, else y: `np.where`, bit by bit for large arrays of floats."""
    like = x if x.__class__ is np.ndarray else y
    if not (condition.__class__ is like.__class__ is np.ndarray and like.size >= LARGE):
        return np.where(condition, x, y)
    known = condition.dtype == bool and like.dtype in BITS
    if not known or not (is_like(x, like) and is_like(y, like)):
        return np.where(condition, x, y)
    bits = BITS[like.dtype]
    mask = (-condition.view(np.int8)).astype(bits)  # −1 has all its bits set
    u, v = (np.asarray(z, like.dtype).view(bits) for z in (x, y))
    if y.__class__ is int and y == 0:
        return (u & mask).view(like.dtype)
    return ((u ^ v) & mask ^ v).view(like.dtype)


def is_like(z: Array, like: Array) -> bool:
    """Whether z is a Python number or has the same dtype, so that nothing is converted."""
    return z.__class__ in (int, float) or getattr(z, "dtype", None) == like.dtype
