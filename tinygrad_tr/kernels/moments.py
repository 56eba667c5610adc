"""Sums, means and variances over axes, in few passes over plain arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Axes = tuple[int, ...]


def total(axes: Axes, *arrays: Any) -> Any:
    """Σ x, or Σ x·y of arrays of one shape, over the axes, which stay with length 1.

    In one pass and without an array of products: along the last axes they are BLAS's dot
    products, and einsum sums what else there is as it makes it.
    """
    shape = arrays[0].shape
    last = len(shape)
    while last - 1 in axes:
        last -= 1
    if len(arrays) == 2 and last < len(shape):
        rows = (*shape[:last], math.prod(shape[last:]))
        dots = np.vecdot(*(x.reshape(rows) for x in arrays))
        return total(axes, dots.reshape(*shape[:last], *(1 for _ in shape[last:])))
    letters = list(range(len(shape)))
    kept = [axis for axis in letters if axis not in axes]
    operands = [part for x in arrays for part in (x, letters)]
    return np.einsum(*operands, kept).reshape([n if i in kept else 1 for i, n in enumerate(shape)])


def moments(axes: Axes, x: Any) -> tuple[Any, Any, Any]:
    """The mean μ and the variance Σ(x − μ)²/n over the axes, and x − μ.

    Squares of x itself would lose all digits far from zero; and there even μ, rounded, leaves
    x − μ with a mean of its own, which is taken away where it can be seen.
    """
    n = math.prod(x.shape[axis] for axis in axes)
    mean = total(axes, x) / n
    centred = x - lengthened(mean, x.shape)
    rest = total(axes, centred) / n
    variance = np.maximum(total(axes, centred, centred) / n - rest * rest, 0)
    if np.any(np.absolute(rest) > 8 * np.finfo(x.dtype).eps * np.sqrt(variance)):
        centred -= lengthened(rest, x.shape)
    return mean + rest, variance, centred


def lengthened(p: Any, shape: tuple[int, ...]) -> Any:
    """p, which broadcasts to the shape, written out along all axes but the first.

    Beside an array x (N, C, H, W), NumPy would go through N·C short rows for p (C, 1, 1), and
    goes through N long ones for p (C, H, W). A p that differs along the first axis stays as it is.
    """
    if p.size == math.prod(shape[1:]) or (p.ndim == len(shape) and p.shape[0] != 1):
        return p
    return np.ascontiguousarray(np.broadcast_to(p, (1, *shape[1:])))
