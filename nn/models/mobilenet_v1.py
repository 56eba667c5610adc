"""MobileNet v1: depthwise separable convolutions. arXiv 1704.04861; course 4, week 2."""

from __future__ import annotations

from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..containers import Sequential
from ..convolution import Conv2d
from ..linear import Linear
from ..module import Module
from ..pooling import AdaptiveAvgPool2d
from .blocks import Conv2dNormActivation, draw_filters, scaled


class DepthwiseSeparableConv2d(Module):
    """One f × f filter for each channel, then 1 × 1 across the channels.

    (N, in_channels, H, W) -> (N, out_channels, H', W'), sizes as of Conv2d. It is a convolution
    whose filters are products, W[k, c] = W_pw[k, c] · W_dw[c], at 1/out_channels + 1/f² of its
    cost. The bias is the 1 × 1's; another one before it would change nothing.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int | str = 0,
        bias: bool = True,
    ) -> None:
        self.depthwise = Conv2d(
            in_channels, in_channels, kernel_size, stride, padding, groups=in_channels, bias=False
        )
        self.pointwise = Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise(self.depthwise(x))


def separable_block(in_channels: int, out_channels: int, stride: int = 1) -> Sequential:
    """The depthwise 3 × 3 and the pointwise 1 × 1, each with its norm and ReLU."""
    return Sequential(
        Conv2dNormActivation(in_channels, in_channels, 3, stride, groups=in_channels),
        Conv2dNormActivation(in_channels, out_channels, 1),
    )


# The output channels and the stride of each block.
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class MobileNetV1(Module):
    """Thirteen depthwise separable blocks: 4,231,976 parameters.

    (N, in_channels, H, W) -> logits, made for 224 × 224. `width_mult` multiplies the channels.
    """

    def __init__(
        self, num_classes: int = 1000, width_mult: float = 1.0, *, in_channels: int = 3
    ) -> None:
        channels = scaled(32, width_mult)
        self.features = Sequential(Conv2dNormActivation(in_channels, channels, stride=2))
        for full_width, stride in BLOCKS:
            width = scaled(full_width, width_mult)
            self.features.append(separable_block(channels, width, stride))
            channels = width
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc = Linear(channels, num_classes)
        draw_filters(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.flatten(self.avgpool(self.features(x)), 1))
