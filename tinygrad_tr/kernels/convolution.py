"""Convolution over any number of axes: one trilinear form, and its three contractions.

    T(x, w, y) = Σ x[n, c, s·j + d·t − p] · w[o, c, t] · y[n, o, j]     over n, o, c, j and t

with stride s, dilation d and padding p of each axis; positions outside x count as zeros. Leaving
out one of the three gives the array of its shape that is the gradient of T to it:

    conv            from x and w: the convolution (the filter is not flipped)
    conv_transpose  from y and w: every y[j] writes the filter around s·j, overlaps are added
    conv_filter     from x and y: what every tap of the filter saw

So each one's pullbacks are the other two. x is (N, C, *), y (N, O, *) and w (O, C/G, *); with
G groups the sums run inside each group of channels. `size` is the size of the result's last axes.

Here all are products of matrices, with the windows of x as columns; with a single tap, x itself
is these columns. From some thousand products on, where there is a compiler,
kernels/shifted_rows.py does the same in compiled loops, and kernels/winograd.py what it can.
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

# Fewer positions of an image than these are multiplied with those of all others.
SHORT = 16

# With fewer products, NumPy takes less time than it would take to load the compiler.
FEW = 1 << 18


def conv(
    x: Array, weight: Array, bias: Array | None = None,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """Σ x[n, c, s·j + d·t − p] w[o, c, t] + b[o]: (N, C, *), (O, C/G, *), (O,) -> (N, O, *)."""
    facts = {"stride": stride, "padding": padding, "dilation": dilation}
    if has_one_tap(weight.shape, padding):
        out = one_tap(weight, every(x, stride, size), groups)
        return out if bias is None else with_bias(out, bias)
    if len(x) * math.prod(size) * weight.size >= FEW and possible(x, weight, bias):
        found = None
        if winograd.fits(x, weight.shape, size, stride, dilation, groups):
            found = winograd.conv(x, weight, bias, size, padding)
        if found is None:
            found = shifted_rows.conv(x, weight, bias, size=size, groups=groups, **facts)
        return found
    out = np.empty((len(x), len(weight), *size), np.result_type(x, weight))
    windows, taps, gap = rows_of_windows(x, size, weight.shape[2:], **facts)
    w = weight.reshape(groups, len(weight) // groups, weight.shape[1], taps, -1)
    w = np.ascontiguousarray(np.moveaxis(w, 3, 0).reshape(taps, groups, w.shape[1], -1))
    for part in parts(out.shape, windows.shape):
        tile = out[part[0], :, part[1]]
        seen = shifted(columns(windows, longer(part, (taps - 1) * gap), groups), tile, taps, gap)
        total = np.matmul(w[0], seen[0])
        for factors, rows in zip(w[1:], seen[1:], strict=True):
            total += np.matmul(factors, rows)
        tile[...] = total.reshape(tile.shape)
    return out if bias is None else with_bias(out, bias)


def conv_transpose(
    y: Array, weight: Array, bias: Array | None = None,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """Σ y[n, o, j] w[o, c, t] at s·j + d·t − p, + b: (N, O, *), (O, C/G, *), (C,) -> (N, C, *)."""
    kernel = weight.shape[2:]
    members, channels = len(weight) // groups, weight.shape[1] * groups
    if has_one_tap(weight.shape, padding):
        out = one_tap(weight, y, groups, back=True)
        out = out if out.shape[2:] == size else spaced(out, stride, size)
        return out if bias is None else with_bias(out, bias)
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
    reach = tuple(d * (k - 1) for d, k in zip(dilation, kernel, strict=True))
    if all(s == 1 for s in stride) and all(p <= r for p, r in zip(padding, reach, strict=True)):
        w = weight.reshape(groups, members, -1, *kernel).swapaxes(1, 2)
        w = np.flip(w.reshape(channels, members, *kernel), tuple(range(2, weight.ndim)))
        before = tuple(r - p for r, p in zip(reach, padding, strict=True))
        facts = {"stride": stride, "padding": before, "dilation": dilation}
        return conv(y, w, bias, size=size, groups=groups, **facts)
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
    if has_one_tap((members, channels, *size), padding):
        out = one_tap_filter(every(x, stride, y.shape[2:]), y, groups)
        return out.reshape(y.shape[1], channels, *size)
    if y.size * taps >= FEW and possible(x, y):
        found = None
        shape = y.shape[1], channels, *size
        if winograd.fits(x, shape, y.shape[2:], stride, dilation, groups):
            found = winograd.conv_filter(x, y, padding)
        if found is None:
            found = shifted_rows.conv_filter(x, y, size=size, groups=groups, **facts)
        return found
    windows, taps, gap = rows_of_windows(x, y.shape[2:], size, **facts)
    shape = taps, groups, members, channels * math.prod(size) // taps
    out = np.zeros(shape, np.result_type(x, y))
    for part in parts(y.shape, windows.shape):
        tile = y[part[0], :, part[1]]
        seen = shifted(columns(windows, longer(part, (taps - 1) * gap), groups), tile, taps, gap)
        tile = tile.reshape(len(tile), groups, members, -1)
        for total, rows in zip(out, seen, strict=True):
            total += np.matmul(tile, rows.swapaxes(2, 3)).sum(axis=0)
    out = out.reshape(taps, groups, members, channels, -1)
    return np.moveaxis(out, 0, 3).reshape(y.shape[1], channels, *size)


def with_bias(out: Array, bias: Array) -> Array:
    """out + b, one number for each channel; in out's memory."""
    out += bias.reshape(-1, *(1,) * (out.ndim - 2))
    return out


# ------------------------------------------------------------------ one tap


def has_one_tap(weight: Sizes, padding: Sizes) -> bool:
    """Whether every position of the result sees a single one of x."""
    return math.prod(weight[2:]) == 1 and not any(padding)


def every(x: Array, stride: Sizes, size: Sizes) -> Array:
    """The positions of x that so many strides reach: (N, C, *) -> (N, C, *size)."""
    ends = zip(size, stride, strict=True)
    return x[(..., *(slice(0, max(0, (n - 1) * s + 1), s) for n, s in ends))]


def spaced(y: Array, stride: Sizes, size: Sizes) -> Array:
    """Zeros with y where its strides reach: every's transpose."""
    out = np.zeros((*y.shape[:2], *size), y.dtype)
    every(out, stride, y.shape[2:])[...] = y
    return out


def in_groups(x: Array, groups: int) -> Array:
    """(N, C, *) -> (N, G, C/G, positions)."""
    return x.reshape(len(x), groups, x.shape[1] // groups, math.prod(x.shape[2:]))


def one_tap(weight: Array, x: Array, groups: int, back: bool = False) -> Array:
    """Σ w[o, c] x[n, c, j] over c; or with `back`, Σ w[o, c] x[n, o, j] over o."""
    w = weight.reshape(groups, len(weight) // groups, weight.shape[1])
    out = np.matmul(w.swapaxes(1, 2) if back else w, in_groups(x, groups))
    return out.reshape(len(x), math.prod(out.shape[1:3]), *x.shape[2:])


def one_tap_filter(x: Array, y: Array, groups: int) -> Array:
    """Σ y[n, o, j] x[n, c, j] over n and j: (G, O/G, C/G)."""
    x, y = in_groups(x, groups), in_groups(y, groups)
    if x.shape[3] < SHORT:
        x, y = (a.transpose(1, 2, 0, 3).reshape(1, *a.shape[1:3], -1) for a in (x, y))
    out = np.zeros((groups, y.shape[2], x.shape[2]), np.result_type(x, y))
    together = max(1, WINDOWS // max(1, out.size))
    for first in range(0, len(x), together):
        part = slice(first, first + together)
        out += np.matmul(y[part], x[part].swapaxes(2, 3)).sum(axis=0)
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


def rows_of_windows(
    x: Array, positions: Sizes, kernel: Sizes, *, stride: Sizes, padding: Sizes, dilation: Sizes
) -> tuple[Array, int, int]:
    """Windows of which the first axis is left out, if its taps see the same rows one after another.

    With them, how many of its taps see rows of their own, and how far from each other.
    """
    taps, gap = (kernel[0], dilation[0]) if stride[0] == 1 else (1, 0)
    seen = positions[0] + (taps - 1) * gap, *positions[1:]
    kernel = kernel[0] // taps, *kernel[1:]
    return windows_of(x, seen, kernel, stride, padding, dilation), taps, gap


def longer(part: tuple[slice, slice], reach: int) -> tuple[slice, slice]:
    """The part with so many rows more."""
    return part[0], slice(part[1].start, part[1].stop + reach)


def shifted(seen: Array, tile: Array, taps: int, gap: int) -> list[Array]:
    """What each tap of the first axis sees of the columns, for a tile of the result."""
    n, row = math.prod(tile.shape[2:]), math.prod(tile.shape[3:])
    return [seen[..., t * gap * row : t * gap * row + n] for t in range(taps)]


def columns(windows: Array, part: tuple[slice, slice], groups: int) -> Array:
    """The windows of a part as columns: (n, G, taps of a group, positions)."""
    tile = windows[part[0], :, part[1]]
    axes = (tile.ndim - 2) // 2
    kernel_first = (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    positions = math.prod(tile.shape[2 : 2 + axes])
    taps = tile.shape[1] // groups * math.prod(tile.shape[2 + axes :])
    return tile.transpose(kernel_first).reshape(len(tile), groups, taps, positions)
