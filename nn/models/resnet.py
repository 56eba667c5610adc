"""Residual networks, with torchvision's layers and names. arXiv 1512.03385; course 4, week 2."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.rules.shape import pad
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from .. import init
from ..activations import ReLU
from ..containers import Sequential
from ..convolution import Conv2d
from ..linear import Linear
from ..module import Module
from ..normalisation import BatchNorm2d
from ..pooling import AdaptiveAvgPool2d, MaxPool2d
from .blocks import draw_filters


def conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> Conv2d:
    """3 × 3, padded, without a bias."""
    return Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)


def conv1x1(in_channels: int, out_channels: int, stride: int = 1) -> Conv2d:
    """1 × 1 without a bias: at each pixel a matrix for the channels."""
    return Conv2d(in_channels, out_channels, 1, stride, bias=False)


class BasicBlock(Module):
    """g(z + x) with z of two 3 × 3 convolutions: (N, in_channels, H, W) -> (N, channels, ⌈H/s⌉, ·).

    With the last γ = 0 it is g(x), for x ≥ 0 the identity: more blocks can only add. Where
    sizes differ, `downsample` makes x fit, W_s x.
    """

    expansion: ClassVar[int] = 1  # out_channels / channels

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, downsample: Module | None = None
    ) -> None:
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn1 = BatchNorm2d(channels)
        self.relu = ReLU()
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = BatchNorm2d(channels)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        z = self.relu(self.bn1(self.conv1(x)))
        z = self.bn2(self.conv2(z))
        return self.relu(z + (x if self.downsample is None else self.downsample(x)))

    @property
    def last_gain(self) -> Any:
        """The γ by which z is multiplied."""
        return self.bn2.weight


class Bottleneck(Module):
    """g(z + x) with z by 1 × 1 to few channels, 3 × 3, and 1 × 1 to four times as many.

    (N, in_channels, H, W) -> (N, 4 · channels, ⌈H/s⌉, ⌈W/s⌉). The stride is in the 3 × 3, as
    in torchvision; the paper has it in the first 1 × 1.
    """

    expansion: ClassVar[int] = 4

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, downsample: Module | None = None
    ) -> None:
        self.conv1 = conv1x1(in_channels, channels)
        self.bn1 = BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels, stride)
        self.bn2 = BatchNorm2d(channels)
        self.conv3 = conv1x1(channels, self.expansion * channels)
        self.bn3 = BatchNorm2d(self.expansion * channels)
        self.relu = ReLU()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        z = self.relu(self.bn1(self.conv1(x)))
        z = self.relu(self.bn2(self.conv2(z)))
        z = self.bn3(self.conv3(z))
        return self.relu(z + (x if self.downsample is None else self.downsample(x)))

    @property
    def last_gain(self) -> Any:
        """The γ by which z is multiplied."""
        return self.bn3.weight


Block = type[BasicBlock] | type[Bottleneck]


# ------------------------------------------------------------------ where sizes differ


class PaddedShortcut(Module):
    """Every stride-th pixel, with zeros for the new channels, half before and half after."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        self.before = (out_channels - in_channels) // 2
        self.after = out_channels - in_channels - self.before
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, :, :: self.stride, :: self.stride]
        return pad(x, ((0, 0), (self.before, self.after), (0, 0), (0, 0)))


def projection(in_channels: int, out_channels: int, stride: int) -> Sequential:
    """W_s x, normalised: a 1 × 1 convolution with the stride."""
    return Sequential(conv1x1(in_channels, out_channels, stride), BatchNorm2d(out_channels))


SHORTCUTS = {"pad": PaddedShortcut, "projection": projection}


def stage(
    block: Block,
    in_channels: int,
    channels: int,
    blocks: int,
    stride: int = 1,
    shortcut: str = "projection",
) -> Sequential:
    """Blocks one after the other, the first with the stride: -> (N, expansion · channels, ·, ·)."""
    if shortcut not in SHORTCUTS:
        raise ArgumentError(
            "ResNet", "unknown shortcut", got=repr(shortcut), wanted=" or ".join(SHORTCUTS)
        )
    out_channels = block.expansion * channels
    fits = stride == 1 and in_channels == out_channels
    first = None if fits else SHORTCUTS[shortcut](in_channels, out_channels, stride)
    rest = [block(out_channels, channels) for _ in range(blocks - 1)]
    return Sequential(block(in_channels, channels, stride, first), *rest)


# ------------------------------------------------------------------ networks


def initialise(model: Module, zero_init_residual: bool) -> None:
    """Filters for ReLU; with `zero_init_residual`, blocks that begin as the identity."""
    draw_filters(model)
    blocks = [m for m in model.modules() if isinstance(m, (BasicBlock, Bottleneck))]
    for block in blocks if zero_init_residual else []:
        init.zeros_(block.last_gain)


class ResNet(Module):
    """ResNet for ImageNet: 7 × 7 and a pool quarter the picture, then four stages of blocks.

    `layers` is how many blocks each stage has. (N, in_channels, H, W) -> logits, made for
    224 × 224, any H and W. `width` is the channels of the first stage; each next one has twice
    as many and half the height and width.
    """

    def __init__(
        self,
        block: Block,
        layers: tuple[int, int, int, int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        *,
        in_channels: int = 3,
        width: int = 64,
    ) -> None:
        e = block.expansion
        self.conv1 = Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = BatchNorm2d(width)
        self.relu = ReLU()
        self.maxpool = MaxPool2d(3, stride=2, padding=1)
        self.layer1 = stage(block, width, width, layers[0])
        self.layer2 = stage(block, e * width, 2 * width, layers[1], stride=2)
        self.layer3 = stage(block, 2 * e * width, 4 * width, layers[2], stride=2)
        self.layer4 = stage(block, 4 * e * width, 8 * width, layers[3], stride=2)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc = Linear(8 * e * width, num_classes)
        initialise(self, zero_init_residual)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.flatten(self.avgpool(x), 1))


class CifarResNet(Module):
    """ResNet for 32 × 32: a 3 × 3 convolution, then three stages of n basic blocks each.

    depth = 6n + 2 layers. (N, in_channels, H, W) -> logits, any H and W. Where sizes change the
    shortcut is the paper's "pad", which has no parameters, or "projection": ResNet-20 has
    269,722 with the one and 272,474 with the other.
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 10,
        zero_init_residual: bool = False,
        *,
        in_channels: int = 3,
        width: int = 16,
        shortcut: str = "pad",
    ) -> None:
        n, rest = divmod(depth - 2, 6)
        if n < 1 or rest:
            raise ArgumentError(
                "CifarResNet", "no such depth", got=f"{depth=}", wanted="6n + 2: 8, 14, 20, 32 ..."
            )
        self.conv1 = conv3x3(in_channels, width)
        self.bn1 = BatchNorm2d(width)
        self.relu = ReLU()
        self.layer1 = stage(BasicBlock, width, width, n, 1, shortcut)
        self.layer2 = stage(BasicBlock, width, 2 * width, n, 2, shortcut)
        self.layer3 = stage(BasicBlock, 2 * width, 4 * width, n, 2, shortcut)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc = Linear(4 * width, num_classes)
        initialise(self, zero_init_residual)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(F.flatten(self.avgpool(x), 1))


# ------------------------------------------------------------------ by their names


def resnet18(num_classes: int = 1000, **options: Any) -> ResNet:
    """8 basic blocks: 11,689,512 parameters."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes, **options)


def resnet34(num_classes: int = 1000, **options: Any) -> ResNet:
    """16 basic blocks: 21,797,672 parameters."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes, **options)


def resnet50(num_classes: int = 1000, **options: Any) -> ResNet:
    """16 bottlenecks: 25,557,032 parameters."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, **options)


def resnet101(num_classes: int = 1000, **options: Any) -> ResNet:
    """33 bottlenecks: 44,549,160 parameters."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, **options)


def resnet152(num_classes: int = 1000, **options: Any) -> ResNet:
    """50 bottlenecks: 60,192,808 parameters."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes, **options)


def resnet20(num_classes: int = 10, **options: Any) -> CifarResNet:
    """For 32 × 32, 3 stages of 3 blocks: 269,722 parameters."""
    return CifarResNet(20, num_classes, **options)


def resnet32(num_classes: int = 10, **options: Any) -> CifarResNet:
    """For 32 × 32, 3 stages of 5 blocks: 464,154 parameters."""
    return CifarResNet(32, num_classes, **options)


def resnet44(num_classes: int = 10, **options: Any) -> CifarResNet:
    """For 32 × 32, 3 stages of 7 blocks: 658,586 parameters."""
    return CifarResNet(44, num_classes, **options)


def resnet56(num_classes: int = 10, **options: Any) -> CifarResNet:
    """For 32 × 32, 3 stages of 9 blocks: 853,018 parameters."""
    return CifarResNet(56, num_classes, **options)


def resnet110(num_classes: int = 10, **options: Any) -> CifarResNet:
    """For 32 × 32, 3 stages of 18 blocks: 1,727,962 parameters."""
    return CifarResNet(110, num_classes, **options)
