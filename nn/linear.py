"""Layers that are products and shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.operands import Defaults
from tinygrad_tr.rules.layers import linear
from tinygrad_tr.rules.shape import flatten
from tinygrad_tr.tensor import Tensor

from . import functional as F
from . import init
from .module import Module, Parameter


def empty(*shape: int, dtype: Any) -> Parameter:
    """A parameter to be initialised, of the default dtype unless one is given."""
    if any(n < 1 for n in shape):
        raise ArgumentError("nn", "a layer of no size", got=f"{shape}", wanted="sizes ≥ 1")
    return Parameter(np.zeros(shape, Defaults.dtype if dtype is None else dtype))


class Linear(Module):
    """x Wᵀ + b: (..., in_features) -> (..., out_features).

    W and b start uniform in ±1/√in_features.
    """

    weight: Parameter  # (out_features, in_features)
    bias: Parameter | None  # (out_features,)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        generator: np.random.Generator | None = None,
        dtype: Any = None,
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = empty(out_features, in_features, dtype=dtype)
        self.bias = empty(out_features, dtype=dtype) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the weights, then the bias, afresh."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, {bias=}"


class Bilinear(Module):
    """x1ᵀ W x2 + b: (..., in1_features), (..., in2_features) -> (..., out_features).

    W and b start uniform in ±1/√in1_features.
    """

    weight: Parameter  # (out_features, in1_features, in2_features)
    bias: Parameter | None  # (out_features,)

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        *,
        generator: np.random.Generator | None = None,
        dtype: Any = None,
    ) -> None:
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        self.weight = empty(out_features, in1_features, in2_features, dtype=dtype)
        self.bias = empty(out_features, dtype=dtype) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """Draw the weights, then the bias, afresh."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound, generator)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.bilinear(x1, x2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Flatten(Module):
    """(N, d₁, d₂, ...) -> (N, d₁·d₂···): the axes from start_dim to end_dim become one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        return flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """The axis `dim` cut into axes of the given sizes, one of which may be −1."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        return F.unflatten(x, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class Identity(Module):
    """x. Takes any arguments, so that it can stand in for any layer."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def forward(self, x: Any) -> Any:
        return x
