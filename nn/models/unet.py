"""U-Net: a class for every pixel. arXiv 1505.04597; course 4, week 3."""

from __future__ import annotations

from itertools import pairwise

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ShapeError
from tinygrad_tr.rules.joining import concatenate
from tinygrad_tr.tensor import Tensor

from ..containers import Sequential
from ..convolution import Conv2d, ConvTranspose2d
from ..module import Module
from ..pooling import MaxPool2d
from .blocks import Conv2dNormActivation, draw_filters


def double_convolution(in_channels: int, out_channels: int) -> Sequential:
    """Twice 3 × 3, norm and ReLU, the size kept."""
    return Sequential(
        Conv2dNormActivation(in_channels, out_channels),
        Conv2dNormActivation(out_channels, out_channels),
    )


class UNet(Module):
    """Down `depth` times, halving the picture and doubling the channels, then up again.

    On the way up each level also sees what the way down saw at its size: what is where comes
    from below, the sharp borders through these skips; without `skips` only from below.
    (N, in_channels, H, W) -> logits (N, classes, H, W), H and W multiples of 2^depth. The
    paper's width 64 and depth 4 make 31 million parameters. Unlike the paper's, the convolutions
    keep the size and are normalised.
    """

    def __init__(
        self, in_channels: int, classes: int, width: int = 64, depth: int = 4, skips: bool = True
    ) -> None:
        self.depth, self.skips = whole("UNet", "depth", depth), skips
        widths = [whole("UNet", "width", width) * 2**level for level in range(depth + 1)]
        levels = list(pairwise(widths))
        *on_the_way, bottom = pairwise([in_channels, *widths])
        self.encoder = [double_convolution(*channels) for channels in on_the_way]
        self.pool = MaxPool2d(2)
        self.bottom = double_convolution(*bottom)
        self.up = [ConvTranspose2d(below, here, 2, stride=2) for here, below in reversed(levels)]
        self.decoder = [
            double_convolution(2 * here if skips else here, here) for here, _ in reversed(levels)
        ]
        self.head = Conv2d(width, classes, 1)
        draw_filters(self)

    def forward(self, x: Tensor) -> Tensor:
        if any(n % 2**self.depth for n in x.shape[2:]):
            raise ShapeError(
                "UNet", f"the picture cannot be halved {self.depth} times", got=f"x {x.shape}",
                wanted=f"height and width multiples of {2**self.depth}; nn.functional.pad",
            )  # fmt: skip
        seen = []
        for convolve in self.encoder:
            x = convolve(x)
            seen.append(x)
            x = self.pool(x)
        x = self.bottom(x)
        for enlarge, convolve, skip in zip(self.up, self.decoder, reversed(seen), strict=True):
            x = enlarge(x)
            x = convolve(concatenate([skip, x], axis=1) if self.skips else x)
        return self.head(x)
