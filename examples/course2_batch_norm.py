"""Course 2, week 3: batch normalisation lets a network learn from badly scaled inputs.

Two moons, one feature stretched 50 times and moved far away, the other squeezed to half: four
layers of 20 tanh units saturate and stand still at any learning rate. With each z normalised
over the batch before the activation, the same network learns with the same rates. In
evaluation it uses averages of the statistics, so that a single example can be classified; the
weights must have come to rest for them to be right.

    python -m tinygrad_tr.examples.course2_batch_norm
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import moons
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F

STEPS, SEED = 700, 1
Array = np.ndarray[Any, Any]


def scaled_moons(m: int = 256) -> tuple[Array, Array]:
    """The moons, as data comes that nobody has normalised: X (m, 2), y (m, 1)."""
    X, y = moons(m, noise=0.1)
    return X * (50, 0.5) + (100, -3), y.astype(np.float64)[:, None]


def network(normalise: bool, seed: int = SEED) -> nn.Sequential:
    """2 -> 20 -> 20 -> 20 -> 20 -> 1 with tanh; μ would cancel the biases of normalised layers."""
    tt.manual_seed(seed)
    layers: list[nn.Module] = []
    for n in (2, 20, 20, 20):
        layers += [nn.Linear(n, 20, bias=not normalise)]
        layers += [nn.BatchNorm1d(20)] if normalise else []
        layers += [nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(20, 1)).to(np.float64)


def cost_of(model: nn.Module, X: Array, y: Array) -> Callable[[], tt.Tensor]:
    return lambda: F.binary_cross_entropy_with_logits(model(tt.from_numpy(X)), y)


def train(
    model: nn.Module, X: Array, y: Array, rate: float, steps: int = STEPS, gamma: float = 1.0
) -> list[float]:
    """The cost of every step of gradient descent on all examples, at the rate α γ^step."""
    optimizer = optim.SGD(model.parameters(), lr=rate)
    schedule = optim.ExponentialLR(optimizer, gamma)
    cost = cost_of(model, X, y)
    costs = []
    for _ in range(steps):
        costs.append(optimizer.minimize(cost).item())
        schedule.step()
    return costs


def accuracy_of(model: nn.Module, X: Array, y: Array) -> float:
    """The share of examples that the model, in evaluation mode, puts into the right class."""
    model.eval()
    with tt.no_grad():
        right = (model(tt.from_numpy(X)).numpy() > 0) == y
    model.train()
    return float(right.mean())


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """Train with and without it, at two rates; show what a layer does to four numbers."""
    z = tt.Tensor([[1.0], [2.0], [3.0], [4.0]])
    layer = nn.BatchNorm1d(1, eps=1e-12)
    print(f"z = {z.numpy().ravel()}  →  {layer(z).numpy().ravel().round(4)}")
    X, y = scaled_moons()
    histories, accuracies = {}, {}
    for normalise in (False, True):
        for rate, gamma in ((0.01, 1.0), (0.1, 1.0), (0.1, 0.99)):
            model = network(normalise)
            falling = f"·{gamma}ᵗ" if gamma < 1 else ""
            name = f"{'with' if normalise else 'without'}, α = {rate}{falling}"
            costs = histories[name] = train(model, X, y, rate, steps, gamma)
            accuracies[name] = accuracy_of(model, X, y)
            print(f"  {name:26} lowest cost {min(costs):.4f}   "
                  f"in evaluation {accuracies[name]:.1%} right")  # fmt: skip
    print("evaluation uses averages over the last steps: they are right once the weights rest")

    figure, axes = canvas(size=(7, 4))
    curves(axes, histories, xlabel="step", ylabel="cost", yscale="log",
           title="Two badly scaled moons, with and without batch norm")  # fmt: skip
    small = nn.Sequential(
        nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1)
    )
    picture = tt.draw(
        small.to(np.float64), X[:8],
        loss=lambda logits: F.binary_cross_entropy_with_logits(logits, y[:8]),
    )  # fmt: skip
    files = [saved(figure, folder / "batch-norm.png")]
    files += [picture.save(folder / f"batch-norm-step.{kind}") for kind in ("svg", "png")]
    return Outcome(
        [
            *(Goal(f"lowest cost {name}", min(costs), at_most=0.1) if name.startswith("with,")
              else Goal(f"lowest cost {name}", min(costs), at_least=0.6)
              for name, costs in histories.items()),
            Goal("accuracy in evaluation, the weights at rest", list(accuracies.values())[-1],
                 at_least=0.97),
        ],
        files,
    )  # fmt: skip


if __name__ == "__main__":
    print(main())
