"""Activations that are compositions of rules, or name their axis `dim`."""

from __future__ import annotations

from tinygrad_tr.errors import ShapeError
from tinygrad_tr.rules import activations
from tinygrad_tr.rules.activations import sigmoid
from tinygrad_tr.rules.arithmetic import where
from tinygrad_tr.rules.joining import split
from tinygrad_tr.rules.shape import reshape
from tinygrad_tr.tensor import Tensor


def softmax(x: Tensor, dim: int = -1) -> Tensor:
    """e^x / Σ e^x along the axis: logits to probabilities."""
    return activations.softmax(x, axis=dim)


def softmin(x: Tensor, dim: int = -1) -> Tensor:
    """softmax(−x)."""
    return activations.softmax(-x, axis=dim)


def log_softmax(x: Tensor, dim: int = -1) -> Tensor:
    """ln softmax(x), without overflow: logits to log-probabilities."""
    return activations.log_softmax(x, axis=dim)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else w x, with one w or one per channel (axis 1). arXiv 1502.01852."""
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim != 1 or weight.size not in (1, channels):
        raise ShapeError(
            "prelu", "the weight does not fit", got=f"x {x.shape}, weight {weight.shape}",
            wanted=f"weight (1,) or ({channels},)",
        )  # fmt: skip
    slope = reshape(weight, (-1,) + (1,) * max(x.ndim - 2, 0))  # (C,) -> (C, 1, ..., 1)
    return where(x > 0, x, slope * x)


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """a σ(b), with a and b the halves of x along the axis. Source: arXiv 1612.08083."""
    if x.shape[dim] % 2:
        raise ShapeError(
            "glu", "the axis has no two halves", got=f"{x.shape}, dim={dim}", wanted="even length"
        )
    a, b = split(x, 2, axis=dim)
    return a * sigmoid(b)


def threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    """x where x > threshold, else the value."""
    return where(x > threshold, x, value)
