"""What layers compute, one rule each."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.errors import ShapeError
from tinygrad_tr.rule import rule


def linear_reference(x, weight, bias):
    out = np.matmul(x, np.transpose(weight))
    return out if bias is None else out + bias


@rule(reference=linear_reference)
def linear(x, weight, bias):
    """x Wᵀ + b: (..., n), (m, n), (m,) -> (..., m); the bias may be None.

    Pullbacks g W, gᵀ x and Σ g over the rows.
    """
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            "linear", "the last axis of x does not fit the weight",
            got=f"x {x.shape}, weight {weight.shape}", wanted="x (..., n), weight (m, n)",
        )  # fmt: skip
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(
            "linear", "the bias does not fit the weight",
            got=f"weight {weight.shape}, bias {bias.shape}", wanted="weight (m, n), bias (m,)",
        )  # fmt: skip
    if x.ndim == 2:
        out = x.dot(weight.T)  # (N, n) -> (N, m); for small matrices faster than @
        if bias is not None:
            out = np.add(out, bias, out=out if out.dtype == bias.dtype else None)
        return (
            out,
            lambda g: g.dot(weight),
            lambda g: g.T.dot(x),
            lambda g: np.add.reduce(g, axis=0),
        )
    shape, flat = x.shape, (math.prod(x.shape[:-1]), len(weight))
    out, to_x, to_weight, to_bias = linear.function(x.reshape(flat[0], shape[-1]), weight, bias)
    return (
        out.reshape(*shape[:-1], flat[1]),
        lambda g: to_x(g.reshape(flat)).reshape(shape),
        lambda g: to_weight(g.reshape(flat)),
        lambda g: to_bias(g.reshape(flat)),
    )


@rule(elementwise=True, linear=True)
def dropout(x, mask, *, keep):
    """x / keep where the mask is True, else 0. Source: arXiv 1207.0580; course 2, week 1."""
    scale = 1 / keep if keep else 0.0
    # A product: no processor can guess the branches of `where` at a random mask.
    return x * mask * scale, lambda g: g * mask * scale, None
