"""The largest and the sum of each window over the last axes, and the ways back.

With NumPy an axis is taken after the other, tap by tap: a window of 3 × 3 is one of 3 and one
of 3. The compiled loop goes once over x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.windows import Windows, taps, whole

Array = Any


def planes(x: Array, axes: int) -> Array:
    """(..., *S) as (planes, |S|), for S the last axes."""
    return x.reshape(math.prod(x.shape[:-axes]), math.prod(x.shape[-axes:]))


def pooled_shape(x: Array, windows: Sequence[Windows]) -> tuple[int, ...]:
    return (*x.shape[: -len(windows)], *(len(w.starts) for w in windows))


# ------------------------------------------------------------------ the largest


def largest(x: Array, windows: Sequence[Windows]) -> tuple[Array, Array]:
    """The largest of each window, and where it lies in the plane; of equals the first.

    NaN counts as larger than any number.
    """
    if len(windows) <= 3 and compiled.worthwhile(x):
        return largest_by_rows(x, windows)
    return largest_by_axes(x, windows)


def places_type(size: int) -> Any:
    """The smallest integers that can tell `size` places apart."""
    return np.min_scalar_type(max(size - 1, 0))


def largest_by_axes(x: Array, windows: Sequence[Windows]) -> tuple[Array, Array]:
    """The last axis first: so the first row of equal ones wins, and in it the first column."""
    plane = x.shape[-len(windows) :]
    size = math.prod(plane)
    places = np.arange(size, dtype=places_type(size)).reshape(plane)
    places = np.broadcast_to(places, x.shape)
    for axis, along in zip(range(-1, -len(windows) - 1, -1), reversed(windows), strict=True):
        x, places = largest_along(np.moveaxis(x, axis, 0), np.moveaxis(places, axis, 0), along)
        x, places = np.moveaxis(x, 0, axis), np.moveaxis(places, 0, axis)
    return np.ascontiguousarray(x), np.ascontiguousarray(places)


def largest_along(x: Array, places: Array, windows: Windows) -> tuple[Array, Array]:
    """Over the first axis, whose windows all hold something."""
    out, at = x[windows.starts], places[windows.starts]
    for members, inside in taps(windows)[1:]:
        candidate, best = x[inside], out[members]
        better = (candidate > best) | (candidate != candidate)
        out[members] = np.where(better, candidate, best)
        at[members] = np.where(better, places[inside], at[members])
    return out, at


def largest_by_rows(x: Array, windows: Sequence[Windows]) -> tuple[Array, Array]:
    """As a loop over up to three axes; those that are missing have the length 1."""
    missing = 3 - len(windows)
    plane = (1,) * missing + x.shape[-len(windows) :]
    bodies = x.reshape(-1, *plane)
    every = [*[whole(1)] * missing, *windows]
    out = np.empty(pooled_shape(x, windows), x.dtype)
    places = np.empty(out.shape, places_type(math.prod(plane)))
    inner = (len(bodies), *(len(w.starts) for w in every))
    best, at = np.empty(plane[-1], x.dtype), np.empty(plane[-1], np.int64)
    facts = [fact for w in every for fact in w]
    largest_rows(bodies, *facts, best, at, out.reshape(inner), places.reshape(inner))
    return out, places


@compiled.loop
def largest_rows(
    x: Array,
    d_starts: Array, d_stops: Array, d_step: int,
    h_starts: Array, h_stops: Array, h_step: int,
    w_starts: Array, w_stops: Array, w_step: int,
    best: Array, at: Array, out: Array, places: Array,
) -> None:  # fmt: skip
    # All rows of a window become one, many columns at a time, before its columns become one.
    bodies, _, height, width = x.shape
    for n in range(bodies):
        for i in range(len(d_starts)):
            for j in range(len(h_starts)):
                best[:] = -np.inf
                at[:] = (d_starts[i] * height + h_starts[j]) * width + np.arange(width)
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


# ------------------------------------------------------------------ places


def picked(x: Array, places: Array, axes: int) -> Array:
    """The numbers of each plane at its places."""
    flat = planes(places, axes)
    return np.take_along_axis(planes(x, axes), flat.astype(np.intp), 1).reshape(places.shape)


def put(g: Array, places: Array, shape: tuple[int, ...], axes: int) -> Array:
    """Zeros of the shape with the numbers of g added to each plane at its places."""
    out = np.zeros(shape, g.dtype)
    numbers, flat = planes(g, axes), planes(places, axes)
    if compiled.worthwhile(g):
        put_places(numbers, flat, planes(out, axes))
    else:
        count, size = planes(out, axes).shape
        within = flat + size * np.arange(count)[:, None]
        np.add.at(out.reshape(-1), within.reshape(-1), numbers.reshape(-1))
    return out


@compiled.loop
def put_places(g: Array, places: Array, out: Array) -> None:
    for n in range(len(g)):
        for i in range(g.shape[1]):
            out[n, places[n, i]] += g[n, i]


# ------------------------------------------------------------------ the sum


def summed(x: Array, windows: Sequence[Windows]) -> Array:
    """The sum of each window."""
    for axis, along in enumerate(windows, -len(windows)):
        out = np.zeros((len(along.starts), *np.delete(x.shape, axis)), x.dtype)
        x = np.moveaxis(x, axis, 0)
        for members, inside in taps(along):
            out[members] += x[inside]
        x = np.moveaxis(out, 0, axis)
    return x


def spread(g: Array, windows: Sequence[Windows], plane: tuple[int, ...]) -> Array:
    """Each number added to all places of its window; adjoint of the sum."""
    for axis, along, n in zip(range(-len(windows), 0), windows, plane, strict=True):
        out = np.zeros((n, *np.delete(g.shape, axis)), g.dtype)
        g = np.moveaxis(g, axis, 0)
        for members, inside in taps(along):
            if isinstance(inside, slice):
                out[inside] += g[members]
            else:
                np.add.at(out, inside, g[members])  # two windows may begin at one place
        g = np.moveaxis(out, 0, axis)
    return g
