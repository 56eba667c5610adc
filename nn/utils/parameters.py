"""Gradients and parameters of a whole model at once.

Gradients may share memory, so clipping replaces them and never changes them in place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, GraphError, ShapeError
from tinygrad_tr.graph import constant
from tinygrad_tr.modes import outside
from tinygrad_tr.rules.joining import concatenate
from tinygrad_tr.tensor import Tensor

from ..checks import require_positive
from ..module import Module


def with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[tuple[Tensor, Any]]:
    """The parameters that have a gradient, with its array."""
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [(parameter, parameter.grad.value) for parameter in given if parameter.grad is not None]


def norm_of(x: Any, order: float) -> Any:
    """(Σ |x|ᵖ)^(1/p) of all elements; the largest |x| for p = ∞."""
    if order == 2:
        return math.sqrt(np.vdot(x, x))  # np.linalg.norm takes twice as long for few numbers
    return np.linalg.norm(np.ravel(x), order)


def grad_norms(model: Module, norm_type: float = 2.0) -> dict[str, float]:
    """The norm of each parameter's gradient by path, of those that have one."""
    return {
        name: float(norm_of(parameter.grad.numpy(), norm_type))
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


@outside
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale all gradients by max_norm/(norm + 1e-6) if that is below 1; the norm before.

    The norm is of all gradients seen as one vector. Source: arXiv 1211.5063.
    """
    require_positive("clip_grad_norm_", "max_norm", max_norm)
    clipped = with_gradient(parameters)
    norms = [norm_of(g, norm_type) for _, g in clipped]
    norm = float(norm_of(np.array(norms), norm_type)) if norms else 0.0
    if not math.isfinite(norm) and error_if_nonfinite:
        raise GraphError(
            "clip_grad_norm_", "the norm of the gradients is not finite", got=f"{norm}",
            wanted="finite gradients; tt.detect_anomaly() finds the operation that broke them",
        )  # fmt: skip
    scale = max_norm / (norm + 1e-6)  # PyTorch's guard against 0
    if not scale >= 1:
        for parameter, g in clipped:
            parameter.grad = constant(g * scale)
    return norm


@outside
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit each element of each gradient to [−clip_value, clip_value]."""
    require_positive("clip_grad_value_", "clip_value", clip_value)
    for parameter, g in with_gradient(parameters):
        parameter.grad = constant(g.clip(-clip_value, clip_value))  # twice as fast as np.clip


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector, recorded: gradients flow back through it."""
    parts = [parameter.reshape(-1) for parameter in parameters]
    if not parts:
        raise ArgumentError("parameters_to_vector", "no parameters", wanted="at least one")
    return concatenate(parts)


def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """Assign the parts of the vector to the parameters; the way back of parameters_to_vector."""
    given = list(parameters)
    ends = np.cumsum([parameter.size for parameter in given])
    if vector.ndim != 1 or vector.size != (ends[-1] if given else 0):
        raise ShapeError(
            "vector_to_parameters", "the vector does not fill the parameters",
            got=f"{vector.shape}", wanted=f"({ends[-1] if given else 0},)",
        )  # fmt: skip
    parts = np.split(vector.numpy(), ends[:-1])
    for parameter, part in zip(given, parts, strict=True):
        parameter.assign(part.reshape(parameter.shape)[()])
