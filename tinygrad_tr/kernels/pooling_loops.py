"""The largest and the sum of each window, in compiled loops over planes (planes, D, H, W).

Windows of rows become one row, many columns at a time, before windows of its columns become one
number; on the way back one number becomes columns of a row before that is added to its rows.
Where one column is compared with the next, all are, though only every so many begin a window: so
the compiler reads vectors. Unsigned indices help it too: they cannot count from an end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.moves import address
from tinygrad_tr.kernels.tiles import LINE

Array = Any


class Larger:
    """larger(x, at, i, y, places, j, top, where, count), for loops to call.

    top[k], where[k] = the larger of x[i + k] and y[j + k], and where it lies in the plane, for
    k < count; of equals the one that comes first. All arrays have one axis, and a line more: the
    compiler makes vectors of long rows only, so this is written in its own language.
    """

    @staticmethod
    @functools.cache
    def machine_code() -> Callable[..., Any]:
        from llvmlite import ir
        from numba import types
        from numba.core import cgutils
        from numba.extending import intrinsic

        def larger(
            typing: Any, x: Any, at: Any, i: Any, y: Any, places: Any, j: Any, top: Any, where: Any,
            count: Any,
        ) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                number, place = (
                    ir.VectorType(context.get_data_type(kind.dtype), LINE).as_pointer()
                    for kind in (x, at)
                )
                begins = {
                    n: address(context, builder, signature, values, n) for n in (0, 1, 3, 4, 6, 7)
                }
                count = values[8]
                whole = count.type
                with cgutils.for_range_slice(builder, whole(0), count, whole(LINE)) as (k, _):

                    def vector(n: int, kind: Any, first: Any = None) -> Any:
                        index = k if first is None else builder.add(first, k)
                        return builder.bitcast(builder.gep(begins[n], [index]), kind)

                    a, b = (
                        builder.load(vector(n, number, values[first]), align=1)
                        for n, first in ((0, 2), (3, 5))
                    )
                    here, there = (
                        builder.load(vector(n, place, values[first]), align=1)
                        for n, first in ((1, 2), (4, 5))
                    )
                    better = builder.or_(
                        builder.fcmp_ordered(">", b, a), builder.fcmp_unordered("uno", b, b)
                    )
                    tie = builder.and_(
                        builder.fcmp_ordered("==", b, a), builder.icmp_signed("<", there, here)
                    )
                    chosen = builder.or_(better, tie)
                    for n, kind, one, other in ((6, number, b, a), (7, place, there, here)):
                        builder.store(builder.select(chosen, one, other), vector(n, kind), align=1)
                return context.get_dummy_value()

            return types.void(x, at, i, y, places, j, top, where, count), generate

        made: Callable[..., Any] = intrinsic(larger)
        return made


larger: Any = Larger()


@compiled.loop
def largest_rows(
    x: Array, out: Array, places: Array,
    d_starts: Array, d_stops: Array, d_step: int,
    h_starts: Array, h_stops: Array, h_step: int,
    w_starts: Array, w_stops: Array, w_step: int,
    first: int, last: int, stride: int,
    best: Array, at: Array, top: Array, where: Array,
) -> None:  # fmt: skip
    """Of the windows of columns, those from the first to the last are alike but for the stride."""
    (planes, depth, height, width), numbers = x.shape, x.ravel()
    begin = w_starts[first] if first < last else 0
    span = (last - first - 1) * stride + 1
    row, spots_of_row = best[:width], at[:width]
    for n in range(planes):
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                fresh = True
                for d in range(d_starts[i], d_stops[i], d_step):
                    for h in range(h_starts[j], h_stops[j], h_step):
                        line = (d * height + h) * width
                        source, place = line + n * depth * height * width, at.dtype.type(line)
                        if fresh:
                            take_row(numbers, source, place, row, spots_of_row)
                        else:
                            larger_of_row(numbers, source, place, row, spots_of_row)
                        fresh = False
                made, spots = out[n, i, j], places[n, i, j]
                if first < last:
                    next_one = min(begin + w_step, w_stops[first] - 1)
                    larger(best, at, begin, best, at, next_one, top, where, span)
                    for w in range(begin + 2 * w_step, w_stops[first], w_step):
                        larger(top, where, 0, best, at, w, top, where, span)
                    every(top, stride, made[first:last])
                    every(where, stride, spots[first:last])
                for k in range(first):
                    made[k], spots[k] = largest_column(best, at, w_starts[k], w_stops[k], w_step)
                for k in range(last, len(w_starts)):
                    made[k], spots[k] = largest_column(best, at, w_starts[k], w_stops[k], w_step)


@compiled.loop
def take_row(numbers: Array, first: int, place: Any, best: Array, at: Array) -> None:
    """A row as the largest so far, and its places in the plane."""
    begin = np.uint64(first)
    for w in range(np.uint64(len(best))):
        best[w], at[w] = numbers[begin + w], place + at.dtype.type(w)


@compiled.loop
def larger_of_row(numbers: Array, first: int, place: Any, best: Array, at: Array) -> None:
    """The largest so far, or the numbers of another row, which comes later in the plane."""
    begin = np.uint64(first)
    for w in range(np.uint64(len(best))):
        number = numbers[begin + w]
        better = number > best[w] or number != number
        at[w] = place + at.dtype.type(w) if better else at[w]
        best[w] = number if better else best[w]


@compiled.loop
def every(numbers: Array, step: int, out: Array) -> None:
    """Every so many numbers."""
    stride = np.uint64(step)
    for k in range(np.uint64(len(out))):
        out[k] = numbers[stride * k]


@compiled.loop
def largest_column(best: Array, at: Array, first: int, stop: int, step: int) -> tuple[Any, int]:
    """The largest of one window, and where; of equals the one that comes first in the plane."""
    top, where = best[first], at[first]
    for w in range(first + step, stop, step):
        better = (best[w] > top) | (best[w] != best[w]) | ((best[w] == top) & (at[w] < where))
        top = best[w] if better else top
        where = at[w] if better else where
    return top, where


@compiled.loop
def put_places(g: Array, places: Array, out: Array) -> None:
    """Each g (planes, numbers) added to out (planes, *) at its place."""
    for n in range(len(g)):
        for i in range(g.shape[1]):
            out[n, places[n, i]] += g[n, i]


@compiled.loop
def sum_rows(
    x: Array, out: Array,
    d_starts: Array, d_stops: Array, d_step: int,
    h_starts: Array, h_stops: Array, h_step: int,
    w_starts: Array, w_stops: Array, w_step: int,
    line: Array, zero: Any,
) -> None:  # fmt: skip
    for n in range(len(x)):
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                line[:] = zero
                for d in range(d_starts[i], d_stops[i], d_step):
                    for h in range(h_starts[j], h_stops[j], h_step):
                        row = x[n, d, h]
                        for w in range(len(row)):
                            line[w] += row[w]
                for k in range(len(w_starts)):
                    total = zero
                    for w in range(w_starts[k], w_stops[k], w_step):
                        total += line[w]
                    out[n, i, j, k] = total


@compiled.loop
def spread_rows(
    out: Array, g: Array,
    d_starts: Array, d_stops: Array, d_step: int,
    h_starts: Array, h_stops: Array, h_step: int,
    w_starts: Array, w_stops: Array, w_step: int,
    line: Array, zero: Any,
) -> None:  # fmt: skip
    for n in range(len(out)):
        out[n] = zero
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                line[:] = zero
                for k in range(len(w_starts)):
                    for w in range(w_starts[k], w_stops[k], w_step):
                        line[w] += g[n, i, j, k]
                for d in range(d_starts[i], d_stops[i], d_step):
                    for h in range(h_starts[j], h_stops[j], h_step):
                        row = out[n, d, h]
                        for w in range(len(row)):
                            row[w] += line[w]
