"""Normalisation: batch, layer, group, instance and RMS norm are one formula over other axes."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.kernels.normalisation import normalised
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
    Ioffe and Szegedy, Batch normalization, 2015; Ba et al., Layer normalization, 2016; course 2,
    week 3.
    """
    out, back, _ = normalised(x, weight, bias, axes, eps, centred)
    return out, back


def moments_reference(x, weight, bias, *, axes, eps):
    out = normalize_reference(x, weight, bias, axes=axes, eps=eps, centred=True)
    mean = np.mean(x, axis=axes, keepdims=True)
    return out, mean, np.mean(np.square(x - mean), axis=axes, keepdims=True)


@rule(joint=True, symbol="normalize", reference=moments_reference)
def normalize_with_moments(x, weight, bias, *, axes, eps):
    """γ x̂ + β, and the μ and σ² that it was normalised with: one pass finds them for both."""
    out, back, moments = normalised(x, weight, bias, axes, eps, True)
    mean, variance = moments()
    n = math.prod(x.shape[axis] for axis in axes)

    def pullback(g, needs):
        to_out, to_mean, to_variance = g
        to_x, *others = (None, None, None) if to_out is None else back(to_out, needs)
        if needs[0] and to_mean is not None:
            share = np.broadcast_to(to_mean / n, x.shape)
            to_x = share if to_x is None else to_x + share
        if needs[0] and to_variance is not None:
            share = (x - mean) * (to_variance * (2 / n))
            to_x = share if to_x is None else to_x + share
        return to_x, *others

    return (out, mean, variance), pullback
