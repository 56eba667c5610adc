"""Course 1, week 3: a flower that no straight line can cut, and four tanh units that can.

400 points on the petals of a flower. Logistic regression is no better than a coin; a network of
one hidden layer of 4 tanh units, by gradient descent at the learning rate 1.2, gets 9 of 10 right.

    python -m tinygrad_tr.examples.course1_flower
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import flower
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, regions, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
UNITS, RATE, SEEDS = 4, 1.2, 3


def classify(model: nn.Module, points: Array) -> Array:
    """1 where the model says so: (m, 2) -> (m,)."""
    with tt.no_grad():
        return (model(tt.from_numpy(points)).numpy()[:, 0] > 0).astype(int)


def descend(model: nn.Module, X: Array, y: Array, steps: int) -> list[float]:
    """Gradient descent with the whole set in each step; the costs."""
    optimizer = optim.SGD(model.parameters(), lr=RATE)
    x, target = tt.from_numpy(X), y.reshape(-1, 1).astype(X.dtype)
    return [
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(model(x), target)).item()
        for _ in range(steps)
    ]


def network(seed: int) -> nn.MLP:
    """2 -> 4 tanh -> 1, with small random weights and zero biases as in the lecture."""
    rng = np.random.default_rng(seed)
    model = nn.MLP([2, UNITS, 1], nn.Tanh, generator=rng, dtype=np.float64)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, 0, 0.01, generator=rng)
        else:
            nn.init.zeros_(parameter)
    return model


def main(folder: Path = FOLDER, steps: int = 3000) -> Outcome:
    """Train both, of the network the best of three, and draw what they learned and a step."""
    X, y = flower()
    line = nn.Linear(2, 1, generator=np.random.default_rng(0), dtype=np.float64)
    costs = {"logistic regression": descend(line, X, y, steps)}
    straight = float(np.mean(classify(line, X) == y))
    print(f"logistic regression: {straight:.1%}")

    best, model = 0.0, network(0)
    for seed in range(SEEDS):
        tried = network(seed)
        costs[f"{UNITS} tanh units, seed {seed}"] = descend(tried, X, y, steps)
        accuracy = float(np.mean(classify(tried, X) == y))
        print(f"{UNITS} tanh units, seed {seed}: {accuracy:.1%}")
        if accuracy > best:
            best, model = accuracy, tried

    figure, axes = canvas(columns=3, size=(4.6, 4))
    regions(axes[0], lambda p: classify(line, p), X, y, f"logistic regression: {straight:.1%}")
    regions(axes[1], lambda p: classify(model, p), X, y, f"{UNITS} tanh units: {best:.1%}")
    curves(axes[2], costs, xlabel="step", ylabel="cost", title="Gradient descent")
    few, labels = tt.Tensor(X[::100], name="x"), tt.Tensor(y[::100, None] * 1.0, name="y")
    picture = tt.draw(network(0), few, loss=lambda z: F.binary_cross_entropy_with_logits(z, labels))
    files = [
        saved(figure, folder / "flower-regions.png"),
        *(picture.save(folder / f"flower-step{suffix}") for suffix in (".svg", ".png")),
    ]
    return Outcome(
        [
            Goal("accuracy of logistic regression", straight, at_most=0.60),
            Goal(f"accuracy of {UNITS} tanh units, best of {SEEDS}", best, at_least=0.90),
        ],
        files,
    )


if __name__ == "__main__":
    print(main())
