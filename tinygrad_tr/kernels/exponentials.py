"""Rows of e^(x − max x) and their sums: what softmax is made of, with NumPy and in a loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled

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
LANES = 16


def exponentials(x: Array) -> tuple[Array, Array, Array]:
    """e^(x − top) of rows (N, C), in new memory; the tops (N,), their maxima, and the sums (N,)."""
    if x.dtype == np.float32 and x.shape[-1] and compiled.worthwhile(x):
        e = np.empty_like(x)
        tops, sums = np.empty((2, len(x)), x.dtype)
        scratch = np.empty((2, x.shape[1]), np.float32), np.empty(x.shape[1], np.int32)
        exp_rows(x, e, tops, sums, np.empty(LANES, x.dtype), *scratch)
        return e, tops, sums
    tops = np.maximum.reduce(x, axis=1)
    e = x - tops[:, None]
    np.exp(e, out=e)
    return e, tops, np.einsum("ij->i", e)


@compiled.loop
def exp_rows(
    x: Array, e: Array, tops: Array, sums: Array, lanes: Array, parts: Array, bits: Array
) -> None:
    powers = bits.view(np.float32)  # 2ⁿ, whose bits are n + 127 and then zeros
    n, whole = x.shape[1], x.shape[1] // LANES * LANES
    for i in range(len(x)):
        row, made, shifted, turns = x[i], e[i], parts[0], parts[1]
        top = row[0]
        lanes[:] = top
        for j in range(0, whole, LANES):  # a maximum of all would wait for each comparison
            for k in range(LANES):
                lanes[k] = row[j + k] if row[j + k] > lanes[k] else lanes[k]
        for k in range(LANES):
            top = lanes[k] if lanes[k] > top else top
        for j in range(whole, n):
            top = row[j] if row[j] > top else top
        for j in range(n):
            shifted[j] = row[j] - top
        # In one loop the compiler, which may reorder sums, would add the two parts of ln 2 first.
        for j in range(n):
            z = LEAST if shifted[j] < LEAST else shifted[j]
            turns[j] = np.floor(z * LOG2_E + HALF)
            made[j] = z - turns[j] * LN2_HIGH
        for j in range(n):
            r = made[j] - turns[j] * LN2_LOW
            p = E[0] * r + E[1]
            p = p * r + E[2]
            p = p * r + E[3]
            p = p * r + E[4]
            p = p * r + E[5]
            made[j] = p * r * r + r + ONE
            bits[j] = (np.int32(turns[j]) + np.int32(127)) << np.int32(23)
        total = ZERO
        for j in range(n):
            made[j] = ZERO if shifted[j] < LEAST else made[j] * powers[j]
            total += made[j]
        tops[i], sums[i] = top, total
