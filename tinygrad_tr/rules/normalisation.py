"""Normalisation: batch, layer, group, instance and RMS norm are one formula over other axes."""

from __future__ import annotations

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
    return normalised(x, weight, bias, axes, eps, centred)
