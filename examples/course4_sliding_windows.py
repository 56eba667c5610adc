"""Course 4, week 3: a classifier at every place of a picture, in one pass.

A network for pictures of 14 × 14 ends in dense layers. As convolutions, a dense layer of 400
numbers over 5 × 5 × 16 is 400 filters of 5 × 5 × 16, they give the same numbers, and take
pictures of any size: 16 × 16 gives a map of 2 × 2 answers, 28 × 28 one of 8 × 8, each the answer
to the window of 14 × 14 at that place, two pixels further each time. What windows share is
computed once. Then a network that learned three kinds of figures finds them in larger pictures.

    python -m tinygrad_tr.examples.course4_sliding_windows
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, train, vision
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.examples.scenes import CLASSES, scenes
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
WINDOW, STRIDE, SIZES = 14, 2, (14, 16, 28)
NAMES = ("nothing", *CLASSES)
STEPS, SEED = 500, 0


def classifier(hidden: int = 400, dtype: Any = None) -> nn.Sequential:
    """(N, 3, 14, 14) -> logits (N, 4): 10 × 10 × 16, pooled to 5 × 5 × 16, then dense layers."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, dtype=dtype), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(),
        nn.Linear(16 * 5 * 5, hidden, dtype=dtype), nn.ReLU(),
        nn.Linear(hidden, len(NAMES), dtype=dtype),
    )  # fmt: skip


def convolutional(dense: nn.Sequential) -> nn.Sequential:
    """The same network, its dense layers as convolutions: (N, 3, H, W) -> (N, 4, rows, columns)."""
    conv, pool, relu, _, first, _, last = dense
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    return nn.Sequential(
        conv, pool, relu, vision.fc_to_conv(first, (16, 5, 5)), relu,
        vision.fc_to_conv(last, (first.out_features, 1, 1)),
    )  # fmt: skip


def window_by_window(dense: nn.Module, pictures: Array) -> Array:
    """The answers of the dense network to every window: (N, 3, H, W) -> (N, 4, rows, columns)."""
    windows = vision.sliding_windows(pictures, WINDOW, STRIDE)
    N, rows, columns = windows.shape[:3]
    answers = train.predict(dense, windows.reshape(-1, *windows.shape[3:]))
    return np.moveaxis(answers.reshape(N, rows, columns, -1), 3, 1)


def multiplications(model: nn.Module, size: int) -> int:
    """Of one picture of size × size through the network."""
    return nn.summary(model, np.zeros((1, 3, size, size), np.float32)).total_multiply_adds


def print_comparison() -> tuple[float, list[float]]:
    """One pass against one window after another: the largest difference, and how much is saved."""
    tt.manual_seed(SEED)
    dense = classifier(dtype=np.float64)
    whole = convolutional(dense)
    worst, saved_by_sharing = 0.0, []
    print("picture   answers    windows one by one     in one pass   ratio    largest difference")
    for size in SIZES:
        x = np.random.default_rng(size).random((1, 3, size, size))
        answers, at_once = window_by_window(dense, x), train.predict(whole, x)
        difference = float(abs(answers - at_once).max())
        classes, rows, columns = at_once.shape[1:]
        apart = rows * columns * multiplications(classifier(), WINDOW)
        shared = multiplications(convolutional(classifier()), size)
        print(f"{size} × {size}   {rows} × {columns} × {classes} {apart:18,} {shared:15,} "
              f"{apart / shared:7.2f} {difference:21.1e}")  # fmt: skip
        worst = max(worst, difference)
        saved_by_sharing.append(apart / shared)
    first = rows * columns * 10**2 / (size - 4) ** 2
    print(f"the first layer alone: ratio {first:.1f}; windows have nothing else in common\n")
    return worst, saved_by_sharing


def crops(m: int, seed: int) -> tuple[Array, Array]:
    """Windows of scenes, the figure in the middle named, others "nothing": (m, 3, 14, 14), (m,)."""
    rng = np.random.default_rng(seed)
    seen = scenes(m, seed=seed)
    size = seen.pictures.shape[2]
    x, y = np.empty((m, 3, WINDOW, WINDOW), np.float32), np.zeros(m, np.int64)
    for i, (picture, boxes, classes) in enumerate(
        zip(seen.pictures, seen.boxes, seen.classes, strict=True)
    ):
        middles = size * (boxes[:, :2] + boxes[:, 2:]) / 2
        corner = rng.integers(0, size - WINDOW + 1, 2)
        if rng.random() < 0.6:  # else a window anywhere
            corner = np.clip(np.round(middles[0] - WINDOW / 2), 0, size - WINDOW).astype(int)
        left, top = corner
        x[i] = picture[:, top : top + WINDOW, left : left + WINDOW]
        off = abs(middles - corner - WINDOW / 2).max(axis=1)
        if off.min() <= 2:
            y[i] = 1 + classes[off.argmin()]
    return x, y


def learn(steps: int, m: int = 6000) -> nn.Sequential:
    """The classifier after `steps` of Adam on batches of 64 windows."""
    tt.manual_seed(SEED)
    model = classifier(hidden=100)
    x, y = crops(m, SEED)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    rng = np.random.default_rng(SEED)
    for _ in range(steps):
        batch = rng.integers(0, m, 64)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(tt.from_numpy(x[batch])), y[batch])
        loss.backward()
        optimizer.step()
        schedule.step()
    return model


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """The comparison of numbers and costs, then figures found in pictures of 48 × 48."""
    worst, ratios = print_comparison()
    model = learn(steps)
    x, y = crops(1000, SEED + 100)
    accuracy = float(np.mean(train.predict(model, x).argmax(axis=1) == y))
    print(f"trained on windows: {accuracy:.1%} of 1,000 new ones named rightly")
    return Outcome(
        [
            Goal("largest difference, one pass and windows", worst, at_most=1e-12),
            Goal("multiplications, 64 windows over one pass", ratios[-1], at_least=1.6),
            Goal("accuracy on new windows", accuracy, at_least=0.85),
        ],
        [
            plot_maps(model, folder / "sliding-windows-maps.png"),
            *draw_step(folder),
        ],
    )


def plot_maps(model: nn.Sequential, file: Path, rows: int = 3) -> Path:
    """Larger pictures, and at every place how sure the network is of each class there."""
    seen = scenes(rows, size=48, most=6, scale=0.5, seed=SEED + 7)
    with tt.no_grad():
        z = convolutional(model)(tt.from_numpy(seen.pictures))
        p = F.softmax(z, dim=1).numpy()
    figure, axes = canvas(columns=len(NAMES) + 1, rows=rows, size=(2.2, 2.2))
    for line, picture, maps in zip(axes, seen.pictures, p, strict=True):
        line[0].imshow(np.clip(np.moveaxis(picture, 0, 2), 0, 1))
        for ax, probability in zip(line[1:], maps, strict=True):
            ax.imshow(probability, vmin=0, vmax=1, cmap="magma")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    for ax, name in zip(axes[0], ("48 × 48", *NAMES), strict=True):
        ax.set_title(name)
    figure.suptitle("The answers at 18 × 18 places, in one pass (bright: sure)")
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The picture of a step of the convolutional network on 16 × 16, its layers as frames."""
    tt.manual_seed(SEED)
    x = np.random.default_rng(SEED).random((1, 3, 16, 16), np.float32)
    y = np.zeros((1, 2, 2), np.int64)
    picture = tt.draw(
        convolutional(classifier()), tt.from_numpy(x), loss=lambda z: F.cross_entropy(z, y), depth=1
    )
    return [picture.save(folder / f"sliding-windows-step.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
