"""Convolution over any number of axes: one trilinear form, and its three contractions.

    T(x, w, y) = Σ x[n, c, s·j + d·t − p] · w[o, c, t] · y[n, o, j]     over n, o, c, j and t

with stride s, dilation d and padding p of each axis; positions outside x count as zeros. Leaving
out one of the three gives the array of its shape that is the gradient of T to it:

    conv            from x and w: the convolution (the filter is not flipped)
    conv_transpose  from y and w: every y[j] writes the filter around s·j, overlaps are added
    conv_filter     from x and y: what every tap of the filter saw

So each one's pullbacks are the other two. x is (N, C, *), y (N, O, *) and w (O, C/G, *); with
G groups the sums run inside each group of channels. `size` is the size of the result's last axes.

Here all are products of matrices, with the windows of x as columns; from some thousand products
on, where there is a compiler, kernels/shifted_rows.py does the same in compiled loops, and
kernels/winograd.py what it can.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_tr.kernels import shifted_rows, winograd
from tinygrad_tr.kernels.compiled import possible
from tinygrad_tr.kernels.unfolding import frame, windows_of

Array = Any
Sizes = tuple[int, ...]

# Windows are laid out side by side for the matrix product, this many numbers at a time.
WINDOWS = 1 << 19

# With fewer products, NumPy takes less time than it would take to load the compiler.
FEW = 1 << 18


def conv(
    x: Array, weight: Array, bias: Array | None = None,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """Σ x[n, c, s·j + d·t − p] w[o, c, t] + b[o]: (N, C, *), (O, C/G, *), (O,) -> (N, O, *)."""
    facts = {"stride": stride, "padding": padding, "dilation": dilation}
    if len(x) * math.prod(size) * weight.size >= FEW and possible(x, weight, bias):
        found = None
        if winograd.fits(x, weight.shape, size, stride, dilation, groups):
            found = winograd.conv(x, weight, bias, size, padding)
        if found is None:
            found = shifted_rows.conv(x, weight, bias, size=size, groups=groups, **facts)
        return found
    w = weight.reshape(groups, len(weight) // groups, -1)
    out = np.empty((len(x), len(weight), *size), np.result_type(x, weight))
    windows = windows_of(x, size, weight.shape[2:], **facts)
    for part in parts(out.shape, windows.shape):
        tile = out[part[0], :, part[1]]
        tile[...] = np.matmul(w, columns(windows, part, groups)).reshape(tile.shape)
    return out if bias is None else with_bias(out, bias)


def conv_transpose(
    y: Array, weight: Array, bias: Array | None = None,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """Σ y[n, o, j] w[o, c, t] at s·j + d·t − p, + b: (N, O, *), (O, C/G, *), (C,) -> (N, C, *)."""
    kernel = weight.shape[2:]
    members, channels = len(weight) // groups, weight.shape[1] * groups
    if math.prod(y.shape) * math.prod(weight.shape[1:]) >= FEW and possible(y, weight, bias):
        found = None
        if winograd.fits(y, weight.shape, size, stride, dilation, groups):
            found = winograd.conv(y, weight, bias, size, padding, back=True)
        if found is None:
            found = shifted_rows.conv_transpose(
                y, weight, bias, size=size, stride=stride, padding=padding, dilation=dilation,
                groups=groups,
            )  # fmt: skip
        return found
    w = np.swapaxes(weight.reshape(groups, members, -1), 1, 2)
    out, written = frame(y, size, y.shape[2:], kernel, stride, padding, dilation, channels)
    for part in parts(y.shape, written.shape):
        tile = y[part[0], :, part[1]]
        products = np.matmul(w, tile.reshape(len(tile), groups, members, -1))
        products = products.reshape(len(tile), channels, *kernel, *tile.shape[2:])
        for tap in np.ndindex(kernel):
            written[(part[0], slice(None), part[1], ..., *tap)] += products[:, :, *tap]
    return np.ascontiguousarray(out if bias is None else with_bias(out, bias))


def conv_filter(
    x: Array, y: Array,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """Σ x[n, c, s·j + d·t − p] y[n, o, j] over n and j: (N, C, *), (N, O, *) -> (O, C/G, *)."""
    facts = {"stride": stride, "padding": padding, "dilation": dilation}
    members, channels = y.shape[1] // groups, x.shape[1] // groups
    taps = channels * math.prod(size)
    if y.size * taps >= FEW and possible(x, y):
        found = None
        shape = y.shape[1], channels, *size
        if winograd.fits(x, shape, y.shape[2:], stride, dilation, groups):
            found = winograd.conv_filter(x, y, padding)
        if found is None:
            found = shifted_rows.conv_filter(x, y, size=size, groups=groups, **facts)
        return found
    out = np.zeros((groups, members, taps), np.result_type(x, y))
    windows = windows_of(x, y.shape[2:], size, **facts)
    for part in parts(y.shape, windows.shape):
        tile = y[part[0], :, part[1]]
        tile = tile.reshape(len(tile), groups, members, -1)
        out += np.matmul(tile, columns(windows, part, groups).swapaxes(2, 3)).sum(axis=0)
    return out.reshape(y.shape[1], channels, *size)


def with_bias(out: Array, bias: Array) -> Array:
    """out + b, one number for each channel; in out's memory."""
    out += bias.reshape(-1, *(1,) * (out.ndim - 2))
    return out


# ------------------------------------------------------------------ windows


def parts(shape: Sizes, windows: Sizes) -> Iterator[tuple[slice, slice]]:
    """Which examples, and which rows of them, to take at once of an array (N, ·, rows, *)."""
    examples, rows = shape[0], shape[2]
    row = math.prod(windows[1:]) // max(rows, 1)
    at_once = max(1, min(rows, WINDOWS // max(row, 1)))
    together = max(1, WINDOWS // max(row * rows, 1)) if at_once == rows else 1
    for first in range(0, examples, together):
        for top in range(0, rows, at_once):
            yield slice(first, first + together), slice(top, top + at_once)


def columns(windows: Array, part: tuple[slice, slice], groups: int) -> Array:
    """The windows of a part as columns: (n, G, taps of a group, positions)."""
    tile = windows[part[0], :, part[1]]
    axes = (tile.ndim - 2) // 2
    kernel_first = (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    positions = math.prod(tile.shape[2 : 2 + axes])
    taps = tile.shape[1] // groups * math.prod(tile.shape[2 + axes :])
    return tile.transpose(kernel_first).reshape(len(tile), groups, taps, positions)
