"""Loops of Winograd's convolution: tiles of images, their products at 36 points, and back.

Channels come in blocks of 16, which are a line of the cache, and tiles in blocks of 8. So

    pixels of an image       (rows, columns, 16)                       a *grid*
    tiles at the points      (blocks of tiles, blocks of channels, 36, 8, 16)
    filters at the points    (36, blocks of filters, channels, 16)

and inside a block everything has its place known beforehand (kernels/blocks.py). What the tables
say of a plan, kernels/winograd.py tells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.blocks import Products
from tinygrad_tr.kernels.moves import turn
from tinygrad_tr.kernels.tiles import LINE, ROWS
from tinygrad_tr.kernels.winograd_transforms import (
    OUTPUTS,
    SIDE,
    TAPS,
    collect,
    look,
    spread,
    unweigh,
    weigh,
)

Array = Any

POINTS = SIDE * SIDE
BLOCK = ROWS * LINE  # numbers of 8 tiles at one point
BLOCKS = (POINTS + 1) * BLOCK  # at all points; an odd number, so that places of the cache differ
SIDE_BLOCKS = SIDE * BLOCK

multiply_one: Any = Products(
    1, LINE, 1, LINE, fresh=True
)  # (tiles, channels) · (channels, filters)
multiply_two: Any = Products(2, LINE, 1, LINE, fresh=True)
add_one: Any = Products(1, 1, LINE, ROWS, fresh=False)  # (channels, tiles) · (tiles, filters)
add_two: Any = Products(2, 1, LINE, ROWS, fresh=False)


@compiled.loop
def aligned(numbers: int, dtype: Any) -> Array:
    """Uninitialised memory that begins where a line of the cache begins."""
    memory = np.empty(numbers + LINE, dtype)
    first = -memory.ctypes.data % 64 // memory.itemsize
    return memory[first : first + numbers]


@compiled.loop
def filters_at_points(numbers: int, dtype: Any) -> Array:
    """Uninitialised rows of so many numbers for all points, an odd number of lines apart.

    Else their beginnings would share a few places of the first cache, and drive each other out.
    """
    lines = -(-numbers // LINE)
    length = (lines + 1 - lines % 2) * LINE
    return aligned(POINTS * length, dtype).reshape(POINTS, length)


# ------------------------------------------------------------------ images to tiles and back


@compiled.loop
def part_of(item: int, images: int, parts: int, counts: Array) -> tuple[int, int, int, int]:
    """The first image of a part, how many, which band of them, and how many tiles that has."""
    i, band = item // len(counts), item % len(counts)
    image = images * i // parts
    return image, images * (i + 1) // parts - image, band, counts[band]


@compiled.loop
def enter(x: Array, first: int, size: int, band: int, table: Any, grid: Array) -> None:
    """A band of 16 channels of an image to the grid: they begin at `first`, `size` numbers apart.

    The table says which pixels these are, where they go, and where there is none.
    """
    spans, places, blank = table
    first, count, spots = first + spans[band, 0], spans[band, 1], places[band]
    for spot in blank[band]:
        for c in range(LINE):
            grid[spot + c] = 0
    if count >= LINE:
        for j in range(0, count, LINE):
            k = min(j, count - LINE)
            turn(x, size, first + k, grid, spots, k)
    else:
        for j in range(count):
            for c in range(LINE):
                grid[spots[j] + c] = x[first + c * size + j]


@compiled.loop
def leave(grid: Array, band: int, table: Any, out: Array, first: int, size: int) -> None:
    """A band of 16 channels from the grid to an image: enter's reverse."""
    spans, places, _ = table
    first, count, spots = first + spans[band, 0], spans[band, 1], places[band]
    if count >= LINE:
        for j in range(0, count, LINE):
            k = min(j, count - LINE)
            turn(grid, spots, k, out, size, first + k)
    else:
        for j in range(count):
            for c in range(LINE):
                out[first + c * size + j] = grid[spots[j] + c]


@compiled.loop
def corner(t: int, wide: int, row: int) -> int:
    """Where tile t begins in a grid with so many tiles side by side."""
    return t // wide * OUTPUTS * row + t % wide * (OUTPUTS * LINE)


@compiled.loop
def spot(position: int, block: int, blocks: int) -> int:
    """Where a tile's block of channels begins at the points."""
    return (position // ROWS * blocks + block) * BLOCKS + position % ROWS * LINE


@compiled.loop
def see(
    x: Array, part: tuple[int, int, int, int], table: Any, wide: int, row: int, grid: Array,
    tiles: Array,
) -> None:  # fmt: skip
    """Bᵀ x B for all tiles of a part of x (N, C, pixels)."""
    (image, images, band, count), (_, channels, size) = part, x.shape
    source, blocks = x.ravel(), channels // LINE
    for n in range(images):
        for block in range(blocks):
            first = ((image + n) * channels + block * LINE) * size
            enter(source, first, size, band, table, grid)
            for t in range(count):
                at = spot(n * count + t, block, blocks)
                look(grid, corner(t, wide, row), row, LINE, tiles, at, SIDE_BLOCKS, BLOCK)


@compiled.loop
def spread_out(
    y: Array, part: tuple[int, int, int, int], table: Any, wide: int, grid: Array, tiles: Array
) -> None:
    """A y Aᵀ for all tiles of a part of y (N, O, pixels)."""
    (image, images, band, count), (_, channels, size) = part, y.shape
    source, blocks, row = y.ravel(), channels // LINE, wide * OUTPUTS * LINE
    for n in range(images):
        for block in range(blocks):
            first = ((image + n) * channels + block * LINE) * size
            enter(source, first, size, band, table, grid)
            for t in range(count):
                at = spot(n * count + t, block, blocks)
                spread(grid, corner(t, wide, row), row, LINE, tiles, at, SIDE_BLOCKS, BLOCK)


@compiled.loop
def fill_up(tiles: Array, count: int, blocks: int) -> None:
    """Zeros for the tiles that are missing in the last block."""
    for position in range(count, count + -count % ROWS):
        for block in range(blocks):
            first = spot(position, block, blocks)
            for k in range(first, first + POINTS * BLOCK, BLOCK):
                for c in range(LINE):
                    tiles[k + c] = 0


@compiled.loop
def zero_times(numbers: Array) -> float:
    """0 if all the numbers are finite, or NaN."""
    zero = numbers.dtype.type(0)
    total = zero
    for i in range(len(numbers)):
        total += zero * numbers[i]
    return total


@compiled.loop
def collect_all(
    sums: Array, bias: Array, out: Array, part: tuple[int, int, int, int], table: Any, wide: int,
    grid: Array,
) -> float:  # fmt: skip
    """Aᵀ m A + b for all tiles of a part, to out (N, O, pixels).

    Returns 0, or NaN if a result is not finite.
    """
    (image, images, band, count), (_, channels, size) = part, out.shape
    target, blocks, row = out.ravel(), channels // LINE, wide * OUTPUTS * LINE
    made = grid[: count * (OUTPUTS * OUTPUTS * LINE)]
    zero = 0.0
    for n in range(images):
        for block in range(blocks):
            for t in range(count):
                at = spot(n * count + t, block, blocks)
                collect(sums, at, SIDE_BLOCKS, BLOCK, grid, corner(t, wide, row), row, LINE)
            if len(bias):
                for i in range(0, len(made), LINE):
                    for c in range(LINE):
                        made[i + c] += bias[block * LINE + c]
            zero += zero_times(made)
            first = ((image + n) * channels + block * LINE) * size
            leave(grid, band, table, target, first, size)
    return zero


# ------------------------------------------------------------------ filters


@compiled.loop
def weigh_all(weight: Array, back: bool, out: Array) -> None:
    """G w Gᵀ of all filters (O, C, 9); with `back`, flipped, and their channels are the filters."""
    filters, channels, taps = weight.shape
    many, wide = (filters, channels) if back else (channels, filters)
    target, length = out.ravel(), out.shape[1]
    # With `back` 16 numbers are turned, of which only 9 are a filter's, so there is more room.
    source = aligned(weight.size + LINE, weight.dtype)
    source[: weight.size] = weight.ravel()
    rows = aligned((many * taps + LINE) * LINE, weight.dtype)
    step = -LINE if back else LINE
    for block in range(wide // LINE):
        if back:
            for i in range(many):  # each writes over what was too much of the one before
                first = (i * wide + block * LINE) * taps
                turn(source, taps, first, rows, LINE, i * taps * LINE)
        else:
            for j in range(0, many * taps, LINE):
                turn(source, many * taps, block * LINE * many * taps + j, rows, LINE, j * LINE)
        for i in range(many):
            first, at = i * taps * LINE, (block * many + i) * LINE
            first += (taps - 1) * LINE if back else 0
            weigh(rows, first, TAPS * step, step, target, at, SIDE * length, length)


@compiled.loop
def unweigh_all(sums: Array, channels: int, out: Array) -> None:
    """Gᵀ m G of all filters: sums (36, ·) -> out (O, C · 9)."""
    source, target, length, numbers = sums.ravel(), out.ravel(), sums.shape[1], out.shape[1]
    taps = numbers // channels
    rows = aligned(numbers * LINE, out.dtype)
    for block in range(len(out) // LINE):
        for c in range(channels):
            first, at = (block * channels + c) * LINE, c * taps * LINE
            unweigh(source, first, SIDE * length, length, rows, at, TAPS * LINE, LINE)
        for j in range(0, numbers, LINE):
            turn(rows, LINE, j * LINE, target, numbers, block * LINE * numbers + j)


# ------------------------------------------------------------------ the three contractions


@compiled.loop
def multiply(
    tiles: Array, weights: Array, sums: Array, blocks: int, ins: int, outs: int
) -> None:  # fmt: skip
    """tiles · filters at each point, for so many blocks of tiles, channels and filters."""
    filters, length, wide = weights.ravel(), weights.shape[1], ins * LINE * LINE
    for k in range(POINTS):
        for o in range(0, outs, 2):
            w = k * length + o * wide
            for p in range(blocks):
                made = (p * outs + o) * BLOCKS + k * BLOCK
                seen = p * ins * BLOCKS + k * BLOCK
                if o + 1 < outs:
                    multiply_two(
                        sums, made, BLOCKS, tiles, seen, BLOCKS, filters, w, wide, LINE * LINE, ins
                    )
                else:
                    multiply_one(
                        sums, made, BLOCKS, tiles, seen, BLOCKS, filters, w, wide, LINE * LINE, ins
                    )


@compiled.loop
def add_products(
    tiles: Array, others: Array, sums: Array, blocks: int, ins: int, outs: int
) -> None:  # fmt: skip
    """sums += tilesᵀ · others at each point."""
    total, length, wide = sums.ravel(), sums.shape[1], ins * LINE * LINE
    for k in range(POINTS):
        for o in range(0, outs, 2):
            made = o * BLOCKS + k * BLOCK
            for c in range(0, ins * LINE, ROWS):
                w = k * length + o * wide + c * LINE
                seen = c // LINE * BLOCKS + k * BLOCK + c % LINE
                if o + 1 < outs:
                    add_two(
                        total, w, wide, tiles, seen, ins * BLOCKS, others, made, BLOCKS,
                        outs * BLOCKS, blocks,
                    )  # fmt: skip
                else:
                    add_one(
                        total, w, wide, tiles, seen, ins * BLOCKS, others, made, BLOCKS,
                        outs * BLOCKS, blocks,
                    )  # fmt: skip


@compiled.loop
def convolve(
    x: Array, weight: Array, back: bool, bias: Array, out: Array, seen: Any, made: Any,
    counts: Array, wide: int, row: int, parts: int, most: int, room: int, first: int, last: int,
) -> float:  # fmt: skip
    """Parts first to last of the convolution: 0, or NaN if a result is not finite.

    x (N, C, pixels), weight (O, C, 9), bias (O,) or (0,), out (N, O, pixels); with `back` weight
    is (C, O, 9), and flipped.
    """
    ins, outs, grid = x.shape[1] // LINE, out.shape[1] // LINE, aligned(room, x.dtype)
    tiles, sums = aligned(most * ins * BLOCKS, x.dtype), aligned(most * outs * BLOCKS, x.dtype)
    filters = filters_at_points(weight.shape[0] * weight.shape[1], x.dtype)
    weigh_all(weight, back, filters)
    zero = 0.0
    for item in range(first, last):
        part = part_of(item, len(x), parts, counts)
        see(x, part, seen, wide, row, grid, tiles)
        multiply(tiles, filters, sums, -(-part[1] * part[3] // ROWS), ins, outs)
        zero += collect_all(sums, bias, out, part, made, wide, grid)
    return zero


@compiled.loop
def correlate(
    x: Array, y: Array, out: Array, seen: Any, made: Any, counts: Array, wide: int, row: int,
    parts: int, most: int, room: int, first: int, last: int,
) -> float:  # fmt: skip
    """What parts first to last add to the filters' gradient: 0, or NaN if it is not finite.

    x (N, C, pixels), y (N, O, pixels) -> out (O, C · 9).
    """
    ins, outs, grid = x.shape[1] // LINE, y.shape[1] // LINE, aligned(room, x.dtype)
    tiles, others = aligned(most * ins * BLOCKS, x.dtype), aligned(most * outs * BLOCKS, x.dtype)
    sums = filters_at_points(x.shape[1] * y.shape[1], x.dtype)
    sums[:] = 0
    for item in range(first, last):
        part = part_of(item, len(x), parts, counts)
        see(x, part, seen, wide, row, grid, tiles)
        spread_out(y, part, made, wide, grid, others)
        count = part[1] * part[3]
        fill_up(tiles, count, ins)
        fill_up(others, count, outs)
        add_products(tiles, others, sums, -(-count // ROWS), ins, outs)
    unweigh_all(sums, x.shape[1], out)
    return zero_times(out.ravel())
