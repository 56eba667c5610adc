"""Normalisation in compiled loops: over rows, and over channels.

What shares a mean has it in two parts, a rounded one and the rest, which far from zero is not
nothing, and 1/σ: arrays in the dtype of x, so that what is read from them is of that dtype too,
as is `zero`, where sums begin. x − μ is written before the rest is taken away: in one expression
the compiler, which may reorder sums, would add the two parts first.
"""

from __future__ import annotations

import math
from typing import Any

from tinygrad_tr.kernels import compiled

Array = Any


# ------------------------------------------------------------------ rows (rows, n)


@compiled.loop
def normalise_rows(
    x: Array, weight: Array, bias: Array, eps: float, centred: bool,
    out: Array, mean: Array, rest: Array, scale: Array, zero: Any,
) -> None:  # fmt: skip
    rows, n = x.shape
    for i in range(rows):
        total = zero
        if centred:
            for j in range(n):
                total += x[i, j]
        mean[i] = total / n
        m = mean[i]
        total = squares = zero
        for j in range(n):
            d = x[i, j] - m
            out[i, j] = d
            total += d
            squares += d * d
        left = total / n if centred else 0.0
        rest[i] = left
        scale[i] = 1 / math.sqrt(max(squares / n - left * left, 0.0) + eps)
        w, b, rm, r = weight[i % len(weight)], bias[i % len(bias)], rest[i], scale[i]
        for j in range(n):
            out[i, j] = (out[i, j] - rm) * r * w[j] + b[j]


@compiled.loop
def rows_back(
    g: Array, x: Array, weight: Array, mean: Array, rest: Array, scale: Array, centred: bool,
    to_x: Array, to_weight: Array, to_bias: Array, means: Array, zero: Any,
) -> None:  # fmt: skip
    rows, n = x.shape
    for i in range(rows):
        k = i % len(weight)
        w, to_w, to_b = weight[k], to_weight[k], to_bias[k]
        m, rm, r = mean[i], rest[i], scale[i]
        for j in range(n):
            to_x[i, j] = x[i, j] - m
        across = along = zero
        for j in range(n):
            normed = (to_x[i, j] - rm) * r
            to_x[i, j] = normed
            weighted = g[i, j] * w[j]
            across += weighted
            along += weighted * normed
            to_w[j] += g[i, j] * normed
            to_b[j] += g[i, j]
        means[0], means[1] = across / n if centred else 0.0, along / n
        mean_across, mean_along = means[0], means[1]
        for j in range(n):
            to_x[i, j] = (g[i, j] * w[j] - mean_across - to_x[i, j] * mean_along) * r


# ------------------------------------------------------------------ channels of (N, C, L)


@compiled.loop
def channel_moments(
    x: Array, mean: Array, rest: Array, variance: Array, first: int, last: int, zero: Any
) -> None:
    """The mean, in its two parts, and the variance of channels first to last."""
    n = x.shape[0] * x.shape[2]
    for c in range(first, last):
        total = zero
        for i in range(x.shape[0]):
            row = x[i, c]
            for j in range(len(row)):
                total += row[j]
        mean[c] = total / n
        m = mean[c]
        total = squares = zero
        for i in range(x.shape[0]):
            row = x[i, c]
            for j in range(len(row)):
                d = row[j] - m
                total += d
                squares += d * d
        rest[c] = total / n
        variance[c] = max(squares / n - rest[c] * rest[c], zero)


@compiled.loop
def normalise_channels(
    x: Array, weight: Array, bias: Array, eps: float, out: Array,
    mean: Array, rest: Array, scale: Array, first: int, last: int, zero: Any,
) -> None:  # fmt: skip
    """Channel by channel: each is read three times, from memory once."""
    for c in range(first, last):
        channel_moments(x, mean, rest, scale, c, c + 1, zero)
        scale[c] = 1 / math.sqrt(scale[c] + eps)
        m, rm, slope, b = mean[c], rest[c], scale[c] * weight[c], bias[c]
        for i in range(x.shape[0]):
            row, made = x[i, c], out[i, c]
            for j in range(len(row)):
                made[j] = row[j] - m
            for j in range(len(row)):
                made[j] = (made[j] - rm) * slope + b


@compiled.loop
def channels_back(
    g: Array, x: Array, weight: Array, mean: Array, rest: Array, scale: Array,
    to_x: Array, to_weight: Array, to_bias: Array, means: Array,
    first: int, last: int, zero: Any,
) -> None:  # fmt: skip
    n = x.shape[0] * x.shape[2]
    for c in range(first, last):
        m, rm, r = mean[c], rest[c], scale[c]
        across = along = zero
        for i in range(x.shape[0]):
            row, made, given = x[i, c], to_x[i, c], g[i, c]
            for j in range(len(row)):
                made[j] = row[j] - m
            for j in range(len(row)):
                normed = (made[j] - rm) * r
                made[j] = normed
                across += given[j]
                along += given[j] * normed
        to_weight[c], to_bias[c] = along, across
        means[c, 0], means[c, 1] = across / n, along / n
        mean_across, mean_along, slope = means[c, 0], means[c, 1], weight[c] * r
        for i in range(x.shape[0]):
            made, given = to_x[i, c], g[i, c]
            for j in range(len(made)):
                made[j] = (given[j] - mean_across - made[j] * mean_along) * slope
