"""Layers that pool, as PyTorch names them. They have nothing to learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from tinygrad_tr.tensor import Tensor

from . import functional as F
from .functional.convolution import PerAxis
from .functional.pooling import Output
from .module import Module


def laid_out(
    kernel: PerAxis, stride: PerAxis, padding: PerAxis, *facts: tuple[str, Any, Any]
) -> str:
    """How windows lie, where it is not the usual: side by side, without a border."""
    words = [("kernel_size", kernel, None), ("stride", stride, kernel), ("padding", padding, 0)]
    return ", ".join(f"{name}={value}" for name, value, usual in [*words, *facts] if value != usual)


class MaxPool(Module):
    """The largest of each window; see nn.functional.max_pool2d. Course 4, week 1."""

    axes: ClassVar[int]

    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        padding: PerAxis = 0,
        dilation: PerAxis = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, x: Tensor) -> Any:
        function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[self.axes - 1]
        return function(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode,
            self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        facts = ("dilation", self.dilation, 1), ("ceil_mode", self.ceil_mode, False)
        return laid_out(self.kernel_size, self.stride, self.padding, *facts)


class AvgPool(Module):
    """The mean of each window; see nn.functional.avg_pool2d. Course 4, week 1."""

    axes: ClassVar[int]

    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        padding: PerAxis = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, x: Tensor) -> Tensor:
        facts = (
            self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        )  # fmt: skip
        if self.axes == 1:
            return F.avg_pool1d(x, *facts)
        function = F.avg_pool2d if self.axes == 2 else F.avg_pool3d
        return function(x, *facts, self.divisor_override)

    def extra_repr(self) -> str:
        facts = ("ceil_mode", self.ceil_mode, False), ("divisor", self.divisor_override, None)
        return laid_out(self.kernel_size, self.stride, self.padding, *facts)


class LPPool(Module):
    """(Σ xᵖ)^(1/p) of each window; see nn.functional.lp_pool2d."""

    axes: ClassVar[int]

    def __init__(
        self,
        norm_type: float,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride, self.ceil_mode = kernel_size if stride is None else stride, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        function = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self.axes - 1]
        return function(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}"


class AdaptiveAvgPool(Module):
    """The mean of as many windows as wanted; see nn.functional.adaptive_avg_pool2d."""

    axes: ClassVar[int]

    def __init__(self, output_size: Output) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        functions = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
        return functions[self.axes - 1](x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool(Module):
    """The largest of as many windows as wanted; see nn.functional.adaptive_max_pool2d."""

    axes: ClassVar[int]

    def __init__(self, output_size: Output, return_indices: bool = False) -> None:
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, x: Tensor) -> Any:
        functions = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
        return functions[self.axes - 1](x, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class MaxUnpool(Module):
    """Zeros with x where the largest were; see nn.functional.max_unpool2d."""

    axes: ClassVar[int]

    def __init__(
        self, kernel_size: PerAxis, stride: PerAxis | None = None, padding: PerAxis = 0
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding = padding

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        function = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self.axes - 1]
        return function(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool1d(MaxPool):
    __doc__ = f"(N, C, W) -> (N, C, W'): {MaxPool.__doc__}"
    axes = 1


class MaxPool2d(MaxPool):
    __doc__ = f"(N, C, H, W) -> (N, C, H', W'): {MaxPool.__doc__}"
    axes = 2


class MaxPool3d(MaxPool):
    __doc__ = f"(N, C, D, H, W) -> (N, C, D', H', W'): {MaxPool.__doc__}"
    axes = 3


class AvgPool1d(AvgPool):
    __doc__ = f"(N, C, W) -> (N, C, W'): {AvgPool.__doc__}"
    axes = 1


class AvgPool2d(AvgPool):
    __doc__ = f"(N, C, H, W) -> (N, C, H', W'): {AvgPool.__doc__}"
    axes = 2


class AvgPool3d(AvgPool):
    __doc__ = f"(N, C, D, H, W) -> (N, C, D', H', W'): {AvgPool.__doc__}"
    axes = 3


class LPPool1d(LPPool):
    __doc__ = f"(N, C, W) -> (N, C, W'): {LPPool.__doc__}"
    axes = 1


class LPPool2d(LPPool):
    __doc__ = f"(N, C, H, W) -> (N, C, H', W'): {LPPool.__doc__}"
    axes = 2


class LPPool3d(LPPool):
    __doc__ = f"(N, C, D, H, W) -> (N, C, D', H', W'): {LPPool.__doc__}"
    axes = 3


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    __doc__ = f"(N, C, W) -> (N, C, W'): {AdaptiveAvgPool.__doc__}"
    axes = 1


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    __doc__ = f"(N, C, H, W) -> (N, C, H', W'): {AdaptiveAvgPool.__doc__}"
    axes = 2


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    __doc__ = f"(N, C, D, H, W) -> (N, C, D', H', W'): {AdaptiveAvgPool.__doc__}"
    axes = 3


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    __doc__ = f"(N, C, W) -> (N, C, W'): {AdaptiveMaxPool.__doc__}"
    axes = 1


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    __doc__ = f"(N, C, H, W) -> (N, C, H', W'): {AdaptiveMaxPool.__doc__}"
    axes = 2


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    __doc__ = f"(N, C, D, H, W) -> (N, C, D', H', W'): {AdaptiveMaxPool.__doc__}"
    axes = 3


class MaxUnpool1d(MaxUnpool):
    __doc__ = f"(N, C, W') -> (N, C, W): {MaxUnpool.__doc__}"
    axes = 1


class MaxUnpool2d(MaxUnpool):
    __doc__ = f"(N, C, H', W') -> (N, C, H, W): {MaxUnpool.__doc__}"
    axes = 2


class MaxUnpool3d(MaxUnpool):
    __doc__ = f"(N, C, D', H', W') -> (N, C, D, H, W): {MaxUnpool.__doc__}"
    axes = 3
