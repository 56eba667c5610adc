"""γ (x − μ)/√(σ² + ε) + β over some axes, and the way back: with NumPy, and in compiled loops.

Both give the value, and a function of the gradient g of it and of which inputs need theirs:
with x̂ = (x − μ) r, r = 1/√(σ² + ε) and γg = γ·g, r (γg − mean(γg) − x̂ mean(γg x̂)) to x,
Σ g x̂ to γ and Σ g to β.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.moments import Axes, lengthened, moments, total
from tinygrad_tr.kernels.norm_loops import (
    channel_moments,
    channels_back,
    normalise_channels,
    normalise_rows,
    rows_back,
)
from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.kernels.threads import in_parts

Array = Any
Gradients = tuple[Array | None, Array | None, Array | None]
Normalised = tuple[Array, Callable[[Array, Sequence[bool]], Gradients]]


def normalised(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float, centred: bool
) -> Normalised:
    """The fastest way that can take these arrays."""
    if compiled.worthwhile(x, weight, bias):
        lead = leading(x.shape, axes, weight, bias)
        if lead is not None:
            return row_by_row(x, weight, bias, lead, axes, eps, centred)
        if centred and among_rows(x.shape, axes, weight, bias):
            return channel_by_channel(x, weight, bias, eps)
    return axis_by_axis(x, weight, bias, axes, eps, centred)


def mean_and_variance(x: Array, axes: Axes) -> tuple[Array, Array]:
    """μ and σ² over the axes, which stay with length 1."""
    if not (compiled.worthwhile(x) and among_rows(x.shape, axes)):
        return moments(axes, x)[:2]
    channels, zero = x.shape[1], x.dtype.type(0)
    mean, rest, variance = np.empty((3, channels), x.dtype)
    rows = x.reshape(len(x), channels, -1)
    in_parts(channels, lambda *part: channel_moments(rows, mean, rest, variance, *part, zero))
    each = (1, channels, *(1 for _ in axes[1:]))
    return (mean + rest).reshape(each), variance.reshape(each)


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
    normalise_rows(rows, gamma, beta, eps, centred, out, *statistics, zero)

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        g = np.ascontiguousarray(g).reshape(rows.shape)
        to_x, sums = np.empty_like(rows), np.zeros((2, *gamma.shape), x.dtype)
        rows_back(g, rows, gamma, *statistics, centred, to_x, *sums, np.empty(2, x.dtype), zero)
        to_weight, to_bias = (
            total(stretched_axes(whole, p.shape), s.reshape(whole)).reshape(p.shape)
            if p is not None and needed
            else None
            for p, s, needed in zip((weight, bias), sums, needs[1:], strict=True)
        )
        return to_x.reshape(x.shape) if needs[0] else None, to_weight, to_bias

    return out.reshape(x.shape), back


# ------------------------------------------------------------------ in loops over channels


def among_rows(shape: tuple[int, ...], axes: Axes, *parameters: Array | None) -> bool:
    """Whether all but axis 1 of (N, C, *) is normalised, with γ and β differing along it alone."""
    channels = (shape[1], *(1 for _ in shape[2:])) if len(shape) > 1 else ()
    return (
        len(shape) > 2
        and axes == (0, *range(2, len(shape)))
        and math.prod(shape) > 0
        and all(p is None or p.shape == channels for p in parameters)
    )


def channel_by_channel(
    x: Array, weight: Array | None, bias: Array | None, eps: float
) -> Normalised:
    """(N, C, *) with μ and σ² of each channel; x̂ is computed again on the way back."""
    shape, channels, zero = x.shape, x.shape[1], x.dtype.type(0)
    rows = x.reshape(len(x), channels, -1)
    gamma = np.ones(channels, x.dtype) if weight is None else weight.ravel()
    beta = np.zeros(channels, x.dtype) if bias is None else bias.ravel()
    out, statistics = np.empty_like(rows), np.empty((3, channels), x.dtype)

    def forward(*part: int) -> None:
        normalise_channels(rows, gamma, beta, eps, out, *statistics, *part, zero)

    in_parts(channels, forward)

    def back(g: Array, needs: Sequence[bool]) -> Gradients:
        g = np.ascontiguousarray(g).reshape(rows.shape)
        to_x, sums = np.empty_like(rows), np.empty((2, channels), x.dtype)
        means = np.empty((channels, 2), x.dtype)

        def backward(*part: int) -> None:
            channels_back(g, rows, gamma, *statistics, to_x, *sums, means, *part, zero)

        in_parts(channels, backward)
        to_weight, to_bias = (
            s.reshape(p.shape) if p is not None and needed else None
            for p, s, needed in zip((weight, bias), sums, needs[1:], strict=True)
        )
        return to_x.reshape(shape) if needs[0] else None, to_weight, to_bias

    return out.reshape(shape), back
