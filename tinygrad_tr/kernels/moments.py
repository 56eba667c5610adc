"""Sums, means and variances over axes, in few passes over plain arrays."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

Axes = tuple[int, ...]

# Numbers from which on `lengthened` saves more time than it takes.
MANY = 1 << 14


def total(axes: Axes, x: Any, y: Any = None) -> Any:
    """Σ x, or Σ x·y, over the axes, which stay with length 1; y broadcasts to x.

    In one pass and without an array of products: rows of numbers are BLAS's matrix or dot
    products, and einsum sums other products as it makes them.
    """
    shape, last = x.shape, x.ndim - 1
    if not axes:
        return x if y is None else x * y
    if x.dtype.char in "fd" and x.size:
        if last in axes and (y is None or y.shape == shape):
            rows = x @ ones(shape[last], x.dtype) if y is None else np.vecdot(x, y)
            return total(tuple(axis for axis in axes if axis != last), rows[..., None])
        if x.ndim == 2 and axes == (1,) and y.shape == (1, shape[1]):
            return x @ y.T
        if x.ndim == 2 and axes == (0,) and (y is None or y.shape == (shape[0], 1)):
            return (ones((1, shape[0]), x.dtype) if y is None else y.T) @ x
    if y is None:
        return np.add.reduce(x, axis=axes, keepdims=True)
    letters = list(range(x.ndim))
    kept = [axis for axis in letters if axis not in axes]
    sums = np.einsum(x, letters, y, letters, kept)
    return sums.reshape([n if i in kept else 1 for i, n in enumerate(shape)])


@functools.lru_cache(maxsize=64)
def ones(shape: int | tuple[int, ...], dtype: Any) -> Any:
    """Ones to sum by."""
    return np.ones(shape, dtype)


def moments(axes: Axes, x: Any) -> tuple[Any, Any, Any]:
    """The mean over the axes in two parts, origin + rest, and the variance σ².

    Far from zero, squares of x itself would lose all digits, and even a mean, rounded, leaves
    differences with a mean of their own. So what is seen from an origin is x − origin, its mean
    is the rest; the origin is None, for 0, if no mean is more than some σ away from that.
    """
    n = math.prod(x.shape[axis] for axis in axes)
    mean = total(axes, x) / n
    variance = total(axes, x, x) / n - mean * mean
    if np.all(mean * mean <= 8 * variance):
        return None, mean, variance
    seen = x - lengthened(mean, x.shape)
    rest = total(axes, seen) / n
    return mean, rest, np.maximum(total(axes, seen, seen) / n - rest * rest, 0)


def lengthened(p: Any, shape: tuple[int, ...]) -> Any:
    """p, which broadcasts to the shape, written out along all axes but the first.

    Beside an array x (N, C, H, W), NumPy would go through N·C short rows for p (C, 1, 1), and
    goes through N long ones for p (C, H, W). A p that differs along the first axis stays as it is,
    and for few numbers it would not be worth it.
    """
    if (
        math.prod(shape) < MANY
        or p.size == math.prod(shape[1:])
        or (p.ndim == len(shape) and p.shape[0] != 1)
    ):
        return p
    return np.ascontiguousarray(np.broadcast_to(p, (1, *shape[1:])))
