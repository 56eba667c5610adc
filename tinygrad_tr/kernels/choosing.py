"""Choices between numbers, place by place, without a branch that a processor would have to guess.

NumPy's own functions stop for each number at a condition that has no order: twenty times as slow
as the memory. They still do what is small, and what is no array: Tensors, for instance.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.threads import in_parts

Array = Any

BITS = {np.dtype(np.float32): np.int32, np.dtype(np.float64): np.int64}
LARGE = 4096
SHARED = 1 << 20  # from so many numbers on, memory is what takes time, and two cores read faster


def rectified(x: Array) -> Array:
    """max(0, x); NaN stays. For many floats, clipping is four times as fast as np.maximum."""
    if x.__class__ is np.ndarray and x.size >= LARGE and x.dtype in BITS:
        return clipped(x, 0, math.inf)
    return np.maximum(x, 0)


def clipped(x: Array, low: float, high: float) -> Array:
    """min(max(low, x), high); NaN stays."""
    if x.__class__ is not np.ndarray or x.size < SHARED or not x.flags.c_contiguous:
        return np.clip(x, low, high)
    out = np.empty_like(x)
    numbers, made = x.reshape(-1), out.reshape(-1)
    in_parts(x.size, lambda a, b: np.clip(numbers[a:b], low, high, out=made[a:b]))
    return out


def passed(g: Array, x: Array, low: float, high: float = math.nan) -> Array:
    """g·[low < x < high]. NaN as a bound is none; NaN and infinity times 0 are NaN."""
    arrays = g.__class__ is x.__class__ is np.ndarray and g.shape == x.shape
    if arrays and compiled.worthwhile(g, x) and x.flags.c_contiguous:
        return passed_in_a_loop(g, x, low, high)
    inside = x > low
    return g * (inside if math.isnan(high) else inside & (x < high))


def passed_in_a_loop(g: Array, x: Array, low: float, high: float) -> Array:
    out = np.empty_like(g)
    arrays = g.reshape(-1), x.reshape(-1), out.reshape(-1)
    numbers = [x.dtype.type(number) for number in (low, high, 0, 1)]

    def work(first: int, last: int) -> None:
        pass_between(*(a[first:last] for a in arrays), *numbers)

    if g.size < SHARED:
        work(0, g.size)
    else:
        in_parts(g.size, work)
    return out


@compiled.loop
def pass_between(g: Array, x: Array, out: Array, low: Any, high: Any, zero: Any, one: Any) -> None:
    for i in range(len(g)):
        out[i] = g[i] * (one if (low < x[i]) & (not x[i] >= high) else zero)


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
