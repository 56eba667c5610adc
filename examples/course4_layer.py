"""Course 4, week 1: one layer of a convolutional network, its sizes, parameters and gradients.

How large the answer is with padding and stride; how often each pixel is used, which is the gradient
of a sum over filters of ones; what one number of the answer is made of, 27 products and a bias;
280 parameters for pictures of any size, and their gradients beside differences. Then several
layers: 39 × 39 × 3 shrinks in size and grows in channels to 7 × 7 × 40, and is unrolled into 1960
numbers for the classifier.

    python -m tinygrad_tr.examples.course4_layer
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.datasets import photo
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
SIZES = [(6, 3, 0, 1), (6, 3, 1, 1), (7, 3, 0, 2), (39, 3, 0, 1), (37, 5, 0, 2), (17, 5, 0, 2)]


def output_size(n: int, f: int, padding: int, stride: int) -> int:
    """⌊(n + 2p − f)/s⌋ + 1."""
    return (n + 2 * padding - f) // stride + 1


def use_counts(n: int, f: int, padding: int = 0, stride: int = 1) -> Array:
    """In how many windows of f × f each pixel of n × n is: ∂ Σ (X * ones)/∂X, (n, n)."""
    X = tt.zeros(1, 1, n, n, requires_grad=True)
    F.conv2d(X, tt.ones(1, 1, f, f), padding=padding, stride=stride).sum().backward()
    assert X.grad is not None
    return X.grad.numpy()[0, 0]


def convnet() -> nn.Sequential:
    """39 × 39 × 3 -> 37 × 37 × 10 -> 17 × 17 × 20 -> 7 × 7 × 40 -> 1960 -> 1, the course's."""
    return nn.Sequential(
        nn.Conv2d(3, 10, 3), nn.ReLU(),
        nn.Conv2d(10, 20, 5, stride=2), nn.ReLU(),
        nn.Conv2d(20, 40, 5, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(1960, 1),
    )  # fmt: skip


def main(folder: Path = FOLDER) -> Outcome:
    """Print sizes, one number by hand, gradients and the table; draw use counts and graphs."""
    print("  n  f  p  s   size")
    differing = 0
    for n, f, p, s in SIZES:
        answer = nn.Conv2d(1, 1, f, stride=s, padding=p)(tt.zeros(1, 1, n, n))
        differing += answer.shape[2] != output_size(n, f, p, s)
        print(f"{n:3} {f:2} {p:2} {s:2} {answer.shape[2]:6}")

    tt.manual_seed(0)
    layer = nn.Conv2d(3, 10, 3, dtype=np.float64)
    x = tt.Tensor(photo()[None, :, 40:46, 40:46].astype(np.float64), requires_grad=True)
    weight, bias = layer.parameters()
    by_hand = (np.sum(x[0, :, 1:4, 2:5] * weight[4]) + bias[4]).item()
    z = layer(x)[0, 4, 1, 2].item()
    print(f"\nz[4, 1, 2] = 27 products + b = {by_hand:.9f}; the layer gives {z:.9f}")
    parameters = sum(p.size for p in layer.parameters())
    print(f"(3 · 3 · 3 + 1) · 10 = {parameters} parameters, for pictures of any size\n")
    leaves = {"x": x, **dict(layer.named_parameters())}
    difference = tt.gradient_difference(lambda: np.sum(np.maximum(layer(x), 0) ** 2), leaves)
    print(f"‖g − g_num‖ / (‖g‖ + ‖g_num‖)\n{difference}\n")

    table = nn.summary(convnet(), np.zeros((1, 3, 39, 39), np.float32))
    print(table)
    unrolled = convnet()[:7](tt.zeros(1, 3, 39, 39)).size
    return Outcome(
        [
            Goal("sizes that differ from the formula", differing, at_most=0),
            Goal("uses of a corner", use_counts(6, 3)[0, 0], 1, 1),
            Goal("uses of the centre", use_counts(6, 3)[2, 2], 9, 9),
            Goal("by hand against the layer", abs(by_hand - z), at_most=1e-12),
            Goal("parameters of ten filters 3 × 3 × 3", parameters, 280, 280),
            Goal("gradient against differences", difference.total, at_most=1e-7),
            Goal("numbers for the classifier", unrolled, 1960, 1960),
        ],
        [
            plot_use_counts(folder / "layer-uses.png"),
            plot_planes(folder / "layer-planes.png"),
            *draw_layer(folder),
            *draw_network(folder),
        ],
    )


def plot_use_counts(file: Path) -> Path:
    """How often each pixel of 6 × 6 is used: without padding, with it, with a stride."""
    cases = {
        "f = 3, valid": use_counts(6, 3),
        "f = 3, same: p = 1": use_counts(6, 3, padding=1),
        "f = 5, same: p = 2": use_counts(6, 5, padding=2),
        "f = 3, p = 1, stride 2": use_counts(6, 3, padding=1, stride=2),
    }
    figure, axes = canvas(columns=len(cases), size=(2.6, 2.8))
    for ax, (name, counts) in zip(axes, cases.items(), strict=True):
        ax.imshow(counts, cmap="Blues", vmin=0, vmax=2 * counts.max())
        for (row, column), count in np.ndenumerate(counts):
            ax.text(column, row, f"{count:g}", ha="center", va="center")
        ax.set(title=name, xticks=[], yticks=[])
    figure.suptitle("In how many windows a pixel is: the gradient of Σ (X * ones)")
    return saved(figure, file)


def plot_planes(file: Path) -> Path:
    """A filter that is not zero in the red plane only, beside one that sees all three."""
    picture = photo(192)
    edge = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]], np.float32)
    W = np.zeros((2, 3, 3, 3), np.float32)
    W[0, 0], W[1] = edge, edge / 3
    x = tt.Tensor(picture[None], requires_grad=True)
    red, grey = (F.conv2d(x, tt.from_numpy(W[[k]])) for k in range(2))
    panels = [("photograph", np.moveaxis(picture, 0, 2))]
    panels += [(f"{name} plane", picture[k]) for k, name in enumerate(("red", "green", "blue"))]
    panels += [("edges of red", red.numpy()[0, 0]), ("edges of all three", grey.numpy()[0, 0])]
    figure, axes = canvas(columns=3, rows=2, size=(3, 3.2))
    for ax, (name, panel) in zip(axes.flat, panels, strict=True):
        low = -1.5 if name.startswith("edges") else 0
        ax.imshow(panel, cmap="gray", vmin=low, vmax=abs(low) or 1)
        ax.set(title=name, xticks=[], yticks=[])
    return saved(figure, file)


def draw_layer(folder: Path) -> list[Path]:
    """The graph of one small layer: z = x * W + b, a = ReLU(z), forward and backward."""
    tt.manual_seed(0)
    layer = nn.Sequential(nn.Conv2d(1, 2, 2, dtype=np.float64), nn.ReLU())
    x = tt.Tensor(np.arange(9.0).reshape(1, 1, 3, 3) - 4)
    picture = tt.draw(layer, x, loss=np.sum, values="full")
    return [picture.save(folder / name) for name in ("layer-graph.svg", "layer-graph.png")]


def draw_network(folder: Path) -> list[Path]:
    """The example network, forward and backward, with its layers as frames."""
    tt.manual_seed(0)
    x, y = tt.from_numpy(photo(39)[None]), tt.ones(1, 1)
    picture = tt.draw(
        convnet(), x, loss=lambda z: F.binary_cross_entropy_with_logits(z, y), depth=1
    )
    return [picture.save(folder / name) for name in ("layer-convnet.svg", "layer-convnet.png")]


if __name__ == "__main__":
    print(main())
