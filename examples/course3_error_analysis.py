"""Course 3, week 2: what the mistakes have in common, and what wrong labels do.

A first system reads handwritten digits, trained quickly. Its mistakes on dev, where some labels
are wrong on purpose, are put into a table: a row each, and a column for each idea. The shares of
the columns say what every idea could gain at most. Then labels are flipped at random where it is
known what comes of it: in the train set they hardly hurt, in the test set they hide how good the
system is, by 0.1 (2 · accuracy − 1) for 10 % of them.

    python -m tinygrad_tr.examples.course3_error_analysis
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, project, train
from tinygrad_tr.examples.datasets import digits, gaussians
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
SEED, WRONG_LABELS, FLIPS = 0, 0.03, 0.1
ROWS, COLUMNS = np.divmod(np.arange(64), 8)  # where the pixels of a digit are

# ------------------------------------------------------------------ the digits


def first_system(X: Array, y: Array, epochs: int) -> nn.Module:
    """64 -> 32 -> 10, trained for a moment: the point is what to do next."""
    tt.manual_seed(SEED)
    model = nn.MLP([64, 32, 10])
    train.fit(
        model,
        data.DataLoader(X, y, batch_size=64, shuffle=True, seed=SEED),
        F.cross_entropy,
        optim.Adam(model.named_parameters(), lr=3e-3),
        epochs=epochs,
        progress=False,
    )
    return model


def with_wrong_labels(y: Array, share: float, classes: int, seed: int) -> Array:
    """The labels, of which that share is replaced by another class at random."""
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(y))[: round(share * len(y))]
    y = y.copy()
    y[wrong] = (y[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return y


def categories(X: Array) -> dict[str, Array]:
    """What there is to see of each digit, (m,) bools; in a project a person says so."""
    ink = X.sum(axis=1)
    across, up = X @ COLUMNS / ink, X @ ROWS / ink
    off = np.hypot(across - np.median(across), up - np.median(up))
    return {
        "Faint": ink < np.quantile(ink, 0.2),
        "Heavy": ink > np.quantile(ink, 0.8),
        "Off centre": off > np.quantile(off, 0.8),
    }


def analyse(
    X: Array, y: Array, labels: Array, guess: Array, known: tuple[Array, Array]
) -> project.ErrorTable:
    """A row for each digit whose label says that it was misread."""
    seen = categories(X)
    nearest = np.array([known[1][np.square(known[0] - x).sum(axis=1).argmin()] for x in X])
    seen["Like another digit"] = nearest != y
    seen["Incorrect label"] = labels != y
    table = project.ErrorTable(list(seen))
    for i in np.flatnonzero(guess != labels):
        tags = [tag for tag, is_so in seen.items() if is_so[i]]
        table.add(int(i), tags, f"{labels[i]} read as {guess[i]}")
    return table


# ------------------------------------------------------------------ wrong labels


def logistic(X: Array, y: Array, steps: int = 300) -> nn.Module:
    """Logistic regression by gradient descent."""
    model = nn.Linear(2, 1, generator=np.random.default_rng(SEED), dtype=np.float64)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    x, target = tt.from_numpy(X), y[:, None] * 1.0
    for _ in range(steps):
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(model(x), target))
    return model


def flips(seed: int = SEED) -> dict[str, float]:
    """The accuracy on the test set, with and without wrong labels in either set."""
    X, y = gaussians(4000, seed=seed)
    X_test, y_test = gaussians(100_000, seed=seed + 1000)
    noisy, noisy_test = (with_wrong_labels(labels, FLIPS, 2, seed) for labels in (y, y_test))
    clean, trained_on_noise = (
        train.predict(logistic(X, labels), X_test, batch_size=len(X_test))[:, 0] > 0
        for labels in (y, noisy)
    )
    return {
        "right labels": metrics.accuracy(y_test, clean),
        "10 % of train wrong": metrics.accuracy(y_test, trained_on_noise),
        "10 % of test wrong": metrics.accuracy(noisy_test, clean),
    }


def main(folder: Path = FOLDER, epochs: int = 8) -> Outcome:
    """Train, tabulate the mistakes, flip labels; print the tables and draw them."""
    known, (X, y) = data.split(digits(), (0.5, 0.5), seed=SEED)
    labels = with_wrong_labels(y, WRONG_LABELS, 10, SEED)
    guess = train.predict(first_system(known[0], known[1], epochs), X).argmax(axis=1)
    error = metrics.weighted_error(labels, guess)
    table = analyse(X, y, labels, guess, known)
    head, *rows, shares = str(table).splitlines()
    print("\n".join([head, *rows[:8], f"... {len(table)} mistakes", shares]))
    print(f"\ndev error {error:.1%}; what is left of it without")
    for tag, left in table.ceilings(error).items():
        print(f"  {tag:20}{left:6.1%}")
    file = table.to_csv(folder / "error-analysis.csv")

    accuracy = flips()
    print("\nlogistic regression on two Gaussians: test accuracy")
    for name, value in accuracy.items():
        print(f"  {name:20}{value:6.1%}")
    right, noisy, measured = accuracy.values()
    without = table.ceilings(error)["Incorrect label"]
    true_error = metrics.weighted_error(y, guess)
    return Outcome(
        [
            Goal("dev error without wrong labels / true error", without / true_error, 0.9, 1.1),
            Goal("share of mistakes that are wrong labels", table.totals()["Incorrect label"], 0.1),
            Goal("lost by wrong labels in train", right - noisy, -0.005, 0.005),
            Goal("lost by wrong labels in test / 0.1 (2 acc - 1)",
                 (right - measured) / (FLIPS * (2 * right - 1)), 0.95, 1.05),
        ],
        [
            plot_mistakes(X, table, folder / "error-analysis-mistakes.png"),
            plot_table(y, guess, table, error, folder / "error-analysis.png"),
            file,
        ],
    )  # fmt: skip


def plot_mistakes(X: Array, table: project.ErrorTable, file: Path) -> Path:
    """The first mistakes with their categories."""
    figure, axes = canvas(columns=8, rows=2, size=(1.5, 2.1))
    for panel in axes.flat:
        panel.set_axis_off()
    for panel, (example, (tags, comment)) in zip(axes.flat, table.rows.items(), strict=False):
        panel.imshow(X[example].reshape(8, 8), cmap="gray_r")
        ordered = [tag for tag in table.tags if tag in tags]
        panel.set_title("\n".join([comment, *ordered]), fontsize=8)
    return saved(figure, file)


def plot_table(y: Array, guess: Array, table: project.ErrorTable, error: float, file: Path) -> Path:
    """Which digit was read as which, and the share of each category with its ceiling."""
    figure, (left, right) = canvas(columns=2, size=(5.2, 4.4))
    confusions = metrics.confusion_matrix(y, guess, classes=10)
    left.imshow(np.log1p(confusions), cmap="Blues")  # the errors are few: log lets them be seen
    for (row, column), n in np.ndenumerate(confusions):
        if n:
            color = "white" if n > 20 else "black"
            left.text(column, row, str(n), ha="center", va="center", color=color)
    left.set(title="Dev, right labels", xlabel="read as", ylabel="is", xticks=range(10),
             yticks=range(10))  # fmt: skip
    shares, ceilings = table.totals(), table.ceilings(error)
    bars = right.barh(list(shares), list(shares.values()))
    right.bar_label(bars, [f"{share:.0%}: {error:.1%} → {ceilings[tag]:.1%}"
                           for tag, share in shares.items()], padding=4)  # fmt: skip
    right.invert_yaxis()
    right.set(title="What removing a category leaves of the error", xlabel="share of the mistakes",
              xlim=(0, 1))  # fmt: skip
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
