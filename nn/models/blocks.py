"""What several networks share: convolution with norm and activation, widths, initial values."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_tr.arguments import positive

from .. import init
from ..activations import ReLU
from ..containers import Sequential
from ..convolution import Conv2d
from ..module import Module
from ..normalisation import BatchNorm2d

Layer = Callable[..., Module]


class Conv2dNormActivation(Sequential):
    """activation(norm(x * W)): (N, in_channels, H, W) -> (N, out_channels, ⌈H/s⌉, ⌈W/s⌉).

    For odd kernels, padded with half of them. There is no bias, for the norm would cancel it.
    The parts are "0", "1" and, unless `activation_layer` is None, "2": torchvision's names.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm_layer: Layer = BatchNorm2d,
        activation_layer: Layer | None = ReLU,
    ) -> None:
        padding = kernel_size // 2
        super().__init__(
            Conv2d(
                in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False
            ),
            norm_layer(out_channels),
            *([] if activation_layer is None else [activation_layer()]),
        )


def scaled(channels: int, width_mult: float) -> int:
    """channels · width_mult as a whole number, at least 1."""
    return max(1, round(channels * positive("models", "width_mult", width_mult)))


def scaled_by_eight(channels: int, width_mult: float) -> int:
    """channels · width_mult rounded to a multiple of 8, at least 8 and at least 0.9 of it."""
    exact = channels * positive("models", "width_mult", width_mult)
    nearest = max(8, int(exact + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * exact else nearest + 8


def draw_filters(model: Module) -> None:
    """Filters afresh from N(0, 2/fan_out), their biases 0, as deep ReLU networks want them.

    fan_out rather than fan_in keeps the size of gradients. All else is left. arXiv 1502.01852.
    """
    for module in model.modules():
        if isinstance(module, Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                init.zeros_(module.bias)
