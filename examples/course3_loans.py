"""Course 3, week 1: a target that moves. Dev and test must come from the same distribution.

A bank learns from customers of a middle income who pays back a loan, and chooses on a dev set of
the same people the score from which on it lends. Then it is tested on customers of a low income,
and the threshold is wrong for most of those who pay back. Had both groups been shuffled before
dev and test were drawn, dev would have told it. A two-sample check sees it beforehand.

    python -m tinygrad_tr.examples.course3_loans
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, project, train
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
Set = tuple[Array, Array]
SEED = 0


def customers(m: int, income: float, seed: int) -> Set:
    """Income, debt and age, X (m, 3); and y (m,), 1 where the loan is paid back.

    Who earns less also lives on less, so that in each group as many pay back.
    """
    rng = np.random.default_rng(seed)
    earned = income * np.exp(0.3 * rng.standard_normal(m))
    debt = 0.4 * earned * np.exp(0.5 * rng.standard_normal(m))
    age = rng.uniform(20, 65, m)
    left = earned - debt - 0.6 * income  # after what people of the group live on
    paid = left + 0.05 * income * rng.standard_normal(m) > 0
    return np.column_stack([earned, debt, age]), paid.astype(int)


def scores_after(known: Set, steps: int = 300) -> Any:
    """A linear score, learnt from the examples: X (m, 3) -> (m,)."""
    X, y = known
    normalizer = data.Normalizer().fit(X)
    x, target = tt.from_numpy(normalizer.transform(X)), y[:, None] * 1.0
    model = nn.Linear(3, 1, generator=np.random.default_rng(SEED), dtype=np.float64)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(model(x), target))
    return lambda X: train.predict(model, normalizer.transform(X))[:, 0]


def best_threshold(y: Array, scores: Array) -> float:
    """The score from which on the fewest decisions are wrong."""
    candidates = np.quantile(scores, np.linspace(0, 1, 200))
    return float(min(candidates, key=lambda t: metrics.weighted_error(y, scores >= t)))


def main(folder: Path = FOLDER, steps: int = 300) -> Outcome:
    """Choose a threshold on dev, look at both tests, and check the sets; print and draw."""
    known, dev = customers(2000, 40, SEED), customers(2000, 40, SEED + 1)
    low = customers(2000, 15, SEED + 2)
    pooled = tuple(np.concatenate(pair) for pair in zip(dev, low, strict=True))
    shuffled_dev, shuffled_test = data.split(pooled, (0.5, 0.5), seed=SEED)
    score = scores_after(known, steps)

    accuracy = {}
    print(f"{'dev':22}{'test':22}{'dev':>8}{'test':>8}   the check says")
    checks = []
    for names, dev_set, test_set in (
        (("middle income", "low income"), dev, low),
        (("both, shuffled", "both, shuffled"), shuffled_dev, shuffled_test),
    ):
        threshold = best_threshold(dev_set[1], score(dev_set[0]))
        accuracy[names] = tuple(
            metrics.accuracy(y, score(X) >= threshold) for X, y in (dev_set, test_set)
        )
        checks.append(project.same_distribution(dev_set, test_set))
        print(f"{names[0]:22}{names[1]:22}" + "".join(f"{a:8.1%}" for a in accuracy[names])
              + f"   {checks[-1]}")  # fmt: skip
    (apart, apart_test), (together, together_test) = accuracy.values()
    return Outcome(
        [
            Goal("accuracy lost on the other group", apart - apart_test, at_least=0.1),
            Goal("accuracy lost after shuffling", together - together_test, -0.05, 0.05),
            Goal("p of dev and test, two groups", checks[0].p, at_most=0.001),
            Goal("p of dev and test, shuffled", checks[1].p, at_least=0.01),
        ],
        [plot(score, dev, low, folder / "loans.png")],
    )


def plot(score: Any, dev: Set, low: Set, file: Path) -> Path:
    """The scores of both groups, who pays back and who does not, and the threshold of dev."""
    figure, axes = canvas(columns=2, size=(4.8, 3.8))
    threshold = best_threshold(dev[1], score(dev[0]))
    for panel, (X, y), name in zip(axes, (dev, low), ("middle income", "low income"), strict=True):
        right = metrics.accuracy(y, score(X) >= threshold)
        low_end, high_end = np.quantile(score(X), [0.01, 0.99])
        bins = np.linspace(low_end, high_end, 30)
        for paid, label in ((1, "pays back"), (0, "does not")):
            panel.hist(score(X)[y == paid], bins, alpha=0.6, label=label)
        panel.axvline(threshold, color="black", linestyle="--", label="lend from here on")
        panel.set(title=f"{name}: {right:.0%} decided right", xlabel="score", ylabel="customers")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
