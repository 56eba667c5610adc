"""Course 2, week 3: softmax, the logistic unit for more than two classes.

The lecture's z = [5, 2, −1, 3] step by step, drawn with its backward pass: t = eᶻ, a = t/Σt, and
dL/dz = a − y. Then softmax regression, a network without hidden layers: on four clouds of points,
where the borders between the classes are straight lines, and on three kinds of wine.

    python -m tinygrad_tr.examples.course2_softmax
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, nn, optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, regions, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
STEPS, SEED = 300, 0
Z = [5.0, 2.0, -1.0, 3.0]


def loss_by_hand(z: tt.Tensor, y: tt.Tensor) -> tuple[tt.Tensor, tt.Tensor]:
    """a = softmax(z) and L = −Σ y ln a as the lecture writes them, with names for the picture."""
    t = tt.exp(z)
    total = t.sum()
    a = t / total
    log_a = tt.log(a)
    each = -log_a
    L = y @ each
    named = {"t": t, "sum": total, "a": a, "ln a": log_a, "−ln a": each, "L": L}
    for name, tensor in named.items():
        tensor.name = name
    return a, L


def clouds(m: int = 800, seed: int = SEED) -> tuple[Array, Array]:
    """Four clouds of deviation 0.8 around (±2, ±2): X (m, 2), y (m,)."""
    rng = np.random.default_rng(seed)
    centres = np.array([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0]])
    y = np.arange(m) % 4
    return centres[y] + 0.8 * rng.standard_normal((m, 2)), y


def wine() -> tuple[Array, Array]:
    """13 measurements of 178 wines of three growers: X (178, 13), y (178,)."""
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    return X, y


def softmax_regression(X: Array, y: Array, steps: int = STEPS) -> nn.Linear:
    """Linear logits and cross-entropy, from zero weights, by gradient descent with α = 0.5."""
    model = nn.Linear(X.shape[1], int(y.max()) + 1, dtype=np.float64)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    x = tt.from_numpy(X)
    for _ in range(steps):
        optimizer.minimize(lambda: F.cross_entropy(model(x), y))
    return model


def classes(model: nn.Module, X: Array) -> Array:
    """The most likely class of each row: the largest logit, for softmax keeps their order."""
    with tt.no_grad():
        return model(tt.from_numpy(X)).numpy().argmax(axis=1)


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """The lecture's numbers and their picture, the borders of four classes, and the wines."""
    z = tt.Tensor(np.array(Z), requires_grad=True, name="z")
    y = tt.Tensor(np.array([0.0, 1.0, 0.0, 0.0]), name="y")
    a, L = loss_by_hand(z, y)
    L.backward()
    assert z.grad is not None
    t, fused = np.exp(Z), F.cross_entropy(z.detach(), y)
    for name, numbers in (("z", Z), ("t = exp z", t), ("a = t / sum", a.numpy()),
                          ("dL/dz = a - y", z.grad.numpy())):  # fmt: skip
        print(f"{name:14}" + "".join(f"{number:10.4f}" for number in numbers))
    print(f"sum {t.sum():.4f}; L = -ln a2 = {L.item():.6f}; F.cross_entropy {fused.item():.6f}\n")

    X, labels = clouds()
    model = softmax_regression(X, labels, steps)
    found = float(np.mean(classes(model, X) == labels))
    figure, axes = canvas(size=(5.5, 4.6))
    regions(axes, partial(classes, model), X, labels, f"Four classes, {found:.1%} right")

    (X_train, y_train), (X_test, y_test) = data.split(wine(), (0.7, 0.3), seed=SEED)
    normalizer = data.Normalizer().fit(X_train)
    growers = softmax_regression(normalizer.transform(X_train), y_train, steps)
    right = float(np.mean(classes(growers, normalizer.transform(X_test)) == y_test))
    print(f"four clouds: {found:.1%} right; wines that training never saw: {right:.1%} right")

    picture = L.draw(rankdir="TB")
    wrong = np.abs(z.grad.numpy() - (a.numpy() - y.numpy())).max()
    return Outcome(
        [
            Goal("a₁", float(a.numpy()[0]), 0.8420335, 0.8420336),
            Goal("Σ t", float(t.sum()), 176.25563, 176.25564),
            Goal("L by hand − F.cross_entropy", L.item() - fused.item(), -1e-12, 1e-12),
            Goal("dL/dz − (a − y)", float(wrong), at_most=1e-12),
            Goal("four clouds", found, at_least=0.97),
            Goal("wines of the test set", right, at_least=0.93),
        ],
        [
            picture.save(folder / "softmax-graph.svg"),
            picture.save(folder / "softmax-graph.png"),
            saved(figure, folder / "softmax-borders.png"),
        ],
    )


if __name__ == "__main__":
    print(main())
