"""Convolution as sums of shifted rows: compiled loops, and no matrix of windows.

Flattened with zeros between its rows, a channel of an image is one long row, and what one tap of
a filter sees of it, at all positions at once, is that row shifted. So

    out[o] = Σ w[o, t] · row[shift[t] :]        over channels and taps t

is a product of matrices whose rows overlap in memory, and the gradient of w another: the same
shifted rows, times the gradient of each output as a column. Positions in the gaps are computed for
nothing where they do not fit the vectors; they are few. Small images stand behind each other, so
that rows are long, and large ones are taken in bands, so that the rows fit the cache: each is a
*part*.

With a stride s, every s-th number of x makes a row of its own, a *phase*; the transpose makes
every s-th number of its result in turn. All has three axes here (N, C, A, B, W): an image is
(H, 1, W), a sequence (1, 1, W).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.kernels.row_loops import BLOCK, TAPS, dots, gather
from tinygrad_tr.kernels.threads import cores, in_parts
from tinygrad_tr.kernels.tiles import LINE

Array = Any
Sizes = tuple[int, ...]

LONG = 1100  # numbers in a row, about
MANY = 1 << 17  # numbers of a part: they fit the second cache
FEW = 3  # outputs of a group, below which they are made one by one


class Axis(NamedTuple):
    """How one axis is read: at positions j, the source at stride·j + offset for each tap."""

    length: int  # of the source
    positions: int  # of the result
    stride: int
    offsets: Sizes  # one for each tap


Axes = tuple[Axis, ...]


class Plan(NamedTuple):
    """Where everything stands in the rows of a part: arrays, for the loops to read."""

    stride: Array  # (3,)
    phases: Array  # (P, 3): where each phase begins on each axis
    lengths: Array  # (P, 3): how many numbers of each axis it takes
    taps: Array  # where the shifted row of each channel and tap begins
    steps: Array  # in rows: to the next image, A and B, and to the first number
    made: Array  # in results: to the next image, A and B
    sizes: Array  # of a row, and results in one of A; parts of N and A; reach before and after
    gaps: Array  # how much of the rows is left out before every 16 results
    long: int  # results in a row, at most


@functools.lru_cache(maxsize=1024)
def plan(axes: Axes, channels: int, images: int, columns: int = 0, dense: bool = False) -> Plan:
    """The rows of one group of channels, which share the cache with as many columns.

    With `dense`, results that fill lines of the cache have no gaps as the rows have.
    """
    starts = [sorted({offset % axis.stride for offset in axis.offsets}) for axis in axes]
    shifts = [[offset // axis.stride for offset in axis.offsets] for axis in axes]
    lead = [max(0, -min(shift)) for shift in shifts]
    tail = [max(0, max(shift)) for shift in shifts]
    phases = list(itertools.product(*starts))
    lengths = [
        [
            max(0, min(-(-(axis.length - start) // axis.stride), axis.positions + max(shift)))
            for start, axis, shift in zip(phase, axes, shifts, strict=True)
        ]
        for phase in phases
    ]
    # The zeros after one row are those before the next.
    pitch = [
        max(axis.positions + tail[i], max(n[i] for n in lengths) + lead[i])
        for i, axis in enumerate(axes)
    ]
    steps = [math.prod(pitch[i:]) for i in range(4)]  # to the next image, A, B and W

    room = max(LONG // 4, min(LONG, MANY // (channels * len(phases) + columns)))
    positions = axes[0].positions
    parts = in_pieces(images, room // steps[0], cores())
    bands = 1 if parts < images else in_pieces(positions, room // steps[1])
    together, band = -(-max(1, images) // max(1, parts)), -(-positions // bands)
    shape = together, band, axes[1].positions, axes[2].positions
    front, back = (sum(map(math.prod, zip(n, steps[1:], strict=True))) for n in (lead, tail))
    row = upwards(front + extent(shape, steps) + back, LINE)
    dense = dense and shape[-1] % LINE == 0
    made = [math.prod(shape[i:]) for i in range(1, 5)] if dense else steps
    long = extent(shape, made)
    gaps = np.zeros(-(-long // LINE), np.int64)
    if dense:
        skipped = np.subtract(steps, made)[:3]
        gaps = np.repeat([skipped @ at for at in np.ndindex(*shape[:3])], shape[-1] // LINE)

    taps = []
    for channel in range(channels):
        for tap in itertools.product(*(axis.offsets for axis in axes)):
            both = [divmod(o, axis.stride) for o, axis in zip(tap, axes, strict=True)]
            phase = phases.index(tuple(start for _, start in both))
            shift = sum(q * step for (q, _), step in zip(both, steps[1:], strict=True))
            taps.append((channel * len(phases) + phase) * row + front + shift)
    zeros = channels * len(phases) * row  # the last row
    taps += [zeros] * (-len(taps) % BLOCK)
    reach = min(shifts[0]), max(shifts[0])
    return Plan(
        as_integers([axis.stride for axis in axes]),
        as_integers(phases),
        as_integers(lengths),
        as_integers(taps),
        as_integers([*steps[:3], front]),
        as_integers(made[:3]),
        as_integers([row, extent(shape[2:], made[2:]), parts, bands, *reach]),
        gaps,
        long,
    )


def extent(shape: Sequence[int], steps: Sequence[int]) -> int:
    """How many numbers there are from the first of an array to its last."""
    return 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))


def as_integers(numbers: Any) -> Array:
    return np.array(numbers, np.int64)


def upwards(n: int, step: int) -> int:
    """The least multiple of the step that is not below n."""
    return n + -n % step


def in_pieces(n: int, most: int, multiple: int = 1) -> int:
    """How many pieces n has of at most so many each: a multiple of a number, if n is not less."""
    return min(n, upwards(-(-n // max(1, most)), multiple))


def scratch(rows: int, length: int, dtype: Any) -> Array:
    """Uninitialised rows that begin where lines of the cache begin."""
    length = upwards(length, LINE)
    memory = np.empty(rows * length + LINE, dtype)
    first = -memory.ctypes.data % 64 // memory.itemsize
    return memory[first : first + rows * length].reshape(rows, length)


# ------------------------------------------------------------------ the two passes over rows


class Job(NamedTuple):
    """Something that work(first, last) does for so many items."""

    items: int
    work: Callable[[int, int], None]


def do(jobs: Sequence[Job]) -> None:
    """Do them one after the other, and share the items of each over the cores."""
    shares = max(1, min(cores(), max((job.items for job in jobs), default=0)))

    def work(first: int, last: int) -> None:
        for job in jobs:
            job.work(job.items * first // shares, job.items * last // shares)

    in_parts(shares, work)


def sum_of_shifts(x: Array, w: Array, bias: Array | None, out: Array, axes: Axes) -> Job:
    """out = Σ w · shifted rows + b: x (N, C, A, B, W), w (G, outputs, C/G, taps), out likewise."""
    groups, outputs = w.shape[:2]
    taps = math.prod(w.shape[2:])
    where = plan(axes, x.shape[1] // groups, len(x), dense=outputs >= FEW)
    weight = np.zeros((groups, upwards(outputs, BLOCK), upwards(taps, TAPS)), x.dtype)
    weight[:, :outputs, :taps].reshape(w.shape)[...] = w
    numbers = np.zeros(out.shape[1], x.dtype) if bias is None else np.ascontiguousarray(bias)

    def work(first: int, last: int) -> None:
        rows = rows_for(where, x.shape[1] // groups, x.dtype)
        sums = scratch(BLOCK if outputs >= FEW else 1, where.long, x.dtype)
        gather(x, weight, numbers, out, *where[:-1], rows, sums, first, last)

    return Job(items(where, groups), work)


def products_of_shifts(x: Array, y: Array, groups: int, axes: Axes) -> Array:
    """Σ y · shifted rows: x (N, C, A, B, W), y (N, O, A', B', W') -> (G, outputs, C/G · taps)."""
    outputs, channels = y.shape[1] // groups, x.shape[1] // groups
    taps = channels * math.prod(len(axis.offsets) for axis in axes)
    one_by_one = outputs < FEW
    where = plan(axes, channels, len(x), 1 if one_by_one else outputs)
    shape = upwards(taps, BLOCK), upwards(outputs, BLOCK)
    if one_by_one:
        shape = upwards(taps, TAPS), outputs

    def work(first: int, last: int) -> Array:
        out = np.zeros((groups, *shape), x.dtype)
        rows = rows_for(where, channels, x.dtype)
        columns = np.empty((where.long, 1 if one_by_one else shape[1]), x.dtype)
        dots(x, y, out, *where[:-2], rows, columns, first, last)
        return out

    out, *others = in_parts(items(where, groups), work)
    for other in others:
        out += other
    return out[:, :taps, :outputs].swapaxes(1, 2)


def rows_for(where: Plan, channels: int, dtype: Any) -> Array:
    """Scratch for the rows of a part, and the row of zeros."""
    return scratch(channels * len(where.phases) + 1, int(where.sizes[0]), dtype)


def items(where: Plan, groups: int) -> int:
    """How many parts there are, times the groups."""
    return int(where.sizes[2] * where.sizes[3]) * groups


# ------------------------------------------------------------------ convolution


def conv(
    x: Array, weight: Array, bias: Array | None,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """As kernels.convolution.conv."""
    x = on_three_axes(x)
    out = np.empty((len(x), len(weight), *three(size, 1)), x.dtype)
    axes = reading(x, out, weight.shape[2:], stride, padding, dilation)
    do([sum_of_shifts(x, weight.reshape(groups, -1, *weight.shape[1:]), bias, out, axes)])
    return out.reshape(*out.shape[:2], *size)


def conv_filter(
    x: Array, y: Array,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """As kernels.convolution.conv_filter."""
    x, y = on_three_axes(x), on_three_axes(y)
    axes = reading(x, y, size, stride, padding, dilation)
    out = products_of_shifts(x, y, groups, axes)
    return out.reshape(y.shape[1], x.shape[1] // groups, *size)


def conv_transpose(
    y: Array, weight: Array, bias: Array | None,
    *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """As kernels.convolution.conv_transpose: a convolution of y for every phase of the result."""
    y = on_three_axes(y)
    channels = weight.shape[1]
    out = np.empty((len(y), groups * channels, *three(size, 1)), y.dtype)
    # (G · O/G, C/G, *) -> (G, C/G, O/G, A, B, W): what a channel of the result takes from y's.
    kernel = three(weight.shape[2:], 1)
    w = weight.reshape(groups, -1, channels, *kernel).swapaxes(1, 2)
    steps = three(stride, 1)
    facts = list(zip(kernel, steps, three(padding, 0), three(dilation, 1), strict=True))
    jobs = []
    for begin in itertools.product(*map(range, steps)):
        phase = tuple(slice(r, None, s) for r, s in zip(begin, steps, strict=True))
        target = out[:, :, *phase]
        taps, axes = zip(
            *(
                writing(r, n, m, *fact)
                for r, n, m, fact in zip(begin, y.shape[2:], target.shape[2:], facts, strict=True)
            ),
            strict=True,
        )
        chosen = w[:, :, :, *taps]
        if target.size and chosen.size:
            jobs.append(sum_of_shifts(y, chosen, bias, target, axes))
    if len(jobs) < math.prod(steps):  # where no tap writes
        out[...] = 0 if bias is None else bias[:, None, None, None]
    do(jobs)
    return out.reshape(*out.shape[:2], *size)


def reading(
    x: Array, y: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Axes:
    """Position j of a convolution reads x at s·j + d·t − p for each tap t."""
    facts = (three(kernel, 1), three(stride, 1), three(padding, 0), three(dilation, 1))
    return tuple(
        Axis(n, m, s, tuple(d * t - p for t in range(k)))
        for n, m, k, s, p, d in zip(x.shape[2:], y.shape[2:], *facts, strict=True)
    )


def writing(
    begin: int, length: int, positions: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[slice, Axis]:
    """Which taps write to the places begin, begin + s, ... of a transpose's result, and how.

    y[j] is written to s·j + d·t − p, that is, to place begin + s·q from j = q + distance/s with
    distance = begin + p − d·t, if s divides it.
    """
    distances = [begin + padding - dilation * t for t in range(kernel)]
    first = next((t for t, distance in enumerate(distances) if distance % stride == 0), kernel)
    taps = slice(first, None, stride // math.gcd(stride, dilation))
    return taps, Axis(length, positions, 1, tuple(n // stride for n in distances[taps]))


def three(numbers: Sequence[int], fill: int) -> tuple[int, int, int]:
    """A number for each of the axes (A, B, W), from those for (W), (A, W) or all."""
    first, last = numbers[0] if len(numbers) > 1 else fill, numbers[-1]
    return first, numbers[1] if len(numbers) > 2 else fill, last


def on_three_axes(x: Array) -> Array:
    """The array as (N, C, A, B, W), in one piece."""
    return np.ascontiguousarray(x).reshape(*x.shape[:2], *three(x.shape[2:], 1))
