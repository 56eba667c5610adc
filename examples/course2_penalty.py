"""Course 2, week 1: why a penalty on the weights makes a network simpler.

A disc inside a square, and a tanh network with λ = 0, 1 and 10. The larger λ, the smaller the
weights, until they vanish; small weights keep every z in the middle of tanh, where it is nearly a
straight line, and layers of straight lines are one straight line. The cost J that must fall at
every step is the one with the penalty: its data part alone may well rise.

    python -m tinygrad_tr.examples.course2_penalty
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, regions, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
LAMBDAS = (0, 1, 10)
STEPS, M, SEED = 3000, 200, 0


def disc(m: int = M, seed: int = SEED) -> tuple[Array, Array]:
    """Points of the square [−1, 1]², and whether they lie in a disc: X (m, 2), y (m, 1)."""
    X = np.random.default_rng(seed).uniform(-1, 1, (m, 2))
    return X, (np.hypot(X[:, :1], X[:, 1:]) < 0.75).astype(np.float64)


class Learnt(NamedTuple):
    """A model, and step by step the cost with the penalty and its data part alone."""

    model: nn.MLP
    J: list[float]
    data: list[float]


def learn(lam: float, X: Array, y: Array, steps: int = STEPS) -> Learnt:
    """2 -> 20 -> 20 -> 1 by gradient descent with α = 0.1 on the cost with the penalty."""
    rng = np.random.default_rng(SEED)
    model = nn.MLP([2, 20, 20, 1], activation=nn.Tanh, dtype=np.float64)
    for parameter in model.parameters():
        is_weight = parameter.ndim == 2
        nn.init.lecun_(parameter, rng) if is_weight else nn.init.zeros_(parameter)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    x = tt.from_numpy(X)
    learnt = Learnt(model, [], [])
    for _ in range(steps):
        data = F.binary_cross_entropy_with_logits(model(x), y)
        J = data + nn.l2_penalty(model, lam, len(X))
        optimizer.zero_grad()
        J.backward()
        optimizer.step()
        learnt.J.append(J.item())
        learnt.data.append(data.item())
    return learnt


def weight_norm(model: nn.Module) -> float:
    """√Σ ‖W‖², of all weights seen as one vector."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim == 2]
    return float(np.sqrt(sum(np.sum(np.square(W.numpy())) for W in weights)))


def classes(model: nn.Module, X: Array) -> Array:
    """Whether each point (m, 2) is taken for the class 1."""
    with tt.no_grad():
        return model(tt.from_numpy(X)).numpy()[:, 0] > 0


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """Train for each λ, print the table, and draw what the network and its tanh became."""
    X, y = disc()
    figure, axes = canvas(columns=len(LAMBDAS), rows=2, size=(4, 3.4))
    norms, accuracies, largest_rise = [], [], []
    print(f"{'λ':>3}{'‖W‖':>10}{'train':>8}{'J rises by':>13}{'its data part':>15}")
    for lam, (above, below) in zip(LAMBDAS, axes.T, strict=True):
        model, J, data = learn(lam, X, y, steps)
        norms.append(weight_norm(model))
        accuracies.append(float(np.mean(classes(model, X) == y[:, 0])))
        largest_rise.append([float(np.diff(part).max()) for part in (J, data)])
        rises = "".join(f"{max(rise, 0):13.1e}" for rise in largest_rise[-1])
        print(f"{lam:3}{norms[-1]:10.2g}{accuracies[-1]:8.1%}{rises}")

        regions(above, partial(classes, model), X, y[:, 0], f"λ = {lam}: ‖W‖ = {norms[-1]:.2g}")
        z = model.layers[0](tt.from_numpy(X)).numpy().ravel()
        line = np.linspace(-4, 4, 200)
        below.plot(line, line, color="grey", linewidth=0.8, linestyle="--", label="z")
        below.plot(line, np.tanh(line), color="black", linewidth=0.8, label="tanh z")
        below.plot(z, np.tanh(z), "o", markersize=3, alpha=0.2, label="units of layer 1")
        below.set(xlabel="z", ylim=(-1.5, 1.5), xlim=(-4, 4))
    axes[1, 0].legend(loc="upper left")

    costs, panels = canvas(columns=2, size=(4.5, 3.4))
    parts = {"J falls at every step": J, "its data part alone does not": data}
    for panel, (title, values) in zip(panels, parts.items(), strict=True):
        panel.plot(range(1, steps + 1), values)
        panel.set(title=f"λ = {lam}: {title}", xlabel="step", ylabel="cost", xscale="log")
    return Outcome(
        [
            Goal("‖W‖, λ = 1 / λ = 0", norms[1] / norms[0], at_most=0.8),
            Goal("‖W‖, λ = 10", norms[2], at_most=1e-4),
            Goal("train accuracy, λ = 0", accuracies[0], at_least=0.99),
            Goal("train accuracy, λ = 10", accuracies[2], at_most=0.6),
            Goal("largest rise of J", max(rise for rise, _ in largest_rise), at_most=1e-12),
            Goal("largest rise of the data part, λ = 10", largest_rise[2][1], at_least=1e-6),
        ],
        [
            saved(figure, folder / "penalty-regions.png"),
            saved(costs, folder / "penalty-cost.png"),
        ],
    )


if __name__ == "__main__":
    print(main())
