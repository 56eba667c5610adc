"""Losses between equal shapes. They never broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.rules import losses
from tinygrad_tr.rules.activations import logsigmoid
from tinygrad_tr.rules.arithmetic import where
from tinygrad_tr.tensor import Tensor

from ..checks import require_positive, require_same_shape, value_of, weighted

Operand = Any  # a Tensor, or what NumPy makes an array of


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
