"""Course 2, week 2: mini-batches, from all examples at a time to one.

Logistic regression on 8,192 examples, as columns, for three epochs at the same learning rate.
All at a time: 3 steps, and the cost falls in every one. 512 or 64 at a time: 48 or 384 steps for
the same three looks at the data, with rises in between, and a cost that falls much further. One at
a time: the furthest down, and by far the slowest, as nothing is vectorised any more.

    python -m tinygrad_tr.examples.course2_minibatches
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, optim
from tinygrad_tr.examples.datasets import logistic
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
SIZES, LR, EPOCHS = (8192, 512, 64, 1), 0.1, 3


class Descent(NamedTuple):
    """J{t} of the mini-batch before each step, J of all examples at the end, and the time."""

    batch_costs: Array
    cost: float
    seconds: float


def descend(X: Array, Y: Array, batch_size: int, epochs: int = EPOCHS, seed: int = 0) -> Descent:
    """Logistic regression from w = 0, b = 0: X (n_x, m), Y (1, m)."""
    w = tt.Tensor(np.zeros((len(X), 1)), requires_grad=True)
    b = tt.Tensor(np.zeros((1, 1)), requires_grad=True)
    optimizer, rng = optim.SGD([w, b], lr=LR), np.random.default_rng(seed)

    def cost(x: Array, y: Array) -> tt.Tensor:
        return F.binary_cross_entropy_with_logits(w.T @ x + b, y)

    batch_costs = []
    start = time.perf_counter()
    for _ in range(epochs):
        for x, y in data.minibatches(X, Y, batch_size, rng):
            J = cost(x, y)
            optimizer.zero_grad()
            J.backward()
            optimizer.step()
            batch_costs.append(J.item())
    seconds = time.perf_counter() - start
    return Descent(np.array(batch_costs), cost(X, Y).item(), seconds)


def smoothed(costs: Array, width: int) -> Array:
    """The mean of the last `width` costs."""
    return np.convolve(costs, np.ones(width) / width, mode="valid")


def main(folder: Path = FOLDER, epochs: int = EPOCHS) -> Outcome:
    """The same epochs in four batch sizes: a table, and the curves."""
    X, y = logistic()
    X, Y = X.T.copy(), y.reshape(1, -1).astype(np.float64)
    m = X.shape[1]
    found = {size: descend(X, Y, size, epochs) for size in SIZES}
    print(f"X {X.shape}, Y {Y.shape}; suggested size {data.suggest_batch_size(m)}")
    print("   size   steps   rises   cost after   seconds")
    rises = {size: int(np.sum(np.diff(run.batch_costs) > 0)) for size, run in found.items()}
    for size, run in found.items():
        steps = len(run.batch_costs)
        print(f"{size:7,}{steps:8,}{rises[size]:8,}{run.cost:13.3f}{run.seconds:10.3f}")

    whole, large, small, single = (found[size] for size in SIZES)
    trend = smoothed(small.batch_costs, 64)[::64]
    return Outcome(
        [
            Goal("rises with all examples", rises[8192], 0, 0),
            Goal("rises in batches of 64", rises[64], at_least=10),
            Goal("largest rise of 64 batches' mean", float(np.diff(trend).max()), at_most=0),
            Goal("cost with all examples", whole.cost, 0.60, 0.69),
            Goal("cost in batches of 512", large.cost, 0.30, 0.45),
            Goal("cost in batches of 64", small.cost, 0.14, 0.22),
            Goal("cost one by one", single.cost, 0.05, 0.14),
            Goal("time one by one / batches of 64", single.seconds / small.seconds, at_least=3),
        ],
        [plot(found, m, folder / "minibatches-cost.png")],
    )


def plot(found: dict[int, Descent], m: int, file: Path) -> Path:
    """J{t} against the epochs, batch by batch."""
    figure, axes = canvas(size=(8, 4.5))
    for size, run in reversed(found.items()):
        place = np.arange(len(run.batch_costs)) * size / m
        if size == 1:  # the cost of one example says nothing; the mean of 256 does
            axes.plot(place[255:], smoothed(run.batch_costs, 256), color="0.75", linewidth=0.8,
                      label=f"1, mean of 256: J = {run.cost:.3f}")  # fmt: skip
            continue
        axes.plot(place, run.batch_costs, marker="o" if size == m else None, linewidth=1.2,
                  label=f"{size}: J = {run.cost:.3f}")  # fmt: skip
    axes.set(xlabel="epoch", ylabel="cost of the mini-batch", ylim=(0, 0.95),
             title="The same three epochs in batches of different size")  # fmt: skip
    axes.legend(title="batch size, and the cost in the end", ncols=2, loc="upper right")
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
