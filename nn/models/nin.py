"""Network in network: 1 × 1 convolutions. arXiv 1312.4400; course 4, week 2."""

from __future__ import annotations

from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..activations import ReLU
from ..containers import Sequential
from ..convolution import Conv2d
from ..dropout import Dropout
from ..module import Module
from ..pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d


def mlpconv(in_channels: int, widths: tuple[int, int, int], kernel_size: int) -> Sequential:
    """A k × k convolution, then two of 1 × 1: at each place a small dense network.

    (N, in_channels, H, W) -> (N, widths[2], H, W), for odd k. A 1 × 1 convolution is a dense
    layer over the channels of one pixel, shared by all pixels.
    """
    first, second, third = widths
    return Sequential(
        Conv2d(in_channels, first, kernel_size, padding=kernel_size // 2), ReLU(),
        Conv2d(first, second, 1), ReLU(),
        Conv2d(second, third, 1), ReLU(),
    )  # fmt: skip


class NetworkInNetwork(Module):
    """Three blocks with 1 × 1 convolutions; the average of the last maps are the logits.

    (N, in_channels, H, W) -> (N, num_classes), made for 32 × 32. No layer is dense: 966,986
    parameters, for pictures of any size.
    """

    def __init__(
        self, num_classes: int = 10, dropout: float = 0.5, *, in_channels: int = 3
    ) -> None:
        self.features = Sequential(
            mlpconv(in_channels, (192, 160, 96), 5), MaxPool2d(3, 2, padding=1), Dropout(dropout),
            mlpconv(96, (192, 192, 192), 5), AvgPool2d(3, 2, padding=1), Dropout(dropout),
            mlpconv(192, (192, 192, num_classes), 3),
        )  # fmt: skip
        self.avgpool = AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return F.flatten(self.avgpool(self.features(x)), 1)
