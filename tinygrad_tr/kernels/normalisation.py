"""γ (x − μ)/√(σ² + ε) + β over some axes, and the way back: with NumPy, and as compiled loops.

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
from tinygrad_tr.kernels.shape import stretched_axes

Array = Any
Gradients = tuple[Array | None, Array | None, Array | None]
Normalised = tuple[Array, Callable[[Array, Sequence[bool]], Gradients]]


def normalised(
    x: Array, weight: Array | None, bias: Array | None, axes: Axes, eps: float, centred: bool
) -> Normalised:
    """The faster of the two ways that can take these arrays."""
    given = [p for p in (weight, bias) if p is not None]
    if compiled.worthwhile(x, *given):
        lead = leading(x.shape, axes, weight, bias)
        if lead is not None:
            return row_by_row(x, weight, bias, lead, axes, eps, centred)
    return axis_by_axis(x, weight, bias, axes, eps, centred)


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


# ------------------------------------------------------------------ as loops over rows


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


# Each row has a mean in two parts, a rounded one and the rest, which far from zero is not nothing,
# and 1/σ: arrays in the dtype of x, so that what is read from them is of that dtype too, as is
# `zero`, where sums begin. x − μ is written before the rest is taken away: in one expression the
# compiler, which may reorder sums, would add the two parts first.


@compiled.loop
def normalise_rows(
    x: Array, weight: Array, bias: Array, eps: float, centred: bool,
    out: Array, mean: Array, rest: Array, scale: Array, zero: Any,
) -> None:  # fmt: skip
    rows, n = x.shape
    for i in range(rows):
        total = zero
        if centred:
            for j in range(n):
                total += x[i, j]
        mean[i] = total / n
        m = mean[i]
        total = squares = zero
        for j in range(n):
            d = x[i, j] - m
            out[i, j] = d
            total += d
            squares += d * d
        left = total / n if centred else 0.0
        rest[i] = left
        scale[i] = 1 / math.sqrt(max(squares / n - left * left, 0.0) + eps)
        w, b, rm, r = weight[i % len(weight)], bias[i % len(bias)], rest[i], scale[i]
        for j in range(n):
            out[i, j] = (out[i, j] - rm) * r * w[j] + b[j]


@compiled.loop
def rows_back(
    g: Array, x: Array, weight: Array, mean: Array, rest: Array, scale: Array, centred: bool,
    to_x: Array, to_weight: Array, to_bias: Array, means: Array, zero: Any,
) -> None:  # fmt: skip
    rows, n = x.shape
    for i in range(rows):
        k = i % len(weight)
        w, to_w, to_b = weight[k], to_weight[k], to_bias[k]
        m, rm, r = mean[i], rest[i], scale[i]
        for j in range(n):
            to_x[i, j] = x[i, j] - m
        across = along = zero
        for j in range(n):
            normed = (to_x[i, j] - rm) * r
            to_x[i, j] = normed
            weighted = g[i, j] * w[j]
            across += weighted
            along += weighted * normed
            to_w[j] += g[i, j] * normed
            to_b[j] += g[i, j]
        means[0], means[1] = across / n if centred else 0.0, along / n
        mean_across, mean_along = means[0], means[1]
        for j in range(n):
            to_x[i, j] = (g[i, j] * w[j] - mean_across - to_x[i, j] * mean_along) * r
