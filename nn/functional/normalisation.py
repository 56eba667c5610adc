"""Normalisation as functions: one rule, `normalize`, over the axes that share a mean.

    batch      each channel over the batch and the positions     (N, C, *): axes 0 and 2, ...
    instance   each channel of each example over the positions   (N, C, *): axes 2, ...
    layer      each example over its last axes                   (*, S): the axes of S
    group      each group of channels of each example            (N, G, C/G, *): axes 2, 3, ...
    rms        as layer, without subtracting the mean

Variances are biased, Σ(x − μ)²/n, as the course and PyTorch normalise with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.rules.normalisation import normalize, normalize_with_moments
from tinygrad_tr.rules.shape import reshape
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array, require_positive, require_probability

Axes = tuple[int, ...]


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    unbiased: bool = True,
) -> Tensor:
    """γ (x − μ)/√(σ² + ε) + β for each channel: (N, C, *), the rest (C,) or None -> (N, C, *).

    In training μ and σ² are the batch's, and the running statistics, where given, move towards
    them in place: running ← (1 − momentum)·running + momentum·batch's. Otherwise μ and σ² are
    the running ones. What is kept of σ² is, as in PyTorch, the unbiased Σ(x − μ)²/(n − 1),
    or the one normalised with if not `unbiased`. arXiv 1502.03167; course 2, week 3.
    """
    return channel_norm(
        "batch_norm", (0,), x, running_mean, running_var, weight, bias, training, momentum, eps,
        unbiased,
    )  # fmt: skip


def instance_norm(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """γ (x − μ)/√(σ² + ε) + β for each channel of each example: (N, C, *) -> (N, C, *).

    The running statistics, where given, are averages over the batch; with
    `use_input_stats=False` they normalise. arXiv 1607.08022.
    """
    return channel_norm(
        "instance_norm", (), x, running_mean, running_var, weight, bias, use_input_stats,
        momentum, eps, unbiased=True,
    )  # fmt: skip


def layer_norm(
    x: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """γ (x − μ)/√(σ² + ε) + β over the last axes: (*, S), with γ and β of shape S. 1607.06450."""
    axes = last_axes("layer_norm", x, normalized_shape, [weight, bias])
    require_positive("layer_norm", "eps", eps)
    out: Tensor = normalize(x, weight, bias, axes=axes, eps=eps, centred=True)
    return out


def rms_norm(
    x: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """γ x/√(mean(x²) + ε) over the last axes: (*, S), with γ of shape S. arXiv 1910.07467.

    Without `eps`, it is the distance from 1 to the next number of x's dtype.
    """
    axes = last_axes("rms_norm", x, normalized_shape, [weight])
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    require_positive("rms_norm", "eps", eps)
    out: Tensor = normalize(x, weight, None, axes=axes, eps=eps, centred=False)
    return out


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """γ (x − μ)/√(σ² + ε) + β over each of G groups of channels: (N, C, *), γ and β (C,).

    One group is layer norm with a weight per channel, C groups instance norm. arXiv 1803.08494.
    """
    require_channels("group_norm", x, [weight, bias])
    channels = x.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ArgumentError(
            "group_norm", "the channels do not divide into the groups",
            got=f"{channels} channels, num_groups={num_groups}", wanted=f"a divisor of {channels}",
        )  # fmt: skip
    require_positive("group_norm", "eps", eps)
    positions = (math.prod(x.shape[2:]),) if x.ndim > 2 else ()
    members = (num_groups, channels // num_groups)  # (G, C/G)
    each = (*members, *(1 for _ in positions))
    weight, bias = (None if p is None else reshape(p, each) for p in (weight, bias))
    groups = reshape(x, (x.shape[0], *members, *positions))
    axes = tuple(range(2, groups.ndim))
    return reshape(normalize(groups, weight, bias, axes=axes, eps=eps, centred=True), x.shape)


# ------------------------------------------------------------------ channels


def channel_norm(
    operation: str,
    batch: Axes,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    own_statistics: bool,
    momentum: float,
    eps: float,
    unbiased: bool,
) -> Tensor:
    """Each channel over the positions, and over the batch if its axis is given.

    μ and σ² are x's own statistics, or the running ones.
    """
    require_channels(operation, x, [running_mean, running_var, weight, bias])
    require_positive(operation, "eps", eps)
    if own_statistics:
        axes = (*batch, *range(2, x.ndim))
        require_several(operation, x, axes)
        require_probability(operation, "momentum", momentum)
        weight, bias = (per_channel(x, p) for p in (weight, bias))
        if running_mean is None and running_var is None:
            return normalize(x, weight, bias, axes=axes, eps=eps, centred=True)
        out, mean, variance = normalize_with_moments(x, weight, bias, axes=axes, eps=eps)
        if running_mean is not None:
            move(running_mean, mean, momentum)
        if running_var is not None:
            n = math.prod(x.shape[axis] for axis in axes)
            move(running_var, variance, momentum, n / (n - 1) if unbiased else 1)
        return out
    if running_mean is None or running_var is None:
        raise ArgumentError(
            operation, "it needs statistics", got="running_mean or running_var: None",
            wanted="those of training; or to take x's own, as in training",
        )  # fmt: skip
    return with_running(x, running_mean, running_var, weight, bias, eps)


def with_running(
    x: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
) -> Tensor:
    """x · γ/√(σ² + ε) + (β − μ γ/√(σ² + ε)), with numbers known before: two passes over x."""
    scale: Any = 1 / np.sqrt(running_var + eps)
    if weight is not None:
        scale = scale * weight
    shift = -running_mean * scale if bias is None else bias - running_mean * scale
    return x * per_channel(x, scale) + per_channel(x, shift)


def per_channel(x: Tensor, p: Any) -> Any:
    """One number per channel, (C,), in a shape that broadcasts to x (N, C, *)."""
    return p if p is None or x.ndim == 2 else reshape(p, (-1, *(1,) * (x.ndim - 2)))


def move(running: Tensor, batch: Tensor, momentum: float, factor: float = 1) -> None:
    """running ← (1 − momentum)·running + momentum·factor·batch's, a number for each channel.

    An average over the examples where each has numbers of its own.
    """
    news = value_of(batch).reshape(-1, running.size).mean(axis=0).astype(running.dtype)
    running.assign((1 - momentum) * value_of(running) + (momentum * factor) * news)


# ------------------------------------------------------------------ what is refused


def require_channels(operation: str, x: Tensor, others: Sequence[Tensor | None]) -> None:
    """Refuse x without channels, and what does not have a number for each of them."""
    require_float_array(operation, x)
    if x.ndim < 2:
        raise ShapeError(operation, "x has no channels", got=f"{x.shape}", wanted="(N, C, *)")
    wrong = [p for p in others if p is not None and p.shape != x.shape[1:2]]
    if wrong:
        raise ShapeError(
            operation, "there must be one number for each channel",
            got=f"x {x.shape}, with {describe(wrong[0])}", wanted=f"shape ({x.shape[1]},)",
        )  # fmt: skip


def require_several(operation: str, x: Tensor, axes: Axes) -> None:
    """Refuse to normalise single numbers, all of which would become 0."""
    n = math.prod(x.shape[axis] for axis in axes)
    if n < 2:
        raise ShapeError(
            operation, "a mean needs more than one value per channel",
            got=f"{x.shape}: {n} in each", wanted="more examples or positions, or eval()",
        )  # fmt: skip


def last_axes(
    operation: str, x: Tensor, shape: int | Sequence[int], others: Sequence[Tensor | None]
) -> Axes:
    """The axes of x that `normalized_shape` names, if everything has that shape."""
    require_float_array(operation, x)
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    first = x.ndim - len(sizes)
    fits = first >= 0 and x.shape[first:] == sizes and math.prod(sizes) > 0 and sizes
    if not fits or any(p is not None and p.shape != sizes for p in others):
        shapes = ", ".join("None" if p is None else f"{p.shape}" for p in others)
        raise ShapeError(
            operation, "the last axes of x, the weight and the bias must be normalized_shape",
            got=f"x {x.shape}, normalized_shape={sizes}, weight and bias {shapes}",
            wanted=f"(..., {', '.join(map(str, sizes))})",
        )  # fmt: skip
    return tuple(range(first, x.ndim))
