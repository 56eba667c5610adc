"""Layers and losses as functions without state, under PyTorch's names and arguments.

Losses want x and target in one shape and never broadcast. `reduction` is "mean", "sum" or
"none". Class targets are integers; of Python lists make them with `dtype=np.int64`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rules import activations, layers, losses
from tinygrad_tr.rules.activations import (
    celu,
    elu,
    gelu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
)
from tinygrad_tr.rules.arithmetic import where
from tinygrad_tr.rules.elementwise import tanh
from tinygrad_tr.rules.indexing import embedding, one_hot
from tinygrad_tr.rules.joining import split
from tinygrad_tr.rules.products import einsum
from tinygrad_tr.rules.shape import flatten, reshape
from tinygrad_tr.tensor import Tensor

from .checks import require_positive, require_probability, require_same_shape, value_of, weighted
from .class_losses import cross_entropy, nll_loss
from .norms import batch_norm, group_norm, instance_norm, layer_norm, rms_norm

__all__ = [
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "unflatten",
]

Operand = Any  # a Tensor, or what NumPy makes an array of

# ------------------------------------------------------------------ layers


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
    mask = generator_or_default(generator).random(x.shape, np.float32) < 1 - p
    return layers.dropout(x, mask, keep=1 - p)


def unflatten(x: Tensor, dim: int, sizes: tuple[int, ...]) -> Tensor:
    """The axis `dim` cut into several; one of their lengths may be −1."""
    dim = range(x.ndim)[dim]
    return reshape(x, (*x.shape[:dim], *sizes, *x.shape[dim + 1 :]))


# ------------------------------------------------------------------ activations


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


# ------------------------------------------------------------------ losses between equal shapes


def mse_loss(x: Operand, target: Operand, reduction: str = "mean") -> Tensor:
    """(x − y)²."""
    require_same_shape("mse_loss", x, target, reduction)
    return losses.mse_loss(x, target, reduction=reduction)


def l1_loss(x: Operand, target: Operand, reduction: str = "mean") -> Tensor:
    """|x − y|."""
    reduce = require_same_shape("l1_loss", x, target, reduction)
    return reduce(np.absolute(x - target))


def huber_loss(x: Operand, target: Operand, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d²/2 where d = |x − y| < δ, else δ(d − δ/2). Source: Huber 1964."""
    reduce = require_same_shape("huber_loss", x, target, reduction)
    require_positive("huber_loss", "delta", delta)
    d = np.absolute(x - target)
    return reduce(where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)))


def smooth_l1_loss(
    x: Operand, target: Operand, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d²/2β where d = |x − y| < β, else d − β/2: huber_loss/β, and l1_loss for β = 0."""
    if beta == 0:
        return l1_loss(x, target, reduction)
    require_positive("smooth_l1_loss", "beta", beta)
    return huber_loss(x, target, reduction, delta=beta) / beta


def binary_cross_entropy(
    p: Operand, target: Operand, weight: Operand = None, reduction: str = "mean"
) -> Tensor:
    """−y ln p − (1 − y) ln(1 − p) for probabilities p; the logarithms are at least −100."""
    reduce = require_same_shape("binary_cross_entropy", p, target, reduction)
    values = value_of(p)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ArgumentError(
            "binary_cross_entropy", "not probabilities",
            got=f"numbers from {values.min():.4g} to {values.max():.4g}",
            wanted="[0, 1], such as sigmoid(z); binary_cross_entropy_with_logits takes z itself",
        )  # fmt: skip
    return reduce(weighted("binary_cross_entropy", losses.binary_cross_entropy(p, target), weight))


def binary_cross_entropy_with_logits(
    x: Operand,
    target: Operand,
    weight: Operand = None,
    reduction: str = "mean",
    pos_weight: Operand = None,
) -> Tensor:
    """−w (p y ln σ(x) + (1 − y) ln(1 − σ(x))) for logits x, with p = pos_weight.

    The weights broadcast to the shape of x.
    """
    name = "binary_cross_entropy_with_logits"
    reduce = require_same_shape(name, x, target, reduction)
    if pos_weight is None and weight is None:
        return losses.binary_cross_entropy_with_logits(x, target, reduction=reduction)
    if pos_weight is None:
        each = losses.binary_cross_entropy_with_logits(x, target, reduction="none")
    else:
        positive = weighted(name, target * logsigmoid(x), pos_weight)
        each = -positive - (1 - target) * logsigmoid(-x)
    return reduce(weighted(name, each, weight))


def kl_div(
    x: Operand, target: Operand, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """y (ln y − x) for log-probabilities x and probabilities y (or their logarithms).

    reduction="batchmean" divides the sum by N: the divergence KL(y ‖ eˣ) per row.
    """
    batch = reduction == "batchmean"
    reduce = require_same_shape("kl_div", x, target, "sum" if batch else reduction)
    if log_target:
        each = np.exp(target) * (target - x)
    else:
        present = target > 0
        each = where(present, target * (np.log(where(present, target, 1)) - x), 0)
    return reduce(each) / len(x) if batch else reduce(each)
