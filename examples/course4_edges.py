"""Course 4, week 1: filters that find edges, and one that is learned.

A filter of nine numbers slides over a picture; where left and right differ, (1, 0, −1) answers,
with the sign of the change. Its transpose finds horizontal edges; Sobel and Scharr weigh the
middle row more. Shown in numbers on pictures of 6 × 6, then on a photograph. At last nobody chooses
the numbers: from 20 pictures and what Sobel makes of them, Adam finds the nine to 1e-6.

"Convolution" is cross-correlation here, as in PyTorch: the filter is not flipped.

    python -m tinygrad_tr.examples.course4_edges
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import photo
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
VERTICAL = np.array([[1.0, 0, -1], [1, 0, -1], [1, 0, -1]])
HORIZONTAL = VERTICAL.T
SOBEL = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
SCHARR = np.array([[3.0, 0, -3], [10, 0, -10], [3, 0, -3]])
BRIGHT_LEFT = np.tile([10.0, 10, 10, 0, 0, 0], (6, 1))
STEPS = 500


def filtered(picture: Array, weights: Array) -> Array:
    """picture * weights: (H, W), (f, f) -> (H − f + 1, W − f + 1)."""
    x, w = tt.from_numpy(picture[None, None]), tt.from_numpy(weights[None, None])
    return F.conv2d(x, w).numpy()[0, 0]


def learned(target: Array, steps: int = STEPS, seed: int = 0) -> list[Array]:
    """The filter after 0, 1, ... steps of Adam towards the answers of `target` (f, f).

    20 random pictures of 12 × 12, mean squared error, learning rate 0.05.
    """
    tt.manual_seed(seed)
    x = tt.from_numpy(np.random.default_rng(seed).standard_normal((20, 1, 12, 12)))
    answers = F.conv2d(x, tt.from_numpy(target[None, None]))
    layer = nn.Conv2d(1, 1, len(target), bias=False, dtype=np.float64)
    optimizer = optim.Adam(layer.parameters(), lr=0.05)
    filters = [layer.weight.numpy()[0, 0].copy()]
    for _ in range(steps):
        optimizer.minimize(lambda: F.mse_loss(layer(x), answers))
        filters.append(layer.weight.numpy()[0, 0].copy())
    return filters


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """Print the answers on the small pictures and the learned filter; draw all of it."""
    cases = {
        "vertical edge": (BRIGHT_LEFT, VERTICAL),
        "mirrored: the other sign": (BRIGHT_LEFT[:, ::-1], VERTICAL),
        "horizontal filter, no such edge": (BRIGHT_LEFT, HORIZONTAL),
        "horizontal edge": (BRIGHT_LEFT.T, HORIZONTAL),
        "Sobel": (BRIGHT_LEFT, SOBEL),
        "Scharr": (BRIGHT_LEFT, SCHARR),
    }
    answers = {name: filtered(*case) for name, case in cases.items()}
    for name, answer in answers.items():
        print(f"{name:32}", "   ".join(" ".join(f"{v:4g}" for v in row) for row in answer))

    filters = learned(SOBEL, steps)
    errors = [float(abs(w - SOBEL).max()) for w in filters]
    print(f"Sobel learned from 20 pictures in {steps} steps, largest error {errors[-1]:.1e}:")
    print(np.array2string(filters[-1], precision=6, suppress_small=True))
    middle = [answers[name][0] for name in ("vertical edge", "Sobel", "Scharr")]
    return Outcome(
        [
            *(Goal(f"{name} in the middle", row[1], exact, exact)
              for name, row, exact in zip(("vertical", "Sobel", "Scharr"), middle, (30, 40, 160),
                                          strict=True)),
            Goal("error of the learned filter", errors[-1], at_most=1e-6),
        ],
        [
            plot_numbers(cases, answers, folder / "edges-numbers.png"),
            plot_photo(folder / "edges-photo.png"),
            plot_learning(filters, errors, folder / "edges-learned.png"),
            *draw_step(folder),
        ],
    )  # fmt: skip


def plot_numbers(
    cases: dict[str, tuple[Array, Array]], answers: dict[str, Array], file: Path
) -> Path:
    """For each case the picture, the filter and the answer, every cell with its number."""
    figure, axes = canvas(columns=len(cases), rows=3, size=(2.3, 2.3))
    for column, (name, (picture, weights)) in zip(axes.T, cases.items(), strict=True):
        answer = answers[name]
        for ax, array in zip(column, (picture, weights, answer), strict=True):
            cells(ax, array)
        column[0].set_title(name, fontsize=9)
    for ax, name in zip(axes[:, 0], ("picture", "∗ filter", "= answer"), strict=True):
        ax.set_ylabel(name)
    return saved(figure, file)


def cells(axes: Any, array: Array) -> None:
    """A small array as a table, negative numbers blue and positive ones red."""
    top = max(abs(array).max(), 1)
    axes.imshow(array, cmap="RdBu_r", vmin=-1.6 * top, vmax=1.6 * top)
    for (row, column), value in np.ndenumerate(array):
        axes.text(column, row, f"{value:.3g}", ha="center", va="center", fontsize=8)
    axes.set(xticks=[], yticks=[])


def plot_photo(file: Path) -> Path:
    """A photograph in grey, and what each filter makes of it."""
    grey = photo(192).mean(axis=0).astype(np.float64)
    down, right = filtered(grey, SOBEL.T), filtered(grey, SOBEL)
    pictures = {
        "photograph": grey,
        "vertical edges": filtered(grey, VERTICAL),
        "horizontal edges": filtered(grey, HORIZONTAL),
        "Sobel, vertical": right,
        "Scharr, vertical": filtered(grey, SCHARR),
        "Sobel, √(vertical² + horizontal²)": np.hypot(down, right),
    }
    figure, axes = canvas(columns=3, rows=2, size=(3, 3.2))
    for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=True):
        edge = np.quantile(abs(picture), 0.995)  # one bright pixel must not make the rest dark
        low = -edge if picture.min() < 0 else 0
        ax.imshow(picture, cmap="gray", vmin=low, vmax=edge)
        ax.set(title=name, xticks=[], yticks=[])
    return saved(figure, file)


def plot_learning(filters: list[Array], errors: list[float], file: Path) -> Path:
    """The nine numbers on their way, and their largest error by step."""
    steps = [int(share * (len(filters) - 1)) for share in (0, 0.04, 0.1, 0.2, 1)]
    figure, axes = canvas(columns=len(steps) + 1, size=(2.3, 2.5))
    for ax, step in zip(axes, steps, strict=False):
        cells(ax, filters[step].round(2) + 0.0)  # + 0: no −0
        ax.set_title(f"step {step}")
    axes[-1].semilogy(errors, linewidth=1.2)
    axes[-1].set(title="largest error", xlabel="step")
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The graph of one step towards the vertical filter: forward and backward."""
    tt.manual_seed(0)
    x, y = tt.from_numpy(BRIGHT_LEFT[None, None]), filtered(BRIGHT_LEFT, VERTICAL)[None, None]
    layer = nn.Conv2d(1, 1, 3, bias=False, dtype=np.float64)
    picture = tt.draw(layer, x, loss=lambda z: F.mse_loss(z, y), values="full")
    return [picture.save(folder / name) for name in ("edges-step.svg", "edges-step.png")]


if __name__ == "__main__":
    print(main())
