"""Normalisation: batch, layer, group, instance and RMS norm are one formula over other axes."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.kernels.moments import lengthened, moments, total
from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.rule import rule


def normalize_reference(x, weight, bias, *, axes, eps, centred):
    d = x - np.mean(x, axis=axes, keepdims=True) if centred else x
    out = d / np.sqrt(np.mean(np.square(d), axis=axes, keepdims=True) + eps)
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


@rule(joint=True, reference=normalize_reference)
def normalize(x, weight, bias, *, axes, eps, centred):
    """γ x̂ + β with x̂ = (x − μ)/√(σ² + ε), the mean and variance taken over the axes.

    γ and β, weight and bias, broadcast to x; either may be None. Without `centred`, μ is 0.
    With r = 1/√(σ² + ε) and γg = γ·g, the way back is
    r (γg − mean(γg) − x̂ mean(γg x̂)) to x, Σ g x̂ to γ and Σ g to β.

    Ioffe and Szegedy, Batch normalization, 2015; Ba et al., Layer normalization, 2016; course 2,
    week 3.
    """
    shape = x.shape
    n = math.prod(shape[axis] for axis in axes)
    # A weight that is one number for all that share a mean is only another factor of r.
    along = weight is not None and set(axes) - set(stretched_axes(shape, weight.shape))

    def wide(p):
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

    def pullback(g, needs):
        to_x = to_weight = to_bias = None
        weighted = g * wide(weight) if along else g
        products = total(axes, weighted, normed) * left
        if needs[0]:
            to_x = normed * wide(products * left / -n)
            to_x += weighted
            if centred:
                to_x -= wide(total(axes, weighted) / n)
            to_x *= wide(scale)
        if needs[1]:
            factors = (g, normed) if along else (products,)
            to_weight = total(stretched_axes(shape, weight.shape), *factors).reshape(weight.shape)
        if needs[2]:
            to_bias = total(stretched_axes(shape, bias.shape), g).reshape(bias.shape)
        return to_x, to_weight, to_bias

    return out, pullback
