"""AlexNet, with torchvision's layers and names. arXiv 1404.5997; course 4, week 2."""

from __future__ import annotations

from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..activations import ReLU
from ..containers import Sequential
from ..convolution import Conv2d
from ..dropout import Dropout
from ..linear import Linear
from ..module import Module
from ..pooling import AdaptiveAvgPool2d, MaxPool2d
from .blocks import scaled


class AlexNet(Module):
    """Five convolutions and three dense layers: (N, in_channels, H, W) -> logits.

    Made for 224 × 224; H and W may be anything from 63 on. 61,100,840 parameters, of which 58.6
    million are in the dense layers. `width_mult` multiplies every hidden size.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        dropout: float = 0.5,
        *,
        in_channels: int = 3,
        width_mult: float = 1.0,
    ) -> None:
        a, b, c, d, hidden = (scaled(n, width_mult) for n in (64, 192, 384, 256, 4096))
        self.features = Sequential(
            Conv2d(in_channels, a, 11, stride=4, padding=2), ReLU(), MaxPool2d(3, 2),
            Conv2d(a, b, 5, padding=2), ReLU(), MaxPool2d(3, 2),
            Conv2d(b, c, 3, padding=1), ReLU(),
            Conv2d(c, d, 3, padding=1), ReLU(),
            Conv2d(d, d, 3, padding=1), ReLU(), MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = AdaptiveAvgPool2d(6)
        self.classifier = Sequential(
            Dropout(dropout), Linear(d * 6 * 6, hidden), ReLU(),
            Dropout(dropout), Linear(hidden, hidden), ReLU(),
            Linear(hidden, num_classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(F.flatten(x, 1))
