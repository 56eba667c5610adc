"""Course 4, week 1: LeNet-5, trained on ten kinds of figures.

The network of the lecture: two convolutions, each followed by pooling, then three dense layers;
62,006 parameters, of which the dense layers have 59,134. It learns 2,000 generated pictures of
32 × 32 × 3, figures of any colour on any other, and names at least 0.90 of 1,000 new ones. Then
what it has learned: the filters of the first layer, and what they make of pictures.

    python -m tinygrad_tr.examples.course4_lenet
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, train
from tinygrad_tr.examples.datasets import FIGURES, figures
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
EPOCHS, BATCH, SEED = 8, 16, 0


def main(folder: Path = FOLDER, epochs: int = EPOCHS, m: int = 2000) -> Outcome:
    """Train on m pictures, report the accuracy on new ones, and draw what was learned."""
    tt.manual_seed(SEED)
    model = nn.models.LeNet5()
    table = nn.summary(model, np.zeros((1, 3, 32, 32), np.float32))
    print(table)
    (x_train, y_train), (x, y) = figures(m, seed=SEED), figures(1000, seed=SEED + 100)
    x_dev, y_dev = figures(500, seed=SEED + 200)
    scale = data.Normalizer().fit(x_train)
    batches = data.DataLoader(
        scale.transform(x_train), y_train, batch_size=BATCH, shuffle=True, seed=SEED
    )
    optimizer = optim.Adam(model.named_parameters(), lr=2e-3)
    history = train.fit(
        model,
        batches,
        F.cross_entropy,
        optimizer,
        epochs=epochs,
        dev=(scale.transform(x_dev), y_dev),
        metrics={"accuracy": lambda z, y: metrics.accuracy(y, z.argmax(axis=1))},
        schedule=optim.CosineAnnealingLR(optimizer, T_max=epochs),
    )
    print(history)
    guesses = train.predict(model, scale.transform(x)).argmax(axis=1)
    reached = metrics.accuracy(y, guesses)
    print(f"accuracy {reached:.1%} on {len(y)} pictures that training never saw")
    return Outcome(
        [
            Goal("parameters", table.total_params, 62006, 62006),
            Goal("accuracy on new pictures", reached, at_least=0.9),
        ],
        [
            history.plot(folder / "lenet-loss.png"),
            plot_confusions(y, guesses, folder / "lenet-confusion.png"),
            plot_mistakes(x, y, guesses, folder / "lenet-guesses.png"),
            plot_filters(model.conv1, x, y, scale, folder / "lenet-filters.png"),
            *draw_step(folder),
        ],
    )


def plot_confusions(truth: Array, guessed: Array, file: Path) -> Path:
    """How often a figure (row) was named as another (column)."""
    table = metrics.confusion_matrix(truth, guessed, classes=len(FIGURES))
    figure, axes = canvas(size=(6.5, 6))
    axes.imshow(np.log1p(table), cmap="Blues")  # the errors are few: log lets them be seen
    for (row, column), n in np.ndenumerate(table):
        if n:
            color = "white" if n > 30 else "black"
            axes.text(column, row, str(n), ha="center", va="center", color=color)
    axes.set(xlabel="named", ylabel="is", title="New pictures", yticks=range(len(FIGURES)))
    axes.set_yticklabels(FIGURES)
    axes.set_xticks(range(len(FIGURES)), list(FIGURES), rotation=60)
    return saved(figure, file)


def plot_mistakes(x: Array, y: Array, guesses: Array, file: Path) -> Path:
    """One picture of each figure, and below some that were named wrongly, if there are any."""
    names = list(FIGURES)
    firsts = [int(np.flatnonzero(y == label)[0]) for label in range(len(names))]
    chosen = firsts + np.flatnonzero(guesses != y)[: len(names)].tolist()
    figure, axes = canvas(columns=len(names), rows=2, size=(1.3, 1.6))
    for ax in axes.flat:
        ax.axis("off")
    for ax, i in zip(axes.flat, chosen, strict=False):
        wrong = guesses[i] != y[i]
        ax.imshow(np.moveaxis(x[i], 0, 2))
        ax.set_title(names[guesses[i]], color="firebrick" if wrong else "black", fontsize=9)
    figure.suptitle("As the network names them; red: wrong")
    return saved(figure, file)


def plot_filters(layer: nn.Conv2d, x: Array, y: Array, scale: data.Normalizer, file: Path) -> Path:
    """The filters of the first layer, and below what each makes of a disc, a frame and a plus."""
    W = layer.weight.numpy()
    firsts = {name: np.flatnonzero(y == label)[0] for label, name in enumerate(FIGURES)}
    shown = x[[firsts[name] for name in ("disc", "frame", "plus")]]
    with tt.no_grad():
        maps = F.relu(layer(tt.from_numpy(scale.transform(shown)))).numpy()
    figure, axes = canvas(columns=len(W) + 1, rows=len(shown) + 1, size=(1.4, 1.4))
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    axes[0, 0].axis("off")
    for k, ax in enumerate(axes[0, 1:]):
        ax.imshow(np.moveaxis(0.5 + 0.5 * W[k] / abs(W[k]).max(), 0, 2))
        ax.set_title(f"filter {k + 1}")
    for row, picture, answers in zip(axes[1:], shown, maps, strict=True):
        row[0].imshow(np.moveaxis(picture, 0, 2))
        for k, ax in enumerate(row[1:]):
            ax.imshow(answers[k], cmap="gray", vmin=0, vmax=maps[:, k].max())
    figure.suptitle("Filters 5 × 5 × 3 as colours (grey is 0), and ReLU of their answers")
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The picture of the first training step, its layers as frames."""
    tt.manual_seed(SEED)
    x, y = figures(BATCH, seed=SEED)
    picture = tt.draw(
        nn.models.LeNet5(), tt.from_numpy(x), loss=lambda z: F.cross_entropy(z, y), depth=1
    )
    return [picture.save(folder / name) for name in ("lenet-step.svg", "lenet-step.png")]


if __name__ == "__main__":
    print(main())
