"""Normalisation: batch, layer, group, instance and RMS norm are one formula over other axes."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.kernels.shape import stretched_axes, total
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
    n = np.prod([x.shape[axis] for axis in axes], dtype=x.dtype)
    if centred:
        normed = x - total(axes, x) / n
        # The mean is rounded: where it is large, what it left of x is not yet centred.
        rest = total(axes, normed) / n
        variance = total(axes, normed, normed) / n - rest * rest
        normed -= rest
    else:
        normed = x * 1.0
        variance = total(axes, x, x) / n
    r = 1 / np.sqrt(variance + eps)
    normed *= r
    out = normed if weight is None else normed * weight
    if bias is not None:
        out = np.add(out, bias, out=None if out is normed else out)

    # A weight that is one number for all that share a mean is only another factor of r.
    along = () if weight is None else set(axes) - set(stretched_axes(x.shape, weight.shape))
    scale = r if weight is None or along else r * weight

    def pullback(g, needs):
        to_x = to_weight = to_bias = None
        if needs[0]:
            weighted = g * weight if along else g
            to_x = normed * (total(axes, weighted, normed) / -n)
            to_x += weighted
            if centred:
                to_x -= total(axes, weighted) / n
            to_x *= scale
        if needs[1]:
            stretched = stretched_axes(g.shape, weight.shape)
            to_weight = total(stretched, g, normed).reshape(weight.shape)
        if needs[2]:
            to_bias = total(stretched_axes(g.shape, bias.shape), g).reshape(bias.shape)
        return to_x, to_weight, to_bias

    return out, pullback
