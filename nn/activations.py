"""Activation functions as modules, with PyTorch's arguments. The formulas are at the functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_tr.operands import Defaults
from tinygrad_tr.tensor import Tensor

from . import functional as F
from .module import Module, Parameter

# Without options the function is the forward: calling it costs nothing more.


class Sigmoid(Module):
    """1/(1 + e⁻ˣ), in (0, 1)."""

    forward = staticmethod(F.sigmoid)


class LogSigmoid(Module):
    """ln σ(x)."""

    forward = staticmethod(F.logsigmoid)


class Tanh(Module):
    """tanh x, in (−1, 1)."""

    forward = staticmethod(F.tanh)


class Tanhshrink(Module):
    """x − tanh x."""

    forward = staticmethod(F.tanhshrink)


class Softsign(Module):
    """x/(1 + |x|)."""

    forward = staticmethod(F.softsign)


class ReLU(Module):
    """max(0, x)."""

    forward = staticmethod(F.relu)


class ReLU6(Module):
    """min(max(0, x), 6)."""

    forward = staticmethod(F.relu6)


class SELU(Module):
    """λx where x > 0, else λα(eˣ − 1)."""

    forward = staticmethod(F.selu)


class SiLU(Module):
    """x σ(x)."""

    forward = staticmethod(F.silu)


class Mish(Module):
    """x tanh(ln(1 + eˣ))."""

    forward = staticmethod(F.mish)


class Hardsigmoid(Module):
    """x/6 + 1/2 limited to [0, 1]."""

    forward = staticmethod(F.hardsigmoid)


class Hardswish(Module):
    """x · hardsigmoid(x)."""

    forward = staticmethod(F.hardswish)


# With options, the fields of a dataclass declare them, and Module's `repr` shows them.


@dataclass(eq=False, repr=False)
class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x."""

    negative_slope: float = 0.01

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, negative_slope=self.negative_slope)


@dataclass(eq=False, repr=False)
class ELU(Module):
    """x where x > 0, else α(eˣ − 1)."""

    alpha: float = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return F.elu(x, alpha=self.alpha)


@dataclass(eq=False, repr=False)
class CELU(Module):
    """max(0, x) + min(0, α(e^(x/α) − 1))."""

    alpha: float = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return F.celu(x, alpha=self.alpha)


@dataclass(eq=False, repr=False)
class GELU(Module):
    """x Φ(x); approximate="tanh" is the faster, inexact form."""

    approximate: str = "none"

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, approximate=self.approximate)


@dataclass(eq=False, repr=False)
class Softplus(Module):
    """ln(1 + e^(βx))/β, and x where βx > threshold."""

    beta: float = 1.0
    threshold: float = 20.0

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x, beta=self.beta, threshold=self.threshold)


@dataclass(eq=False, repr=False)
class Hardtanh(Module):
    """x limited to [min_val, max_val]."""

    min_val: float = -1.0
    max_val: float = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return F.hardtanh(x, min_val=self.min_val, max_val=self.max_val)


@dataclass(eq=False, repr=False)
class Softshrink(Module):
    """x moved towards 0 by lambd."""

    lambd: float = 0.5

    def forward(self, x: Tensor) -> Tensor:
        return F.softshrink(x, lambd=self.lambd)


@dataclass(eq=False, repr=False)
class Hardshrink(Module):
    """x where |x| > lambd, else 0."""

    lambd: float = 0.5

    def forward(self, x: Tensor) -> Tensor:
        return F.hardshrink(x, lambd=self.lambd)


@dataclass(eq=False, repr=False)
class Threshold(Module):
    """x where x > threshold, else value."""

    threshold: float
    value: float

    def forward(self, x: Tensor) -> Tensor:
        return F.threshold(x, self.threshold, self.value)


@dataclass(eq=False, repr=False)
class Softmax(Module):
    """e^x / Σ e^x along the axis dim."""

    dim: int = -1

    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.dim)


@dataclass(eq=False, repr=False)
class Softmin(Module):
    """softmax(−x) along the axis dim."""

    dim: int = -1

    def forward(self, x: Tensor) -> Tensor:
        return F.softmin(x, self.dim)


@dataclass(eq=False, repr=False)
class LogSoftmax(Module):
    """ln softmax(x) along the axis dim."""

    dim: int = -1

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(x, self.dim)


@dataclass(eq=False, repr=False)
class GLU(Module):
    """a σ(b), with a and b the halves of x along the axis dim."""

    dim: int = -1

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(x, self.dim)


class PReLU(Module):
    """x where x > 0, else w x with a trained w: one, or one per channel (axis 1)."""

    weight: Parameter  # (num_parameters,)

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, dtype: Any = None) -> None:
        self.num_parameters = num_parameters
        self.weight = Parameter(np.full(num_parameters, init, dtype or Defaults.dtype))

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
