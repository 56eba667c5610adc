"""Course 5: speech recognition from end to end, sound in, letters out, with CTC.

Ten letters are ten tones, each as long as it happens to be, with silence between, in noise. Nobody
says where in the sound a letter is. A GRU in both directions says at each column of the spectrogram
which letter it hears, or a blank for none, and the CTC loss is −ln of the probability of all ways
to spell the word so; for two short words it is compared with the sum over all paths. Trained on
random spellings, the network must read others with at most 5 % letter errors, and Turkish words,
which it has never heard, with at most 10 %.

    python -m tinygrad_tr.examples.course5_speech
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.audio import HOP, RATE, WINDOW, chirp, spectrogram
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F
from tinygrad_tr.text import collapse, ctc_greedy, error_rate

Array = np.ndarray[Any, Any]
LETTERS = "aeiklmnrst"
HERTZ = dict(zip(LETTERS, 300 * 2 ** (np.arange(len(LETTERS)) / 4), strict=True))
WORDS = ("kalem", "anne", "resim", "elli", "sinema", "masal", "kar", "nisan")
PITCHES = WINDOW // 2 + 1
MEAN, SPREAD = 0.9, 1.5  # of the spectrograms
UNITS, BATCH, SEED = 32, 16, 0


def spoken(word: str, rng: np.random.Generator) -> Array:
    """The wave of a word: tones of 0.08 to 0.22 seconds, a pause after each, and noise."""
    parts = [np.zeros(WINDOW)]
    for letter in word:
        hertz = HERTZ[letter] * rng.uniform(0.99, 1.01)
        tone = chirp(hertz, hertz, int(rng.integers(300, 900)))
        parts += [rng.uniform(0.5, 1) * tone, np.zeros(rng.integers(100, 400))]
    wave = np.concatenate([*parts, np.zeros(WINDOW)])
    return wave + 0.2 * rng.standard_normal(len(wave))


def heard(words: Sequence[str], rng: np.random.Generator) -> tuple[Array, Array]:
    """The spectrograms of words (T, N, pitches), padded with zeros, and their lengths (N,)."""
    parts = [(spectrogram(spoken(word, rng)) - MEAN) / SPREAD for word in words]
    padded = nn.utils.rnn.pad_sequence([tt.from_numpy(part) for part in parts])
    return padded.numpy(), np.array([len(part) for part in parts])


def random_words(n: int, rng: np.random.Generator) -> list[str]:
    """Three to eight letters each, the same one twice in a row among them."""
    return ["".join(rng.choice(list(LETTERS), rng.integers(3, 9))) for _ in range(n)]


def labels(words: Sequence[str]) -> tuple[Array, list[int]]:
    """All letters in one row as 1 to 10, for 0 is the blank, and how many each word has."""
    return np.array([1 + LETTERS.index(c) for c in "".join(words)]), [len(word) for word in words]


def spelled(found: Sequence[Array]) -> list[str]:
    """Labels as words."""
    return ["".join(LETTERS[label - 1] for label in word) for word in found]


class Recogniser(nn.Module):
    """Spectrograms (T, N, pitches) with lengths (N,) to log-probabilities (T, N, 11)."""

    def __init__(self, units: int = UNITS) -> None:
        self.gru = nn.GRU(PITCHES, units, bidirectional=True)
        self.head = nn.Linear(2 * units, 1 + len(LETTERS))

    def forward(self, x: Any, lengths: Array) -> tt.Tensor:
        states, _ = self.gru(x, lengths=lengths)
        return F.log_softmax(self.head(states))


def letters_read(model: Recogniser, x: Array, lengths: Array) -> list[str]:
    """What the network hears, each column by its likeliest letter or blank."""
    with tt.no_grad():
        return spelled(ctc_greedy(model(tt.from_numpy(x), lengths), lengths))


def learn(
    steps: int, words: Sequence[str], x: Array, lengths: Array, seed: int = SEED
) -> tuple[Recogniser, list[float], dict[int, float]]:
    """Adam on 60 batches of 16 words; the losses, and on the way the errors on other words."""
    tt.manual_seed(seed)
    model, rng = Recogniser(), np.random.default_rng(seed)
    spellings = [random_words(BATCH, rng) for _ in range(60)]
    batches = [(*labels(batch), *heard(batch, rng)) for batch in spellings]
    optimizer = optim.Adam(model.parameters(), lr=2e-2)
    losses, errors = [], {}
    for step in range(1, steps + 1):
        y, counts, sound, columns = batches[step % len(batches)]
        optimizer.zero_grad()
        loss = F.ctc_loss(model(tt.from_numpy(sound), columns), y, columns, counts)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 10 == 0:
            errors[step] = error_rate(words, letters_read(model, x, lengths))
    return model, losses, errors


def difference_from_all_paths(columns: int = 5, classes: int = 4) -> float:
    """Of the loss and of −ln Σ p(path), path by path, for a word with and one without a double."""
    z = np.random.default_rng(SEED).standard_normal((columns, classes))
    log_p = F.log_softmax(tt.from_numpy(z)).numpy()
    paths = [list(path) for path in itertools.product(range(classes), repeat=columns)]
    p = {tuple(path): np.exp(log_p[range(columns), path].sum()) for path in paths}
    differences = []
    print(f"{len(paths)} paths of {columns} columns")
    for y in ([1, 2, 3], [2, 2]):
        ways = [p[tuple(path)] for path in paths if collapse(path).tolist() == y]
        loss = F.ctc_loss(log_p, y, columns, len(y), reduction="sum").item()
        print(f"  {y}: {len(ways)} ways, p = {sum(ways):.6f}, e^−loss = {np.exp(-loss):.6f}")
        differences.append(abs(loss + np.log(sum(ways))))
    return max(differences)


def main(folder: Path = FOLDER, steps: int = 200, m: int = 200) -> Outcome:
    """The loss path by path; training, m new spellings and Turkish words; pictures."""
    difference = difference_from_all_paths()
    rng = np.random.default_rng(SEED + 100)
    words = random_words(m, rng)
    x, lengths = heard(words, rng)
    model, losses, errors = learn(steps, words[:50], x[:, :50], lengths[:50])
    error = error_rate(words, letters_read(model, x, lengths))
    print(f"letter errors of {m} new spellings after {steps} steps: {error:.2%}")
    sound, columns = heard(WORDS, rng)
    found = letters_read(model, sound, columns)
    print("words: " + ", ".join(f"{a} → {b}" for a, b in zip(WORDS, found, strict=True)))
    return Outcome(
        [
            Goal("CTC loss and all paths, largest difference", difference, at_most=1e-12),
            Goal("letter error rate, new spellings", error, at_most=0.05),
            Goal("letter error rate, Turkish words", error_rate(WORDS, found), at_most=0.1),
        ],
        [
            plot_words(model, sound, columns, folder / "speech-words.png"),
            plot_learning(losses, errors, folder / "speech-learning.png"),
            *draw_step(folder),
        ],
    )


def plot_words(model: Recogniser, x: Array, lengths: Array, file: Path, shown: int = 2) -> Path:
    """Spectrograms, the letters at the columns where they were heard, and all probabilities."""
    log_p = model(tt.from_numpy(x), lengths).numpy()
    figure, axes = canvas(columns=shown, rows=2, size=(5.5, 3))
    for (top, bottom), word, i in zip(axes.T, WORDS[2:], range(2, 2 + shown), strict=False):
        steps, p = lengths[i], np.exp(log_p[: lengths[i], i])
        seconds = (np.arange(steps) * HOP + WINDOW / 2) / RATE
        extent = (seconds[0], seconds[-1], 0, RATE / 2000)
        top.imshow(x[:steps, i].T, origin="lower", aspect="auto", extent=extent, cmap="magma")
        path = p.argmax(axis=1)
        for t in np.flatnonzero(np.diff(path, prepend=0)):
            if path[t]:
                letter = LETTERS[path[t] - 1]
                top.axvline(seconds[t], color="white", linestyle=":", linewidth=1)
                top.text(seconds[t], 1.8, f" {letter}", color="white", weight="bold")
        top.set(title=f"“{word}”, and where its letters were heard", ylabel="kHz")
        bottom.plot(seconds, p[:, 0], color="lightgrey", label="blank")
        for label in np.unique(path[path > 0]):
            bottom.plot(seconds, p[:, label], label=LETTERS[label - 1])
        bottom.set(xlabel="seconds", ylabel="p", xlim=extent[:2], ylim=(0, 1.05))
        bottom.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=8, fontsize="small")
    return saved(figure, file)


def plot_learning(losses: list[float], errors: dict[int, float], file: Path) -> Path:
    """The loss of each step, and letter errors on the way."""
    figure, (left, right) = canvas(columns=2, size=(4.5, 3.5))
    curves(left, {"CTC loss per letter": losses}, xlabel="step", yscale="log")
    right.plot(list(errors), list(errors.values()), label="50 new spellings")
    right.axhline(0.05, color="black", linestyle=":", label="5 %")
    right.set(xlabel="step", ylabel="letter error rate", ylim=(0, None))
    right.legend()
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """The picture of a training step with two words."""
    tt.manual_seed(SEED)
    x, columns = heard(WORDS[:2], np.random.default_rng(SEED))
    y, counts = labels(WORDS[:2])
    picture = tt.draw(
        Recogniser(4), tt.from_numpy(x), columns, depth=1,
        loss=lambda log_p: F.ctc_loss(log_p, y, columns, counts),
    )  # fmt: skip
    return [picture.save(folder / f"speech-step.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
