"""Course 3, week 1: one number to judge by, of a network that looks for breast cancer.

Of the 569 tumours that come with scikit-learn a network says how likely each is malignant. Which
probability is enough to say so is a choice: precision rises with it and recall falls, F₁ weighs
them alike, the area under the ROC curve and the average precision judge all choices at once. A
cancer that is overlooked is worse than a false alarm: where it weighs ten times as much, another
threshold is best. Chosen on dev, it lowers the weighted error on test.

    python -m tinygrad_tr.examples.course3_metrics
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, train
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
SEED, OVERLOOKED = 0, 10  # what an overlooked cancer weighs


def tumours() -> tuple[Array, Array]:
    """X (569, 30) float32, and y (569,), 1 where the tumour is malignant."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return X.astype(np.float32), 1 - y


def learn(X: Array, y: Array, epochs: int) -> nn.Module:
    """30 -> 16 -> 1, a logit."""
    tt.manual_seed(SEED)
    model = nn.MLP([30, 16, 1])
    train.fit(
        model,
        data.DataLoader(X, y[:, None].astype(np.float32), batch_size=32, shuffle=True, seed=SEED),
        F.binary_cross_entropy_with_logits,
        optim.AdamW(model.named_parameters(), lr=3e-3, weight_decay=0.01),
        epochs=epochs,
        progress=False,
    )
    return model


def cost(y: Array, p: Array, threshold: float) -> float:
    """The weighted error of calling p ≥ threshold malignant."""
    return metrics.weighted_error(y, p >= threshold, np.where(y == 1, OVERLOOKED, 1))


def main(folder: Path = FOLDER, epochs: int = 30) -> Outcome:
    """Train, choose thresholds on dev, print what they give on test, and draw the curves."""
    (X, y), (X_dev, y_dev), (X_test, y_test) = data.split(
        tumours(), (0.4, 0.3, 0.3), stratify=tumours()[1], seed=SEED
    )
    normalizer = data.Normalizer().fit(X)
    model = learn(normalizer.transform(X), y, epochs)
    p_dev, p = (
        F.sigmoid(train.predict(model, normalizer.transform(features)))[:, 0]
        for features in (X_dev, X_test)
    )
    best = min(np.unique(p_dev), key=lambda threshold: cost(y_dev, p_dev, threshold))
    print(f"{'p ≥':>8}{'precision':>11}{'recall':>8}{'F1':>7}{'error':>8}{'weighted':>10}")
    for threshold in (0.5, 0.9, best):
        guess = p >= threshold
        P, R, f1 = metrics.precision_recall_f1(y_test, guess)
        error = metrics.weighted_error(y_test, guess)
        print(f"{threshold:8.3f}{P:11.3f}{R:8.3f}{f1:7.3f}{error:8.1%}"
              f"{cost(y_test, p, threshold):10.1%}")  # fmt: skip
    auc, ap = metrics.roc_auc(y_test, p), metrics.average_precision(y_test, p)
    print(f"area under the ROC curve {auc:.4f}, average precision {ap:.4f}")
    print("confusion at the last threshold (rows: benign, malignant)")
    print(metrics.confusion_matrix(y_test, p >= best))
    return Outcome(
        [
            Goal("area under the ROC curve", auc, at_least=0.98),
            Goal("average precision", ap, at_least=0.97),
            Goal("F1 at 0.5", metrics.f1(y_test, p >= 0.5), at_least=0.92),
            Goal("weighted error, chosen / at 0.5", cost(y_test, p, best) / cost(y_test, p, 0.5),
                 at_most=0.95),
        ],
        [plot(y_test, p, y_dev, p_dev, best, folder / "metrics.png")],
    )  # fmt: skip


def plot(y: Array, p: Array, y_dev: Array, p_dev: Array, best: float, file: Path) -> Path:
    """Precision against recall and the ROC on test; on dev the errors for each threshold."""
    figure, (pr, roc, errors) = canvas(columns=3, size=(4.4, 4))
    P, R, _ = metrics.precision_recall_curve(y, p)
    pr.plot(R, P, drawstyle="steps-post")
    pr.set(title="Test: precision and recall", xlabel="recall", ylabel="precision",
           xlim=(0.5, 1.01), ylim=(0.5, 1.01))  # fmt: skip
    fpr, tpr, _ = metrics.roc_curve(y, p)
    roc.plot(fpr, tpr)
    roc.plot([0, 1], [0, 1], color="grey", linestyle=":", label="guessing")
    roc.set(title="Test: ROC", xlabel="benign called malignant", ylabel="malignant called so")
    for name, threshold, mark in (("p ≥ 0.5", 0.5, "o"), (f"p ≥ {best:.3f}", best, "*")):
        guess = p >= threshold
        found = metrics.precision_recall_f1(y, guess)
        false = np.mean(guess[y == 0])
        pr.plot(found.recall, found.precision, mark, color="black", label=name)
        roc.plot(false, found.recall, mark, color="black", label=name)
    thresholds = np.unique(p_dev)
    for name, weight in (("error", 1), (f"overlooked counts {OVERLOOKED} times", OVERLOOKED)):
        w = np.where(y_dev == 1, weight, 1)
        values = [metrics.weighted_error(y_dev, p_dev >= t, w) for t in thresholds]
        errors.plot(thresholds, values, drawstyle="steps-pre", label=name)
    errors.axvline(best, color="black", linestyle=":", label=f"p ≥ {best:.3f}")
    errors.set(title="Dev: which threshold?", xlabel="threshold", ylabel="error on dev",
               ylim=(0, 0.3))  # fmt: skip
    for axes in (pr, roc, errors):
        axes.legend()
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
