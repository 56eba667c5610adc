"""Course 3, week 2: end-to-end learning against a pipeline of two stages.

In a noisy picture stands a square with stripes; say whether they run across or up. The pipeline
finds the square first, with a network that looks through a window of the square's size, and then
a second network classifies what the window shows. End to end, one network goes from the pixels
to the answer. From 50 pictures the pipeline learns the task and the single network hardly more
than to guess; from 5,000 the gap is closed. All networks are dense.

    python -m tinygrad_tr.examples.course3_end_to_end
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_tr as tt
from tinygrad_tr import metrics, nn, optim, project
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, counts, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
SIZE, SIDE, SEED = 12, 5, 0  # of the picture, and of the square in it
PLACES = SIZE - SIDE + 1  # of the square, in each direction
SIZES = (50, 200, 1000, 5000)
STEPS, BATCH = 800, 128


class Pictures(NamedTuple):
    """Pixels (m, SIZE, SIZE), the corner of each square (m, 2), and 1 for upright stripes (m,)."""

    pixels: Array
    corners: Array
    upright: Array

    def first(self, m: int) -> Pictures:
        return Pictures(*(array[:m] for array in self))


def pictures(m: int, seed: int) -> Pictures:
    """Noise, and in it a square whose stripes are 1 and 0, or 0 and 1."""
    rng = np.random.default_rng(seed)
    pixels = 0.4 * rng.standard_normal((m, SIZE, SIZE)).astype(np.float32)
    corners, upright = rng.integers(0, PLACES, (m, 2)), rng.integers(0, 2, m)
    stripes = (np.arange(SIDE) + rng.integers(0, 2, (m, 1))) % 2
    for picture, (top, left), is_upright, line in zip(
        pixels, corners, upright, stripes, strict=True
    ):
        square = picture[top : top + SIDE, left : left + SIDE]
        square += line if is_upright else line[:, None]
    return Pictures(pixels, corners, upright)


def windows(pixels: Array) -> Array:
    """What the window shows at each place: (m, SIZE, SIZE) -> (m, PLACES², SIDE²)."""
    views = sliding_window_view(pixels, (SIDE, SIDE), axis=(1, 2))
    return views.reshape(len(pixels), PLACES**2, SIDE**2)


def train(inputs: int, X: Array, y: Array, hidden: int, seed: int, steps: int) -> nn.Module:
    """A dense network for the classes y (m,), by Adam on random batches with an L2 penalty."""
    rng = tt.manual_seed(seed)
    model = nn.MLP([inputs, hidden, 2])
    optimizer = optim.AdamW(model.named_parameters(), lr=3e-3, weight_decay=0.1)
    for _ in range(steps):
        rows = rng.integers(0, len(X), min(BATCH, len(X)))
        x, labels = tt.from_numpy(X[rows]), y[rows]
        J = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        J.backward()
        optimizer.step()
    return model


def evidence(model: nn.Module, X: Array) -> Array:
    """How much more class 1 is believed than class 0: (..., inputs) -> (...)."""
    with tt.no_grad():
        z = model(tt.from_numpy(X.reshape(-1, X.shape[-1]))).numpy()
    return (z[:, 1] - z[:, 0]).reshape(X.shape[:-1])


def end_to_end(seen: Pictures, asked: Array, seed: int, steps: int = STEPS) -> Array:
    """From the pixels to the answer with one network."""
    flat = seen.pixels.reshape(len(seen.pixels), -1)
    model = train(SIZE**2, flat, seen.upright, 64, seed, steps)
    return evidence(model, asked.reshape(len(asked), -1)) > 0


def pipeline(seen: Pictures, asked: Array, seed: int, steps: int = STEPS) -> Array:
    """Find the square by trying all places, then classify what is there."""
    views = windows(seen.pixels)
    place = seen.corners @ [PLACES, 1]
    everyone = np.arange(len(views))
    # As many windows that miss the square as those that hold it.
    missed = (
        place + np.random.default_rng(seed).integers(1, PLACES**2, (3, len(place)))
    ) % PLACES**2
    held = views[everyone, place]
    X = np.concatenate([np.tile(held, (3, 1)), *(views[everyone, m] for m in missed)])
    finder = train(SIDE**2, X, np.repeat([1, 0], 3 * len(views)), 32, seed, steps)
    reader = train(SIDE**2, held, seen.upright, 32, seed, steps)
    views = windows(asked)
    found = evidence(finder, views).argmax(axis=1)
    return evidence(reader, views[np.arange(len(views)), found]) > 0


WAYS = {"pipeline": pipeline, "end to end": end_to_end}


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """Train both on more and more pictures; print the table and draw it."""
    seen, asked = pictures(SIZES[-1], SEED), pictures(2000, SEED + 1)
    right: dict[str, list[float]] = {name: [] for name in WAYS}
    print(f"{'pictures':>8}" + "".join(f"{name:>12}" for name in WAYS))
    for m in SIZES:
        for name, learn in WAYS.items():
            answers = learn(seen.first(m), asked.pixels, SEED, steps)
            right[name].append(metrics.accuracy(asked.upright, answers))
        print(f"{m:8,}" + "".join(f"{right[name][-1]:12.1%}" for name in WAYS))
    print("\nend-to-end learning")
    for side, texts in project.pros_cons("end_to_end").items():
        print(f"  {side}: {'; '.join(texts)}")
    few, many = (right["pipeline"][i] - right["end to end"][i] for i in (0, -1))
    return Outcome(
        [
            Goal(f"the pipeline is ahead, from {SIZES[0]} pictures", few, at_least=0.25),
            Goal(f"the pipeline is ahead, from {SIZES[-1]:,} pictures", many, at_most=0.05),
            Goal(f"end to end, from {SIZES[-1]:,} pictures", right["end to end"][-1], at_least=0.9),
        ],
        [
            plot_pictures(seen, folder / "end-to-end-pictures.png"),
            plot_accuracy(right, folder / "end-to-end-accuracy.png"),
        ],
    )


def plot_pictures(seen: Pictures, file: Path) -> Path:
    """Eight pictures with the place of the square, and below each what the second stage sees."""
    figure, axes = canvas(columns=8, rows=2, size=(1.3, 1.5))
    for place, (top, left) in enumerate(seen.corners[:8]):
        above, below = axes[:, place]
        picture = seen.pixels[place]
        above.imshow(picture, cmap="gray", vmin=-0.5, vmax=1.5)
        outline = left + SIDE * np.array([0, 1, 1, 0, 0]), top + SIDE * np.array([0, 0, 1, 1, 0])
        above.plot(outline[0] - 0.5, outline[1] - 0.5, color="tab:red", linewidth=1.5)
        square = picture[top : top + SIDE, left : left + SIDE]
        below.imshow(square, cmap="gray", vmin=-0.5, vmax=1.5)
        below.set_xlabel("up" if seen.upright[place] else "across")
        for panel in (above, below):
            panel.set(xticks=(), yticks=())
    axes[0, 0].set_ylabel("picture")
    axes[1, 0].set_ylabel("in the window")
    return saved(figure, file)


def plot_accuracy(right: dict[str, list[float]], file: Path) -> Path:
    """The accuracy of both ways against the number of pictures."""
    figure, axes = canvas(size=(6, 4))
    for name, values in right.items():
        axes.plot(SIZES, values, "o-", label=name)
    axes.axhline(0.5, color="grey", linestyle=":", label="guessing")
    axes.set(title="Find the square, then classify it, or both at once",
             xlabel="pictures to train on", ylabel="accuracy on new pictures")  # fmt: skip
    counts(axes, SIZES)
    axes.legend()
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
