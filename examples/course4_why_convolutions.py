"""Course 4, week 1: why convolutions, shared parameters and sparse connections.

A convolution is a dense layer whose matrix is nearly empty and repeats a few numbers: built here
column by column, drawn, and giving the same answers. Because the same filter is everywhere, a
shifted picture gives the shifted answer, which a dense layer must learn for every place anew. From
600 pictures of 16 × 16 with a square, disc, cross or triangle, a network with 1,316 parameters
reads at least 0.90 of new ones; a dense one with 16,708 knows the 600 by heart and stays at least
0.3 behind.

    python -m tinygrad_tr.examples.course4_why_convolutions
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, train
from tinygrad_tr.examples.datasets import shapes
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
CLASSES = ("square", "disc", "cross", "triangle")
EPOCHS = 60


def dense_matrix(layer: nn.Conv2d, shape: tuple[int, ...]) -> Array:
    """A with A x = layer(x) for every x (C, H, W), unrolled: (outputs, C · H · W).

    Column j is what the layer makes of the picture in which only pixel j is 1; it has no bias.
    """
    n = int(np.prod(shape))
    pixels = tt.from_numpy(np.eye(n, dtype=layer.weight.dtype).reshape(n, *shape))
    with tt.no_grad():
        return layer(pixels).numpy().reshape(n, -1).T


def convolutional() -> nn.Sequential:
    """16 × 16 × 1 -> 8 × 8 × 8 -> 8 × 8 × 16 -> the maximum of each map -> 4; 1,316 parameters."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1),
        nn.Flatten(), nn.Linear(16, 4),
    )  # fmt: skip


def dense() -> nn.Sequential:
    """256 -> 64 -> 4: 16,708 parameters."""
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 4))


def learn(model: nn.Module, seed: int, epochs: int, rate: float) -> train.History:
    """Adam on 600 pictures; the accuracies on them and on 1,000 new ones after each epoch."""
    x, y = shapes(600, seed=seed, shift=1 / 4)
    loader = data.DataLoader(x, y, batch_size=32, shuffle=True, seed=seed)
    return train.fit(
        model,
        loader,
        F.cross_entropy,
        optim.Adam(model.named_parameters(), lr=rate),
        epochs=epochs,
        dev=shapes(1000, seed=seed + 100, shift=1 / 4),
        metrics={"accuracy": lambda z, y: metrics.accuracy(y, z.argmax(axis=1))},
        progress=False,
    )


def main(folder: Path = FOLDER, seeds: int = 3) -> Outcome:
    """Compare the layers as matrices, then the networks on pictures they have not seen."""
    outputs = 6 * 28 * 28
    print("32 × 32 × 3 -> 28 × 28 × 6     parameters   inputs of one output")
    print(f"{'six filters of 5 × 5 × 3':28} {(5 * 5 * 3 + 1) * 6:12,} {5 * 5 * 3:16,}")
    print(f"{'a dense layer, no biases':28} {3072 * outputs:12,} {3072:16,}")

    tt.manual_seed(0)
    layer = nn.Conv2d(2, 3, 3, bias=False, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((1, 2, 7, 7))
    A, z = dense_matrix(layer, (2, 7, 7)), layer(tt.from_numpy(x)).numpy()
    matrix_error = float(abs(A @ x.ravel() - z.ravel()).max())
    per_row, different = np.count_nonzero(A, axis=1).max(), len(np.unique(A[A != 0]))
    print(f"\nthree filters of 3 × 3 × 2 as a matrix {A.shape[0]} × {A.shape[1]}:")
    print(f"  {per_row} numbers in a row are not 0, {different} different ones in all rows")
    moved = layer(tt.from_numpy(np.roll(x, (1, 2), axis=(2, 3)))).numpy()
    shift_error = float(abs(moved[:, :, 1:, 2:] - z[:, :, :-1, :-2]).max())

    runs: dict[str, list[train.History]] = {"convolutional": [], "dense": []}
    for seed in range(seeds):
        tt.manual_seed(seed)
        runs["convolutional"].append(learn(convolutional(), seed, epochs=15, rate=1e-2))
        runs["dense"].append(learn(dense(), seed, epochs=30, rate=3e-3))
    reached = {name: [h["dev accuracy"][-1] for h in found] for name, found in runs.items()}
    print(f"\n{'accuracy on 1,000 new pictures':32}" + "".join(f"  seed {s}" for s in range(seeds)))
    for name, values in reached.items():
        print(f"{name:32}" + "".join(f"{value:8.3f}" for value in values))
    ahead = [a - b for a, b in zip(*reached.values(), strict=True)]
    sizes = [sum(p.size for p in model.parameters()) for model in (convolutional(), dense())]
    return Outcome(
        [
            Goal("numbers of a row that are not 0", per_row, 18, 18),
            Goal("different numbers in the matrix", different, 54, 54),
            Goal("matrix against convolution", matrix_error, at_most=1e-12),
            Goal("shifted answer against answer to the shifted", shift_error, at_most=1e-12),
            Goal("parameters, convolutional", sizes[0], 1316, 1316),
            Goal("parameters, dense", sizes[1], 16708, 16708),
            Goal("least accuracy, convolutional", min(reached["convolutional"]), at_least=0.9),
            Goal("smallest lead over dense", min(ahead), at_least=0.3),
        ],
        [
            plot_matrices(folder / "why-matrix.png"),
            plot_learning(runs, folder / "why-learning.png"),
            *draw_step(folder),
        ],
    )


def plot_matrices(file: Path) -> Path:
    """Matrices from 6 × 6 pixels to 16 numbers: of filters 3 × 3, and of a dense layer."""
    tt.manual_seed(0)
    one, four = nn.Conv2d(1, 1, 3, bias=False), nn.Conv2d(1, 4, 3, stride=3, bias=False)
    panels = {
        "one filter 3 × 3: 9 numbers": dense_matrix(one, (1, 6, 6)),
        "four with stride 3: 36 numbers": dense_matrix(four, (1, 6, 6)),
        "dense: 576 numbers": nn.Linear(36, 16, bias=False).weight.numpy(),
    }
    figure, axes = canvas(columns=len(panels), size=(4.2, 2.6))
    for ax, (name, matrix) in zip(axes, panels.items(), strict=True):
        top = abs(matrix).max()
        ax.imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top)
        ax.set(title=name, xlabel="pixel of the picture", ylabel="of the answer")
    return saved(figure, file)


def plot_learning(runs: dict[str, list[train.History]], file: Path) -> Path:
    """Pictures of each class, and the accuracy on new pictures by epoch."""
    x, y = shapes(200, shift=1 / 4)
    rows = [np.concatenate([np.pad(p[0], 1, constant_values=1) for p in x[y == k][:6]], axis=1)
            for k in range(4)]  # fmt: skip
    figure, axes = canvas(columns=2, size=(5.5, 4))
    axes[0].imshow(np.concatenate(rows), cmap="gray")
    axes[0].set(title="Wherever it is, it has the same name", xticks=[])
    axes[0].set_yticks(18 * np.arange(4) + 9, CLASSES)
    lines = {
        f"{name}, seed {seed}": history["dev accuracy"]
        for name, found in runs.items()
        for seed, history in enumerate(found)
    }
    curves(axes[1], lines, title="Accuracy on 1,000 new pictures", xlabel="epoch", ylim=(0.2, 1.02))
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The picture of a training step of the convolutional network, its layers as frames."""
    tt.manual_seed(0)
    x, y = shapes(8, shift=1 / 4)
    picture = tt.draw(
        convolutional(), tt.from_numpy(x), loss=lambda z: F.cross_entropy(z, y), depth=1
    )
    return [picture.save(folder / name) for name in ("why-step.svg", "why-step.png")]


if __name__ == "__main__":
    print(main())
