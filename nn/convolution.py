"""Layers that convolve and their transposes, as PyTorch names them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.tensor import Tensor

from . import functional as F
from . import init
from .functional.convolution import PerAxis, borders, per_axis
from .linear import empty
from .module import Module, Parameter

Generator = np.random.Generator | None


class Filters(Module):
    """What all convolutions share: filters with a bias each, and how they are laid on x."""

    axes: ClassVar[int]
    weight: Parameter
    bias: Parameter | None  # (out_channels,)

    def set_up(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis,
        dilation: PerAxis,
        groups: int,
    ) -> None:
        name = type(self).__name__
        self.in_channels = whole(name, "in_channels", in_channels)
        self.out_channels = whole(name, "out_channels", out_channels)
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, self.axes)
        self.stride = per_axis(name, "stride", stride, self.axes)
        self.dilation = per_axis(name, "dilation", dilation, self.axes)
        self.groups = whole(name, "groups", groups)
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(
                name, "the channels do not divide into the groups",
                got=f"{in_channels=}, {out_channels=}, {groups=}",
                wanted="groups a divisor of both",
            )  # fmt: skip

    def make_parameters(
        self, filters: int, channels: int, bias: bool, generator: Generator, dtype: Any
    ) -> None:
        """Weight (filters, channels, *kernel_size) and bias, drawn."""
        self.weight = empty(filters, channels, *self.kernel_size, dtype=dtype)
        self.bias = empty(self.out_channels, dtype=dtype) if bias else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator = None) -> None:
        """Draw the weights, then the bias, afresh: uniform in ±1/√fan_in."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)
        if self.bias is not None:
            bound = 1 / math.sqrt(init.fan_of(self.weight, "fan_in"))
            init.uniform_(self.bias, -bound, bound, generator)

    def extra_repr(self) -> str:
        facts: dict[str, Any] = {"kernel_size": self.kernel_size, "stride": self.stride}
        usual = {"padding": (0,) * self.axes, "output_padding": (0,) * self.axes,
                 "dilation": (1,) * self.axes, "groups": 1, "padding_mode": "zeros"}  # fmt: skip
        facts |= {k: getattr(self, k) for k, v in usual.items() if getattr(self, k, v) != v}
        words = [f"{name}={value!r}" for name, value in facts.items()]
        bias = [] if self.bias is not None else ["bias=False"]
        return ", ".join([str(self.in_channels), str(self.out_channels), *words, *bias])


class Convolution(Filters):
    """x * W + b, the filters not flipped; see nn.functional.conv2d for sizes and padding.

    W is (out_channels, in_channels/groups, *kernel_size); W and b start uniform in ±1/√fan_in,
    with fan_in = in_channels/groups · the filter's size. There are
    (fan_in + 1) · out_channels parameters, however large x is. `padding_mode` says what stands
    around x: "zeros", or "reflect", "replicate" or "circular" as in nn.functional.pad.
    Course 4, week 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: PerAxis | str = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        self.set_up(in_channels, out_channels, kernel_size, stride, dilation, groups)
        name, modes = type(self).__name__, ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in modes:
            raise ArgumentError(
                name, "unknown padding_mode", got=repr(padding_mode), wanted=" or ".join(modes)
            )
        sizes = borders(name, padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding if isinstance(padding, str) else sizes[0]
        self.padding_mode = padding_mode
        # As nn.functional.pad takes them: before and after, the last axis first.
        self.around = [n for pair in reversed(list(zip(*sizes, strict=True))) for n in pair]
        self.make_parameters(out_channels, in_channels // groups, bias, generator, dtype)

    def forward(self, x: Tensor) -> Tensor:
        padding: PerAxis | str = self.padding
        if self.padding_mode != "zeros":
            x, padding = F.pad(x, self.around, self.padding_mode), 0
        function = (F.conv1d, F.conv2d, F.conv3d)[self.axes - 1]
        return function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(Convolution):
    __doc__ = f"(N, C, W) -> (N, out_channels, W'): {Convolution.__doc__}"
    axes = 1


class Conv2d(Convolution):
    __doc__ = f"(N, C, H, W) -> (N, out_channels, H', W'): {Convolution.__doc__}"
    axes = 2


class Conv3d(Convolution):
    __doc__ = f"(N, C, D, H, W) -> (N, out_channels, D', H', W'): {Convolution.__doc__}"
    axes = 3


class TransposedConvolution(Filters):
    """Each x times the filter, written at steps of the stride, overlaps added; plus b.

    W is (in_channels, out_channels/groups, *kernel_size), PyTorch's order; W and b start uniform
    in ±1/√fan_in with PyTorch's fan_in = out_channels/groups · the filter's size. Sizes: see
    nn.functional.conv_transpose2d. Course 4, week 3.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: PerAxis = 0,
        output_padding: PerAxis = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: PerAxis = 1,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        self.set_up(in_channels, out_channels, kernel_size, stride, dilation, groups)
        name = type(self).__name__
        self.padding = per_axis(name, "padding", padding, self.axes, low=0)
        self.output_padding = per_axis(name, "output_padding", output_padding, self.axes, low=0)
        self.make_parameters(in_channels, out_channels // groups, bias, generator, dtype)

    def forward(self, x: Tensor) -> Tensor:
        functions = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
        return functions[self.axes - 1](
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding,
            self.groups, self.dilation,
        )  # fmt: skip


class ConvTranspose1d(TransposedConvolution):
    __doc__ = f"(N, C, W) -> (N, out_channels, W'): {TransposedConvolution.__doc__}"
    axes = 1


class ConvTranspose2d(TransposedConvolution):
    __doc__ = f"(N, C, H, W) -> (N, out_channels, H', W'): {TransposedConvolution.__doc__}"
    axes = 2


class ConvTranspose3d(TransposedConvolution):
    __doc__ = f"(N, C, D, H, W) -> (N, out_channels, D', H', W'): {TransposedConvolution.__doc__}"
    axes = 3
