"""Normalisation in compiled loops: over rows, and over rows made of stretches.

What shares a mean μ has it in two parts, m and the rest, and σ²: arrays in the dtype of x, so that
what is read from them is of that dtype too, as is `zero`, where sums begin. m is the mean of an
eighth of the numbers. So (m − μ)² ≤ 8σ², and σ² = Σ(x − m)²/n − (m − μ)² is found in one pass with
three bits lost at most. By `line`, m is subtracted from x before all else: elsewhere the compiler
may reorder sums, and would add the parts of μ first; far from zero, digits would be lost.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from tinygrad_tr.kernels import compiled

Array = Any


@functools.partial(compiled.loop, fast=compiled.EXACT)
def line(x: Any, origin: Any, slope: Any, height: Any) -> Any:
    return (x - origin) * slope + height


@compiled.loop
def like(zero: Any, n: float) -> Any:
    """n in the dtype of the zero."""
    return type(zero)(n)


@compiled.loop
def inverse_root(variance: Any, eps: float) -> Any:
    """1/√(σ² + ε), of the dtype of σ²."""
    return type(variance)(1 / math.sqrt(variance + eps))


# ------------------------------------------------------------------ rows (rows, n)


@compiled.loop
def normalise_rows(
    x: Array, weight: Array, bias: Array, eps: float, centred: bool,
    out: Array, mean: Array, rest: Array, variance: Array, zero: Any, first: int, last: int,
) -> None:  # fmt: skip
    n, some = x.shape[1], -(-x.shape[1] // 8)
    for i in range(first, last):
        row, made, w, b = x[i], out[i], weight[i % len(weight)], bias[i % len(bias)]
        total = zero
        if centred:
            for j in range(some):
                total += row[j]
        mean[i] = total / some
        m = mean[i]
        total = squares = zero
        for j in range(n):
            d = row[j] - m
            total += d
            squares += d * d
        left = total / n if centred else 0.0
        rest[i] = left
        variance[i] = max(squares / n - left * left, 0.0)
        r = inverse_root(variance[i], eps)
        shift = -rest[i] * r
        for j in range(n):
            made[j] = line(row[j], m, r, shift) * w[j] + b[j]


@compiled.loop
def rows_back(
    g: Array, x: Array, weight: Array, mean: Array, rest: Array, variance: Array, eps: float,
    centred: bool, to_x: Array, to_weight: Array, to_bias: Array, zero: Any, first: int, last: int,
) -> None:  # fmt: skip
    """For blocks first to last of the rows: each has sums for γ and β of its own.

    to_weight and to_bias (blocks, lines, n): a line for each of γ and β.
    """
    n, blocks = x.shape[1], len(to_weight)
    for block in range(first, last):
        to_weight[block] = to_bias[block] = zero
        for i in range(len(x) * block // blocks, len(x) * (block + 1) // blocks):
            k = i % len(weight)
            row, given, made = x[i], g[i], to_x[i]
            w, to_w, to_b = weight[k], to_weight[block, k], to_bias[block, k]
            m, r = mean[i], inverse_root(variance[i], eps)
            shift = -rest[i] * r
            across = along = zero
            for j in range(n):
                normed = line(row[j], m, r, shift)
                weighted = given[j] * w[j]
                across += weighted
                along += weighted * normed
                to_w[j] += given[j] * normed
                to_b[j] += given[j]
            across = across / like(zero, n) if centred else zero
            along = along / like(zero, n)
            for j in range(n):
                normed = line(row[j], m, r, shift)
                made[j] = (given[j] * w[j] - across - normed * along) * r


# ------------------------------------------------------------------ rows of stretches
#
# x (stretches, n). Row r is the stretches r · near + s · far, s = 0, 1, ..., each of one channel:
# those of stretch k are weight and bias [k mod C]. `whole` is x in the longest pieces that rows
# have in memory: row r is its pieces r + s · rows.


@compiled.loop
def moments_of_rows(
    whole: Array, mean: Array, rest: Array, variance: Array, zero: Any, first: int, last: int
) -> None:
    """The mean, in its two parts, and the variance of rows first to last."""
    rows, n, some = len(mean), whole.size // len(mean), -(-whole.shape[1] // 8)
    for r in range(first, last):
        total = zero
        for k in range(r, len(whole), rows):
            row = whole[k]
            for j in range(some):
                total += row[j]
        mean[r] = total / (len(whole) // rows * some)
        m = mean[r]
        total = squares = zero
        for k in range(r, len(whole), rows):
            row = whole[k]
            for j in range(len(row)):
                d = row[j] - m
                total += d
                squares += d * d
        rest[r] = total / n
        variance[r] = max(squares / n - rest[r] * rest[r], zero)


@compiled.loop
def normalise_stretches(
    x: Array, whole: Array, near: int, far: int, weight: Array, bias: Array, eps: float,
    out: Array, mean: Array, rest: Array, variance: Array, zero: Any, first: int, last: int,
) -> None:  # fmt: skip
    """Row by row: each is read twice, from memory once."""
    for r in range(first, last):
        moments_of_rows(whole, mean, rest, variance, zero, r, r + 1)
        m, scaled = mean[r], inverse_root(variance[r], eps)
        for s in range(len(x) // len(mean)):
            k = r * near + s * far
            row, made, slope = x[k], out[k], scaled * weight[k % len(weight)]
            shift = bias[k % len(bias)] - rest[r] * slope
            for j in range(len(row)):
                made[j] = line(row[j], m, slope, shift)


@compiled.loop
def stretches_back(
    g: Array, x: Array, near: int, far: int, weight: Array, mean: Array, rest: Array,
    variance: Array, eps: float, to_x: Array, to_weight: Array, to_bias: Array, zero: Any,
    first: int, last: int,
) -> None:  # fmt: skip
    """Σ γg and Σ γg x̂ over a row; then with A and B, their means, r (γg − A − B x̂).

    For blocks first to last of the rows: each has sums for γ and β of its own, (blocks, C).
    """
    rows, blocks = len(mean), len(to_weight)
    count, n = len(x) // rows, like(zero, x.size // rows)
    for block in range(first, last):
        to_weight[block] = to_bias[block] = zero
        for r in range(rows * block // blocks, rows * (block + 1) // blocks):
            m, scaled = mean[r], inverse_root(variance[r], eps)
            shift = -rest[r] * scaled
            height = tilt = zero
            for s in range(count):
                k = r * near + s * far
                row, given, c = x[k], g[k], k % len(weight)
                across = along = zero
                for j in range(len(row)):
                    across += given[j]
                    along += given[j] * line(row[j], m, scaled, shift)
                to_weight[block, c] += along
                to_bias[block, c] += across
                height += weight[c] * across
                tilt += weight[c] * along
            tilt *= -scaled * scaled / n
            height = -height * scaled / n - tilt * rest[r]
            for s in range(count):
                k = r * near + s * far
                row, given, made, slope = x[k], g[k], to_x[k], weight[k % len(weight)] * scaled
                for j in range(len(row)):
                    made[j] = given[j] * slope + line(row[j], m, tilt, height)
