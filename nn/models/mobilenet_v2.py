"""MobileNet v2, with torchvision's layers and names. arXiv 1801.04381; course 4, week 2."""

from __future__ import annotations

from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..activations import ReLU6
from ..containers import Sequential
from ..convolution import Conv2d
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..normalisation import BatchNorm2d
from ..pooling import AdaptiveAvgPool2d
from .blocks import Conv2dNormActivation, draw_filters, scaled_by_eight


class InvertedResidual(Module):
    """Wide inside, narrow outside: 1 × 1 expands, 3 × 3 filters each channel, 1 × 1 projects back.

    (N, in_channels, H, W) -> (N, out_channels, ⌈H/s⌉, ⌈W/s⌉), inside `expand` · in_channels.
    Where the size stays, x is added. No activation follows the projection: among few channels
    ReLU would lose what it cuts off.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int = 1, expand: int = 6
    ) -> None:
        hidden = expand * in_channels
        self.use_res_connect = stride == 1 and in_channels == out_channels
        self.conv = Sequential()
        if expand != 1:
            self.conv.append(Conv2dNormActivation(in_channels, hidden, 1, activation_layer=ReLU6))
        self.conv.append(
            Conv2dNormActivation(hidden, hidden, 3, stride, hidden, activation_layer=ReLU6)
        )
        self.conv.append(Conv2d(hidden, out_channels, 1, bias=False))
        self.conv.append(BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


# Of each stage: the expansion, the channels, how many blocks, the stride of the first.
STAGES = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip


class MobileNetV2(Module):
    """Seventeen inverted residuals: 3,504,872 parameters.

    (N, in_channels, H, W) -> logits, made for 224 × 224. `width_mult` multiplies the channels,
    rounded to multiples of 8.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        dropout: float = 0.2,
        *,
        in_channels: int = 3,
    ) -> None:
        channels = scaled_by_eight(32, width_mult)
        last = scaled_by_eight(1280, max(1.0, width_mult))
        self.features = Sequential(
            Conv2dNormActivation(in_channels, channels, stride=2, activation_layer=ReLU6)
        )
        for expand, full_width, blocks, stride in STAGES:
            width = scaled_by_eight(full_width, width_mult)
            for block in range(blocks):
                step = stride if block == 0 else 1
                self.features.append(InvertedResidual(channels, width, step, expand))
                channels = width
        self.features.append(Conv2dNormActivation(channels, last, 1, activation_layer=ReLU6))
        self.avgpool = AdaptiveAvgPool2d(1)
        self.classifier = Sequential(Dropout(dropout), Linear(last, num_classes))
        draw_filters(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.flatten(self.avgpool(self.features(x)), 1))
