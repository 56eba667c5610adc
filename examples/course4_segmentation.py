"""Course 4, week 3: semantic segmentation, a class for every pixel, with a U-Net.

First the transpose convolution, by which a network grows pictures again, in numbers: 2 × 2 becomes
4 × 4. Then the network: convolutions and pooling make a picture small and say what is in it,
transpose convolutions make it large again, and skip connections bring the fine maps from before
the pooling, which know where. On generated scenes it reaches a mean IoU of at least 0.85, and the
same network without skips stays at least 0.15 behind.

    python -m tinygrad_tr.examples.course4_segmentation
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import metrics, nn, optim, train
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.examples.scenes import CLASSES as SHAPES
from tinygrad_tr.examples.scenes import scenes
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
INPUT = np.array([[2.0, 1], [3, 2]])  # the lecture's
FILTER = np.array([[1.0, 2, 1], [2, 0, 1], [0, 2, 1]])
CLASSES = ("background", *SHAPES)
COLOURS = np.array([[1.0, 0.4, 0.4], [0.4, 1.0, 0.4], [0.4, 0.4, 1.0]], np.float32)
BATCH, STEPS, SEED = 16, 300, 0


def seen(m: int, seed: int = 0) -> tuple[Array, Array]:
    """Scenes of one to four objects, later ones in front: (m, 3, 16, 16), labels (m, 16, 16)."""
    made = scenes(m, 16, most=4, crossing=True, scale=0.8, noise=0.15, colours=COLOURS, seed=seed)
    return made.pictures, made.labels


def enlarged(picture: Array, weights: Array) -> Array:
    """The transpose convolution with padding 1 and stride 2: (n, n), (f, f) -> (2n, 2n)."""
    x, W = tt.from_numpy(picture[None, None]), tt.from_numpy(weights[None, None])
    return F.conv_transpose2d(x, W, stride=2, padding=1, output_padding=1).numpy()[0, 0]


def network(skips: bool = True, seed: int = SEED) -> nn.Module:
    """A U-Net that halves the picture twice, with or without its skip connections."""
    tt.manual_seed(seed)
    return nn.models.UNet(3, len(CLASSES), width=8, depth=2, skips=skips)


def learn(
    skips: bool, steps: int, m: int = 1000, seed: int = SEED
) -> tuple[nn.Module, list[float]]:
    """The network after `steps` of Adam on batches of 16 from m scenes, and its losses."""
    model = network(skips, seed)
    x, y = seen(m, seed)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(steps):
        batch = rng.integers(0, m, BATCH)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(tt.from_numpy(x[batch])), y[batch])
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return model, losses


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """The worked example, then both networks on 200 new scenes: tables and pictures."""
    answer = print_worked_example()
    x, y = seen(200, SEED + 100)
    losses: dict[str, list[float]] = {}
    guesses = {"all background": np.zeros_like(y)}
    for name, skips in (("without skips", False), ("with skips", True)):
        model, losses[name] = learn(skips, steps)
        guesses[name] = train.predict(model, x, batch_size=50).argmax(axis=1)
    print(f"{'200 new scenes':16} accuracy  mean IoU  " + "".join(f"{c:>11}" for c in CLASSES))
    scores = {name: metrics.mean_iou(y, guess) for name, guess in guesses.items()}
    for name, guess in guesses.items():
        each = metrics.iou_per_class(y, guess, classes=len(CLASSES))
        print(f"{name:16} {metrics.pixel_accuracy(y, guess):8.3f} {scores[name]:9.3f}  "
              + "".join(f"{iou:11.3f}" for iou in each))  # fmt: skip
    lead = scores["with skips"] - scores["without skips"]
    return Outcome(
        [
            Goal("worked example, largest difference", answer, at_most=0),
            Goal("mean IoU with skips", scores["with skips"], at_least=0.85),
            Goal("lead over no skips", lead, at_least=0.15),
        ],
        [
            plot_scenes(x, y, guesses, folder / "segmentation-scenes.png"),
            plot_losses(losses, folder / "segmentation-loss.png"),
            plot_worked_example(folder / "segmentation-transpose.png"),
            *draw_step(folder),
        ],
    )


def print_worked_example() -> float:
    """The transpose convolution of 2 × 2 number by number; the difference from the lecture's."""
    written = np.zeros((5, 5))
    print("each number times the filter, written at steps of 2, overlaps added:")
    for (row, column), value in np.ndenumerate(INPUT):
        written[2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += value * FILTER
    result = enlarged(INPUT, FILTER)
    for line, kept in zip(written, [None, *result], strict=True):
        cells = " ".join(f"{v:3g}" for v in line)
        print(f"  {cells}" + ("" if kept is None else "   →  " + " ".join(f"{v:3g}" for v in kept)))
    print("padding 1 cuts the first row and column; output_padding 1 keeps the last\n")
    return float(abs(result - written[1:, 1:]).max())


def plot_scenes(x: Array, y: Array, guesses: dict[str, Array], file: Path, rows: int = 5) -> Path:
    """Scenes, their true label maps, and what the networks say."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = ("#e8e8e8", "#d1495b", "#4c9f70", "#2e6f95")
    shown = {"labels": y, **{n: g for n, g in guesses.items() if "skips" in n}}
    figure, axes = canvas(columns=2 + len(guesses) - 1, rows=rows, size=(1.9, 1.9))
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    full = [i for i, labels in enumerate(y) if len(np.unique(labels)) == len(CLASSES)]
    for i, line in zip(full, axes, strict=False):
        line[0].imshow(x[i].transpose(1, 2, 0).clip(0, 1))
        for ax, labels in zip(line[1:], shown.values(), strict=True):
            ax.imshow(labels[i], cmap=ListedColormap(colours), vmin=0, vmax=len(colours) - 1)
    for ax, name in zip(axes[0], ("scene", *shown), strict=True):
        ax.set_title(name, fontsize=10)
    patches = [Patch(color=c, label=name) for c, name in zip(colours, CLASSES, strict=True)]
    figure.legend(handles=patches, ncols=len(patches), loc="outside lower center")
    return saved(figure, file)


def plot_losses(losses: dict[str, list[float]], file: Path) -> Path:
    """The losses of both trainings, each the mean of the last 20 steps."""
    figure, axes = canvas(size=(6, 4))
    smooth = {
        name: np.convolve(values, np.full(20, 1 / 20), mode="valid").tolist()
        for name, values in losses.items()
    }
    curves(axes, smooth, title="Cross-entropy per pixel, mean of 20 steps", xlabel="step",
           yscale="log")  # fmt: skip
    return saved(figure, file)


def plot_worked_example(file: Path) -> Path:
    """Where each of the four numbers writes, and the sum; the dashed part is kept."""
    from matplotlib.patches import Rectangle

    figure, axes = canvas(columns=5, size=(2.4, 2.7))
    total = np.zeros((5, 5))
    for ax, ((row, column), value) in zip(axes, np.ndenumerate(INPUT), strict=False):
        part = np.full((5, 5), np.nan)
        part[2 * row : 2 * row + 3, 2 * column : 2 * column + 3] = value * FILTER
        total += np.nan_to_num(part)
        show_cells(ax, part, f"{value:g} · filter")
    show_cells(axes[-1], total, "sum")
    for ax in axes:
        ax.add_patch(Rectangle((0.5, 0.5), 4, 4, fill=False, linestyle="--", linewidth=2))
    figure.suptitle("2 × 2 → 4 × 4: filter 3 × 3, stride 2, padding 1, output_padding 1")
    return saved(figure, file)


def show_cells(axes: Any, array: Array, title: str) -> None:
    """Numbers in cells; where there is NaN nothing."""
    axes.imshow(array, cmap="Blues", vmin=0, vmax=20)
    for (row, column), value in np.ndenumerate(array):
        if not np.isnan(value):
            axes.text(column, row, f"{value:g}", ha="center", va="center")
    axes.set(title=title, xticks=[], yticks=[])


def draw_step(folder: Path) -> list[Path]:
    """The picture of a training step of the smallest U-Net: one way down, one up, one skip."""
    tt.manual_seed(SEED)
    x, y = seen(4, SEED)
    model = nn.models.UNet(3, len(CLASSES), width=8, depth=1)
    picture = tt.draw(model, tt.from_numpy(x), loss=lambda z: F.cross_entropy(z, y), depth=1)
    return [picture.save(folder / f"segmentation-step.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
