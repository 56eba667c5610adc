"""Course 4, weeks 1 and 2: the classic networks in numbers, and the ideas that made them cheaper.

The table of LeNet-5, 62,006 parameters. Then what a decade of networks costs in parameters and in
multiply-adds for one picture, VGG-16's 138,357,544 among them, counted without making them. Then
the ideas: a 1 × 1 convolution is a dense layer at each pixel, and before a 5 × 5 it cuts 120
million multiplications to 12; depthwise separable filters cost 1/n_c' + 1/f² of ordinary ones; an
inverted residual is wide inside and narrow outside; EfficientNet scales depth, width and
resolution together. A residual block and an inverted one are drawn with their gradients.

    python -m tinygrad_tr.examples.course4_networks
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import models

Array = np.ndarray[Any, Any]


class Cost(NamedTuple):
    parameters: int
    multiply_adds: int


def table_of(model: nn.Module, *shape: int) -> Any:
    """nn.summary for one picture."""
    return nn.summary(model, np.zeros((1, *shape), np.float32))


def cost(model: nn.Module, size: int) -> Cost:
    """For one picture of three channels, size × size."""
    table = table_of(model, 3, size, size)
    return Cost(table.total_params, table.total_multiply_adds)


def cost_at(width: int, build: Callable[[int], nn.Module], size: int) -> Cost:
    """That of build(width), from those of build(1), build(2) and build(3).

    Weights go with the square of the width and biases with the width, so that both numbers are
    polynomials of degree two. VGG-16 itself would take 550 MB.
    """
    return Cost(
        *(
            first + (width - 1) * (second - first)
            + (width - 1) * (width - 2) // 2 * (third - 2 * second + first)
            for first, second, third in zip(*(cost(build(n), size) for n in (1, 2, 3)), strict=True)
        )
    )  # fmt: skip


def costs(size: int) -> dict[str, Cost]:
    """The classic networks, those for small pictures at 32 × 32."""
    return {
        "LeNet-5 (32 × 32)": cost(models.LeNet5(), 32),
        "ResNet-20 (32 × 32)": cost(models.resnet20(), 32),
        "network in network (32 × 32)": cost(models.NetworkInNetwork(), 32),
        "AlexNet": cost_at(64, lambda n: models.AlexNet(width_mult=n / 64), size),
        "VGG-16": cost_at(64, lambda n: models.vgg16(width_mult=n / 64), size),
        "GoogLeNet": cost(models.GoogLeNet(), size),
        "ResNet-18": cost_at(64, lambda n: models.resnet18(width=n), size),
        "ResNet-50": cost_at(64, lambda n: models.resnet50(width=n), size),
        "MobileNet v1": cost(models.MobileNetV1(), size),
        "MobileNet v2": cost(models.MobileNetV2(), size),
        "EfficientNet-B0": cost(models.efficientnet_b0(), size),
    }


def one_by_one() -> float:
    """The largest difference between a 1 × 1 convolution and X W + b over the pixels."""
    layer = nn.Conv2d(192, 32, 1, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((1, 192, 28, 28))
    assert layer.bias is not None
    W, b = layer.weight.numpy().reshape(32, 192).T, layer.bias.numpy()
    dense = np.moveaxis(x, 1, 3).reshape(-1, 192) @ W + b
    out = np.moveaxis(layer(tt.Tensor(x)).numpy(), 1, 3).reshape(-1, 32)
    return float(abs(out - dense).max())


def separable_ratio(filters: int, f: int) -> tuple[float, float]:
    """Multiply-adds of a depthwise separable layer over an ordinary one's; 1/n_c' + 1/f²."""
    separable = models.DepthwiseSeparableConv2d(3, filters, f)
    ordinary = nn.Conv2d(3, filters, f)
    few, many = (table_of(m, 3, 6, 6).total_multiply_adds for m in (separable, ordinary))
    return few / many, 1 / filters + 1 / f**2


def main(folder: Path = FOLDER, size: int = 224) -> Outcome:
    """Print the tables for pictures of size × size; draw bars and the graphs of two blocks."""
    lenet = table_of(models.LeNet5(), 3, 32, 32)
    print(f"LeNet-5\n{lenet}\n")

    found = costs(size)
    print(f"{f'at {size} × {size}':30}{'parameters':>14}{'multiply-adds':>18}{'uses of each':>14}")
    for name, (parameters, products) in found.items():
        print(f"{name:30}{parameters:14,}{products:18,}{products / parameters:14.1f}")

    direct = table_of(nn.Conv2d(192, 32, 5, padding="same"), 192, 28, 28).total_multiply_adds
    reducing = nn.Sequential(nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding="same"))
    reduced = table_of(reducing, 192, 28, 28).total_multiply_adds
    print(f"\n5 × 5, 28 × 28 × 192 -> 32: {direct:,} multiply-adds")
    print(f"by way of 1 × 1 to 16:      {reduced:,}, {reduced / direct:.5f} of them")
    stacked = table_of(models.Inception(192, 64, 96, 128, 16, 32, 32), 192, 28, 28).rows[0].output
    print(f"Inception stacks 64 + 128 + 32 + 32: {stacked}")

    print("\ndepthwise separable / ordinary\n  f  n_c'   counted   1/n_c' + 1/f²")
    ratios = {(f, n): separable_ratio(n, f) for f, n in [(3, 5), (3, 64), (3, 512), (5, 64)]}
    for (f, n), (counted, formula) in ratios.items():
        print(f"{f:3}{n:6}{counted:10.4f}{formula:16.4f}")

    block = models.InvertedResidual(3, 3, expand=6)
    print(f"\nan inverted residual\n{table_of(block, 3, 8, 8)}")
    weights = sum(p.size for p in block.parameters() if p.ndim == 4)

    print("\ncompound scaling\nphi   depth   width  resolution    cost")
    for phi in range(4):
        scaling = models.compound_scaling(phi)
        numbers = f"{scaling.depth:8.3f}{scaling.width:8.3f}{scaling.resolution:12.3f}"
        print(f"{phi:3}{numbers}{scaling.cost:8.2f}")
    mobile = found["MobileNet v2"].multiply_adds / found["ResNet-50"].multiply_adds
    counted, _ = ratios[3, 5]
    return Outcome(
        [
            Goal("LeNet-5, parameters", lenet.total_params, 62_006, 62_006),
            Goal("VGG-16, parameters", found["VGG-16"].parameters, 138_357_544, 138_357_544),
            Goal("MobileNet v2 / ResNet-50, multiply-adds", mobile, at_most=0.1),
            Goal("5 × 5 directly, multiply-adds", direct, 120_422_400, 120_422_400),
            Goal("5 × 5 after 1 × 1, multiply-adds", reduced, 12_443_648, 12_443_648),
            Goal("1 × 1 against a dense layer", one_by_one(), at_most=1e-12),
            Goal("separable / ordinary, f = 3, n_c' = 5", counted, 672 / 2160, 672 / 2160),
            Goal("weights of the inverted residual", weights, 270, 270),
            Goal("cost of compound scaling by one", models.compound_scaling(1).cost, 1.9, 2.1),
        ],
        [
            plot_costs(found, size, folder / "networks-costs.png"),
            *draw_block(models.BasicBlock(3, 3), 1, folder, "networks-residual"),
            *draw_block(models.InvertedResidual(3, 3), 2, folder, "networks-inverted"),
        ],
    )


def plot_costs(found: dict[str, Cost], size: int, file: Path) -> Path:
    """Two bars for each network, on logarithmic axes."""
    figure, axes = canvas(columns=2, size=(5.2, 4))
    names = list(reversed(found))
    titles = ("parameters", f"multiply-adds for one picture of {size} × {size}")
    for i, (panel, title) in enumerate(zip(axes, titles, strict=True)):
        numbers = [found[name][i] for name in names]
        bars = panel.barh(names, numbers, color=f"C{i}")
        panel.bar_label(bars, [in_words(n) for n in numbers], padding=3, fontsize=8)
        panel.set(title=title, xscale="log", xlim=(1e4, 20 * max(numbers)))
    axes[1].set(yticks=[])
    return saved(figure, file)


def in_words(n: float) -> str:
    """62 k, 138 M, 15.5 G."""
    for unit in ("", " k", " M"):
        if n < 1000:
            return f"{n:.3g}{unit}"
        n /= 1000
    return f"{n:.3g} G"


def draw_block(block: nn.Module, depth: int, folder: Path, name: str) -> list[Path]:
    """The block forward and backward, its layers as frames; the loss is mean(a²)."""
    tt.manual_seed(0)
    x = tt.rand(1, 3, 4, 4, requires_grad=True)
    picture = tt.draw(block, x, loss=lambda a: np.mean(a * a), depth=depth)
    return [picture.save(folder / f"{name}{suffix}") for suffix in (".svg", ".png")]


if __name__ == "__main__":
    print(main())
