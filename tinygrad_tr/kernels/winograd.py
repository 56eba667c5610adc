"""Winograd's convolution of images by 3 × 3 filters with stride 1: a quarter of the products.

Results are made in tiles of 4 × 4, from the 6 × 6 numbers that a tile sees. At each of 36 points a
tile is one number of each channel, and the filter a matrix; so there are 36 products of matrices

    (tiles, channels) · (channels, filters)

and the transforms to the points and back are sums along the tile's axes
(kernels/winograd_transforms.py). The way back to x is the same with the filters flipped and turned;
the way back to w has the tiles of x and y multiplied.

In float32 results are off by 5e-7 of their size for 16 channels, 8e-7 for 64 and 1.4e-6 for 256
(root mean square, for normal numbers), where sums one by one are off by 2e-7. A number that is not
finite would reach all of its tile: then None says that the sums must be made one by one.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.kernels.shifted_rows import in_pieces
from tinygrad_tr.kernels.threads import cores, in_parts
from tinygrad_tr.kernels.tiles import LINE, ROWS
from tinygrad_tr.kernels.winograd_loops import convolve, correlate
from tinygrad_tr.kernels.winograd_transforms import OUTPUTS, SIDE, TAPS

Array = Any
Sizes = tuple[int, ...]

MANY = 64  # tiles of a part, about
FEWEST = 1 << 10  # results of a filter, from which on it pays to bring the filters to the points


def fits(x: Array, weight: Sizes, size: Sizes, stride: Sizes, dilation: Sizes, groups: int) -> bool:
    """Whether this is such a convolution, and worth it: a weight (O, C, 3, 3) and (N, ·, *size)."""
    return (
        weight[2:] == (TAPS, TAPS)
        and stride == dilation == (1, 1)
        and groups == 1
        and weight[0] % LINE == weight[1] % LINE == 0
        and len(x) * math.prod(size) >= FEWEST
    )


class Plan(NamedTuple):
    """Images in parts, each some images or a band of one, and where their tiles are."""

    spans: Array  # (bands, 2): the first pixel of x that a band sees, and how many
    seen: Array  # (bands, tiles, 36): where, with one pixel of zeros before the band
    ends: Array  # (bands, 2): the same of the result, with one pixel for what is outside
    made: Array  # (bands, tiles, 16)
    parts: int  # of the images
    positions: int  # tiles of a part, at most, and in whole blocks
    room: int  # numbers of a band of x or the result, at most

    def items(self) -> int:
        return self.parts * len(self.spans)


@functools.lru_cache(maxsize=1024)
def plan(
    images: int, source: Sizes, result: Sizes, padding: Sizes, channels: int, filters: int
) -> Plan:
    """How to make (images, filters, *result) from (images, channels, *source)."""
    high, wide = (-(-n // OUTPUTS) for n in result)
    parts = in_pieces(images, MANY // (high * wide), cores())
    bands = 1 if parts < images else in_pieces(high, MANY // wide)
    edges = [high * b // bands for b in range(bands + 1)]
    tiles = max(stop - first for first, stop in itertools.pairwise(edges)) * wide

    def tables(size: Sizes, side: int, before: Sizes, steps: int) -> tuple[Array, Array]:
        spans, places = np.zeros((bands, 2), int), np.zeros((bands, tiles, side * side), int)
        for b, (first, stop) in enumerate(itertools.pairwise(edges)):
            rows, columns = (
                OUTPUTS * np.arange(*ends)[:, None] + np.arange(side) - p
                for ends, p in zip(((first, stop), (wide,)), before, strict=True)
            )
            low, end = np.clip((rows[0, 0], rows[-1, -1] + 1), 0, size[0])
            spans[b] = size[1] * low, size[1] * (end - low)
            rows, columns = rows[:, None, :, None], columns[:, None, :]
            inside = (rows >= 0) & (rows < size[0]) & (columns >= 0) & (columns < size[1])
            pixels = np.where(inside, 1 + (rows - low) * size[1] + columns, 0)
            places[b, : (stop - first) * wide] = steps * pixels.reshape(-1, side * side)
        return spans, places

    spans, seen = tables(source, SIDE, padding, channels)
    ends, made = tables(result, OUTPUTS, (0, 0), filters)
    positions = -(-images // max(1, parts)) * tiles
    room = max((1 + s[:, 1].max()) * steps for s, steps in ((spans, channels), (ends, filters)))
    return Plan(spans, seen, ends, made, parts, positions + -positions % ROWS, int(room))


def conv(
    x: Array, weight: Array, bias: Array | None, size: Sizes, padding: Sizes, back: bool = False
) -> Array | None:
    """x (N, C, H, W), weight (O, C, 3, 3), bias (O,) -> (N, O, *size), or None if not finite.

    With `back` it is the transpose, with a weight (C, O, 3, 3).
    """
    channels, wide = weight.shape[:2] if back else weight.shape[1::-1]
    before = tuple(TAPS - 1 - p for p in padding) if back else padding
    where = plan(len(x), x.shape[2:], size, before, channels, wide)
    out = np.empty((len(x), wide, *size), x.dtype)
    numbers = np.empty(0, x.dtype) if bias is None else np.ascontiguousarray(bias)
    arrays = flat(x), flat(weight), back, numbers, flat(out)
    zeros = in_parts(where.items(), lambda first, last: convolve(*arrays, *where, first, last))
    return None if any(zeros) else out


def conv_filter(x: Array, y: Array, padding: Sizes) -> Array | None:
    """x (N, C, H, W), y (N, O, H', W') -> (O, C, 3, 3), or None if not finite."""
    channels, filters = x.shape[1], y.shape[1]
    where = plan(len(x), x.shape[2:], y.shape[2:], padding, channels, filters)
    images, results = flat(x), flat(y)

    def work(first: int, last: int) -> tuple[Array, float]:
        out = np.empty((filters, channels * TAPS * TAPS), x.dtype)
        return out, correlate(images, results, out, *where, first, last)

    found = in_parts(where.items(), work)
    if any(zero for _, zero in found):
        return None
    total: Array = functools.reduce(np.add, [out for out, _ in found])
    return total.reshape(filters, channels, TAPS, TAPS)


def flat(x: Array) -> Array:
    """The array with one axis for all after the first two, in one piece."""
    return np.ascontiguousarray(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))
