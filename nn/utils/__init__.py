"""Gradients and parameters of a whole model at once; sequences of unequal lengths (`rnn`)."""

from . import rnn
from .parameters import (
    clip_grad_norm_,
    clip_grad_value_,
    grad_norms,
    parameters_to_vector,
    vector_to_parameters,
)

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "grad_norms",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]
