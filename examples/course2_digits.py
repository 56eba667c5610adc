"""Course 2: a multilayer perceptron that learns to read handwritten digits.

The 1,797 digits of 8 × 8 pixels that come with scikit-learn, split into train, dev and test;
mini-batches, dropout, AdamW, and early stopping with the weights that were best on dev. At
least 97% of the test digits are read correctly.

    python -m tinygrad_tr.examples.course2_digits
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, train
from tinygrad_tr.examples.datasets import digits
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

EPOCHS, BATCH, SEED = 60, 64, 0


def network() -> nn.Sequential:
    """64 -> 128 -> 128 -> 10, with a fifth of the hidden units dropped in training."""
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 10),
    )  # fmt: skip


def accuracy(logits: Any, y: Any) -> float:
    """The share of rows whose largest logit is that of their class."""
    return metrics.accuracy(y, logits.argmax(axis=1))


def main(folder: Path = FOLDER, epochs: int = EPOCHS) -> Outcome:
    """Train, report the test accuracy, and write curves, confusions and the picture of a step."""
    tt.manual_seed(SEED)
    train_set, dev_set, (X, y) = data.split(digits(), (0.7, 0.15, 0.15), seed=SEED)
    model = network()
    print(nn.summary(model, X[:1]))
    history = train.fit(
        model,
        data.DataLoader(*train_set, batch_size=BATCH, shuffle=True, seed=SEED),
        F.cross_entropy,
        optim.AdamW(model.named_parameters(), lr=2e-3, weight_decay=1e-4),
        epochs=epochs,
        dev=dev_set,
        metrics={"accuracy": accuracy},
        stop=train.EarlyStopping(patience=15, monitor="dev accuracy", mode="max"),
    )
    print(history)

    logits = train.predict(model, X)
    reached = accuracy(logits, y)
    print(f"test accuracy {reached:.1%} on {len(y)} digits that training never saw")
    files = [
        history.plot(folder / "digits-loss.png"),
        plot_confusions(y, logits.argmax(axis=1), folder / "digits-confusion.png"),
        *draw_step(train_set[0][:BATCH], train_set[1][:BATCH], folder),
    ]
    return Outcome([Goal("accuracy on the test set", reached, at_least=0.97)], files)


def plot_confusions(truth: Any, guessed: Any, file: Path) -> Path:
    """How often a digit (row) was read as another (column)."""
    table = metrics.confusion_matrix(truth, guessed, classes=10)
    figure, axes = canvas(size=(5.5, 5))
    axes.imshow(np.log1p(table), cmap="Blues")  # the errors are few: log lets them be seen
    for (row, column), n in np.ndenumerate(table):
        if n:
            color = "white" if n > 10 else "black"
            axes.text(column, row, str(n), ha="center", va="center", color=color)
    axes.set(xlabel="read as", ylabel="is", title="Digits of the test set")
    axes.set(xticks=range(10), yticks=range(10))
    return saved(figure, file)


def draw_step(x: Any, y: Any, folder: Path) -> list[Path]:
    """The picture of the first training step: forward and backward, modules as frames."""
    tt.manual_seed(SEED)
    picture = tt.draw(network(), x, loss=lambda logits: F.cross_entropy(logits, y))
    return [picture.save(folder / name) for name in ("digits-step.svg", "digits-step.png")]


if __name__ == "__main__":
    print(main())
