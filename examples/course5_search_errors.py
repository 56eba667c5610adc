"""Course 5, week 3: a wrong sentence came out. Is the search at fault, or the model?

An encoder-decoder that keeps a sentence of 2 to 12 letters in one vector says it backwards, and
often wrongly. Each wrong sentence ŷ is held against the right one, y*. If the model gives y* the
higher score, the search has missed what the model prefers, and a wider beam helps; if not, the
model must become better. The table says how often it was which: from width 1 to width 10 the
search's mistakes must all but vanish, and the model's stay.

    python -m tinygrad_tr.examples.course5_search_errors
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import project, text
from tinygrad_tr.examples.course5_reversal import (
    END,
    LETTERS,
    TRAINED,
    WITHOUT,
    Batch,
    learn,
    sentences,
    without_attention,
)
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

WIDTHS, SEED = (1, 2, 3, 10), 0


def said(model: Any, batch: Batch, width: int, alpha: float = 0.7) -> list[text.Hypothesis]:
    """The best hypothesis for each sentence."""
    with tt.no_grad():
        state = model.encode(batch.x, batch.lengths)
    found = text.beam_search(
        model.step, np.full(len(batch.x), END), width, end=END, max_length=TRAINED.stop + 3,
        alpha=alpha, state=state, state_axis=model.state_axis,
    )  # fmt: skip
    return [best for best, *_ in found]


def right_sentences(batch: Batch) -> list[list[int]]:
    """What should have been said, with its end."""
    return [row[: n + 1].tolist() for row, n in zip(batch.y, batch.lengths, strict=True)]


def faults(model: Any, batch: Batch, found: list[text.Hypothesis]) -> project.ErrorTable:
    """A row for each wrong sentence: whether the search is at fault or the model."""
    table = project.ErrorTable(["beam", "model"])
    for i, (hat, right) in enumerate(zip(found, right_sentences(batch), strict=True)):
        if list(hat.tokens) == right:
            continue
        with tt.no_grad():
            state = model.encode(batch.x[i : i + 1], batch.lengths[i : i + 1])
        log_p = text.log_probabilities(model.step, END, right, state=state).sum()
        star = text.length_normalised(log_p, len(right), hat.alpha)
        comment = f"{spelled(right)} {star:.2f}, {spelled(hat.tokens)} {hat.score:.2f}"
        table.add(i, [text.blame(star, hat.score)], comment)
    return table


def spelled(tokens: Any) -> str:
    """The letters of a sentence; its end is a dot."""
    return "".join(LETTERS[token] for token in tokens)


def main(folder: Path = FOLDER, steps: int = 300, m: int = 400) -> Outcome:
    """Train, search with several widths, and count whose fault the wrong sentences are."""
    model = learn(WITHOUT, TRAINED, steps, SEED)
    batch = sentences(m, TRAINED, np.random.default_rng(SEED + 100))
    right = right_sentences(batch)
    tables, likely = {}, {}
    print(f"{m} sentences\n  width   right  at fault: beam   model   BLEU  mean log P")
    for width in WIDTHS:
        found = said(model, batch, width)
        table = tables[width] = faults(model, batch, found)
        spoken = [one.tokens[:-1] if one.finished else one.tokens for one in found]
        bleu = text.bleu(spoken, [[one[:-1]] for one in right])
        likeliest = said(model, batch, width, alpha=0)
        likely[width] = float(np.mean([one.log_probability for one in likeliest]))
        beam, fault = table.counts().values()
        print(f"  {width:5}{m - len(table):8}{beam:16}{fault:8}{bleu:7.3f}{likely[width]:12.3f}")
    head, *rows, share = str(tables[1]).splitlines()
    print("\nwidth 1, the first mistakes: y* and its score, ŷ and its score")
    print("  " + "\n  ".join([head, *rows[:8], share]))
    mistakes = {width: table.counts()["beam"] for width, table in tables.items()}
    return Outcome(
        [
            Goal("mistakes of the search, width 1", mistakes[1], at_least=1),
            Goal("of them left with width 10", mistakes[10] / mistakes[1], at_most=0.3),
            Goal("mistakes of the model, width 10", tables[10].counts()["model"], at_least=1),
            Goal("mean log P, width 10 - width 1", likely[10] - likely[1], at_least=0),
        ],
        [plot_faults(tables, m, folder / "search-errors-faults.png"), draw_step(batch, folder)],
    )


def plot_faults(tables: Mapping[int, project.ErrorTable], of: int, file: Path) -> Path:
    """The share of sentences that are wrong with each width, and whose fault it is."""
    figure, axes = canvas(size=(5.5, 3.8))
    below = np.zeros(len(tables))
    for fault in ("model", "beam"):
        shares = np.array([table.counts()[fault] / of for table in tables.values()])
        bars = axes.bar([str(width) for width in tables], shares, bottom=below, label=fault)
        axes.bar_label(bars, [f"{share:.1%}" if share >= 0.03 else "" for share in shares],
                       label_type="center", color="white")  # fmt: skip
        below += shares
    axes.set(title="Wrong sentences, and what is at fault", xlabel="width of the beam",
             ylabel="share of all sentences", ylim=(0, 1.25 * below.max()))  # fmt: skip
    axes.legend()
    return saved(figure, file)


def draw_step(batch: Batch, folder: Path) -> Path:
    """Both passes of the encoder-decoder for one sentence."""
    x, lengths, before, y = (part[:1] for part in batch)

    def loss(logits: tt.Tensor) -> tt.Tensor:
        return F.cross_entropy(logits.reshape(-1, len(LETTERS)), y.reshape(-1))

    picture = tt.draw(without_attention(), x, before, lengths, loss=loss, values="none", depth=2)
    return picture.save(folder / "search-errors-network.svg")


if __name__ == "__main__":
    print(main())
