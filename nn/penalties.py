"""Penalties on large weights, to be added to the cost. Course 2, week 1.

    J = F.binary_cross_entropy_with_logits(model(x), y) + nn.l2_penalty(model, lam=0.7, m=len(x))

Of a model only the weights are penalised: its parameters of two axes or more, matrices and
kernels. Those of one axis, biases and the scales of norms, are left alone, as in the lecture.
Tensors given by themselves are all penalised: so one chooses, or names a weight of one axis.

The gradient of the L2 penalty is (λ/m) W: under plain gradient descent it is a weight decay of
λ/m. Under Adam it is not, which is why there is AdamW.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, describe
from tinygrad_tr.tensor import Tensor

from .module import Module


def l2_penalty(weights: Module | Tensor | Iterable[Tensor], lam: float, m: int) -> Tensor:
    """(λ/2m) Σ ‖W‖², the squared Frobenius norms of all weights; m is the number of examples."""
    return penalty("l2_penalty", lambda W: np.sum(np.square(W)), weights, lam, m)


def l1_penalty(weights: Module | Tensor | Iterable[Tensor], lam: float, m: int) -> Tensor:
    """(λ/2m) Σ |W|, as the course has it; many texts have λ/m. Its slope at 0 is 0."""
    return penalty("l1_penalty", lambda W: np.sum(np.absolute(W)), weights, lam, m)


def penalty(
    operation: str, size: Callable[[Tensor], Tensor], weights: Any, lam: float, m: int
) -> Tensor:
    """(λ/2m) Σ size(W)."""
    if not 0 <= lam < math.inf:
        raise ArgumentError(operation, "λ is no penalty", got=f"{lam=}", wanted="a number ≥ 0")
    if not isinstance(m, (int, np.integer)) or m < 1:
        raise ArgumentError(
            operation, "m is the number of examples", got=f"{m=!r}", wanted="a whole number ≥ 1"
        )
    total = reduce(operator.add, map(size, weights_of(operation, weights)))
    return total * float(lam / (2 * m))  # a NumPy float64 would widen float32


def weights_of(operation: str, given: Any) -> list[Tensor]:
    """The weights of a model, each once; or the Tensors themselves."""
    if isinstance(given, Module):
        found: list[Tensor] = [parameter for parameter in given.parameters() if parameter.ndim >= 2]
    else:
        several = isinstance(given, Iterable) and not isinstance(given, Tensor)
        found = list(given) if several else [given]
    for W in found:
        if not isinstance(W, Tensor) or W.dtype.kind != "f":
            raise DtypeError(
                operation, "not a weight", got=describe(W),
                wanted="a model, or Tensors of floats such as [W1, W2]",
            )  # fmt: skip
    if not found:
        raise ArgumentError(
            operation, "there are no weights", got=describe(given),
            wanted="a model with a parameter of two axes or more, or the Tensors to penalise",
        )  # fmt: skip
    return found
