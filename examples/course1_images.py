"""Course 1, week 2: pictures as columns, and logistic regression that looks at them.

The lecture's first problem is "cat or not": 209 pictures of 64 × 64 pixels in three colours. Each
is unrolled into a column of 12,288 numbers, and side by side they are X (12288, 209), with the
labels Y (1, 209). Here a red or a blue square on noise stands in for the cat. The lecture's
equations and autograd go down the same cost, at least 93 % of new pictures are read correctly,
and w, rolled up into a picture again, shows what the neuron looks for: red, and no blue.

    python -m tinygrad_tr.examples.course1_images
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, optim
from tinygrad_tr.examples.datasets import squares
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import by_hand
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
LR = 0.005


def columns(pictures: Array, y: Array) -> tuple[Array, Array]:
    """X (n_x, m) with values in [0, 1], and Y (1, m), of pictures (m, H, W, 3) in bytes."""
    return data.flatten_images(pictures) / 255, y.reshape(1, -1).astype(np.float64)


def by_equations(X: Array, Y: Array, steps: int) -> tuple[Array, float, list[float]]:
    """w, b and the cost before each step: dw = (1/m) X (A − Y)ᵀ, db = (1/m) Σ (A − Y)."""
    w, b, costs = np.zeros((len(X), 1)), 0.0, []
    for _ in range(steps):
        J, dw, db = by_hand.logistic_vectorised(w, b, X, Y)
        w, b = w - LR * dw, b - LR * db
        costs.append(J)
    return w, b, costs


def by_autograd(X: Array, Y: Array, steps: int) -> tuple[Array, float, list[float]]:
    """The same, but only the cost is written down."""
    w = tt.Tensor(np.zeros((len(X), 1)), requires_grad=True)
    b = tt.Tensor(np.zeros((1, 1)), requires_grad=True)
    x, optimizer = tt.from_numpy(X), optim.SGD([w, b], lr=LR)
    costs = [
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(w.T @ x + b, Y)).item()
        for _ in range(steps)
    ]
    return w.numpy(), b.item(), costs


def main(folder: Path = FOLDER, steps: int = 200) -> Outcome:
    """Unroll, learn twice, and show the pictures, the cost, and w as a picture."""
    pictures, y = squares(209)
    X, Y = columns(pictures, y)
    X_test, Y_test = columns(*squares(200, seed=1))
    print(f"pictures {pictures.shape} → X {X.shape}, Y {Y.shape}")
    lost = np.sum(data.unflatten_images(data.flatten_images(pictures), (64, 64, 3)) != pictures)

    w, b, costs = by_equations(X, Y, steps)
    w_autograd, b_autograd, costs_autograd = by_autograd(X, Y, steps)
    apart = float(np.abs(np.subtract(costs, costs_autograd)).max())
    print("step   cost by hand   by autograd")
    for step in range(0, steps, max(steps // 5, 1)):
        print(f"{step:4}{costs[step]:15.10f}{costs_autograd[step]:14.10f}")

    train = float(np.mean((w.T @ X + b > 0) == Y))
    test = float(np.mean((w.T @ X_test + b > 0) == Y_test))
    print(f"right: {train:.1%} of train, {test:.1%} of test")

    seen = data.unflatten_images(w, (64, 64, 3))[0]
    files = [plot(pictures, y, costs, costs_autograd, seen, folder / "images-weights.png")]
    drift = max(float(np.abs(w - w_autograd).max()), abs(b - b_autograd))
    return Outcome(
        [
            Goal("features n_x", X.shape[0], 12288, 12288),
            Goal("values that came back different", float(lost), 0, 0),
            Goal("costs by hand and by autograd differ by", apart, at_most=1e-10),
            Goal("weights differ by", drift, at_most=1e-10),
            Goal("accuracy on train", train, at_least=0.99),
            Goal("accuracy on test", test, at_least=0.93),
        ],
        files,
    )


def plot(
    pictures: Array, y: Array, costs: list[float], again: list[float], w: Array, file: Path
) -> Path:
    """Two pictures, the cost curves, and the weights of the three colours."""
    figure, axes = canvas(columns=3, rows=2, size=(4, 3.6))
    for place, label in enumerate((1, 0)):
        axes[0, place].imshow(pictures[np.flatnonzero(y == label)[0]])
        axes[0, place].set(title=f"y = {label}", xticks=[], yticks=[])
    axes[0, 2].plot(costs, linewidth=5, alpha=0.35, label="the lecture's equations")
    axes[0, 2].plot(again, "k--", linewidth=1, label="autograd")
    axes[0, 2].set(title="At first the steps are too long", xlabel="step", ylabel="J(w, b)")
    axes[0, 2].legend()
    reach = np.abs(w).max()
    for channel, colour in enumerate(("red", "green", "blue")):
        shown = axes[1, channel].imshow(w[:, :, channel], cmap="RdBu_r", vmin=-reach, vmax=reach)
        axes[1, channel].set(title=f"w for {colour}", xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes.ravel().tolist(), shrink=0.5, label="w")
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
