"""Course 2: a multilayer perceptron that learns to read handwritten digits.

The 1,797 digits of 8 × 8 pixels that come with scikit-learn, split into train, dev and test;
mini-batches, dropout, AdamW, and the weights of the epoch that was best on dev.

    python -m tinygrad_tr.examples.course2_digits
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, nn, optim
from tinygrad_tr.examples.datasets import digits
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.nn import functional as F

EPOCHS, BATCH, SEED = 60, 64, 0


def network() -> nn.Sequential:
    """64 -> 128 -> 128 -> 10, with a fifth of the hidden units dropped in training."""
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.2),
        nn.Linear(128, 10),
    )  # fmt: skip


def predictions(model: nn.Module, X: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The most likely class of each row."""
    with tt.no_grad():
        return model(tt.from_numpy(X)).numpy().argmax(axis=1)


def train(
    model: nn.Module, train_set: Any, dev_set: Any, epochs: int = EPOCHS
) -> dict[str, list[float]]:
    """Fit to the train set and keep the weights of the best epoch on dev; the history."""
    from rich.progress import track

    X_dev, y_dev = dev_set
    batches = data.DataLoader(*train_set, batch_size=BATCH, shuffle=True, seed=SEED)
    optimizer = optim.AdamW(model.named_parameters(), lr=2e-3, weight_decay=1e-4)
    history: dict[str, list[float]] = {"train loss": [], "dev loss": [], "dev accuracy": []}
    best = -1.0
    best_weights = model.state_dict()
    for _ in track(range(epochs), description="training"):
        model.train()
        losses = []
        for x, y in batches:
            loss = F.cross_entropy(model(tt.from_numpy(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with tt.no_grad():
            logits = model(tt.from_numpy(X_dev))
            history["dev loss"].append(F.cross_entropy(logits, y_dev).item())
        accuracy = float(np.mean(logits.numpy().argmax(axis=1) == y_dev))
        history["train loss"].append(float(np.mean(losses)))
        history["dev accuracy"].append(accuracy)
        if accuracy >= best:
            best, best_weights = accuracy, model.state_dict()
    model.load_state_dict(best_weights)
    return history


def main(folder: Path = FOLDER, epochs: int = EPOCHS) -> Outcome:
    """Train, report the test accuracy, and write curves, confusions and the picture of a step."""
    tt.manual_seed(SEED)
    X, y = digits()
    train_rows, dev_rows, test_rows = data.split(len(y), (0.7, 0.15, 0.15), seed=SEED)
    model = network()
    print(nn.summary(model, X[:1]))
    history = train(model, (X[train_rows], y[train_rows]), (X[dev_rows], y[dev_rows]), epochs)

    guessed = predictions(model, X[test_rows])
    accuracy = float(np.mean(guessed == y[test_rows]))
    print(f"test accuracy {accuracy:.1%} on {len(test_rows)} digits that training never saw")

    folder.mkdir(parents=True, exist_ok=True)
    files = [
        plot_history(history, folder / "digits-loss.png"),
        plot_confusions(y[test_rows], guessed, folder / "digits-confusion.png"),
        *draw_step(X[train_rows[:BATCH]], y[train_rows[:BATCH]], folder),
    ]
    return Outcome([Goal("accuracy on the test set", accuracy, at_least=0.97)], files)


def plot_history(history: dict[str, list[float]], file: Path) -> Path:
    """The loss on train and dev, epoch by epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name in ("train loss", "dev loss"):
        axes.plot(history[name], label=name)
    axes.set(xlabel="epoch", ylabel="cross-entropy", yscale="log", title="Learning the digits")
    axes.legend()
    figure.savefig(file, dpi=150)
    return file


def plot_confusions(truth: Any, guessed: Any, file: Path) -> Path:
    """How often a digit (row) was read as another (column)."""
    from matplotlib.figure import Figure

    table = np.zeros((10, 10), dtype=int)
    np.add.at(table, (truth, guessed), 1)
    figure = Figure(figsize=(5.5, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.log1p(table), cmap="Blues")  # the errors are few: log lets them be seen
    for (row, column), n in np.ndenumerate(table):
        if n:
            axes.text(column, row, str(n), ha="center", va="center",
                      color="white" if n > 10 else "black")  # fmt: skip
    axes.set(xlabel="read as", ylabel="is", title="Digits of the test set")
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    figure.savefig(file, dpi=150)
    return file


def draw_step(x: Any, y: Any, folder: Path) -> list[Path]:
    """The picture of the first training step: forward and backward, modules as frames."""
    tt.manual_seed(SEED)
    picture = tt.draw(network(), x, loss=lambda logits: F.cross_entropy(logits, y))
    return [picture.save(folder / name) for name in ("digits-step.svg", "digits-step.png")]


if __name__ == "__main__":
    print(main())
