"""Course 1, week 1: scale. More data help most where the network is large enough to use them.

Points on the petals of a flower, and two networks, of 4 and of 64 tanh units. With few examples
it has to be measured which of them is better: the large one knows its train set nearly by heart
and is wrong on dev. With many its dev error falls below 10 % and comes close to its train error,
while the small one soon has no use for more. What the size costs are examples per second.

    python -m tinygrad_tr.examples.course1_scale
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, nn, optim, project
from tinygrad_tr.examples.datasets import flower
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, counts, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
WIDTHS, SIZES = (4, 64), (20, 80, 320, 1280)
STEPS, SEED, REPEATS = 1000, 0, 3


def learn(width: int, steps: int, X: Array, y: Array) -> Callable[[Array], Array]:
    """Train 2 -> width tanh -> 1 on all examples at once, by Adam; the classes it predicts."""
    model = nn.MLP([2, width, 1], nn.Tanh, generator=np.random.default_rng(SEED))
    optimizer = optim.Adam(model.parameters(), lr=0.03)
    x, target = tt.from_numpy(X), y[:, None].astype(X.dtype)
    for _ in range(steps):
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(model(x), target))

    def predict(points: Array) -> Array:
        with tt.no_grad():
            return model(tt.from_numpy(points)).numpy()[:, 0] > 0

    return predict


def curves(steps: int = STEPS) -> dict[int, project.LearningCurve]:
    """The learning curve of each width, on the same examples."""
    X, y = flower(2560)
    train, dev = data.split((X.astype(np.float32), y), (0.5, 0.5), stratify=y, seed=SEED)
    return {
        width: project.learning_curve(
            partial(learn, width, steps), train, dev, SIZES, repeats=REPEATS, seed=SEED
        )
        for width in WIDTHS
    }


def speed(width: int, steps: int = 200) -> float:
    """Examples per second in training."""
    X, y = flower(SIZES[-1])
    begin = perf_counter()
    learn(width, steps, X.astype(np.float32), y)
    return steps * len(X) / (perf_counter() - begin)


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """Print and draw train and dev error for each number of examples and each width."""
    found = curves(steps)
    print(f"{'':8}" + "".join(f"{f'{width} units':>18}" for width in WIDTHS))
    print(f"{'examples':8}" + f"{'train':>10}{'dev':>8}" * len(WIDTHS))
    for place, m in enumerate(SIZES):
        errors = [(curve.train[place], curve.dev[place]) for curve in found.values()]
        print(f"{m:8,}" + "".join(f"{train:10.1%}{dev:8.1%}" for train, dev in errors))
    print("\nexamples per second: "
          + ", ".join(f"{speed(width):,.0f} with {width} units" for width in WIDTHS))  # fmt: skip

    large = found[WIDTHS[-1]]
    gaps = np.subtract(large.dev, large.train)
    return Outcome(
        [
            Goal("64 units: dev error, fewest examples", large.dev[0], at_least=0.15),
            Goal("64 units: dev error, most examples", large.dev[-1], at_most=0.10),
            Goal("64 units: dev - train, last / first", gaps[-1] / gaps[0], at_most=0.25),
        ],
        [plot(found, folder / "scale.png")],
    )


def plot(found: dict[int, project.LearningCurve], file: Path) -> Path:
    """Train and dev error of each width against the number of examples."""
    figure, axes = canvas(size=(6, 4.2))
    for color, (width, curve) in zip(("tab:blue", "tab:orange"), found.items(), strict=True):
        axes.plot(curve.sizes, curve.dev, "o-", color=color, label=f"{width} units, dev")
        axes.plot(curve.sizes, curve.train, "o--", color=color, label=f"{width} units, train",
                  alpha=0.6)  # fmt: skip
        axes.fill_between(curve.sizes, curve.train, curve.dev, color=color, alpha=0.1)
    axes.set(title="The flower: learning curves of two networks", ylim=(0, None),
             xlabel="examples to train on", ylabel="error")  # fmt: skip
    counts(axes, SIZES)
    axes.legend()
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
