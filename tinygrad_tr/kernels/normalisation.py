"""γ (x − μ)/√(σ² + ε) + β over some axes, and the way back: with NumPy, and in compiled loops.

Both give the value, and a function of the gradient g of it and of which inputs need theirs:
with x̂ = (x − μ) r, r = 1/√(σ² + ε) and γg = γ·g, r (γg − mean(γg) − x̂ mean(γg x̂)) to x,
Σ g x̂ to γ and Σ g to β.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.moments import Axes, lengthened, moments, total
from tinygrad_tr.kernels.norm_loops import (
    moments_of_rows,
    normalise_rows,
    normalise_stretches,
    rows_back,
    stretches_back,
)
from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.kernels.threads import in_parts

Array = Any
Gradients = tuple[Array | None, Array | None, Array | None]
Normalised = tuple[Array, Callable[[Array, Sequence[bool]], Gradients]]


# Fewer numbers one thread has done before another has begun.
SHARED = 1 << 20


def normalised(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float, centred: bool
) -> Normalised:
    """The fastest way that can take these arrays."""
    if compiled.worthwhile(x, weight, bias):
        parts = stretches_of(x.shape, axes, weight, bias) if centred else None
        if parts is not None:
            return stretch_by_stretch(x, weight, bias, parts, eps)
        lead = leading(x.shape, axes, weight, bias)
        if lead is not None:
            return row_by_row(x, weight, bias, lead, axes, eps, centred)
    return axis_by_axis(x, weight, bias, axes, eps, centred)


def mean_and_variance(x: Array, axes: Axes) -> tuple[Array, Array]:
    """μ and σ² over the axes, which stay with length 1."""
    parts = stretches_of(x.shape, axes) if compiled.worthwhile(x) else None
    if parts is None:
        return moments(axes, x)[:2]
    mean, rest, variance = np.empty((3, parts.rows), x.dtype)
    whole, zero = x.reshape(parts.whole), x.dtype.type(0)
    over_rows(
        x, parts.rows, lambda *some: moments_of_rows(whole, mean, rest, variance, zero, *some)
    )
    kept = [1 if axis in axes else n for axis, n in enumerate(x.shape)]
    return (mean + rest).reshape(kept), variance.reshape(kept)


def over_rows(x: Array, rows: int, work: Callable[[int, int], Any]) -> list[Any]:
    """What work(first, last) returns for parts of the rows of x: several parts if x is large."""
    return in_parts(rows, work) if x.size >= SHARED else [work(0, rows)]


# ------------------------------------------------------------------ with NumPy


def axis_by_axis(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float, centred: bool
) -> Normalised:
    """Over any axes, pass by pass."""
    shape = x.shape
    n = math.prod(shape[axis] for axis in axes)
    # A weight that is one number for all that share a mean is only another factor of r.
    along = weight is not None and set(axes) - set(stretched_axes(shape, weight.shape))

    def wide(p: Array) -> Array:
        return lengthened(p, shape)

    if centred:
        _, variance, normed = moments(axes, x)
    else:
        variance, normed = total(axes, x, x) / n, x
    r = 1 / np.sqrt(variance + eps)
    left = r  # what is left to multiply: x̂ = normed · left
    if along:
        normed = np.multiply(normed, wide(r), out=normed if centred else None)
        left = 1
    scale = r if weight is None or along else r * weight
    out = normed * wide(weight if along else scale)
    if bias is not None:
        out = np.add(out, wide(bias), out=out if out.dtype == bias.dtype else None)

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        to_x = to_weight = to_bias = None
        weighted = g * wide(weight) if along else g
        products = total(axes, weighted, normed) * left
        if needs[0]:
            to_x = normed * wide(products * left / -n)
            to_x += weighted
            if centred:
                to_x -= wide(total(axes, weighted) / n)
            to_x *= wide(scale)
        if weight is not None and needs[1]:
            factors = (g, normed) if along else (products,)
            to_weight = total(stretched_axes(shape, weight.shape), *factors).reshape(weight.shape)
        if bias is not None and needs[2]:
            to_bias = total(stretched_axes(shape, bias.shape), g).reshape(bias.shape)
        return to_x, to_weight, to_bias

    return out, back


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
        p = np.full((), otherwise, x.dtype) if p is None else p
        return np.ascontiguousarray(np.broadcast_to(p, whole)).reshape(-1, length)

    gamma, beta = table(weight, 1), table(bias, 0)
    out = np.empty_like(rows)
    statistics, zero = np.empty((3, len(rows)), x.dtype), x.dtype.type(0)

    def forward(*some: int) -> None:
        normalise_rows(rows, gamma, beta, eps, centred, out, *statistics, zero, *some)

    over_rows(x, len(rows), forward)

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        g = np.ascontiguousarray(g).reshape(rows.shape)
        to_x = np.empty_like(rows)

        def backward(*some: int) -> Array:
            sums, means = np.zeros((2, *gamma.shape), x.dtype), np.empty(2, x.dtype)
            rows_back(g, rows, gamma, *statistics, centred, to_x, *sums, means, zero, *some)
            return sums

        sums = functools.reduce(np.add, over_rows(x, len(rows), backward))
        to_weight, to_bias = (
            total(stretched_axes(whole, p.shape), s.reshape(whole)).reshape(p.shape)
            if p is not None and needed
            else None
            for p, s, needed in zip((weight, bias), sums, needs[1:], strict=True)
        )
        return to_x.reshape(x.shape) if needs[0] else None, to_weight, to_bias

    return out.reshape(x.shape), back


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
    x: Array, weight: Array | None, bias: Array | None, parts: Stretches, eps: float
) -> Normalised:
    """Over positions, with γ and β of each channel; x̂ is computed again on the way back."""
    shape, zero, (rows, near, far, *_) = x.shape, x.dtype.type(0), parts
    whole, x = x.reshape(parts.whole), x.reshape(parts.shape)
    channels = len(x) // shape[0]
    gamma = np.ones(channels, x.dtype) if weight is None else weight.ravel()
    beta = np.zeros(channels, x.dtype) if bias is None else bias.ravel()
    out, statistics = np.empty_like(x), np.empty((3, rows), x.dtype)

    def forward(*some: int) -> None:
        normalise_stretches(x, whole, near, far, gamma, beta, eps, out, *statistics, zero, *some)

    over_rows(x, rows, forward)

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        g = np.ascontiguousarray(g).reshape(x.shape)
        to_x = np.empty_like(x)

        def backward(*some: int) -> Array:
            sums, means = np.zeros((2, channels), x.dtype), np.empty(2, x.dtype)
            stretches_back(g, x, near, far, gamma, *statistics, to_x, *sums, means, zero, *some)
            return sums

        sums = functools.reduce(np.add, over_rows(x, rows, backward))
        to_weight, to_bias = (
            s.reshape(p.shape) if p is not None and needed else None
            for p, s, needed in zip((weight, bias), sums, needs[1:], strict=True)
        )
        return to_x.reshape(shape) if needs[0] else None, to_weight, to_bias

    return out.reshape(shape), back
