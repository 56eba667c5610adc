"""Rows of e^(x − max x) and their sums: what softmax is made of, with NumPy and in loops."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.threads import share

Array = Any

# e^r for |r| ≤ ln 2/2 within 1.2e-7, highest power first: Taylor's series, its end fitted.
# e^x = 2ⁿ e^r with n = round(x / ln 2), and ln 2 in two parts, so that r is exact.
# Source: Cephes, expf.c.
E = tuple(map(np.float32, (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
)))  # fmt: skip
LOG2_E, LN2_HIGH, LN2_LOW = map(np.float32, (1.44269504088896341, 0.693359375, -2.12194440e-4))
LEAST, ZERO, HALF, ONE = map(np.float32, (-87.3, 0, 0.5, 1))  # below the least, e^x is 0
LANES = 64


def exponentials(x: Array) -> tuple[Array, Array, Array]:
    """e^(x − top) of rows (N, C), in new memory; the tops (N,), their maxima, and the sums (N,)."""
    if x.dtype == np.float32 and x.shape[-1] and compiled.worthwhile(x):
        e = np.empty_like(x)
        tops, sums = np.empty((2, len(x)), x.dtype)
        share(exp_rows, len(x), x.size, x, e, tops, sums)
        return e, tops, sums
    tops = np.maximum.reduce(x, axis=1)
    e = x - tops[:, None]
    np.exp(e, out=e)
    return e, tops, np.einsum("ij->i", e)


def scaled(x: Array, factors: Array) -> Array:
    """Rows (N, C), each times its factor (N,)."""
    if not compiled.worthwhile(x, factors):
        return x * factors[:, None]
    out = np.empty_like(x)
    share(scale_rows, len(x), x.size, x, factors, out)
    return out


@functools.partial(compiled.loop, fast=compiled.EXACT)
def exp(x: Any) -> Any:
    """e^x of one float32 ≤ 0, or NaN; in this order, or the two parts of ln 2 become one."""
    z = LEAST if x < LEAST else x
    turns = np.floor(z * LOG2_E + HALF)
    r = z - turns * LN2_HIGH - turns * LN2_LOW
    p = E[0] * r + E[1]
    p = p * r + E[2]
    p = p * r + E[3]
    p = p * r + E[4]
    p = p * r + E[5]
    # 2ⁿ is the number whose bits are n + 127 and then zeros.
    power = np.int32((np.int32(turns) + np.int32(127)) << np.int32(23)).view(np.float32)
    return ZERO if x < LEAST else (p * r * r + r + ONE) * power


@compiled.loop
def exp_rows(x: Array, e: Array, tops: Array, sums: Array, first: int, last: int) -> None:
    n, width = x.shape[1], min(LANES, x.shape[1])
    lanes = np.empty(width, x.dtype)
    for i in range(first, last):
        row, made = x[i], e[i]
        top = row[0]
        lanes[:] = top
        for j in range(0, n, width):  # a maximum of all would wait for each comparison
            some = row[min(j, n - width) :]
            for k in range(width):
                lanes[k] = some[k] if some[k] > lanes[k] else lanes[k]
        for k in range(width):
            top = lanes[k] if lanes[k] > top else top
        total = ZERO
        for j in range(n):
            made[j] = exp(row[j] - top)
            total += made[j]
        tops[i], sums[i] = top, total


@compiled.loop
def scale_rows(x: Array, factors: Array, out: Array, first: int, last: int) -> None:
    for i in range(first, last):
        row, made, factor = x[i], out[i], factors[i]
        for j in range(len(row)):
            made[j] = row[j] * factor
