"""Course 5, weeks 3 and 4: dates as people write them, in Turkish and English, into ISO 8601.

"3 Mayıs 1979", "MAY 3RD, 1979" and "perşembe 3.5.1979" are 1979-05-03. Three models learn it
letter by letter from days that are drawn from four fifths of a century: an encoder-decoder, which
reads a date into one state and writes it from there; one with attention, which looks back at the
letters for each that it writes; and a transformer. Of the days that none of them ever saw, each
must get at least 0.99 completely right. Attention needs the fewest steps and numbers, and its
weights show where in a date the month stands.

    python -m tinygrad_tr.examples.course5_dates
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.dates import (
    ENGLISH,
    FINISHED,
    HUMAN,
    ISO,
    LENGTH,
    TURKISH,
    Batch,
    batch,
    calendar,
    encoded,
    written,
)
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
TRAIN, DEV, TEST = calendar()
BATCH, EVERY, SEED = 64, 50, 0


def encoder_decoder() -> nn.Module:
    return nn.models.EncoderDecoder(
        nn.models.RecurrentEncoder(len(HUMAN), 32, 128),
        nn.models.RecurrentLanguageModel(len(ISO), 32, 128),
    )


def attention() -> nn.Module:
    return nn.models.AttentionEncoderDecoder(len(HUMAN), len(ISO), 32, 32)


def transformer() -> nn.Module:
    return nn.models.TransformerEncoderDecoder(
        len(HUMAN), len(ISO), d_model=64, nhead=4, dim_feedforward=128, dropout=0
    )


class Recipe(NamedTuple):
    """How a model is made and trained."""

    make: Callable[[], nn.Module]
    rate: float
    steps: int


RECIPES = {
    "encoder-decoder": Recipe(encoder_decoder, 5e-3, 1600),
    "attention": Recipe(attention, 1e-2, 400),
    "transformer": Recipe(transformer, 5e-3, 1200),
}


class Learned(NamedTuple):
    """A trained model, and how it got there."""

    model: Any
    losses: list[float]  # of each step
    right: list[float]  # the share of right dates every 50 steps, of days kept to choose by
    seconds: float


def learn(recipe: Recipe, steps: int, seed: int = SEED) -> Learned:
    """Teacher forcing, on 64 dates in each step that are written anew."""
    tt.manual_seed(seed)
    model, rng = recipe.make(), np.random.default_rng(seed)
    optimizer = optim.Adam(model.named_parameters(), lr=recipe.rate)
    schedule = optim.OneCycleLR(optimizer, recipe.rate, total_steps=steps, pct_start=0.1)
    chosen = batch(DEV[:200], np.random.default_rng(1))
    losses, right, start = [], [], time.perf_counter()
    for step in range(1, steps + 1):
        loss = loss_of(model, batch(rng.choice(TRAIN, BATCH), rng))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % EVERY == 0:
            right.append(exact(model, chosen))
    return Learned(model, losses, right, time.perf_counter() - start)


def loss_of(model: nn.Module, dates: Batch) -> tt.Tensor:
    """The mean cross-entropy per letter, those before it being right."""
    logits = model(dates.x, dates.before, dates.lengths)
    return F.cross_entropy(np.moveaxis(logits, -1, 1), dates.y)


def answers(model: Any, dates: Batch) -> list[tuple[int, ...]]:
    """What the model writes, letter by letter, its own letters before it: with the end."""
    found = text.greedy(
        model.step, np.full(len(dates.x), FINISHED), end=FINISHED, max_length=LENGTH,
        state=model.encode(dates.x, dates.lengths), state_axis=model.state_axis,
    )  # fmt: skip
    return [one.tokens for one in found]


def exact(model: Any, dates: Batch) -> float:
    """The share of dates without any wrong letter."""
    pairs = zip(answers(model, dates), dates.y, strict=True)
    return float(np.mean([said == tuple(y) for said, y in pairs]))


def read(model: Any, human: Sequence[str]) -> list[str]:
    """The dates in ISO 8601."""
    dates = encoded(human, [""] * len(human))
    return [ISO.decode(said).rstrip() for said in answers(model, dates)]


def hardest(model: Any) -> tuple[float, str]:
    """The form of writing in which most of 100 new days are misread, and how many are right."""
    found = []
    for language in (TURKISH, ENGLISH):
        for form in language.forms:
            days = TEST[:100]
            human = [written(day, language, form) for day in days]
            right = exact(model, encoded(human, [day.isoformat() for day in days]))
            found.append((right, written(days[0], language, form)))
    return min(found)


def main(
    folder: Path = FOLDER,
    only: Sequence[str] = tuple(RECIPES),
    steps: int | None = None,
    wanted: float = 0.99,
) -> Outcome:
    """Train the models, ask them for days they never saw, and look where attention looks."""
    new = batch(TEST, np.random.default_rng(2))
    learned, goals = {}, []
    print(f"{'':15} parameters  steps  seconds  right of {len(TEST):,}  hardest form")
    for name in only:
        one = learned[name] = learn(RECIPES[name], steps or RECIPES[name].steps)
        right, (least, form) = exact(one.model, new), hardest(one.model)
        size = sum(p.size for p in one.model.parameters())
        print(f"{name:15} {size:10,} {len(one.losses):6} {one.seconds:8.1f} {right:14.2%}", end="")
        print(f"  {least:6.1%}  {form}")
        goals.append(Goal(f"{name}: dates without a wrong letter", right, at_least=wanted))
    print()
    for human in ("3 Mayıs 1979", "may 3rd, 1979", "PERŞEMBE 3.5.1979", "19 may '19"):
        said = {read(one.model, [human])[0] for one in learned.values()}
        print(f"  {human:>18} → {' or '.join(sorted(said))}")
    files = [plot_learning(learned, folder / "dates-learning.png")]
    if "attention" in learned:
        files.append(plot_attention(learned["attention"].model, folder / "dates-attention.png"))
    return Outcome(goals, [*files, *draw_models(folder, only)])


def plot_learning(learned: dict[str, Learned], file: Path) -> Path:
    """The loss of each step, and right dates meanwhile."""
    figure, (left, right) = canvas(columns=2, size=(5, 3.6))
    curves(left, {name: one.losses for name, one in learned.items()}, yscale="log",
           title="Cross-entropy per letter", xlabel="step")  # fmt: skip
    for name, one in learned.items():
        right.plot(np.arange(1, len(one.right) + 1) * EVERY, one.right, label=name)
    right.axhline(0.99, color="gray", linestyle="--", linewidth=0.8)
    right.set(title="Right dates, of days not trained on", xlabel="step", ylim=(0, 1.02))
    right.legend(loc="lower right")
    return saved(figure, file)


def plot_attention(model: Any, file: Path) -> Path:
    """α<t,t'> for a new day in Turkish and in English."""
    figure, axes = canvas(rows=2, size=(8, 4))
    forms = (
        (TURKISH, "{weekday}, {d} {month} {year}"),
        (ENGLISH, "{weekday}, {month} {d}, {year}"),
    )
    day = TEST[2]
    for ax, (language, form) in zip(axes, forms, strict=True):
        human, iso = written(day, language, form), day.isoformat()
        dates = encoded([human], [iso])
        with tt.no_grad():
            alpha = model.attention_map(dates.x, dates.before).numpy()[0]
        image = ax.imshow(alpha, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ax.set_xticks(range(len(human)), human.replace(" ", "␣"))
        ax.set_yticks(range(LENGTH), [*iso, "<EOS>"])
        ax.set(ylabel="t, what is written", title=human)
    ax.set_xlabel("t', what is read")
    figure.colorbar(image, ax=axes, label="α<t,t'>", shrink=0.6)
    return saved(figure, file)


def draw_models(folder: Path, only: Sequence[str]) -> list[Path]:
    """Both passes of each model for one date, the layers as frames, equal steps folded."""
    dates = encoded(["3.5.1979"], ["1979-05-03"])
    files = []
    for name in only:
        picture = tt.draw(
            RECIPES[name].make(), dates.x, dates.before, depth=1, values="none",
            loss=lambda z: F.cross_entropy(z[0], dates.y[0]),
        )  # fmt: skip
        files.append(picture.save(folder / f"dates-{name}.svg"))
    return files


if __name__ == "__main__":
    print(main())
