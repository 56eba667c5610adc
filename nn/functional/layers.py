"""Products, shapes and dropout, without state."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.creation import random_mask
from tinygrad_tr.errors import ShapeError
from tinygrad_tr.rules import layers
from tinygrad_tr.rules.products import einsum
from tinygrad_tr.rules.shape import reshape
from tinygrad_tr.tensor import Tensor

from ..checks import require_probability

Operand = Any  # a Tensor, or what NumPy makes an array of


def linear(x: Operand, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: (..., n), (m, n), (m,) -> (..., m)."""
    return layers.linear(x, weight, bias)


def bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1ᵀ W x2 + b: (..., n), (..., k), (m, n, k), (m,) -> (..., m)."""
    fits = x1.shape[:-1] == x2.shape[:-1] and (x1.shape[-1], x2.shape[-1]) == weight.shape[1:]
    if not fits:
        raise ShapeError(
            "bilinear", "the inputs do not fit the weight",
            got=f"x1 {x1.shape}, x2 {x2.shape}, weight {weight.shape}",
            wanted="x1 (..., n), x2 (..., k), weight (m, n, k)",
        )  # fmt: skip
    out: Tensor = einsum("...i,kij,...j->...k", x1, weight, x2)
    return out if bias is None else out + bias


def dropout(
    x: Tensor,
    p: float = 0.5,
    training: bool = True,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """x with each element 0 with probability p and divided by 1 − p otherwise; x in evaluation."""
    require_probability("dropout", "p", p)
    if not training or p == 0:
        return x
    mask = random_mask(x.shape, 1 - p, generator)
    return layers.dropout(x, mask, keep=1 - p)


def unflatten(x: Tensor, dim: int, sizes: tuple[int, ...]) -> Tensor:
    """The axis `dim` cut into several; one of their lengths may be −1."""
    dim = range(x.ndim)[dim]
    return reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))
