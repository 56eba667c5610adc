"""Course 4, week 2: residual blocks, and why deep networks want them.

A block adds what came in to what its two layers made of it, before the activation:
a[l+2] = g(z[l+2] + a[l]). With weights of zero it is the identity, and the gradient passes it
unchanged, so that more blocks can hardly do harm. Networks of 4, 20 and 40 layers on 400 pictures
of shapes, each once plain and once with the additions, from the same initial weights, uniform in
±1/√n: the plain ones get worse with depth, at 40 layers a train error of at least 0.4, and a plot
of ‖dJ/dW‖ says why; the residual ones of 40 layers stay at or below 0.02.

    python -m tinygrad_tr.examples.course4_residual
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import shapes
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
WIDTH, DEPTHS = 32, (4, 20, 40)


class Block(nn.Module):
    """a[l] -> a[l+2]: two dense layers, around which a[l] is added if the block is residual."""

    def __init__(self, units: int, residual: bool) -> None:
        self.first, self.second = nn.Linear(units, units), nn.Linear(units, units)
        self.residual = residual

    def forward(self, a: tt.Tensor) -> tt.Tensor:
        z = self.second(F.relu(self.first(a)))
        return F.relu(z + a if self.residual else z)


def network(features: int, depth: int, residual: bool) -> nn.Sequential:
    """`depth` dense layers: one to 32 units, blocks of two, one to the four classes."""
    blocks = [Block(WIDTH, residual) for _ in range((depth - 2) // 2)]
    return nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU(), *blocks, nn.Linear(WIDTH, 4))


def trained(depth: int, residual: bool, steps: int, seed: int = 0) -> tuple[list[float], Array]:
    """The train error after each step, and ‖dJ/dW‖ of every layer before the first."""
    tt.manual_seed(seed)
    pictures, y = shapes(400)
    X = tt.from_numpy(pictures.reshape(len(y), -1))
    model = network(X.shape[1], depth, residual)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    errors, norms = [], np.zeros(depth)
    for step in range(steps):
        optimizer.zero_grad()
        z = model(X)
        F.cross_entropy(z, y).backward()
        if step == 0:
            sizes = nn.utils.grad_norms(model)
            norms = np.array([size for name, size in sizes.items() if name.endswith("weight")])
        optimizer.step()
        errors.append(float(np.mean(z.numpy().argmax(axis=1) != y)))
    return errors, norms


def without_weights(x: Array) -> tuple[Array, Array]:
    """a and da/dx, summed over a, of a residual block whose weights and biases are zero."""
    block = Block(x.shape[1], residual=True).to(x.dtype)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    leaf = tt.Tensor(x, requires_grad=True)
    a = block(leaf)
    (dx,) = tt.grad(a.sum(), leaf)
    return a.numpy(), dx.numpy()


def main(folder: Path = FOLDER, steps: int = 200) -> Outcome:
    """The identity, the table of train errors, curves, gradients, and the graph of a block."""
    x = np.array([[0.5, 2.0, 1.0]])
    a, dx = without_weights(x)
    print(f"a block without weights: x = {x[0]}, a = {a[0]}, da/dx = {dx[0]}\n")

    print(f"train error after {steps} steps\n{'layers':>8}{'plain':>10}{'residual':>10}")
    figure, axes = canvas(columns=2, size=(5.2, 3.8))
    error = {}
    for depth in DEPTHS:
        for residual, style in ((False, "--"), (True, "-")):
            name = f"{depth} layers, {'residual' if residual else 'plain'}"
            errors, norms = trained(depth, residual, steps)
            error[depth, residual] = errors[-1]
            colour = f"C{DEPTHS.index(depth)}"
            axes[0].plot(range(1, steps + 1), errors, style, color=colour, label=name)
            axes[1].plot(np.linspace(0, 1, depth), norms, style, color=colour, label=name)
        print(f"{depth:8}{error[depth, False]:10.4f}{error[depth, True]:10.4f}")
    axes[0].set(title="Train error", xlabel="step", ylim=(-0.02, 1.05))
    axes[0].legend(fontsize=8, ncols=3, loc="upper center")
    axes[1].set(
        title="‖dJ/dW‖ of each layer before the first step", yscale="log",
        xlabel="place of the layer, from the first (0) to the last (1)",
    )  # fmt: skip
    return Outcome(
        [
            Goal("without weights: |a − x|", float(abs(a - x).max()), at_most=0),
            Goal("without weights: |da/dx − 1|", float(abs(dx - 1).max()), at_most=0),
            Goal("4 layers, plain", error[4, False], at_most=0.02),
            Goal("40 layers, plain", error[40, False], at_least=0.4),
            Goal("40 layers, residual", error[40, True], at_most=0.02),
        ],
        [saved(figure, folder / "residual-depth.png"), *draw_block(folder)],
    )


def draw_block(folder: Path) -> list[Path]:
    """One residual block, forward and backward: the gradient reaches a[l] by two ways."""
    tt.manual_seed(1)
    block = Block(2, residual=True)
    a = tt.Tensor(np.array([[1.0, 2.0]], np.float32), requires_grad=True, name="a[l]")
    picture = tt.draw(block, a, loss=np.sum)
    return [picture.save(folder / name) for name in ("residual-block.svg", "residual-block.png")]


if __name__ == "__main__":
    print(main())
