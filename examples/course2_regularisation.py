"""Course 2, week 1: four ways with a network that is too large for its data.

120 points of two noisy moons, and a network of 10,501 parameters that can learn them by heart.
Without help it does: all of the train set is right, while the loss on 4,000 dev points rises for
most of the training. An L2 penalty, dropout, and stopping early each at least halve that loss,
and none of them is wrong more often on dev.

    python -m tinygrad_tr.examples.course2_regularisation
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import moons
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, regions, saved
from tinygrad_tr.nn import functional as F
from tinygrad_tr.train import EarlyStopping

Array = np.ndarray[Any, Any]
STEPS, EVERY, SEED = 2000, 20, 0  # dev is looked at every 20 steps
TRAIN, DEV = 120, 4000

WAYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "L2, λ = 1": {"lam": 1.0},
    "dropout, keep_prob = 0.5": {"keep_prob": 0.5},
    "early stopping": {"patience": 10},
}


class Learnt(NamedTuple):
    """A model, and its dev loss at every look."""

    model: nn.Module
    dev_losses: list[float]


def points(seed: int = SEED) -> tuple[Array, Array]:
    """The train points, then the dev points: X (m, 2), y (m, 1)."""
    X, y = moons(TRAIN + DEV, noise=0.35, seed=seed)
    return X.astype(np.float32), y.astype(np.float32)[:, None]


def network(keep_prob: float = 1.0) -> nn.Sequential:
    """2 -> 100 -> 100 -> 1, one logit; the hidden units are kept with keep_prob."""
    return nn.Sequential(
        nn.Linear(2, 100), nn.ReLU(), nn.Dropout(keep_prob=keep_prob),
        nn.Linear(100, 100), nn.ReLU(), nn.Dropout(keep_prob=keep_prob),
        nn.Linear(100, 1),
    )  # fmt: skip


def learn(
    X: Array,
    y: Array,
    lam: float = 0.0,
    keep_prob: float = 1.0,
    patience: int = STEPS,
    steps: int = STEPS,
    seed: int = SEED,
) -> Learnt:
    """Fit the train points by Adam, with a penalty, with dropout, or until dev gets worse."""
    tt.manual_seed(seed)
    model = network(keep_prob)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    stopping = EarlyStopping(patience)
    x = tt.from_numpy(X[:TRAIN])
    dev_losses = []
    for step in range(1, steps + 1):
        J = F.binary_cross_entropy_with_logits(model(x), y[:TRAIN])
        if lam:
            J = J + nn.l2_penalty(model, lam, TRAIN)
        optimizer.zero_grad()
        J.backward()
        optimizer.step()
        if step % EVERY == 0:
            dev_losses.append(score(model, X[TRAIN:], y[TRAIN:])[0])
            if stopping.update(dev_losses[-1], model):
                break
    return Learnt(model, dev_losses)


def score(model: nn.Module, X: Array, y: Array) -> tuple[float, float]:
    """The loss and the accuracy, in evaluation: without penalty and without dropout."""
    model.eval()
    with tt.no_grad():
        z = model(tt.from_numpy(X))
        loss = F.binary_cross_entropy_with_logits(z, y).item()
    model.train()
    return loss, float(np.mean((z.numpy() > 0) == y))


def classes(model: nn.Module, X: Array) -> Array:
    """Whether each point (m, 2) is taken for the class 1."""
    with tt.no_grad():
        return model(tt.from_numpy(X)).numpy()[:, 0] > 0


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """Train four times, print the table, draw the regions and the dev losses."""
    X, y = points()
    figure, axes = canvas(columns=2, rows=2, size=(4.5, 3.6))
    history, losses = canvas(size=(7, 4))
    loss, accuracy = {}, {}
    print(f"{'':26}{'steps':>6}{'train':>8}{'dev':>8}{'dev loss':>10}")
    for (name, options), panel in zip(WAYS.items(), axes.flat, strict=True):
        model, dev_losses = learn(X, y, **options, steps=steps)
        _, train = score(model, X[:TRAIN], y[:TRAIN])
        loss[name], accuracy[name] = score(model, X[TRAIN:], y[TRAIN:])
        taken = EVERY * len(dev_losses)
        print(f"{name:26}{taken:6}{train:8.1%}{accuracy[name]:8.1%}{loss[name]:10.3f}")
        model.eval()
        title = f"{name}: dev loss {loss[name]:.2f}"
        regions(panel, partial(classes, model), X[:TRAIN], y[:TRAIN, 0], title)
        if "patience" not in options:
            losses.plot(range(EVERY, taken + 1, EVERY), dev_losses, label=name)
    best = EVERY * (1 + int(np.argmin(dev_losses)))
    losses.plot(best, min(dev_losses), "k*", markersize=11, label=f"early stopping: step {best}")
    losses.set(title="The loss on points that training never saw", xlabel="step",
               ylabel="dev loss", yscale="log", yticks=(0.3, 0.5, 1, 2),
               yticklabels=("0.3", "0.5", "1", "2"))  # fmt: skip
    losses.minorticks_off()
    losses.legend()

    alone = "nothing"
    helped = {name: value for name, value in loss.items() if name != alone}
    return Outcome(
        [
            Goal("dev loss without help", loss[alone], at_least=1),
            *(
                Goal(f"{name}: dev loss / without", value / loss[alone], at_most=0.5)
                for name, value in helped.items()
            ),
            *(
                Goal(f"{name}: dev accuracy gained", accuracy[name] - accuracy[alone], at_least=0)
                for name in helped
            ),
            Goal("early stopping: dev loss", loss["early stopping"], at_most=0.36),
        ],
        [
            saved(figure, folder / "regularisation-regions.png"),
            saved(history, folder / "regularisation-dev.png"),
        ],
    )


if __name__ == "__main__":
    print(main())
