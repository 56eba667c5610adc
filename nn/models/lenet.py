"""LeNet-5 as the course has it. LeCun et al. 1998; course 4, week 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_tr.errors import ShapeError
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..convolution import Conv2d
from ..linear import Linear
from ..module import Module
from ..pooling import MaxPool2d


class LeNet5(Module):
    """Two convolutions, each pooled, then three dense layers, the last without activation.

    (N, in_channels, 32, 32) -> logits (N, num_classes), of which cross_entropy takes the
    softmax. With three channels and ten classes:

                          height × width × channels     parameters
        conv1   5 × 5               28 × 28 ×  6               456
        pool1   2 × 2, stride 2     14 × 14 ×  6                 0
        conv2   5 × 5               10 × 10 × 16             2,416
        pool2   2 × 2, stride 2      5 ×  5 × 16                 0
        fc3                                  120            48,120
        fc4                                   84            10,164
        output                                10               850
                                                            62,006

    The network of 1998 was nearer to
    `LeNet5(in_channels=1, activation=F.tanh, pool=AvgPool2d)`, 61,706 parameters.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        activation: Callable[..., Any] = F.relu,
        pool: Callable[[int], Module] = MaxPool2d,
    ) -> None:
        self.conv1 = Conv2d(in_channels, 6, 5)
        self.pool1 = pool(2)
        self.conv2 = Conv2d(6, 16, 5)
        self.pool2 = pool(2)
        self.fc3 = Linear(16 * 5 * 5, 120)
        self.fc4 = Linear(120, 84)
        self.output = Linear(84, num_classes)
        self.activation = activation() if isinstance(activation, type) else activation

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2:] != (32, 32):
            raise ShapeError(
                "LeNet5", "the dense layers are made for one size of pictures", got=f"x {x.shape}",
                wanted="(N, C, 32, 32); nn.functional.pad or interpolate",
            )  # fmt: skip
        x = self.pool1(self.activation(self.conv1(x)))
        x = self.pool2(self.activation(self.conv2(x)))
        x = self.activation(self.fc3(F.flatten(x, 1)))
        x = self.activation(self.fc4(x))
        return self.output(x)
