"""Course 1, week 2: logistic regression, from one example on paper to gradient descent.

One example through the graph z = wᵀx + b, a = σ(z), L(a, y) and back, number by number. Then
the same gradient of 50 examples by loops, without loops, and by autograd. Then descent on two
round clouds, where it finds the classifier that no other can beat by much: 84.13 % are right.

    python -m tinygrad_tr.examples.course1_logistic
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import gaussians
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, regions, saved
from tinygrad_tr.nn import by_hand
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]


def one_example() -> tuple[dict[str, tt.Tensor], dict[str, float]]:
    """The graph of one example of two features: its nodes, and dL/dnode of each."""
    w1, w2, b = (tt.Tensor(np.array(v), requires_grad=True) for v in (0.5, -0.25, 0.1))
    x1, x2 = tt.Tensor(np.array(2.0), name="x1"), tt.Tensor(np.array(3.0), name="x2")
    z = w1 * x1 + w2 * x2 + b
    a = F.sigmoid(z)
    L = -np.log(a)  # of the loss −y log a − (1 − y) log(1 − a), what is left at y = 1
    nodes = {"w1": w1, "w2": w2, "b": b, "z": z, "a": a, "L": L}
    for name, node in nodes.items():
        node.name = name
    gradients = tt.grad(L, list(nodes.values()))
    return nodes, {name: g.item() for name, g in zip(nodes, gradients, strict=True)}


def three_ways() -> float:
    """J, dw and db of 5 features and 50 examples, three times: the largest difference."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((5, 50)), rng.integers(0, 2, (1, 50))
    w, b = rng.standard_normal((5, 1)), 0.3
    loop = by_hand.logistic_loop(w, b, X, Y)
    vectorised = by_hand.logistic_vectorised(w, b, X, Y)
    w_leaf, b_leaf = tt.Tensor(w, requires_grad=True), tt.Tensor(np.array(b), requires_grad=True)
    A = F.sigmoid(w_leaf.T @ X + b_leaf)
    J = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    autograd = J.numpy(), *(g.numpy() for g in tt.grad(J, [w_leaf, b_leaf]))
    differences = [
        np.abs(one - other).max()
        for way in (vectorised, autograd)
        for one, other in zip(loop, way, strict=True)
    ]
    return float(max(differences))


def descend(X: Array, y: Array, steps: int) -> tuple[nn.Linear, list[float]]:
    """Gradient descent from zero weights: the model, and the cost before each step."""
    model = nn.Linear(2, 1, dtype=np.float64)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    x, target = tt.from_numpy(X), y.reshape(-1, 1).astype(np.float64)
    costs = [
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(model(x), target)).item()
        for _ in range(steps)
    ]
    return model, costs


def main(folder: Path = FOLDER, steps: int = 2000) -> Outcome:
    """One example, three ways, and the descent; with pictures of the first and the last."""
    nodes, slopes = one_example()
    print("one example: x = (2, 3), y = 1, w = (0.5, −0.25), b = 0.1")
    print("  node        value   dL/dnode")
    for name, node in nodes.items():
        print(f"  {name:6}{node.item():12.6f}{slopes[name]:11.6f}")
    a = nodes["a"].item()
    da, dz = slopes["a"], slopes["z"]
    print(f"  da · a(1 − a) = {da * a * (1 - a):.6f} = a − y = {a - 1:.6f} = dz")

    difference = three_ways()
    print(f"\n50 examples by loops, vectorised, by autograd: they differ by {difference:.1e}")

    X, y = gaussians(20_000)
    X_test, y_test = gaussians(20_000, seed=1)
    model, costs = descend(X, y, steps)

    def classify(points: Array) -> Array:
        with tt.no_grad():
            return model(tt.from_numpy(points)).numpy()[:, 0] > 0

    w1, w2 = model.weight.numpy()[0]
    accuracy = float(np.mean(classify(X_test) == y_test))
    print(f"\n{steps:,} steps: J {costs[0]:.4f} → {costs[-1]:.4f}, w = ({w1:.3f}, {w2:.3f})")
    print(f"test accuracy {accuracy:.4f}; the best there can be is Φ(1) = 0.8413")

    figure, axes = canvas(columns=2)
    curves(axes[0], {"J(w, b)": costs}, xlabel="step", ylabel="cost", xscale="log",
           title="Gradient descent")  # fmt: skip
    regions(axes[1], classify, X_test[:600], y_test[:600], f"test accuracy {accuracy:.1%}")
    files = [saved(figure, folder / "logistic-descent.png")]
    picture = tt.draw(nodes["L"])
    files += [picture.save(folder / name) for name in ("logistic-graph.svg", "logistic-graph.png")]
    return Outcome(
        [
            Goal("dz − (a − y)", abs(dz - (a - 1)), at_most=1e-12),
            Goal("loops, vectorised and autograd differ by", difference, at_most=1e-12),
            Goal("largest step uphill", float(np.diff(costs).max()), at_most=1e-15),
            Goal("w₁", float(w1), 1.35, 1.50),
            Goal("w₂", float(w2), 1.35, 1.50),
            Goal("accuracy on the test set", accuracy, 0.835, 0.848),
        ],
        files,
    )


if __name__ == "__main__":
    print(main())
