"""Course 4, week 2: data augmentation for a convolutional network.

Ten pictures of each of ten coloured figures. One network sees them as they are, another in a
new version at every step: mirrored, turned, cropped with a border, in other colours. Both take
the same number of steps; over several draws of the pictures the second must be at least 10 points
better on pictures that neither saw.

The changed pictures of a batch are made in the same process: they take about a third of the
time, which the program prints; the course has threads of their own for pictures read from disk.

    python -m tinygrad_tr.examples.course4_augmentation
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, optim
from tinygrad_tr.examples.course4_transfer_learning import Namer, accuracy
from tinygrad_tr.examples.datasets import FIGURES, figures
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

EACH, DRAWS, STEPS, BATCH = 10, 3, 200, 64


def changes() -> data.Compose:
    """What leaves a figure what it is."""
    return data.Compose(
        [
            data.RandomHorizontalFlip(),
            data.RandomQuarterTurn(),
            data.RandomCrop(32, padding=4),
            data.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.5, hue=0.5),
        ]
    )


def learn(X: Any, y: Any, change: data.Compose | None, steps: int) -> tuple[Namer, float]:
    """The network after so many steps, and the share of the time that the changes took."""
    model = Namer(len(FIGURES))
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    changing, start = 0.0, time.perf_counter()
    for _ in range(steps):
        chosen = rng.permutation(len(X))[:BATCH]
        before = time.perf_counter()
        pictures = X[chosen] if change is None else change(X[chosen])
        changing += time.perf_counter() - before
        loss = F.cross_entropy(model(tt.Tensor(pictures)), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, changing / (time.perf_counter() - start)


def main(folder: Path = FOLDER, draws: int = DRAWS, steps: int = STEPS) -> Outcome:
    """Train with and without, on several draws, and show what the network sees."""
    X, y = figures(3000, seed=1)
    few, X_test, y_test = np.arange(2000), X[2000:], y[2000:]
    gains = []
    print(f"{EACH} pictures of each figure      as they are   changed at every step   (time of it)")
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(few)
        chosen = np.concatenate([order[y[order] == k][:EACH] for k in range(len(FIGURES))])
        reached = []
        for change in (None, changes()):
            tt.manual_seed(draw)
            model, share = learn(X[chosen], y[chosen], change, steps)
            reached.append(accuracy(model, X_test, y_test))
        gains.append(reached[1] - reached[0])
        print(f"draw {draw}{reached[0]:37.1%}{reached[1]:24.1%}{share:15.0%}")
    files = [plot(X[:6], folder / "augmentation.png"), *draw_step(X[:4], y[:4], folder)]
    return Outcome([Goal("mean gain in accuracy", float(np.mean(gains)), at_least=0.1)], files)


def plot(X: Any, file: Path, versions: int = 7) -> Path:
    """Some pictures, and what becomes of them."""
    tt.manual_seed(0)
    change = changes()
    rows = [X, *(change(X) for _ in range(versions))]
    figure, axes = canvas(len(X), versions + 1, size=(1.0, 1.0))
    for row, pictures in zip(axes, rows, strict=True):
        for plot, picture in zip(row, pictures, strict=True):
            plot.imshow(np.clip(np.moveaxis(picture, 0, 2), 0, 1))
            plot.set_xticks([])
            plot.set_yticks([])
    axes[0, 0].set_ylabel("as it is", fontsize=8)
    axes[1, 0].set_ylabel("changed", fontsize=8)
    return saved(figure, file)


def draw_step(X: Any, y: Any, folder: Path) -> list[Path]:
    tt.manual_seed(0)
    pictures = changes()(X)
    picture = tt.draw(Namer(len(FIGURES)), pictures, loss=lambda z: F.cross_entropy(z, y), depth=2)
    names = ("augmentation-step.svg", "augmentation-step.png")
    return [picture.save(folder / name) for name in names]


if __name__ == "__main__":
    print(main())
