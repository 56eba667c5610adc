"""Winograd's convolution of images by 3 × 3 filters with stride 1: a quarter of the products.

Results are made in tiles of 4 × 4, from the 6 × 6 numbers that a tile sees. At each of 36 points a
tile is one number of each channel, and the filter a matrix; so there are 36 products of matrices

    (tiles, channels) · (channels, filters)

and the transforms to the points and back are sums along the tile's axes
(kernels/winograd_transforms.py). The way back to x is the same with the filters flipped and turned;
the way back to w has the tiles of x and y multiplied. Results are off by three to five times what
the sums one by one are, in float32 by 1e-6 of the largest for 64 channels. A number that is not
finite would reach all of its tile: then None says that the sums must be made one by one.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.kernels.shifted_rows import in_pieces, scratch
from tinygrad_tr.kernels.threads import cores, in_parts
from tinygrad_tr.kernels.tiles import LINE, ROWS
from tinygrad_tr.kernels.winograd_loops import convolve, correlate, weigh_all
from tinygrad_tr.kernels.winograd_transforms import OUTPUTS, SIDE, TAPS

Array = Any
Sizes = tuple[int, ...]

POINTS = SIDE * SIDE
MANY = 64  # tiles of a part, about


class Plan(NamedTuple):
    """Images in parts, each some images or a band of one, and where its tiles are.

    spans   (bands, 2): the first pixel of x that a band sees, and how many
    seen    (bands, tiles, 36): places in (1 + pixels, C); in the first row are zeros
    ends    (bands, 2): the same for the pixels of the result
    made    (bands, tiles, 16): places in (1 + pixels, O); the first row is for those outside
    """

    spans: Array
    seen: Array
    ends: Array
    made: Array
    parts: int  # of the images
    positions: int  # tiles of a part, at most, in whole blocks
    pixels: int  # numbers of a band of x or the result, at most

    def items(self) -> int:
        return self.parts * len(self.spans)


@functools.lru_cache(maxsize=1024)
def plan(
    images: int, source: Sizes, result: Sizes, padding: Sizes, channels: int, filters: int
) -> Plan:
    high, wide = (-(-n // OUTPUTS) for n in result)
    parts = in_pieces(images, MANY // (high * wide), cores())
    bands = 1 if parts < images else in_pieces(high, MANY // wide)
    band = -(-high // bands)
    found = [], [], [], []
    for b in range(bands):
        tops = OUTPUTS * (high * b // bands + np.arange(band))
        lefts = OUTPUTS * np.arange(wide)
        stop = OUTPUTS * (high * (b + 1) // bands)
        for i, (size, side, before, steps) in enumerate(
            ((source, SIDE, padding, channels), (result, OUTPUTS, (0, 0), filters))
        ):
            reach = side - OUTPUTS
            low = min(max(0, tops[0] - before[0]), size[0])
            end = max(low, min(size[0], stop + reach - before[0]))
            rows, columns = (
                (starts[:, None] + np.arange(side) - p)
                for starts, p in zip((tops, lefts), before, strict=True)
            )
            rows[tops >= stop] = -1
            rows, columns = rows[:, None, :, None], columns[None, :, None, :]
            inside = (rows >= low) & (rows < end) & (columns >= 0) & (columns < size[1])
            places = np.where(inside, 1 + (rows - low) * size[1] + columns, 0) * steps
            found[2 * i].append((low * size[1], (end - low) * size[1]))
            found[2 * i + 1].append(places.reshape(band * wide, side * side))
    spans, seen, ends, made = (np.array(table, np.int64) for table in found)
    positions = -(-images // max(1, parts)) * band * wide
    pixels = max((1 + spans[:, 1].max()) * channels, (1 + ends[:, 1].max()) * filters)
    return Plan(spans, seen, ends, made, parts, positions + -positions % ROWS, int(pixels))


def conv(
    x: Array, weight: Array, bias: Array | None, size: Sizes, padding: Sizes, back: bool = False
) -> Array | None:
    """x (N, C, H, W), weight (O, C, 3, 3), bias (O,) -> (N, O, *size), or None if not finite.

    With `back` it is the transpose: x (N, O, H, W) -> (N, C, *size).
    """
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    channels, wide = weight.shape[:2] if back else weight.shape[1::-1]
    before = tuple(TAPS - 1 - p for p in padding) if back else padding
    where = plan(len(x), x.shape[2:], size, before, channels, wide)
    out = np.empty((len(x), wide, *size), x.dtype)
    numbers = np.empty(0, x.dtype) if bias is None else np.ascontiguousarray(bias)
    images, results = x.reshape(*x.shape[:2], -1), out.reshape(*out.shape[:2], -1)
    kernels = weight.reshape(*weight.shape[:2], -1)

    def work(first: int, last: int) -> float:
        pixels = scratch(1, where.pixels, x.dtype).ravel()
        tiles = at_points(where.positions * channels, x.dtype)
        sums = at_points(where.positions * wide, x.dtype)
        filters = at_points(channels * wide, x.dtype)
        weigh_all(kernels, back, sums_for(weight), filters)
        return convolve(
            images, filters, numbers, results, *where[:5], pixels, tiles, sums, first, last
        )

    return out if sum(in_parts(where.items(), work)) == 0 else None


def at_points(numbers: int, dtype: Any) -> Array:
    """Uninitialised rows for all points, an odd number of lines apart.

    Else their beginnings would share a few places of the first cache, and drive each other out.
    """
    lines = -(-numbers // LINE)
    return scratch(POINTS, (lines + 1 - lines % 2) * LINE, dtype)


def sums_for(weight):
    return np.empty(weight.size, weight.dtype)


def conv_filter(x: Array, y: Array, padding: Sizes) -> Array | None:
    """x (N, C, H, W), y (N, O, H', W') -> (O, C, 3, 3), or None if not finite."""
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    channels, wide = x.shape[1], y.shape[1]
    where = plan(len(x), x.shape[2:], y.shape[2:], padding, channels, wide)
    images, results = x.reshape(*x.shape[:2], -1), y.reshape(*y.shape[:2], -1)

    def work(first: int, last: int) -> tuple[Array, float]:
        out = np.empty((wide, channels * TAPS * TAPS), x.dtype)
        pixels = scratch(1, where.pixels, x.dtype).ravel()
        tiles = at_points(where.positions * channels, x.dtype)
        others = at_points(where.positions * wide, x.dtype)
        sums = at_points(channels * wide, x.dtype)
        zero = correlate(
            images, results, out, *where[:5], pixels, tiles, others, sums, np.empty_like(out).ravel(),
            first, last,
        )  # fmt: skip
        return out, zero

    (out, zero), *others = in_parts(where.items(), work)
    for other, z in others:
        out += other
        zero += z
    return out.reshape(wide, channels, TAPS, TAPS) if zero == 0 else None
