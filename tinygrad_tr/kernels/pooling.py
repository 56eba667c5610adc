"""The largest and the sum of each window over the last axes, and the ways back.

With NumPy one axis is taken after the other, tap by tap: windows of 3 × 3 are windows of 3 and
then windows of 3. Where there is a compiler, kernels/pooling_loops.py goes over x once, in as
many parts as there are cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled, pooling_loops
from tinygrad_tr.kernels.threads import in_parts
from tinygrad_tr.kernels.tiles import LINE
from tinygrad_tr.kernels.windows import Places, Windows, alike, evenly, taps, whole

Array = Any


def pooled_shape(x: Array, windows: Sequence[Windows]) -> tuple[int, ...]:
    return (*x.shape[: -len(windows)], *(len(w.starts) for w in windows))


def along(axis: int, places: Places) -> tuple[Any, ...]:
    """The index of these places of an axis counted from the end, and all of the others."""
    return (..., places, *(slice(None),) * (-1 - axis))


def loops_fit(x: Array, windows: Sequence[Windows]) -> bool:
    return len(windows) <= 3 and compiled.worthwhile(x)


def row_by_row(
    loop: Callable[..., None], windows: Sequence[Windows], arrays: Sequence[Array], *scratch: Any
) -> None:
    """The loop over all planes of the arrays. Of three axes those missing have length 1.

    Scratch has a line more than a row of the first array, one of each dtype; the rest are numbers.
    """
    missing = 3 - len(windows)
    planes = [a.reshape(-1, *(1,) * missing, *a.shape[-len(windows) :]) for a in arrays]
    facts = [
        fact for w in [*[whole(1)] * missing, *windows] for fact in (w.starts, w.stops, w.step)
    ]
    width = arrays[0].shape[-1] + LINE

    def work(first: int, last: int) -> None:
        own = [np.empty(width, s) if isinstance(s, np.dtype) else s for s in scratch]
        loop(*(p[first:last] for p in planes), *facts, *own)

    in_parts(len(planes[0]), work)


# ------------------------------------------------------------------ the largest


def largest(x: Array, windows: Sequence[Windows]) -> tuple[Array, Array]:
    """The largest of each window, and where it lies in the plane; of equals the first.

    NaN counts as larger than any number.
    """
    if loops_fit(x, windows):
        return largest_by_rows(x, windows)
    return largest_by_axes(x, windows)


def places_type(size: int) -> np.dtype[Any]:
    """The smallest integers that can tell `size` places apart."""
    return np.min_scalar_type(max(size - 1, 0))


def largest_by_rows(x: Array, windows: Sequence[Windows]) -> tuple[Array, Array]:
    out, plane = np.empty(pooled_shape(x, windows), x.dtype), math.prod(x.shape[-len(windows) :])
    places = np.empty(out.shape, places_type(plane))
    at = np.dtype(np.int32 if plane < 1 << 31 else np.int64)
    scratch = *alike(windows[-1]), x.dtype, at, x.dtype, at
    row_by_row(pooling_loops.largest_rows, windows, (x, out, places), *scratch)
    return out, places


def largest_by_axes(x: Array, windows: Sequence[Windows]) -> tuple[Array, Array]:
    """The last axis first: so the first row of equal ones wins, and in it the first column."""
    plane = x.shape[-len(windows) :]
    size = math.prod(plane)
    places = np.arange(size, dtype=places_type(size)).reshape(plane)
    places = np.broadcast_to(places, x.shape)
    for axis in range(-1, -len(windows) - 1, -1):
        x, places = largest_along(x, places, axis, windows[axis])
    return x, places


def largest_along(x: Array, places: Array, axis: int, windows: Windows) -> tuple[Array, Array]:
    """Over one axis, whose windows all hold something."""
    first = along(axis, evenly(windows.starts))
    out, at = np.array(x[first], order="C"), np.array(places[first], order="C")
    for members, inside in taps(windows):
        to, of = along(axis, members), along(axis, inside)
        better = (x[of] > out[to]) | np.isnan(x[of])
        out[to] = np.maximum(out[to], x[of])
        # at = place where better: ten times as fast as np.where, and unsigned integers wrap.
        at[to] += better * (places[of] - at[to])
    return out, at


# ------------------------------------------------------------------ places


def flat(x: Array, axes: int) -> Array:
    """(..., *S) as (planes, |S|), for S the last axes."""
    return x.reshape(math.prod(x.shape[:-axes]), math.prod(x.shape[-axes:]))


def picked(x: Array, places: Array, axes: int) -> Array:
    """The numbers of each plane at its places."""
    at = flat(places, axes).astype(np.intp)
    return np.take_along_axis(flat(x, axes), at, 1).reshape(places.shape)


def put(g: Array, places: Array, shape: tuple[int, ...], axes: int) -> Array:
    """Zeros of the shape with the numbers of g added to each plane at its places."""
    out = np.zeros(shape, g.dtype)
    arrays = flat(g, axes), flat(places, axes), flat(out, axes)
    planes, size = arrays[2].shape
    if compiled.worthwhile(g):
        in_parts(planes, lambda a, b: pooling_loops.put_places(*(x[a:b] for x in arrays)))
    else:
        within = arrays[1] + size * np.arange(planes)[:, None]
        np.add.at(out.reshape(-1), within.reshape(-1), g.reshape(-1))
    return out


# ------------------------------------------------------------------ the sum


def summed(x: Array, windows: Sequence[Windows]) -> Array:
    """The sum of each window."""
    if loops_fit(x, windows):
        return summed_by_rows(x, windows)
    return summed_by_axes(x, windows)


def summed_by_rows(x: Array, windows: Sequence[Windows]) -> Array:
    out = np.empty(pooled_shape(x, windows), x.dtype)
    row_by_row(pooling_loops.sum_rows, windows, (x, out), x.dtype, x.dtype.type(0))
    return out


def summed_by_axes(x: Array, windows: Sequence[Windows]) -> Array:
    for axis in range(-1, -len(windows) - 1, -1):
        out = np.zeros(resized(x, axis, len(windows[axis].starts)), x.dtype)
        for members, inside in taps(windows[axis]):
            out[along(axis, members)] += x[along(axis, inside)]
        x = out
    return x


def spread(g: Array, windows: Sequence[Windows], plane: tuple[int, ...]) -> Array:
    """Each number added to all places of its window; adjoint of the sum."""
    if loops_fit(g, windows):
        return spread_by_rows(g, windows, plane)
    return spread_by_axes(g, windows, plane)


def spread_by_rows(g: Array, windows: Sequence[Windows], plane: tuple[int, ...]) -> Array:
    out = np.empty((*g.shape[: -len(windows)], *plane), g.dtype)
    row_by_row(pooling_loops.spread_rows, windows, (out, g), g.dtype, g.dtype.type(0))
    return out


def spread_by_axes(g: Array, windows: Sequence[Windows], plane: tuple[int, ...]) -> Array:
    for axis in range(-len(windows), 0):
        out = np.zeros(resized(g, axis, plane[axis]), g.dtype)
        for members, inside in taps(windows[axis]):
            if isinstance(inside, slice):
                out[along(axis, inside)] += g[along(axis, members)]
            else:  # two windows may begin at one place
                np.add.at(out, along(axis, inside), g[along(axis, members)])
        g = out
    return g


def resized(x: Array, axis: int, n: int) -> list[int]:
    """The shape of x with another length along an axis."""
    shape = list(x.shape)
    shape[axis] = n
    return shape
