"""EfficientNet, with torchvision's layers and names. arXiv 1905.11946; course 4, week 2."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

from tinygrad_tr.arguments import positive
from tinygrad_tr.creation import ones
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..activations import SiLU
from ..checks import require_probability
from ..containers import Sequential
from ..convolution import Conv2d
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..normalisation import BatchNorm2d
from ..pooling import AdaptiveAvgPool2d
from .blocks import Conv2dNormActivation, Layer, draw_filters, scaled_by_eight


class SqueezeExcitation(Module):
    """x · σ(W₂ silu(W₁ x̄ + b₁) + b₂): each channel weighted by what all their averages say.

    (N, channels, H, W) -> the same, with `squeeze` channels in between. arXiv 1709.01507.
    """

    def __init__(self, channels: int, squeeze: int) -> None:
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc1 = Conv2d(channels, squeeze, 1)
        self.fc2 = Conv2d(squeeze, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.sigmoid(self.fc2(F.silu(self.fc1(self.avgpool(x)))))


class StochasticDepth(Module):
    """In training, each example as a whole zero with probability p, else divided by 1 − p.

    Over the branch of a residual block, so that the example skips the block. arXiv 1603.09382.
    """

    def __init__(self, p: float) -> None:
        require_probability("StochasticDepth", "p", p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * F.dropout(ones(len(x), 1, 1, 1, dtype=x.dtype), self.p)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"


class MBConv(Module):
    """An inverted residual with squeeze and excitation on its wide channels.

    (N, in_channels, H, W) -> (N, out_channels, ⌈H/s⌉, ⌈W/s⌉).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        expand: int = 6,
        drop: float = 0.0,
        norm_layer: Layer = BatchNorm2d,
    ) -> None:
        hidden = scaled_by_eight(in_channels, expand)
        layer = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=SiLU)
        self.use_res_connect = stride == 1 and in_channels == out_channels
        self.block = Sequential()
        if hidden != in_channels:
            self.block.append(layer(in_channels, hidden, 1))
        self.block.append(layer(hidden, hidden, kernel_size, stride, hidden))
        self.block.append(SqueezeExcitation(hidden, max(1, in_channels // 4)))
        self.block.append(layer(hidden, out_channels, 1, activation_layer=None))
        self.stochastic_depth = StochasticDepth(drop)

    def forward(self, x: Tensor) -> Tensor:
        z = self.block(x)
        return x + self.stochastic_depth(z) if self.use_res_connect else z


# Of each stage: the expansion, the filter, the stride of the first block, channels, blocks.
STAGES = (
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
)  # fmt: skip


class EfficientNet(Module):
    """B0's seven stages, their channels times width_mult and their blocks times depth_mult.

    (N, in_channels, H, W) -> logits. Channels are rounded to multiples of 8, blocks up. The
    chance to be skipped grows from block to block, up to `stochastic_depth_prob`.
    """

    def __init__(
        self,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        num_classes: int = 1000,
        dropout: float = 0.2,
        stochastic_depth_prob: float = 0.2,
        *,
        in_channels: int = 3,
        norm_layer: Layer = BatchNorm2d,
    ) -> None:
        layer = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=SiLU)
        positive("EfficientNet", "depth_mult", depth_mult)
        depths = [math.ceil(depth_mult * blocks) for *_, blocks in STAGES]
        channels, made = scaled_by_eight(32, width_mult), 0
        self.features = Sequential(layer(in_channels, channels, 3, 2))
        for (expand, kernel_size, stride, full_width, _), blocks in zip(
            STAGES, depths, strict=True
        ):
            width = scaled_by_eight(full_width, width_mult)
            stage = Sequential()
            for block in range(blocks):
                step, drop = stride if block == 0 else 1, stochastic_depth_prob * made / sum(depths)
                stage.append(MBConv(channels, width, kernel_size, step, expand, drop, norm_layer))
                channels, made = width, made + 1
            self.features.append(stage)
        self.features.append(layer(channels, 4 * channels, 1))
        self.avgpool = AdaptiveAvgPool2d(1)
        self.classifier = Sequential(Dropout(dropout), Linear(4 * channels, num_classes))
        draw_filters(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.flatten(self.avgpool(self.features(x)), 1))


# ------------------------------------------------------------------ scaling


class Scaling(NamedTuple):
    """By what depth, width and resolution are multiplied, and the cost by which."""

    depth: float
    width: float
    resolution: float

    @property
    def cost(self) -> float:
        """depth · width² · resolution²: of multiply-adds."""
        return self.depth * self.width**2 * self.resolution**2


def compound_scaling(
    phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15
) -> Scaling:
    """depth αᵠ, width βᵠ, resolution γᵠ: with α β² γ² ≈ 2, the cost grows as 2ᵠ.

    All three together, for a larger picture needs more layers to be seen whole, and more
    channels for its detail. The defaults are those found for B0. The published B1 to B7 are
    rounded.
    """
    return Scaling(alpha**phi, beta**phi, gamma**phi)


# Of B0 to B7: width, depth, the resolution they were made for, dropout.
VERSIONS = (
    (1.0, 1.0, 224, 0.2), (1.0, 1.1, 240, 0.2), (1.1, 1.2, 260, 0.3), (1.2, 1.4, 300, 0.3),
    (1.4, 1.8, 380, 0.4), (1.6, 2.2, 456, 0.4), (1.8, 2.6, 528, 0.5), (2.0, 3.1, 600, 0.5),
)  # fmt: skip


def version(number: int, num_classes: int, options: dict[str, Any]) -> EfficientNet:
    """B`number`; from B5 on torchvision's norms have another ε and slower averages."""
    width, depth, _, dropout = VERSIONS[number]
    usual: dict[str, Any] = {"dropout": dropout}
    if number >= 5:
        usual["norm_layer"] = partial(BatchNorm2d, eps=0.001, momentum=0.01)
    return EfficientNet(width, depth, num_classes, **{**usual, **options})


def efficientnet_b0(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 224 × 224: 5,288,548 parameters."""
    return version(0, num_classes, options)


def efficientnet_b1(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 240 × 240: 7,794,184 parameters."""
    return version(1, num_classes, options)


def efficientnet_b2(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 260 × 260: 9,109,994 parameters."""
    return version(2, num_classes, options)


def efficientnet_b3(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 300 × 300: 12,233,232 parameters."""
    return version(3, num_classes, options)


def efficientnet_b4(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 380 × 380: 19,341,616 parameters."""
    return version(4, num_classes, options)


def efficientnet_b5(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 456 × 456: 30,389,784 parameters."""
    return version(5, num_classes, options)


def efficientnet_b6(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 528 × 528: 43,040,704 parameters."""
    return version(6, num_classes, options)


def efficientnet_b7(num_classes: int = 1000, **options: Any) -> EfficientNet:
    """Made for 600 × 600: 66,347,960 parameters."""
    return version(7, num_classes, options)
