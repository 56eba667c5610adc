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
Table = tuple[Array, Array, Array]

MANY = 32  # tiles of a part, about
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

    seen: Table  # of x: the pixels of bands, where they go, and where there are none
    made: Table  # of the result
    counts: Array  # (bands,): tiles
    wide: int  # tiles side by side
    row: int  # numbers in a row of x's grid
    parts: int  # of the images
    most: int  # blocks of tiles in a part
    room: int  # numbers of a grid


@functools.lru_cache(maxsize=1024)
def plan(images: int, source: Sizes, result: Sizes, padding: Sizes) -> Plan:
    """How to make images of the size `result` from others with such a padding."""
    high, wide = (-(-n // OUTPUTS) for n in result)
    parts = in_pieces(images, MANY // (high * wide), cores())
    bands = 1 if parts < images else in_pieces(high, MANY // wide)
    edges = list(itertools.pairwise(high * b // bands for b in range(bands + 1)))
    tiles = wide * np.array([stop - first for first, stop in edges])
    beyond = SIDE - OUTPUTS
    seen = table(source, edges, beyond + OUTPUTS * wide, beyond, padding)
    made = table(result, edges, OUTPUTS * wide, 0, (0, 0))
    most = -(-(-(-images // max(1, parts)) * tiles.max()) // ROWS)
    rows = OUTPUTS * tiles.max() // wide
    room = ((rows + beyond) * (OUTPUTS * wide + beyond) + 1) * LINE
    return Plan(
        seen, made, tiles, wide, (OUTPUTS * wide + beyond) * LINE, parts, int(most), int(room)
    )


def table(
    size: Sizes, edges: list[tuple[int, int]], columns: int, beyond: int, before: Sizes
) -> Table:
    """Of bands between the edges, in tiles, whose grids have some rows beyond their results."""
    rows = max(stop - first for first, stop in edges) * OUTPUTS + beyond
    spans, places, blank = [], [], []
    for first, stop in edges:
        top = OUTPUTS * first - before[0]
        low, end = np.clip((top, top + OUTPUTS * (stop - first) + beyond), 0, size[0])
        spans.append((size[1] * low, size[1] * (end - low)))
        i, j = np.arange(low, end)[:, None] - top, np.arange(size[1]) + before[1]
        spots = np.where((j >= 0) & (j < columns), i * columns + j, rows * columns).ravel()
        places.append(spots)
        blank.append(np.setdiff1d(np.arange(rows * columns), spots))

    def together(lists: list[Array]) -> Array:
        """One row for each; shorter ones are filled up with the place behind the grid."""
        out = np.full((len(lists), max(map(len, lists))), rows * columns)
        for row, numbers in zip(out, lists, strict=True):
            row[: len(numbers)] = numbers
        return LINE * out

    return np.array(spans), together(places), together(blank)


def conv(
    x: Array, weight: Array, bias: Array | None, size: Sizes, padding: Sizes, back: bool = False
) -> Array | None:
    """x (N, C, H, W), weight (O, C, 3, 3), bias (O,) -> (N, O, *size), or None if not finite.

    With `back` it is the transpose, with a weight (C, O, 3, 3).
    """
    filters = weight.shape[1 if back else 0]
    before = tuple(TAPS - 1 - p for p in padding) if back else padding
    where = plan(len(x), x.shape[2:], size, before)
    out = np.empty((len(x), filters, *size), x.dtype)
    numbers = np.empty(0, x.dtype) if bias is None else np.ascontiguousarray(bias)
    arrays = flat(x), flat(weight), back, numbers, flat(out)
    zeros = in_parts(
        where.parts * len(where.counts), lambda first, last: convolve(*arrays, *where, first, last)
    )
    return None if any(zeros) else out


def conv_filter(x: Array, y: Array, padding: Sizes) -> Array | None:
    """x (N, C, H, W), y (N, O, H', W') -> (O, C, 3, 3), or None if not finite."""
    channels, filters = x.shape[1], y.shape[1]
    where = plan(len(x), x.shape[2:], y.shape[2:], padding)
    images, results = flat(x), flat(y)

    def work(first: int, last: int) -> tuple[Array, float]:
        out = np.empty((filters, channels * TAPS * TAPS), x.dtype)
        return out, correlate(images, results, out, *where, first, last)

    found = in_parts(where.parts * len(where.counts), work)
    if any(zero for _, zero in found):
        return None
    total: Array = functools.reduce(np.add, [out for out, _ in found])
    return total.reshape(filters, channels, TAPS, TAPS)


def flat(x: Array) -> Array:
    """The array with one axis for all after the first two, in one piece."""
    return np.ascontiguousarray(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))
