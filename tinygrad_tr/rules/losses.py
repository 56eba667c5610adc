"""Losses as single rules: few passes over the numbers, and the short gradients of the books.

`reduction` is "mean", "sum" or "none"; a reduced loss is one number, so its pullbacks get one.
Rows of `cross_entropy` and `soft_cross_entropy` have a `share` of the result instead, 1/N each
in a plain mean: weights and ignored targets are then nothing special.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels.exponentials import exponentials, scaled
from tinygrad_tr.rule import rule
from tinygrad_tr.rules.activations import log_softmax

REDUCTIONS: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}


def reduced(losses, reduction):
    if reduction == "none":
        return losses
    total = np.add.reduce(losses, axis=None)
    return total / losses.size if reduction == "mean" else total


def part(reduction, n):
    """How much of the result's gradient each of n losses gets."""
    return 1 / n if reduction == "mean" else 1


def mse_reference(x, y, *, reduction):
    return REDUCTIONS[reduction](np.square(x - y))


@rule(reference=mse_reference)
def mse_loss(x, y, *, reduction):
    """(x − y)². Derivatives ±2(x − y)."""
    difference = x - y
    share = 2 * part(reduction, difference.size)
    out = reduced(difference * difference, reduction)
    return out, lambda g: difference * (g * share), lambda g: difference * (g * -share)


@rule(elementwise=True)
def binary_cross_entropy(p, y):
    """−y ln p − (1 − y) ln(1 − p) for p in [0, 1], both logarithms at least −100.

    Derivative (p − y)/(p(1 − p)), the denominator at least 1e-12, as in PyTorch.
    """
    with np.errstate(divide="ignore"):
        log_p, log_q = np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)
    return (
        -(y * log_p + (1 - y) * log_q),
        lambda g: g * (p - y) / np.maximum(p * (1 - p), 1e-12),
        lambda g: g * (log_q - log_p),
    )


def bce_with_logits_reference(x, y, *, reduction):
    return REDUCTIONS[reduction](np.logaddexp(x, 0) - x * y)


@rule(reference=bce_with_logits_reference)
def binary_cross_entropy_with_logits(x, y, *, reduction):
    """−y ln σ(x) − (1 − y) ln(1 − σ(x)) = max(x, 0) − xy + ln(1 + e^−|x|). Derivative σ(x) − y."""
    small = np.exp(-np.absolute(x))
    share = part(reduction, small.size)
    out = reduced(np.maximum(x, 0) - x * y + np.log1p(small), reduction)

    def to_x(g):
        a = np.where(x >= 0, 1, small) / (1 + small)
        return (a - y) * (g * share)

    return out, to_x, lambda g: x * (g * -share)


def cross_entropy_reference(x, target, share, *, total):
    picked = np.take_along_axis(log_softmax(x, axis=1), target[:, None], axis=1)
    losses = -np.squeeze(picked, axis=1) * share
    return np.sum(losses) if total else losses


@rule(reference=cross_entropy_reference)
def cross_entropy(x, target, share, *, total):
    """−ln softmax(x) at the target class, times the row's share: (N, C), (N,), (N,) -> () or (N,).

    x are logits, the targets are in [0, C). Derivative (softmax(x) − one_hot(target)) · share.
    """
    rows = np.arange(len(x))
    e, tops, sums = exponentials(x)
    losses = (np.log(sums) - (x[rows, target] - tops)) * share

    def to_x(g):
        part = g * share
        a = scaled(e, part / sums)
        a[rows, target] -= part
        return a

    return np.add.reduce(losses) if total else losses, to_x, None, None


def soft_cross_entropy_reference(x, y, share, *, total):
    losses = -np.sum(y * log_softmax(x, axis=1), axis=1) * share
    return np.sum(losses) if total else losses


@rule(reference=soft_cross_entropy_reference)
def soft_cross_entropy(x, y, share, *, total):
    """−Σ y ln softmax(x), times the row's share: (N, C), (N, C), (N,) -> () or (N,).

    x are logits, y ≥ 0. Derivatives (softmax(x) Σ y − y) · share and −ln softmax(x) · share.
    """
    log_a = x - np.maximum.reduce(x, axis=1, keepdims=True)
    log_a -= np.log(np.add.reduce(np.exp(log_a), axis=1, keepdims=True))
    losses = -np.add.reduce(y * log_a, axis=1) * share

    def to_x(g):
        mass = np.add.reduce(y, axis=1, keepdims=True)
        return (np.exp(log_a) * mass - y) * (g * share)[..., None]

    return (
        np.add.reduce(losses) if total else losses,
        to_x,
        lambda g: log_a * (g * -share)[..., None],
        None,
    )
