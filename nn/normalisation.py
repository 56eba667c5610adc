"""Layers that normalise: batch, instance, layer, group and RMS norm, as PyTorch names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.creation import ones, zeros
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.tensor import Tensor

from . import functional as F
from .module import Module, Parameter


class ChannelNorm(Module):
    """What batch and instance norm share: γ, β and running statistics of each channel."""

    axes: tuple[int, ...] = ()  # how many axes x may have
    usually = True  # whether there are parameters and running statistics unless asked for

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        if num_features < 1:
            raise ArgumentError(
                type(self).__name__, "no channels", got=f"{num_features=}", wanted="at least 1"
            )
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Parameter(ones(num_features, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(num_features, dtype=dtype)) if affine else None
        tracked = track_running_stats
        mean, variance = zeros(num_features, dtype=dtype), ones(num_features, dtype=dtype)
        self.register_buffer("running_mean", mean if tracked else None)
        self.register_buffer("running_var", variance if tracked else None)
        self.register_buffer("num_batches_tracked", zeros((), dtype=np.int64) if tracked else None)

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def require_axes(self, x: Tensor) -> None:
        """Refuse x of another rank."""
        if x.ndim not in self.axes:
            names = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}
            raise ShapeError(
                type(self).__name__, "x has another number of axes", got=f"{x.shape}",
                wanted=" or ".join(names[n] for n in self.axes),
            )  # fmt: skip

    def extra_repr(self) -> str:
        usual = {"eps": 1e-5, "momentum": 0.1} | dict.fromkeys(
            ("affine", "track_running_stats"), self.usually
        )
        facts = [f"{k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v]
        return ", ".join([str(self.num_features), *facts])


class BatchNorm(ChannelNorm):
    """γ (x − μ)/√(σ² + ε) + β for each channel, μ and σ² over the batch and all positions.

    In evaluation, the exponentially weighted averages of the batches' μ and σ²: the course's
    β = 0.9 is momentum = 0.1. As in PyTorch they start at 0 and 1 without bias correction, and
    the variance averaged is the unbiased one; `unbiased=False` averages that of the formula.
    With momentum=None it is the plain average of all batches.

    A bias right before it is cancelled by μ: `Linear(n, m, bias=False)`. arXiv 1502.03167;
    course 2, week 3.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        unbiased: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype=dtype)
        self.unbiased = unbiased

    def forward(self, x: Tensor) -> Tensor:
        self.require_axes(x)
        tracked = self.num_batches_tracked
        momentum = self.momentum
        if momentum is None:  # the plain average of all batches so far
            momentum = 1 if tracked is None else 1 / (int(tracked.value) + 1)
        out = F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, momentum, self.eps,
            unbiased=self.unbiased,
        )  # fmt: skip
        if self.training and tracked is not None:
            tracked.assign(tracked + 1)
        return out


class BatchNorm1d(BatchNorm):
    __doc__ = f"(N, C) or (N, C, L): {BatchNorm.__doc__}"
    axes = (2, 3)


class BatchNorm2d(BatchNorm):
    __doc__ = f"(N, C, H, W): {BatchNorm.__doc__}"
    axes = (4,)


class BatchNorm3d(BatchNorm):
    __doc__ = f"(N, C, D, H, W): {BatchNorm.__doc__}"
    axes = (5,)


class InstanceNorm(ChannelNorm):
    """γ (x − μ)/√(σ² + ε) + β for each channel of each example, over its positions.

    By default without γ and β and without running statistics. arXiv 1607.08022.
    """

    usually = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        self.require_axes(x)
        return F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )  # fmt: skip


class InstanceNorm1d(InstanceNorm):
    __doc__ = f"(N, C, L): {InstanceNorm.__doc__}"
    axes = (3,)


class InstanceNorm2d(InstanceNorm):
    __doc__ = f"(N, C, H, W): {InstanceNorm.__doc__}"
    axes = (4,)


class InstanceNorm3d(InstanceNorm):
    __doc__ = f"(N, C, D, H, W): {InstanceNorm.__doc__}"
    axes = (5,)


class LayerNorm(Module):
    """γ (x − μ)/√(σ² + ε) + β over the last axes of each example: (*, S) -> (*, S).

    The same in training and evaluation, and for any size of the batch. arXiv 1607.06450.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = shape_of("LayerNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        size = self.normalized_shape
        self.weight = Parameter(ones(size, dtype=dtype)) if elementwise_affine else None
        self.bias = Parameter(zeros(size, dtype=dtype)) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps:g}, "
            f"elementwise_affine={self.elementwise_affine}"
        )


class RMSNorm(Module):
    """γ x/√(mean(x²) + ε) over the last axes of each example: (*, S) -> (*, S). 1910.07467."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape = shape_of("RMSNorm", normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        size = self.normalized_shape
        self.weight = Parameter(ones(size, dtype=dtype)) if elementwise_affine else None

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """γ (x − μ)/√(σ² + ε) + β over each group of channels of each example: (N, C, *).

    γ and β are numbers for each channel. arXiv 1803.08494.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        if num_groups < 1 or num_channels < 1 or num_channels % num_groups:
            raise ArgumentError(
                "GroupNorm", "the channels do not divide into the groups",
                got=f"{num_groups=}, {num_channels=}", wanted="num_channels = num_groups · n",
            )  # fmt: skip
        self.num_groups, self.num_channels, self.eps, self.affine = (
            num_groups, num_channels, eps, affine,
        )  # fmt: skip
        self.weight = Parameter(ones(num_channels, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(num_channels, dtype=dtype)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps:g}, affine={self.affine}"


def shape_of(operation: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    """`normalized_shape` as a tuple of lengths, at least one."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if not sizes or min(sizes) < 1:
        raise ShapeError(
            operation, "nothing to normalise over", got=f"normalized_shape={shape}",
            wanted="one length or more, each ≥ 1",
        )  # fmt: skip
    return sizes
