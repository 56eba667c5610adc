"""Course 5, week 1: a network that reads the names of Turkey's 81 provinces and invents new ones.

A GRU learns, letter by letter, which letter comes next; the end of a name is a letter of its own.
Then names are drawn from it: with a low temperature those it knows, with a high one nonsense, and
in between names that are in no atlas but could be. Of the new ones' letter pairs at least 0.85
occur in provinces too. A name has 8 letters on average, each of 29: the model must come below 1
nat per letter, where one that knows nothing has ln 29 = 3.37. Last, a plain recurrent network
learns the same with a rate that is too large: its gradients explode, unless they are clipped.

    python -m tinygrad_tr.examples.course5_provinces
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.examples.provinces import PROVINCES
from tinygrad_tr.nn import functional as F

NAMES = [text.lower_turkish(name) for name in PROVINCES]
LETTERS = text.CharTokenizer("\n" + "".join(NAMES), byte_fallback=False)
END = int(LETTERS.encode("\n")[0])
X, Y = text.next_tokens([LETTERS.encode(name) for name in NAMES], END)
PAIRS = {pair for name in NAMES for pair in zip(f"\n{name}", f"{name}\n", strict=True)}
TEMPERATURES = (0.3, 0.6, 1.0, 1.5)
BATCH, SEED = 27, 0

Model = nn.models.RecurrentLanguageModel


def learn(
    layer: Callable[..., nn.Module],
    optimizer: Callable[..., Any],
    steps: int,
    max_norm: float,
    seed: int = SEED,
) -> tuple[Model, text.Learned]:
    """The trained model; nats per letter and the norm before clipping, for each step."""
    tt.manual_seed(seed)
    model, rng = Model(len(LETTERS), 16, 64, layer=layer), np.random.default_rng(seed)
    step = optimizer(model.named_parameters())
    learned = text.Learned([], [])
    for _ in range(steps):
        rows = rng.choice(len(NAMES), BATCH, replace=False)
        loss = letter_loss(model, rows)
        step.zero_grad()
        loss.backward()
        learned.norms.append(nn.utils.clip_grad_norm_(model.parameters(), max_norm))
        step.step()
        learned.losses.append(loss.item())
    return model, learned


def letter_loss(model: Model, rows: Any) -> tt.Tensor:
    """The mean cross-entropy per letter of these names."""
    logits, _ = model(X[rows])
    return F.cross_entropy(logits.reshape(-1, len(LETTERS)), Y[rows].reshape(-1))


def invented(model: Model, count: int, temperature: float, seed: int = SEED) -> list[str]:
    """Names drawn letter by letter."""
    found = text.sample(
        model.step, np.full(count, END), end=END, max_length=20, temperature=temperature,
        state_axis=model.state_axis, generator=np.random.default_rng(seed),
    )  # fmt: skip
    return [LETTERS.decode(one.tokens[:-1] if one.finished else one.tokens) for one in found]


def only_new(names: list[str]) -> list[str]:
    """Those that no province has, each once."""
    return [name for name in dict.fromkeys(names) if name and name not in NAMES]


def likeness(names: list[str]) -> float:
    """The share of letter pairs, beginnings and ends among them, that provinces have too."""
    pairs = [pair for name in names for pair in zip(f"\n{name}", f"{name}\n", strict=True)]
    return float(np.mean([pair in PAIRS for pair in pairs]))


def capital(name: str) -> str:
    """A capital letter at the beginning: İzmir and Iğdır."""
    return name[0].replace("i", "İ").upper() + name[1:]


def main(folder: Path = FOLDER, steps: int = 150) -> Outcome:
    """Learn, invent at several temperatures, and clip what explodes."""
    model, learned = learn(nn.GRU, partial(optim.Adam, lr=1e-2), steps, max_norm=1.0)
    with tt.no_grad():
        loss = letter_loss(model, np.arange(len(NAMES))).item()
    print(f"nats per letter: {loss:.2f} after training, {np.log(len(LETTERS)):.2f} before")
    print(f"\n{'temperature':>11} {'provinces':>10} {'new':>6} {'likeness':>9}  new ones")
    new: dict[float, list[str]] = {}
    for temperature in TEMPERATURES:
        names = invented(model, 1000, temperature)
        new[temperature] = only_new(names)
        known = np.mean([name in NAMES for name in names])
        shown = ", ".join(map(capital, new[temperature][:5]))
        alike = likeness(new[temperature]) if new[temperature] else np.nan
        print(f"{temperature:11} {known:10.1%} {1 - known:6.1%} {alike:9.1%}  {shown}")
    chance = likeness(["".join(row) for row in letters_by_chance(1000)])
    print(f"letters drawn by chance have a likeness of {chance:.1%}")

    too_fast = {
        name: learn(nn.RNN, partial(optim.SGD, lr=4.0), 150, max_norm)[1]
        for name, max_norm in (("not clipped", np.inf), ("clipped to 0.5", 0.5))
    }
    free, clipped = (float(np.mean(one.losses[-30:])) for one in too_fast.values())
    print(f"\na rate of 4: {free:.2f} nats per letter, and {clipped:.2f} with clipped gradients")
    return Outcome(
        [
            Goal("nats per letter", loss, at_most=1.0),
            Goal("new names of 1000, temperature 1", len(new[1.0]), at_least=100),
            Goal("likeness of new names, temperature 1", likeness(new[1.0]), at_least=0.85),
            Goal("likeness of letters by chance", chance, at_most=0.5),
            Goal("loss with clipping / without", clipped / free, at_most=0.7),
        ],
        [
            plot_norms(learned, too_fast, folder / "provinces-gradients.png"),
            plot_letters(model, "kara", folder / "provinces-letters.png"),
            *draw_unrolled(folder),
        ],
    )


def letters_by_chance(count: int) -> Any:
    """Rows of 8 letters, all equally likely."""
    letters = list(LETTERS.characters.replace("\n", ""))
    return np.random.default_rng(SEED).choice(letters, (count, 8))


def plot_norms(learned: text.Learned, fast: Mapping[str, text.Learned], file: Path) -> Path:
    """The gradients' norms before clipping, and the losses of the networks that learn too fast."""
    figure, (left, middle, right) = canvas(columns=3, size=(4.4, 3.6))
    left.plot(learned.norms)
    left.set(title="GRU, Adam", xlabel="step", ylabel="norm of all gradients", ylim=(0, None))
    for name, one in fast.items():
        middle.plot(one.norms, label=name, linewidth=1)
        right.plot(one.losses, label=name, linewidth=1)
    middle.axhline(0.5, color="black", linestyle="--", linewidth=1)
    middle.set(title="Plain network, rate 4: before clipping", xlabel="step", yscale="log")
    right.set(title="and its loss", xlabel="step", ylabel="nats per letter", yscale="log")
    for axes in (middle, right):
        axes.set_yticks([0.3, 1, 3, 10, 30], ["0.3", "1", "3", "10", "30"])
        axes.minorticks_off()
        axes.legend()
    return saved(figure, file)


def plot_letters(model: Model, beginning: str, file: Path) -> Path:
    """Which letter comes next after a beginning, at three temperatures."""
    tokens = LETTERS.encode("\n" + beginning)
    with tt.no_grad():
        logits = model(tokens[None])[0].numpy()[0, -1]
    figure, axes = canvas(size=(8, 3.6))
    letters = ["end", *LETTERS.characters[1:]]
    for i, temperature in enumerate((0.5, 1.0, 2.0)):
        p = np.exp(logits / temperature)
        places = np.arange(len(letters)) + 0.28 * (i - 1)
        axes.bar(places, p / p.sum(), 0.28, label=f"temperature {temperature}")
    axes.set_xticks(range(len(letters)), letters)
    axes.set(title=f"What comes after “{capital(beginning)}”", ylabel="probability")
    axes.legend()
    return saved(figure, file)


class Unrolled(nn.Module):
    """The model called once for each letter: its picture shows the steps side by side."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def forward(self, tokens: Any) -> Any:
        state, logits = None, []
        for letters in np.moveaxis(tokens, 1, 0):
            one, state = self.model.step(letters, state)
            logits.append(one)
        return np.concatenate(logits)


def draw_unrolled(folder: Path) -> list[Path]:
    """Both passes for the name Van, letter by letter."""
    tt.manual_seed(SEED)
    model = Unrolled(Model(len(LETTERS), 16, 64))
    x, y = text.next_tokens([LETTERS.encode("van")], END)
    picture = tt.draw(model, x, loss=lambda z: F.cross_entropy(z, y[0]), values="none", depth=2)
    return [picture.save(folder / f"provinces-unrolled.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
