"""Course 4, week 2: transfer learning, when there are few pictures of the task at hand.

A convolutional network learns six kinds of coloured figures from many pictures. Its layers then
serve for four other kinds, of which there are five pictures each: frozen, with a new head; and
afterwards fine-tuned, the old layers at a tenth of the head's rate. Beside them the same network
from scratch. Over several draws of the few pictures the frozen layers must be at least 25 points
better than scratch, and fine-tuning no worse than them less two points.

Frozen means the running statistics of batch norm too: the layers stay in evaluation mode.

    python -m tinygrad_tr.examples.course4_transfer_learning
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import FIGURES, figures
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

EACH, DRAWS, STEPS, SEED = 5, 5, 60, 0
KNOWN = 6  # kinds of figures that the layers learn from; the others come after
WAYS = ("scratch", "frozen", "fine-tuned")


class Namer(nn.Module):
    """Layers that look at pictures of 32 × 32 in colours, and a head that names the classes."""

    def __init__(self, classes: int) -> None:
        layers: list[nn.Module] = []
        for before, width in pairwise((3, 16, 32, 32)):
            convolution = nn.Conv2d(before, width, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(2), nn.Flatten())
        self.head = nn.Linear(32 * 2 * 2, classes)

    def forward(self, x: tt.Tensor) -> tt.Tensor:
        return self.head(self.layers(x))


def train(model: nn.Module, optimizer: Any, X: Any, y: Any, steps: int, batch: int = 64) -> None:
    """So many steps on batches of the pictures, or on all where they are fewer."""
    rng = np.random.default_rng(SEED)
    for _ in range(steps):
        chosen = rng.permutation(len(X))[:batch]
        loss = F.cross_entropy(model(tt.Tensor(X[chosen])), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def accuracy(model: nn.Module, X: Any, y: Any) -> float:
    model.eval()
    with tt.no_grad():
        return float(np.mean(model(tt.Tensor(X)).numpy().argmax(axis=1) == y))


def learn(way: str, teacher: Path, X: Any, y: Any, steps: int) -> Namer:
    """A network that learned the few pictures: from scratch, or on the teacher's layers."""
    model = Namer(len(FIGURES) - KNOWN)
    if way == "scratch":
        train(model, optim.Adam(model.parameters(), lr=3e-3), X, y, steps)
        return model
    model.layers.load_state_dict(tt.load(teacher))
    model.layers.requires_grad_(False).eval()
    train(model, optim.Adam(model.head.parameters(), lr=1e-2), X, y, steps)
    if way == "fine-tuned":
        model.layers.requires_grad_(True)  # still in evaluation mode: 20 pictures are no statistics
        groups = [
            {"params": model.layers.parameters(), "lr": 2e-4},
            {"params": model.head.parameters(), "lr": 2e-3},
        ]
        train(model, optim.Adam(groups), X, y, steps)
    return model


def main(folder: Path = FOLDER, draws: int = DRAWS, steps: int = STEPS) -> Outcome:
    """Learn the known kinds, then the others from few pictures in three ways, and compare."""
    X, y = figures(6000, seed=SEED)
    known = y < KNOWN
    tt.manual_seed(SEED)
    model = Namer(KNOWN)
    first = np.flatnonzero(known)[:-500]
    train(model, optim.Adam(model.parameters(), lr=3e-3), X[first], y[first], 4 * steps)
    right = accuracy(model, X[known][-500:], y[known][-500:])
    print(f"{KNOWN} known kinds from {len(first):,} pictures: {right:.1%} of 500 others right")
    teacher = folder / "transfer-layers.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    tt.save(model.layers.state_dict(), teacher)

    X, y = X[~known], y[~known] - KNOWN
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    print(f"{y.max() + 1} others from {EACH} pictures each" + "".join(f"{w:>12}" for w in WAYS))
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        few = np.concatenate([rng.permutation(np.flatnonzero(y == k))[:EACH] for k in set(y)])
        rest = rng.permutation(np.setdiff1d(np.arange(len(y)), few))[:500]
        for way in WAYS:
            tt.manual_seed(draw)
            student = learn(way, teacher, X[few], y[few], steps)
            found[way].append(accuracy(student, X[rest], y[rest]))
        print(f"draw {draw:<24}" + "".join(f"{found[way][-1]:12.1%}" for way in WAYS))
    means = {way: float(np.mean(found[way])) for way in WAYS}
    print(f"{'mean':<29}" + "".join(f"{means[way]:12.1%}" for way in WAYS))
    goals = [
        Goal("frozen − scratch", means["frozen"] - means["scratch"], at_least=0.25),
        Goal("fine-tuned − frozen", means["fine-tuned"] - means["frozen"], at_least=-0.02),
    ]
    files = [teacher, plot(found, folder / "transfer.png"), *draw_frozen(X[:4], y[:4], folder)]
    return Outcome(goals, files)


def plot(found: dict[str, list[float]], file: Path) -> Path:
    figure, axes = canvas(size=(5, 3.6))
    for place, way in enumerate(WAYS):
        values = 100 * np.array(found[way])
        axes.bar(place, values.mean(), color=f"C{place}", alpha=0.5, width=0.6)
        axes.plot([place] * len(values), values, "k.", markersize=5)
    axes.set(xticks=range(len(WAYS)), xticklabels=WAYS, ylabel="test accuracy, %", ylim=(0, 100),
             title=f"Four new kinds from {EACH} pictures each; dots are draws")  # fmt: skip
    return saved(figure, file)


def draw_frozen(X: Any, y: Any, folder: Path) -> list[Path]:
    """A step with frozen layers: no gradient goes below the head."""
    tt.manual_seed(SEED)
    model = Namer(len(FIGURES) - KNOWN)
    model.layers.requires_grad_(False).eval()
    picture = tt.draw(model, X, loss=lambda logits: F.cross_entropy(logits, y), depth=2)
    return [picture.save(folder / name) for name in ("transfer-step.svg", "transfer-step.png")]


if __name__ == "__main__":
    print(main())
