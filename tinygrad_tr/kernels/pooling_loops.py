"""The largest and the sum of each window, in compiled loops over planes (planes, D, H, W).

Windows of rows become one row, many columns at a time, before windows of its columns become one
number; on the way back one number becomes columns of a row before that is added to its rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled

Array = Any


@compiled.loop
def largest_rows(
    x: Array, out: Array, places: Array,
    d_starts: Array, d_stops: Array, d_step: int,
    h_starts: Array, h_stops: Array, h_step: int,
    w_starts: Array, w_stops: Array, w_step: int,
    best: Array, at: Array,
) -> None:  # fmt: skip
    planes, _, height, width = x.shape
    for n in range(planes):
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                first = (d_starts[i] * height + h_starts[j]) * width
                for w in range(width):
                    best[w], at[w] = -np.inf, first + w
                for d in range(d_starts[i], d_stops[i], d_step):
                    for h in range(h_starts[j], h_stops[j], h_step):
                        row, first = x[n, d, h], (d * height + h) * width
                        for w in range(width):
                            better = (row[w] > best[w]) | (row[w] != row[w])
                            at[w] = first + w if better else at[w]
                            best[w] = row[w] if better else best[w]
                for k in range(len(w_starts)):
                    top, where = best[w_starts[k]], at[w_starts[k]]
                    for w in range(w_starts[k] + w_step, w_stops[k], w_step):
                        better = (best[w] > top) | (best[w] != best[w])
                        better |= (best[w] == top) & (at[w] < where)
                        top = best[w] if better else top
                        where = at[w] if better else where
                    out[n, i, j, k], places[n, i, j, k] = top, where


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
                        for w in range(len(line)):
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
                        for w in range(len(line)):
                            row[w] += line[w]
