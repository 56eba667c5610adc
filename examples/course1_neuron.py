"""Course 1, week 1: one ReLU neuron learns a price, and what a weight of zero means.

Houses cost max(0, 2·size − 1). A neuron max(0, wx + b) sees 31 of them, and gradient descent
finds w = 2 and b = −1. In a layer every neuron sees every feature; it is the weights that decide
which of them matter: with a column of W at zero, the output does not depend on that feature.

    python -m tinygrad_tr.examples.course1_neuron
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

FEATURES = ("size", "bedrooms", "postcode", "wealth")
SIZES = np.linspace(0, 3, 31).reshape(-1, 1)  # (31, 1)
PRICES = np.maximum(0, 2 * SIZES - 1)


def neuron() -> nn.Sequential:
    """max(0, wx + b) with w = 0.5, b = 0."""
    linear = nn.Linear(1, 1, dtype=np.float64)
    linear.load_state_dict({"weight": np.array([[0.5]]), "bias": np.array([0.0])})
    return nn.Sequential(linear, nn.ReLU())


def learn(model: nn.Module, steps: int) -> None:
    """Gradient descent on the mean squared error of the prices."""
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.minimize(lambda: F.mse_loss(model(tt.from_numpy(SIZES)), PRICES))


def ignoring(feature: int) -> tuple[float, tt.Tensor]:
    """A layer of 3 neurons whose weights for one feature are 0, on 5 houses.

    How far the output moves when that feature changes, and the derivative by all features, (5, 4).
    """
    rng = np.random.default_rng(0)
    layer = nn.Linear(len(FEATURES), 3, generator=rng, dtype=np.float64)
    weights = np.array(layer.weight.numpy())
    weights[:, feature] = 0
    layer.weight.assign(weights)
    houses = rng.uniform(0, 1, (5, len(FEATURES)))
    others = houses.copy()
    others[:, feature] += 1000
    x = tt.Tensor(houses, requires_grad=True)
    out = F.relu(layer(x))
    moved = np.abs(F.relu(layer(tt.Tensor(others))).numpy() - out.numpy()).max()
    (slopes,) = tt.grad(out.sum(), x)
    return float(moved), slopes


def main(folder: Path = FOLDER, steps: int = 5000) -> Outcome:
    """Train the neuron, take a feature away from a layer, and draw both."""
    model = neuron()
    before = model(tt.from_numpy(SIZES)).numpy()
    learn(model, steps)
    after = model(tt.from_numpy(SIZES)).numpy()
    w, b = (parameter.item() for parameter in model.parameters())
    print(f"after {steps:,} steps: price = max(0, {w:.6f}·size {b:+.6f})")

    moved, slopes = ignoring(FEATURES.index("postcode"))
    print("\na layer whose weights for the postcode are 0: the slope of its output for five houses")
    print("  " + "".join(f"{name:>10}" for name in FEATURES))
    for row in slopes.numpy():
        print("  " + "".join(f"{slope:10.3f}" for slope in row))

    figure, axes = canvas(size=(6, 4))
    axes.plot(SIZES, PRICES, "o", markersize=4, label="houses")
    axes.plot(SIZES, before, "--", label="the neuron at first: w = 0.5, b = 0")
    axes.plot(SIZES, after, label=f"after {steps:,} steps: w = {w:.3f}, b = {b:+.3f}")
    axes.set(xlabel="size", ylabel="price", title="One ReLU neuron")
    axes.legend()
    size = tt.Tensor([[2.0]], name="size")
    price = tt.Tensor([[3.0]], name="price")
    drawn = tt.draw(neuron().to(np.float32), size, loss=lambda out: F.mse_loss(out, price))
    files = [
        saved(figure, folder / "neuron-fit.png"),
        *(drawn.save(folder / name) for name in ("neuron-step.svg", "neuron-step.png")),
    ]
    return Outcome(
        [
            Goal("error of w", abs(w - 2), at_most=1e-6),
            Goal("error of b", abs(b + 1), at_most=1e-6),
            Goal("change with another postcode", moved, 0, 0),
            Goal("slope by the postcode", float(np.abs(slopes.numpy()[:, 2]).max()), 0, 0),
        ],
        files,
    )


if __name__ == "__main__":
    print(main())
