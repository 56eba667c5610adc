"""Inception and GoogLeNet, with torchvision's names. arXiv 1409.4842; course 4, week 2."""

from __future__ import annotations

from tinygrad_tr.rules.joining import concatenate
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..containers import Sequential
from ..convolution import Conv2d
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..normalisation import BatchNorm2d
from ..pooling import AdaptiveAvgPool2d, MaxPool2d
from .blocks import draw_filters


class BasicConv2d(Module):
    """ReLU(BN(x * W)), for odd kernels padded with half of them."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
    ) -> None:
        padding = kernel_size // 2
        self.conv = Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Inception(Module):
    """1 × 1, 3 × 3, 5 × 5 and a pool side by side, their channels stacked.

    (N, in_channels, H, W) -> (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W). Before the large
    filters a 1 × 1 reduces the channels to ch3x3red and ch5x5red: in the course's example, 5 × 5
    on 28 × 28 × 192, to a tenth of the multiplications. `kernel_size` is the largest filter.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        *,
        kernel_size: int = 5,
    ) -> None:
        self.branch1 = BasicConv2d(in_channels, ch1x1, 1)
        self.branch2 = Sequential(
            BasicConv2d(in_channels, ch3x3red, 1), BasicConv2d(ch3x3red, ch3x3, 3)
        )
        self.branch3 = Sequential(
            BasicConv2d(in_channels, ch5x5red, 1), BasicConv2d(ch5x5red, ch5x5, kernel_size)
        )
        self.branch4 = Sequential(
            MaxPool2d(3, stride=1, padding=1), BasicConv2d(in_channels, pool_proj, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return concatenate([branch(x) for branch in branches], axis=1)


class GoogLeNet(Module):
    """Nine Inception modules, without the auxiliary classifiers: 6,624,904 parameters.

    (N, in_channels, H, W) -> logits, made for 224 × 224. torchvision has 3 × 3 filters where the
    paper has 5 × 5, and its checkpoints too, which load with strict=False for they hold the
    auxiliary classifiers; kernel_size=5 makes the paper's.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        dropout: float = 0.2,
        *,
        in_channels: int = 3,
        kernel_size: int = 3,
    ) -> None:
        large = kernel_size
        self.conv1 = BasicConv2d(in_channels, 64, 7, stride=2)
        self.maxpool1 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, 1)
        self.conv3 = BasicConv2d(64, 192, 3)
        self.maxpool2 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32, kernel_size=large)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64, kernel_size=large)
        self.maxpool3 = MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64, kernel_size=large)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64, kernel_size=large)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64, kernel_size=large)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64, kernel_size=large)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128, kernel_size=large)
        self.maxpool4 = MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128, kernel_size=large)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128, kernel_size=large)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.dropout = Dropout(dropout)
        self.fc = Linear(1024, num_classes)
        draw_filters(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4c(self.inception4b(self.inception4a(x)))
        x = self.maxpool4(self.inception4e(self.inception4d(x)))
        x = self.inception5b(self.inception5a(x))
        return self.fc(self.dropout(F.flatten(self.avgpool(x), 1)))
