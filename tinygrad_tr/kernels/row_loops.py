"""Loops over rows of numbers and shifted copies of them, several at a time.

A part of the images stays in the second cache while all filters pass over it. What the rows are,
says kernels/shifted_rows.py, and kernels/tiles.py how they are multiplied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.moves import copy
from tinygrad_tr.kernels.tiles import add_products, add_products_to_one

Array = Any

BLOCK = 8  # outputs or taps at a time
TAPS = 4  # at a time, of a single output


@compiled.loop
def part_of(item: int, images: int, positions: int, sizes: Array) -> tuple[int, int, int, int]:
    """The first image of a part, how many, its first position on axis A, and how many."""
    parts, bands = sizes[2], sizes[3]
    i, j = item // bands, item % bands
    image, top = images * i // parts, positions * j // bands
    return image, images * (i + 1) // parts - image, top, positions * (j + 1) // bands - top


@compiled.loop
def length_of(part: tuple[int, int, int, int], made: Array, sizes: Array) -> int:
    """How many results a part has in a row."""
    return (part[1] - 1) * made[0] + (part[3] - 1) * made[1] + sizes[1]


@compiled.loop
def lay(
    x: Array, part: tuple[int, int, int, int], channel: int,
    stride: Array, phases: Array, lengths: Array, steps: Array, sizes: Array, rows: Array,
) -> None:  # fmt: skip
    """Channels of a part as rows with zeros between, one for each channel and phase.

    What the tables say is read before the loops that write, which might change it for all that the
    compiler knows. Indices are unsigned: others are looked at for whether they count from the end.
    """
    image, images, top, band = part
    low, high = max(0, top + sizes[4]), top + band + sizes[5]
    over, down, right, front = steps[0], steps[1], steps[2], steps[3]
    step_a, step_b, step = stride[0], stride[1], np.uint64(stride[2])
    source, target, length = x.ravel(), rows.ravel(), rows.shape[1]
    for r in range(len(rows)):
        rows[r, :] = 0
        c, p = channel + r // len(phases), r % len(phases)
        first_a, first_b, first = phases[p, 0], phases[p, 1], phases[p, 2]
        last, deep, width = min(lengths[p, 0], high), lengths[p, 1], np.uint64(lengths[p, 2])
        for n in range(images):
            planes = ((image + n) * x.shape[1] + c) * x.shape[2] + first_a
            for a in range(low, last):
                for b in range(deep):
                    line = (planes + a * step_a) * x.shape[3] + first_b + b * step_b
                    begin = np.uint64(line * x.shape[4] + first)
                    place = r * length + front + n * over + (a - top) * down + b * right
                    at = np.uint64(place)
                    if step == 1:
                        copy(source, np.int64(begin), target, place, np.int64(width))
                    else:
                        for w in range(width):
                            target[at + w] = source[begin + w * step]


# ------------------------------------------------------------------ sums of shifted rows


@compiled.loop
def gather(
    x: Array, weight: Array, bias: Array, out: Array, stride: Array, phases: Array,
    lengths: Array, taps: Array, steps: Array, made: Array, sizes: Array, gaps: Array,
    rows: Array, sums: Array, first: int, last: int,
) -> None:  # fmt: skip
    """Items first to last of Σ w · shifted rows + b; an item is a part and a group of channels.

    x (N, C, A, B, W), weight (G, outputs, taps) with zeros up to whole blocks, bias (O,), out
    (N, O, A', B', W'). `rows` and `sums` are scratch.
    """
    groups, members = len(weight), out.shape[1] // len(weight)
    channels, flat, block = x.shape[1] // groups, rows.ravel(), len(sums)
    taps, places = taps[: weight.shape[2]], np.arange(BLOCK) * weight.shape[2]
    rows[-1] = 0
    for item in range(first, last):
        part = part_of(item // groups, len(x), out.shape[2], sizes)
        image, images, top, band = part
        group = item % groups
        lay(x, part, group * channels, stride, phases, lengths, steps, sizes, rows[:-1])
        long = length_of(part, made, sizes)
        for o in range(0, members, block):
            channel = group * members + o
            for i in range(min(block, members - o)):
                sums[i, :long] = bias[channel + i]
            factors = weight[group, o : o + block].ravel()
            if block == 1:
                add_products_to_one(sums, factors, places, flat, taps, None, long)
            else:
                add_products(sums, factors, places, flat, taps, gaps, long)
            for i in range(min(block, members - o)):
                for n in range(images):
                    for a in range(band):
                        for b in range(out.shape[3]):
                            at = n * made[0] + a * made[1] + b * made[2]
                            target = out[image + n, channel + i, top + a, b]
                            if target.strides[0] == target.itemsize:
                                copy(sums[i], at, target, 0, len(target))
                            else:
                                source = sums[i, at : at + len(target)]
                                for w in range(len(target)):
                                    target[w] = source[w]


# ------------------------------------------------------------------ products of shifted rows


@compiled.loop
def dots(
    x: Array, y: Array, out: Array, stride: Array, phases: Array, lengths: Array, taps: Array,
    steps: Array, made: Array, sizes: Array, rows: Array, columns: Array, first: int, last: int,
) -> None:  # fmt: skip
    """What items first to last add to Σ y · shifted rows, for each tap and output.

    x (N, C, A, B, W), y (N, O, A', B', W') -> out (G, taps, outputs) with whole blocks. `rows`
    and `columns` are scratch; with a single column outputs are taken one by one.
    """
    groups, members = len(out), y.shape[1] // len(out)
    channels, flat, numbers = x.shape[1] // groups, rows.ravel(), columns.ravel()
    starts = np.arange(len(columns)) * columns.shape[1]
    rows[-1] = 0
    for item in range(first, last):
        part = part_of(item // groups, len(x), y.shape[2], sizes)
        long = length_of(part, made, sizes)
        group = item % groups
        lay(x, part, group * channels, stride, phases, lengths, steps, sizes, rows[:-1])
        if columns.shape[1] == 1:
            for o in range(members):
                stand(y, part, group * members + o, 1, made, columns)
                dot_one(out[group, :, o], numbers, flat, taps, long)
        else:
            stand(y, part, group * members, members, made, columns)
            for t in range(0, out.shape[1], BLOCK):
                sums, places = out[group, t : t + BLOCK], taps[t : t + BLOCK]
                add_products(sums, flat, places, numbers, starts[:long], None, out.shape[2])


@compiled.loop
def stand(
    y: Array, part: tuple[int, int, int, int], channel: int, members: int, made: Array,
    columns: Array,
) -> None:  # fmt: skip
    """Channels of a part as columns, with zeros where x's rows have their gaps."""
    image, images, top, band = part
    columns[:] = 0
    for n in range(images):
        for a in range(band):
            for b in range(y.shape[3]):
                at = n * made[0] + a * made[1] + b * made[2]
                for i in range(members):
                    source = y[image + n, channel + i, top + a, b]
                    target = columns[at : at + len(source), i]
                    for w in range(len(source)):
                        target[w] = source[w]


@compiled.loop
def dot_one(out: Array, y: Array, rows: Array, taps: Array, long: int) -> None:
    """out[t] += Σ y · rows[taps[t] :], four taps in each pass."""
    for t in range(0, len(out), 4):
        r0 = rows[taps[t] : taps[t] + long]
        r1 = rows[taps[t + 1] : taps[t + 1] + long]
        r2 = rows[taps[t + 2] : taps[t + 2] + long]
        r3 = rows[taps[t + 3] : taps[t + 3] + long]
        s0, s1, s2, s3 = out[t], out[t + 1], out[t + 2], out[t + 3]
        for j in range(long):
            s0 += y[j] * r0[j]
            s1 += y[j] * r1[j]
            s2 += y[j] * r2[j]
            s3 += y[j] * r3[j]
        out[t], out[t + 1], out[t + 2], out[t + 3] = s0, s1, s2, s3
