"""γ (x − μ)/√(σ² + ε) + β over some axes, and the way back: with NumPy, and in compiled loops.

Each way gives the value, a function of the gradient g of it and of which inputs need theirs,
and a function that returns μ and σ². With x̂ = (x − μ) r, r = 1/√(σ² + ε) and γg = γ·g, what
goes back is r (γg − mean(γg) − x̂ mean(γg x̂)) to x, Σ g x̂ to γ and Σ g to β. x is kept for it,
and x̂ computed again.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.moments import Axes, lengthened, moments, total
from tinygrad_tr.kernels.norm_loops import (
    normalise_rows,
    normalise_stretches,
    rows_back,
    stretches_back,
)
from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.kernels.shifted_rows import scratch
from tinygrad_tr.kernels.threads import share, sharing

Array = Any
Gradients = tuple[Array | None, Array | None, Array | None]
Moments = tuple[Array, Array]
Normalised = tuple[Array, Callable[[Array, Sequence[bool]], Gradients], Callable[[], Moments]]


def normalised(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float, centred: bool
) -> Normalised:
    """The fastest way that can take these arrays."""
    if compiled.worthwhile(x, weight, bias):
        parts = stretches_of(x.shape, axes, weight, bias) if centred else None
        if parts is not None:
            return stretch_by_stretch(x, weight, bias, parts, axes, eps)
        lead = leading(x.shape, axes, weight, bias)
        if lead is not None:
            return row_by_row(x, weight, bias, lead, axes, eps, centred)
    return axis_by_axis(x, weight, bias, axes, eps, centred)


def as_kept(shape: tuple[int, ...], axes: Axes, mean: Array, variance: Array) -> Moments:
    """μ and σ² with the axes, over which they were taken, as axes of length 1."""
    kept = [1 if axis in axes else n for axis, n in enumerate(shape)]
    return mean.reshape(kept), variance.reshape(kept)


# ------------------------------------------------------------------ with NumPy


def axis_by_axis(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float, centred: bool
) -> Normalised:
    """Over any axes, pass by pass."""
    shape, kept = x.shape, axes
    given = [p for p in (weight, bias) if p is not None]
    x = x.astype(np.result_type(x, *given), copy=False)
    lengths = (() if p is None else p.shape for p in (weight, bias))
    (whole, *others), axes, inner, outer = merged(axes, shape, *lengths)
    x, w, b = (
        np.full(lengths, otherwise, x.dtype) if p is None else p.reshape(lengths)
        for p, lengths, otherwise in zip(
            (x, weight, bias), (whole, *others), (0, 1, 0), strict=True
        )
    )
    n = math.prod(whole[axis] for axis in axes)
    origin, rest, variance = moments(axes, x) if centred else (None, 0, total(axes, x, x) / n)
    r = 1 / np.sqrt(variance + eps)

    def seen() -> Array:
        return x if origin is None else x - lengthened(origin, whole)

    out = times(seen(), products((r, w)))
    if centred or bias is not None:
        out += lengthened(products((-rest * r, w), (np.ones_like(r), b)), whole)

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        g, d = g.reshape(whole), seen()
        to_x = to_weight = to_bias = None
        across, along = total(inner, g), total(inner, g, d)
        if weight is not None and needs[1]:
            stretched = stretched_axes(whole, w.shape)
            to_weight = total(stretched, along, r)
            if centred:
                to_weight = to_weight - total(stretched, across, rest * r)
            to_weight = to_weight.reshape(weight.shape)
        if bias is not None and needs[2]:
            to_bias = total(stretched_axes(whole, b.shape), across).reshape(bias.shape)
        if needs[0]:
            across, along = (total(outer, p, w) / n for p in (across, along))
            tilt = (rest * across - along) * r * r * r
            to_x = d * lengthened(tilt, whole)
            if centred:
                to_x -= lengthened(across * r + rest * tilt, whole)
            to_x += times(g, products((r, w)))
            to_x = to_x.reshape(shape)
        return to_x, to_weight, to_bias

    def both() -> Moments:
        return as_kept(shape, kept, rest if origin is None else origin + rest, variance)

    return out.reshape(shape), back, both


def products(*pairs: tuple[Array, Array]) -> Array:
    """Σ u·v over the pairs. Of columns u and rows v, BLAS writes it in half the time."""
    us, vs = zip(*pairs, strict=True)
    if all(u.shape == (us[0].size, 1) and v.shape == (1, vs[0].size) for u, v in pairs):
        return np.dot(np.hstack(us), np.vstack(vs))
    return functools.reduce(np.add, (u * v for u, v in pairs))


def times(x: Array, p: Array) -> Array:
    """x·p, in the memory of p if it is as large."""
    return np.multiply(x, lengthened(p, x.shape), out=p if p.shape == x.shape else None)


@functools.lru_cache(maxsize=256)
def merged(axes: Axes, *shapes: tuple[int, ...]) -> tuple[list[tuple[int, ...]], Axes, Axes, Axes]:
    """The shapes and axes, where neighbouring axes that play the same part are one.

    The shapes are those of x, γ and β. The axes come back a second time apart: those along which
    neither γ nor β differs, where sums need no weights, and the others.
    """
    shape = shapes[0]
    lengths = [(1,) * (len(shape) - len(each)) + each for each in shapes]

    def part(axis: int) -> tuple[bool, ...]:
        return axis in axes, *(each[axis] > 1 for each in lengths[1:])

    long = (axis for axis, n in enumerate(shape) if n != 1)
    groups = [(key, list(group)) for key, group in itertools.groupby(long, part)]
    shorter = [
        tuple(math.prod(each[axis] for axis in group) for _, group in groups) for each in lengths
    ]
    among = tuple(i for i, (key, _) in enumerate(groups) if key[0])
    inner = tuple(i for i in among if not any(groups[i][0][1:]))
    return shorter, among, inner, tuple(i for i in among if i not in inner)


# ------------------------------------------------------------------ in loops over rows


def leading(shape: tuple[int, ...], axes: Axes, *parameters: Array | None) -> Axes | None:
    """The lengths before the normalised axes over which γ and β differ; None if no loop fits.

    The normalised axes must be the last. For x (N, G, C/G, L) and γ (G, C/G, 1) it is (G,):
    row i of all N·G takes the numbers of group i mod G.
    """
    first = len(shape) - len(axes)
    if axes != tuple(range(first, len(shape))) or not math.prod(shape):
        return None
    leads = [p.shape[: -len(axes)] for p in parameters if p is not None and p.ndim > len(axes)]
    lead = max(leads, key=len, default=())
    fits = all(other == lead[len(lead) - len(other) :] for other in leads)
    return lead if fits and lead == shape[first - len(lead) : first] else None


def row_by_row(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    lead: Axes,
    axes: Axes,
    eps: float,
    centred: bool,
) -> Normalised:
    """Over the last axes, each row in one go; x̂ is not kept but computed again on the way back."""
    whole = (*lead, *(x.shape[axis] for axis in axes))
    length = math.prod(x.shape[axis] for axis in axes)
    rows = x.reshape(-1, length)

    def table(p: Array | None, otherwise: float) -> Array:
        """γ or β for every place of a row, one line for each of the leading indices."""
        if p is None:
            return np.full((math.prod(lead), length), otherwise, x.dtype)
        if p.shape != whole:
            p = np.broadcast_to(p, whole)
        return np.ascontiguousarray(p).reshape(-1, length)

    gamma, beta = table(weight, 1), table(bias, 0)
    out = np.empty_like(rows)
    statistics, zero = np.empty((3, len(rows)), x.dtype), x.dtype.type(0)

    share(
        normalise_rows, len(rows), x.size,
        rows, gamma, beta, eps, centred, out, *statistics, zero,
    )  # fmt: skip

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        g = np.ascontiguousarray(g).reshape(rows.shape)
        n, to_x = sharing(len(rows), x.size), np.empty_like(rows)
        sums = scratch(n * 2 * len(gamma), length, x.dtype).reshape(2, n, len(gamma), -1)
        share(
            rows_back, n, x.size,
            g, rows, gamma, *statistics, eps, centred, to_x, *sums, zero,
        )  # fmt: skip
        sums = np.add.reduce(sums, axis=1)[..., :length]
        to_weight, to_bias = (
            total(stretched_axes(whole, p.shape), s.reshape(whole)).reshape(p.shape)
            if p is not None and needed
            else None
            for p, s, needed in zip((weight, bias), sums, needs[1:], strict=True)
        )
        return to_x.reshape(x.shape) if needs[0] else None, to_weight, to_bias

    mean, rest, variance = statistics
    return out.reshape(x.shape), back, lambda: as_kept(x.shape, axes, mean + rest, variance)


# ------------------------------------------------------------------ in loops over stretches


class Stretches(NamedTuple):
    """How an array lies in memory as rows, which share a mean, of stretches of one channel each.

    Row r is the stretches r · near + s · far of the array in `shape`, s = 0, 1, ...
    """

    rows: int
    near: int
    far: int
    shape: tuple[int, int]  # (stretches, their length)
    whole: tuple[int, int]  # (pieces, their length): rows in the longest pieces they have


def stretches_of(shape: tuple[int, ...], axes: Axes, *parameters: Array | None) -> Stretches | None:
    """(N, C, *) over the positions and all N, or some channels; None if γ or β have other axes.

    Batch norm is over (0, 2, ...), instance norm over (2, ...), group norm of (N, G, C/G, *) over
    (2, 3, ...). γ and β differ along the channels, which come before the positions.
    """
    ndim, given = len(shape), [p.shape for p in parameters if p is not None]
    if not math.prod(shape) or any(len(p) != ndim - 1 for p in given):
        return None
    start = ndim
    while start - 1 in axes:
        start -= 1
    inner = max([start, *(axis + 2 for p in given for axis, n in enumerate(p) if n > 1)])
    if start < 1 or inner == ndim or any(p[: inner - 1] != shape[1:inner] for p in given):
        return None
    length, channels = math.prod(shape[inner:]), math.prod(shape[1:inner])
    stretches = shape[0] * channels, length
    if axes == (0, *range(inner, ndim)):
        return Stretches(channels, 1, channels, stretches, stretches)
    if axes == tuple(range(start, ndim)):
        members = math.prod(shape[start:inner])
        rows = stretches[0] // members
        return Stretches(rows, members, 1, stretches, (rows, members * length))
    return None


def stretch_by_stretch(
    x: Array, weight: Array | None, bias: Array | None, parts: Stretches, axes: Axes, eps: float
) -> Normalised:
    """Over positions, with γ and β of each channel; x̂ is computed again on the way back."""
    shape, zero, (rows, near, far, *_) = x.shape, x.dtype.type(0), parts
    whole, x = x.reshape(parts.whole), x.reshape(parts.shape)
    channels = len(x) // shape[0]
    gamma = np.ones(channels, x.dtype) if weight is None else weight.ravel()
    beta = np.zeros(channels, x.dtype) if bias is None else bias.ravel()
    out, statistics = np.empty_like(x), np.empty((3, rows), x.dtype)

    share(
        normalise_stretches, rows, x.size,
        x, whole, near, far, gamma, beta, eps, out, *statistics, zero,
    )  # fmt: skip

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        g = np.ascontiguousarray(g).reshape(x.shape)
        n, to_x = sharing(rows, x.size), np.empty_like(x)
        sums = np.empty((2, n, channels), x.dtype)
        share(
            stretches_back, n, x.size,
            g, x, near, far, gamma, *statistics, eps, to_x, *sums, zero,
        )  # fmt: skip
        sums = np.add.reduce(sums, axis=1)
        to_weight, to_bias = (
            s.reshape(p.shape) if p is not None and needed else None
            for p, s, needed in zip((weight, bias), sums, needs[1:], strict=True)
        )
        return to_x.reshape(shape) if needs[0] else None, to_weight, to_bias

    mean, rest, variance = statistics
    return out.reshape(shape), back, lambda: as_kept(shape, axes, mean + rest, variance)
