"""VGG, with torchvision's layers and names. arXiv 1409.1556; course 4, week 2."""

from __future__ import annotations

from typing import Any

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..activations import ReLU
from ..containers import Sequential
from ..convolution import Conv2d
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..normalisation import BatchNorm2d
from ..pooling import AdaptiveAvgPool2d, MaxPool2d
from .blocks import draw_filters, scaled

CHANNELS = (64, 128, 256, 512, 512)


class VGG(Module):
    """Stages of 3 × 3 convolutions, each halved by a pool, then three dense layers.

    `convolutions` is how many each of the five stages has: (2, 2, 3, 3, 3) makes VGG-16.
    (N, in_channels, H, W) -> logits, made for 224 × 224, H and W from 32 on. `width_mult`
    multiplies every hidden size.
    """

    def __init__(
        self,
        convolutions: tuple[int, ...],
        num_classes: int = 1000,
        dropout: float = 0.5,
        *,
        batch_norm: bool = False,
        in_channels: int = 3,
        width_mult: float = 1.0,
    ) -> None:
        if len(convolutions) != len(CHANNELS):
            raise ArgumentError(
                "VGG",
                "there are five stages",
                got=f"{convolutions=}",
                wanted="such as (2, 2, 3, 3, 3)",
            )
        self.features = Sequential()
        channels = in_channels
        for count, full_width in zip(convolutions, CHANNELS, strict=True):
            width = scaled(full_width, width_mult)
            for _ in range(count):
                self.features.append(Conv2d(channels, width, 3, padding=1))
                if batch_norm:
                    self.features.append(BatchNorm2d(width))
                self.features.append(ReLU())
                channels = width
            self.features.append(MaxPool2d(2))
        hidden = scaled(4096, width_mult)
        self.avgpool = AdaptiveAvgPool2d(7)
        self.classifier = Sequential(
            Linear(channels * 7 * 7, hidden), ReLU(), Dropout(dropout),
            Linear(hidden, hidden), ReLU(), Dropout(dropout),
            Linear(hidden, num_classes),
        )  # fmt: skip
        draw_filters(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(F.flatten(x, 1))


def vgg11(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG with 8 convolutions: 132,863,336 parameters."""
    return VGG((1, 1, 2, 2, 2), num_classes, **options)


def vgg13(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG with 10 convolutions: 133,047,848 parameters."""
    return VGG((2, 2, 2, 2, 2), num_classes, **options)


def vgg16(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG with 13 convolutions: 138,357,544 parameters, 553 MB."""
    return VGG((2, 2, 3, 3, 3), num_classes, **options)


def vgg19(num_classes: int = 1000, **options: Any) -> VGG:
    """VGG with 16 convolutions: 143,667,240 parameters."""
    return VGG((2, 2, 4, 4, 4), num_classes, **options)
