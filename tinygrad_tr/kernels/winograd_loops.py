"""Loops of Winograd's convolution: tiles of images, their products at 36 points, and back.

Inside, arrays are (positions, channels), so that a transform is a few sums of vectors. What the
tables say of a plan, kernels/winograd.py tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.tiles import LINE, ROWS, add_products
from tinygrad_tr.kernels.winograd_transforms import (
    SIDE,
    TAPS,
    collect,
    look,
    spread,
    turn,
    unweigh,
    weigh,
)

Array = Any

POINTS = SIDE * SIDE


@compiled.loop
def aligned(numbers: int, dtype: Any) -> Array:
    """Uninitialised memory that begins where a line of the cache begins."""
    memory = np.empty(numbers + LINE, dtype)
    first = -memory.ctypes.data % 64 // memory.itemsize
    return memory[first : first + numbers]


@compiled.loop
def rows_at_points(numbers: int, dtype: Any) -> Array:
    """Uninitialised rows of so many numbers for all points, an odd number of lines apart.

    Else their beginnings would share a few places of the first cache, and drive each other out.
    """
    lines = -(-numbers // LINE)
    length = (lines + 1 - lines % 2) * LINE
    return aligned(POINTS * length, dtype).reshape(POINTS, length)


# ------------------------------------------------------------------ images to tiles and back


@compiled.loop
def turned(
    source: Array, first: int, step: int, rows: int, columns: int, target: Array, start: int,
    gap: int,
) -> None:  # fmt: skip
    """target[start + j·gap + i] = source[first + i·step + j] for all rows i and columns j."""
    high, wide = rows - rows % LINE, columns - columns % LINE
    for i in range(0, high, LINE):
        for j in range(0, wide, LINE):
            turn(source, first + i * step + j, step, target, start + j * gap + i, gap)
        for j in range(wide, columns):
            for k in range(i, i + LINE):
                target[start + j * gap + k] = source[first + k * step + j]
    for i in range(high, rows):
        for j in range(columns):
            target[start + j * gap + i] = source[first + i * step + j]


@compiled.loop
def part_of(item: int, images: int, parts: int, bands: int) -> tuple[int, int, int]:
    """The first image of a part, how many, and which band of them."""
    i = item // bands
    image = images * i // parts
    return image, images * (i + 1) // parts - image, item % bands


@compiled.loop
def enter(x: Array, image: int, span: Array, pixels: Array) -> None:
    """Pixels span[0], span[0] + 1, ... of an image (C, pixels) to (1 + pixels, C), zeros first."""
    channels, size = x.shape[1], x.shape[2]
    pixels[:channels] = 0
    first = image * channels * size + span[0]
    turned(x.ravel(), first, size, channels, span[1], pixels, channels, channels)


@compiled.loop
def see(
    x: Array, part: tuple[int, int, int], spans: Array, seen: Array, pixels: Array, tiles: Array
) -> None:
    """Bᵀ x B for all tiles of a part: x (N, C, pixels) -> tiles (36, positions, C)."""
    image, images, band = part
    places, flat, channels = seen[band], tiles.ravel(), x.shape[1]
    spots = np.arange(len(tiles)) * tiles.shape[1]
    for n in range(images):
        enter(x, image + n, spans[band], pixels)
        for t in range(len(places)):
            at = (n * len(places) + t) * channels
            look(pixels, places[t], 0, flat, spots, at, channels)


@compiled.loop
def spread_out(
    y: Array, part: tuple[int, int, int], spans: Array, made: Array, pixels: Array, tiles: Array
) -> None:
    """A y Aᵀ for all tiles of a part: y (N, O, pixels) -> tiles (36, positions, O)."""
    image, images, band = part
    places, flat, channels = made[band], tiles.ravel(), y.shape[1]
    spots = np.arange(len(tiles)) * tiles.shape[1]
    for n in range(images):
        enter(y, image + n, spans[band], pixels)
        for t in range(len(places)):
            at = (n * len(places) + t) * channels
            spread(pixels, places[t], 0, flat, spots, at, channels)


@compiled.loop
def zero_times(numbers: Array) -> float:
    """0 if all the numbers are finite, or NaN."""
    zero = numbers.dtype.type(0)
    total = zero
    for i in range(len(numbers)):
        total += zero * numbers[i]
    return total


@compiled.loop
def leave(
    sums: Array, bias: Array, out: Array, part: tuple[int, int, int], spans: Array, made: Array,
    pixels: Array,
) -> float:  # fmt: skip
    """Aᵀ m A + b for all tiles of a part: sums (36, positions, O) -> out (N, O, pixels).

    Returns 0, or NaN if a result is not finite.
    """
    image, images, band = part
    places, flat, target = made[band], sums.ravel(), out.ravel()
    channels, size, (first, count) = out.shape[1], out.shape[2], spans[band]
    spots = np.arange(len(sums)) * sums.shape[1]
    zero = 0.0
    for n in range(images):
        for t in range(len(places)):
            at = (n * len(places) + t) * channels
            collect(flat, spots, at, pixels, places[t], 0, channels)
        for pixel in range(channels, (count + 1) * channels, channels):
            for o in range(len(bias)):
                pixels[pixel + o] += bias[o]
        zero += zero_times(pixels[channels : (count + 1) * channels])
        start = (image + n) * channels * size + first
        turned(pixels, channels, channels, count, channels, target, start, size)
    return zero


@compiled.loop
def weigh_all(weight: Array, back: bool, out: Array) -> None:
    """G w Gᵀ of all filters, (O, C, 9) -> (36, C · O); or with `back`, flipped, (36, O · C)."""
    filters, channels, taps = weight.shape
    source, target, rows = weight.ravel(), out.ravel(), aligned(weight.size, weight.dtype)
    many, wide = (filters, channels) if back else (channels, filters)
    places, spots = np.arange(taps) * wide, np.arange(len(out)) * out.shape[1]
    if back:
        places = places[::-1].copy()
        for o in range(filters):
            first = o * channels * taps
            turned(source, first, taps, channels, taps, rows, first, channels)
    else:
        turned(source, 0, channels * taps, filters, channels * taps, rows, 0, filters)
    for i in range(many):
        weigh(rows, places, i * taps * wide, target, spots, i * wide, wide)


# ------------------------------------------------------------------ the three contractions


@compiled.loop
def convolve(
    x: Array, weight: Array, back: bool, bias: Array, out: Array, spans: Array, seen: Array,
    ends: Array, made: Array, parts: int, positions: int, room: int, first: int, last: int,
) -> float:  # fmt: skip
    """Parts first to last of the convolution: 0, or NaN if a result is not finite.

    x (N, C, pixels), weight (O, C, 9), bias (O,) or (0,), out (N, O, pixels); with `back` weight
    is (C, O, 9), and flipped.
    """
    channels, wide = x.shape[1], out.shape[1]
    filters = rows_at_points(channels * wide, x.dtype)
    tiles, sums = (
        rows_at_points(positions * channels, x.dtype),
        rows_at_points(positions * wide, x.dtype),
    )
    pixels = aligned(room, x.dtype)
    places, rows = np.arange(positions) * channels, np.arange(channels) * wide
    weigh_all(weight, back, filters)
    zero = 0.0
    for item in range(first, last):
        part = part_of(item, len(x), parts, len(spans))
        see(x, part, spans, seen, pixels, tiles)
        count = part[1] * seen.shape[1]
        count += -count % ROWS
        for k in range(POINTS):
            block = sums[k, : count * wide].reshape(count, wide)
            block[:] = 0
            add_products(block, tiles[k], places, filters[k], rows, None, wide)
        zero += leave(sums, bias, out, part, ends, made, pixels)
    return zero


@compiled.loop
def correlate(
    x: Array, y: Array, out: Array, spans: Array, seen: Array, ends: Array, made: Array,
    parts: int, positions: int, room: int, first: int, last: int,
) -> float:  # fmt: skip
    """What parts first to last add to the filters' gradient: 0, or NaN if it is not finite.

    x (N, C, pixels), y (N, O, pixels) -> out (O, C · 9).
    """
    channels, wide, taps = x.shape[1], y.shape[1], TAPS * TAPS
    tiles, others = (
        rows_at_points(positions * channels, x.dtype),
        rows_at_points(positions * wide, x.dtype),
    )
    pixels, sums = aligned(room, x.dtype), rows_at_points(channels * wide, x.dtype)
    sums[:] = 0
    for item in range(first, last):
        part = part_of(item, len(x), parts, len(spans))
        see(x, part, spans, seen, pixels, tiles)
        spread_out(y, part, ends, made, pixels, others)
        count = part[1] * seen.shape[1]
        rows = np.arange(count) * wide
        for k in range(POINTS):
            block = sums[k, : channels * wide].reshape(channels, wide)
            factors = tiles[k, : count * channels].reshape(count, channels)
            add_products(block, factors, None, others[k], rows, None, wide)
    flat, found = sums.ravel(), aligned(out.size, x.dtype)
    spots, places = np.arange(POINTS) * sums.shape[1], np.arange(taps) * wide
    for c in range(channels):
        unweigh(flat, spots, c * wide, found, places, c * taps * wide, wide)
    turned(found, 0, wide, channels * taps, wide, out.ravel(), 0, channels * taps)
    return zero_times(found)
