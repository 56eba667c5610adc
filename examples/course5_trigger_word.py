"""Course 5, week 3: a trigger word, heard in sound that never ends.

The word is a chirp that rises; chirps that fall and steady tones are what else is said. A GRU of 24
units hears a spectrogram of 12 bands, column by column, and must answer 1 in the five columns after
the word: there both precision and recall must reach 0.95. In use one number is to be as good as
possible and another good enough (course 3): most words heard, with at most one false alarm a day.
So the threshold is the lowest that keeps the limit in an hour of sound to choose it on, and hears
at least 0.95 of the words of another hour.

    python -m tinygrad_tr.examples.course5_trigger_word
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import metrics, nn, optim
from tinygrad_tr.examples.audio import HOP, RATE, WINDOW, chirp, spectrogram
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
COLUMNS, BANDS, UNITS, AFTER = 60, 12, 24, 5
WORD = 10 * HOP  # samples
SLOTS, SLOT = 3, 19  # places where something may be said, and how many columns each has
KINDS = ("trigger", "falling", "steady")
MEAN, SPREAD = 1.4, 0.8  # of the spectrograms
HOUR = 3600 * RATE // (COLUMNS * HOP)  # recordings
THRESHOLDS = F.sigmoid(np.linspace(-5, 8, 105))
BATCH, SEED = 32, 0


def recordings(n: int, seed: int) -> tuple[Array, Array]:
    """Spectrograms (n, T, 12), and (n, T) with 1 in the columns after a trigger."""
    rng = np.random.default_rng(seed)
    waves = 0.2 * rng.standard_normal((n, WINDOW + (COLUMNS - 1) * HOP))
    y = np.zeros((n, COLUMNS), np.int64)
    for i, slot in np.argwhere(rng.random((n, SLOTS)) < 0.5):
        begin = HOP * (slot * SLOT + rng.integers(0, 5))
        low, high = rng.uniform(350, 500), rng.uniform(1000, 1300)
        middle = (low + high) / 2
        kind = rng.integers(len(KINDS))
        first, last = ((low, high), (high, low), (middle, middle))[kind]
        waves[i, begin : begin + WORD] += rng.uniform(0.3, 1.2) * chirp(first, last, WORD)
        if KINDS[kind] == "trigger":
            end = (begin + WORD) // HOP
            y[i, end : end + AFTER] = 1
    return (spectrogram(waves, BANDS) - MEAN) / SPREAD, y


class Detector(nn.Module):
    """Spectrograms (N, T, 12) to a logit at each column (N, T): was the word just said?"""

    def __init__(self) -> None:
        self.gru = nn.GRU(BANDS, UNITS, batch_first=True)
        self.head = nn.Linear(UNITS, 1)

    def forward(self, x: Any) -> tt.Tensor:
        states, _ = self.gru(x)
        logits: tt.Tensor = self.head(states)[..., 0]
        return logits


def learn(steps: int, seed: int = SEED) -> Detector:
    """Adam on batches of 32, its learning rate falling to 0; a recording comes twice on average."""
    tt.manual_seed(seed)
    model, rng = Detector(), np.random.default_rng(seed)
    x, y = recordings(steps * BATCH // 2, seed)
    optimizer = optim.Adam(model.parameters(), lr=2e-2)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        batch = rng.integers(0, len(x), BATCH)
        optimizer.zero_grad()
        logits = model(tt.from_numpy(x[batch]))
        F.binary_cross_entropy_with_logits(logits, y[batch].astype(np.float32)).backward()
        optimizer.step()
        schedule.step()
    return model


def probabilities(model: Detector, x: Array) -> Array:
    """How likely the word was just said, at each column: (N, T)."""
    with tt.no_grad():
        return F.sigmoid(model(tt.from_numpy(x))).numpy()


def words_heard(y: Array, guess: Array) -> float:
    """The share of the words after which the detector says so at least once."""
    word = np.cumsum(np.diff(y, prepend=0) == 1)[y == 1] - 1
    return float(np.mean(np.bincount(word, guess[y == 1]) > 0))


def false_alarms(y: Array, p: Array, threshold: float) -> float:
    """How many there would be in a day of such sound."""
    return metrics.false_alarms_per_day(y, p >= threshold, hours=y.size * HOP / RATE / 3600)


def lowest_threshold(y: Array, p: Array, limit: float) -> float:
    """The lowest of them with at most `limit` false alarms a day."""
    return next((float(t) for t in THRESHOLDS if false_alarms(y, p, t) <= limit), 1.0)


def main(folder: Path = FOLDER, steps: int = 300, m: int = HOUR) -> Outcome:
    """Train, choose the threshold on m recordings, judge it on m others, and draw."""
    model = learn(steps)
    x_dev, y_dev = recordings(m, SEED + 1)
    x, y = recordings(m, SEED + 2)
    p = probabilities(model, x)
    flat: dict[str, tuple[Array, Array]]
    flat = {"dev": (y_dev.ravel(), probabilities(model, x_dev).ravel()),
            "test": (y.ravel(), p.ravel())}  # fmt: skip
    best = lowest_threshold(*flat["dev"], limit=1)
    print(f"{m * COLUMNS * HOP / RATE / 3600:.2f} hours of sound each to choose on and to test")
    print(f"{'':6}{'p ≥':>6}{'precision':>11}{'recall':>8}{'words heard':>13}{'alarms a day':>14}")
    for name, (truth, likely) in flat.items():
        for threshold in (0.1, 0.5, best):
            guess = likely >= threshold
            P, R, _ = metrics.precision_recall_f1(truth, guess)
            print(f"{name:6}{threshold:6.3f}{P:11.3f}{R:8.3f}{words_heard(truth, guess):13.3f}"
                  f"{false_alarms(truth, likely, threshold):14.0f}")  # fmt: skip
    truth, likely = flat["test"]
    P, R, _ = metrics.precision_recall_f1(truth, likely >= 0.5)
    return Outcome(
        [
            Goal("precision of columns, p ≥ 0.5", P, at_least=0.95),
            Goal("recall of columns, p ≥ 0.5", R, at_least=0.95),
            Goal("false alarms a day on dev, chosen", false_alarms(*flat["dev"], best), at_most=1),
            Goal("words heard, chosen", words_heard(truth, likely >= best), at_least=0.95),
        ],
        [
            plot(x, y, p, flat["dev"], best, folder / "trigger-word.png"),
            *draw_step(folder),
        ],
    )


def plot(x: Array, y: Array, p: Array, dev: tuple[Array, Array], best: float, file: Path) -> Path:
    """A recording with a trigger and something else, what is said of it, and the thresholds."""
    figure, axes = canvas(columns=2, rows=2, size=(5.5, 2.6))
    seconds = (np.arange(COLUMNS) * HOP + WINDOW / 2) / RATE
    extent = (seconds[0], seconds[-1], 0, RATE / 2000)
    loud = (x.max(axis=2) > 3).sum(axis=1)
    i = int(np.argmax(np.where(y.sum(axis=1) == AFTER, loud, 0)))  # one trigger, and most else
    axes[0, 0].imshow(x[i].T, origin="lower", aspect="auto", extent=extent, cmap="magma")
    axes[0, 0].set(title="A recording: 12 bands", ylabel="kHz")
    axes[1, 0].fill_between(seconds, y[i], step="mid", alpha=0.3, label="label")
    axes[1, 0].plot(seconds, p[i], color="tab:red", label="p")
    axes[1, 0].axhline(best, color="black", linestyle=":", label=f"chosen: p ≥ {best:.3g}")
    axes[1, 0].set(xlabel="seconds", xlim=(seconds[0], seconds[-1]), ylim=(0, 1.05))
    heard = [words_heard(dev[0], dev[1] >= threshold) for threshold in THRESHOLDS]
    alarms = [false_alarms(*dev, threshold) for threshold in THRESHOLDS]
    axes[0, 1].plot(THRESHOLDS, heard)
    axes[0, 1].set(title="Dev: which threshold?", ylabel="words heard", ylim=(0.8, 1.005))
    axes[1, 1].plot(THRESHOLDS, alarms, drawstyle="steps-pre")
    axes[1, 1].set(xlabel="threshold", ylabel="false alarms a day", yscale="symlog", ylim=(0, None))
    for ax in axes[:, 1]:
        ax.set_xscale("logit")
        ax.xaxis.set_minor_formatter("")
        ax.axvline(best, color="black", linestyle=":", label=f"p ≥ {best:.3g}")
    axes[1, 1].axhline(1, color="tab:red", linewidth=1, label="limit")
    axes[1, 1].legend()
    axes[1, 0].legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=3)
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The picture of a training step."""
    tt.manual_seed(SEED)
    x, y = recordings(2, SEED)
    picture = tt.draw(
        Detector(), tt.from_numpy(x),
        loss=lambda z: F.binary_cross_entropy_with_logits(z, y.astype(np.float32)),
    )  # fmt: skip
    return [picture.save(folder / f"trigger-word-step.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
