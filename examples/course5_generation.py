"""Course 5, week 4: a small GPT writes like the manual of Python, and remembers as it writes.

A causal transformer, two blocks of four heads with 64 features, learns to guess each next character
of the manual that ships with Python (`pydoc_data.topics`, 465,000 characters). On topics it has not
read it must come to 1.5 nats a character, where a table of all pairs of characters comes to 2.24.
Then it writes: after a prompt, colder and warmer, and by beam search.

To write one more character it needs the keys and values of all before it. Computed once and kept,
they make a character cost the same, nearly, however long the text; computed anew each time, they
make a text of T characters cost T². Both ways must give the same logits.

    python -m tinygrad_tr.examples.course5_generation
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F
from tinygrad_tr.nn import models

Array = np.ndarray[Any, Any]
PROMPT = "The statement "
LENGTHS = (8, 16, 32, 64, 128, 256)


def main(
    folder: Path = FOLDER,
    steps: int = 1200,
    length: int = 64,
    batch: int = 16,
    wanted: float = 1.5,
) -> Outcome:
    """Read the manual, write some, and take the time."""
    manual = read()
    chars = text.CharTokenizer(manual, byte_fallback=False)
    ids = chars.encode(manual)
    train, dev = np.split(ids, [len(ids) * 19 // 20])
    pairs = loss_of_pairs(train, dev, len(chars))
    tt.manual_seed(0)
    model = models.GPT(
        len(chars), length, d_model=64, nhead=4, num_layers=2, dropout=0, initializer_range=0.05
    )
    losses = learn(model, train, steps, batch)
    nats = loss_on(model, dev)
    print(f"{len(manual):,} characters, {len(chars)} different ones")
    print(f"nats per character on new topics: pairs {pairs:.3f}, GPT {nats:.3f}")
    model.eval()
    for temperature in (0.3, 0.7, 1.0):
        print(f"  temperature {temperature}: {written(model, chars, temperature)!r}")
    print(f"  beam search: {searched(model, chars)!r}")

    logits, cache, found = model(dev[None, :length]).numpy(), None, []
    with tt.no_grad():
        for i in dev[:length]:
            z, cache = model.step([i], cache)
            found.append(z.numpy())
    apart = float(abs(np.concatenate(found) - logits[0]).max())
    print(f"logits one by one with the cache and all at once differ by {apart:.1e}")
    times = per_token(models.GPT(len(chars), LENGTHS[-1], 64, 4, 2).eval())
    print("\n  characters so far   ms with cache   ms without")
    for n, (kept, again) in zip(LENGTHS, times, strict=True):
        print(f"  {n:17d}   {kept:13.2f}   {again:10.2f}")

    few = ids[None, :6]
    picture = tt.draw(
        model, few[:, :-1], loss=lambda z: F.cross_entropy(z[0], few[0, 1:]), depth=1,
        values="stats",
    )  # fmt: skip
    return Outcome(
        [
            Goal("nats per character on new topics", nats, at_most=wanted),
            Goal("logits with and without cache differ by", apart, at_most=1e-4),
            Goal(
                f"times as fast with the cache, at {LENGTHS[-1]} characters",
                times[-1][1] / times[-1][0],
                at_least=2,
            ),
        ],
        [
            plot_losses(losses, pairs, nats, folder / "generation-loss.png"),
            plot_times(times, folder / "generation-times.png"),
            picture.save(folder / "generation.svg"),
        ],
    )


def read() -> str:
    """All topics of the manual, one after the other, in ASCII."""
    from pydoc_data.topics import topics

    manual = "\n".join(topics[name] for name in sorted(topics))
    return manual.encode("ascii", "ignore").decode()


def loss_of_pairs(train: Array, dev: Array, characters: int) -> float:
    """Nats per character of a table: how often each follows each, in what was read."""
    counts = np.full((characters, characters), 0.1)
    np.add.at(counts, (train[:-1], train[1:]), 1)
    p = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log(p[dev[:-1], dev[1:]]).mean())


def loss_of(model: models.GPT, rows: Array) -> tt.Tensor:
    """Nats per character of each row's second to last, (N, T + 1)."""
    logits = model(rows[:, :-1])
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), rows[:, 1:].ravel())


def learn(model: models.GPT, ids: Array, steps: int, batch: int) -> list[float]:
    rng = np.random.default_rng(0)
    optimizer = optim.AdamW(model.named_parameters(), lr=3e-3)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    window, losses = np.arange(model.max_len + 1), []
    for _ in range(steps):
        starts = rng.integers(0, len(ids) - model.max_len, batch)
        loss = loss_of(model, ids[starts[:, None] + window])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.item())
    return losses


def loss_on(model: models.GPT, ids: Array) -> float:
    """The mean loss over windows of the whole text, side by side."""
    n = (len(ids) - 1) // model.max_len
    window = np.arange(model.max_len + 1)
    with tt.no_grad():
        return loss_of(model, ids[model.max_len * np.arange(n)[:, None] + window]).item()


def after_prompt(model: models.GPT, chars: text.CharTokenizer) -> dict[str, Any]:
    """What a search goes on from: the last character of the prompt, and the cache of the others."""
    prompt = chars.encode(PROMPT)
    with tt.no_grad():
        _, cache = model.extended(prompt[None, :-1])
    room = model.max_len - len(prompt)
    return {"start": prompt[-1], "state": cache, "end": None, "max_length": room}


def written(model: models.GPT, chars: text.CharTokenizer, temperature: float) -> str:
    """The prompt and what is drawn after it."""
    drawn = text.sample(
        model.step, **after_prompt(model, chars), temperature=temperature,
        generator=np.random.default_rng(0),
    )  # fmt: skip
    return PROMPT + chars.decode(drawn.tokens)


def searched(model: models.GPT, chars: text.CharTokenizer) -> str:
    """The prompt and the likeliest text after it that a beam of 4 finds."""
    best = text.beam_search(model.step, width=4, **after_prompt(model, chars))[0]
    return PROMPT + chars.decode(best.tokens)


def per_token(model: models.GPT) -> list[tuple[float, float]]:
    """Milliseconds for the last of n characters, with the cache of the others and without."""
    ids = np.zeros((1, LENGTHS[-1]), np.int64)
    found = []
    with tt.no_grad():
        for n in LENGTHS:
            _, cache = model.extended(ids[:, : n - 1])
            kept = best_time(partial(model.step, ids[:, 0], cache))
            found.append((kept, best_time(partial(model, ids[:, :n]))))
    return found


def best_time(work: Callable[[], Any], times: int = 9) -> float:
    """The shortest of several times in milliseconds: the others waited for something else."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return 1000 * min(found)


def plot_losses(losses: list[float], pairs: float, nats: float, file: Path) -> Path:
    """The loss of each batch, and the losses on new topics."""
    figure, ax = canvas(size=(6.5, 4))
    ax.plot(losses, linewidth=0.7, label="batches")
    ax.axhline(pairs, color="gray", linestyle="--", label=f"pairs of characters: {pairs:.2f}")
    ax.axhline(nats, color="tab:red", label=f"GPT, new topics: {nats:.2f}")
    ax.set(title="Guessing the next character", xlabel="step", ylabel="nats per character")
    ax.legend()
    return saved(figure, file)


def plot_times(times: list[tuple[float, float]], file: Path) -> Path:
    """What one more character costs, by how many there are."""
    figure, ax = canvas(size=(6, 4))
    for own, label in zip(zip(*times, strict=True), ("with cache", "without"), strict=True):
        ax.plot(LENGTHS, own, "o-", label=label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(LENGTHS, LENGTHS)
    ax.set_ylim(0)
    ax.set(title="One more character", xlabel="characters so far", ylabel="milliseconds")
    ax.legend()
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
