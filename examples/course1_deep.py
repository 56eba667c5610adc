"""Course 1, week 4: a deep network by hand and by autograd, step by step the same.

Three boxes, ReLU, ReLU and sigmoid, tell benign tumours from malignant ones by 30 measurements.
The first step is printed as the lecture draws it: forward from A0 = X through the boxes, each of
which leaves its cache, then backward from dA3. The whole training is done twice, with the
course's equations (`nn.by_hand`, examples in columns) and with autograd (examples in rows): the
costs agree to 1e-10 in every step, and 95 % of the patients that training never saw are right.

    python -m tinygrad_tr.examples.course1_deep
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.data import Normalizer, split
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import by_hand
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
SIZES, RATE = [30, 16, 8, 1], 0.1


def patients() -> tuple[Array, Array, Array, Array]:
    """X (30, m) and Y (1, m) of 80 % of the patients, normalised, and of the others."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    (X_train, y_train), (X_test, y_test) = split((X, y), (0.8, 0.2), stratify=y, seed=0)
    normalizer = Normalizer().fit(X_train)
    X_train, X_test = normalizer.transform(X_train).T, normalizer.transform(X_test).T
    return X_train, y_train.reshape(1, -1), X_test, y_test.reshape(1, -1)


def network(sizes: list[int], seed: int = 1) -> nn.MLP:
    """ReLU in the hidden layers, sigmoid at the end."""
    rng = np.random.default_rng(seed)
    return nn.MLP(sizes, nn.ReLU, nn.Sigmoid, generator=rng, dtype=np.float64)


def print_arrows(X: Array, Y: Array, parameters: by_hand.Pairs) -> float:
    """One step as the lecture draws it. The largest difference of any dW, db from autograd's."""
    A = X
    print(f"forward   A0 = X {X.shape}")
    caches = []
    for l, (W, b) in enumerate(parameters, start=1):  # noqa: E741  the lecture's own name
        name = "sigmoid" if l == len(parameters) else "relu"
        A, cache = by_hand.layer_forward(A, W, b, name)
        caches.append(cache)
        print(f"   │   W{l} {W.shape}, b{l} {b.shape}, {name}")
        print(f"   ▼      A{l} {A.shape}      cache: A{l - 1}, W{l}, b{l}, Z{l}")
    print(f"cost      J = {by_hand.cost(A, Y):.6f}")
    dA = by_hand.cost_backward(A, Y)
    print(
        f"backward  dA{len(caches)} = −Y/A{len(caches)} + (1 − Y)/(1 − A{len(caches)}) {dA.shape}"
    )
    found = []
    for l in range(len(caches), 0, -1):  # noqa: E741  as above
        dA, dW, db = by_hand.layer_backward(dA, caches[l - 1])
        found.append((dW, db))
        ignored = "   (nobody needs it)" if l == 1 else ""
        print(f"   │   cache of layer {l} ─► dW{l} {dW.shape}, db{l} {db.shape}")
        print(f"   ▼      dA{l - 1} {dA.shape}{ignored}")

    leaves = [tt.Tensor(p, requires_grad=True) for pair in parameters for p in pair]
    out = tt.Tensor(X)
    for W_leaf, b_leaf in zip(leaves[:-2:2], leaves[1:-2:2], strict=True):
        out = F.relu(W_leaf @ out + b_leaf)
    out = F.sigmoid(leaves[-2] @ out + leaves[-1])
    autograd = tt.grad(F.binary_cross_entropy(out, Y.astype(X.dtype)), leaves)
    equations = [gradient for pair in reversed(found) for gradient in pair]
    differences = [
        np.abs(one - other.numpy()).max() for one, other in zip(equations, autograd, strict=True)
    ]
    print(f"autograd finds the same dW and db: they differ by {max(differences):.1e}\n")
    return float(max(differences))


def train_by_hand(X: Array, Y: Array, parameters: by_hand.Pairs, steps: int) -> list[float]:
    """Gradient descent with the course's equations; the costs."""
    costs = []
    for _ in range(steps):
        A, caches = by_hand.model_forward(X, parameters)
        costs.append(by_hand.cost(A, Y))
        parameters = by_hand.update(parameters, by_hand.model_backward(A, Y, caches), RATE)
    return costs


def train(model: nn.MLP, X: Array, Y: Array, steps: int) -> list[float]:
    """The same with autograd, examples in rows."""
    optimizer = optim.SGD(model.parameters(), lr=RATE)
    x, y = tt.Tensor(X.T), Y.T.astype(X.dtype)
    return [
        optimizer.minimize(lambda: F.binary_cross_entropy(model(x), y)).item() for _ in range(steps)
    ]


def draw_chains(folder: Path) -> list[Path]:
    """A small ReLU-ReLU-sigmoid network on two examples: both chains of boxes, with numbers."""
    x = tt.Tensor([[1.0, 2.0], [-1.0, 0.5]], dtype=np.float64, name="x")
    y = tt.Tensor([[1.0], [0.0]], dtype=np.float64, name="y")
    model = network([2, 3, 2, 1], seed=14)  # in which no ReLU is off for both examples
    picture = tt.draw(model, x, loss=lambda a: F.binary_cross_entropy(a, y))
    return [picture.save(folder / f"deep-chains{suffix}") for suffix in (".svg", ".png")]


def main(folder: Path = FOLDER, steps: int = 800) -> Outcome:
    """Print the first step, train both ways, test, and draw the costs and the chains."""
    X, Y, X_test, Y_test = patients()
    model = network(SIZES)
    print(nn.summary(model, X.T[:1]), end="\n\n")
    parameters = by_hand.parameters_of(model)
    difference = print_arrows(X, Y, parameters)

    equations = train_by_hand(X, Y, parameters, steps)
    autograd = train(model, X, Y, steps)
    apart = float(np.abs(np.subtract(equations, autograd)).max())
    with tt.no_grad():
        accuracy = float(np.mean((model(tt.Tensor(X_test.T)).numpy().T > 0.5) == Y_test))
    print(f"{steps} steps: J {autograd[0]:.4f} → {autograd[-1]:.4f}, by hand {equations[-1]:.4f}")
    print(f"test accuracy {accuracy:.1%} on {Y_test.size} patients")

    figure, axes = canvas(size=(6, 4))
    curves(axes, {"autograd": autograd}, xlabel="step", ylabel="cost", yscale="log",
           title=f"{' → '.join(map(str, SIZES))}: the two differ by {apart:.0e}")  # fmt: skip
    marked = range(0, steps, max(steps // 20, 1))
    axes.plot([i + 1 for i in marked], [equations[i] for i in marked], "o", markersize=4,
              label="by hand")  # fmt: skip
    axes.legend()
    return Outcome(
        [
            Goal("dW, db by hand − autograd", difference, at_most=1e-12),
            Goal("costs by hand − autograd", apart, at_most=1e-10),
            Goal("accuracy on the test set", accuracy, at_least=0.95),
        ],
        [saved(figure, folder / "deep-costs.png"), *draw_chains(folder)],
    )


if __name__ == "__main__":
    print(main())
