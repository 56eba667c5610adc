"""Course 5, week 3: a sentence backwards, by memory and with attention.

An encoder-decoder reads eight kinds of tokens and says them in reverse order. All it knows of the
sentence is one state: for 5 tokens that is enough, of at least 0.9 of the sentences none is wrong,
but for 10 it is not (at most 0.3). The attention model looks back at the sentence for each token
that it says, T_x · T_y times in all, and gets at least 0.95 of those right, in half as many steps;
its weights show the anti-diagonal that nobody told it of. Last, both learn sentences of 2 to 12
tokens, and are asked for up to 16: how BLEU falls with the length.

    python -m tinygrad_tr.examples.course5_reversal
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
LETTERS = "·ABCDEFGH"
END = 0
EMBEDDING, HIDDEN, BATCH = 16, 48, 64
SHORT, LONG = 5, 10
TRAINED, ASKED = range(2, 13), (4, 6, 8, 10, 12, 14, 16)


class Batch(NamedTuple):
    """Sentences (N, T_x), their lengths (N,), and their reverse as a decoder learns it."""

    x: Array
    lengths: Array
    before: Array  # (N, T_y)
    y: Array  # (N, T_y)


def sentences(count: int, lengths: range, rng: np.random.Generator) -> Batch:
    """Letters at random, so many as one of the lengths."""
    found = [
        rng.integers(1, len(LETTERS), length)
        for length in rng.integers(lengths.start, lengths.stop, count)
    ]
    return Batch(*text.pad(found), *text.next_tokens([one[::-1] for one in found], END))


def exactly(length: int) -> range:
    return range(length, length + 1)


def without_attention() -> nn.Module:
    """A GRU reads, and another one goes on from its last state."""
    return nn.models.EncoderDecoder(
        nn.models.RecurrentEncoder(len(LETTERS), EMBEDDING, HIDDEN),
        nn.models.RecurrentLanguageModel(len(LETTERS), EMBEDDING, HIDDEN),
    )


def with_attention() -> nn.Module:
    """Two GRUs read in both directions, a third one looks at all their states."""
    return nn.models.AttentionEncoderDecoder(len(LETTERS), len(LETTERS), EMBEDDING, HIDDEN)


WITHOUT, WITH = "without attention", "with attention"
MODELS = {WITHOUT: (without_attention, 1), WITH: (with_attention, 1 / 2)}  # how made, steps


def learn(kind: str, lengths: range, steps: int, seed: int = 0) -> nn.Module:
    """A model trained by teacher forcing on fresh sentences; with attention half the steps."""
    make, share = MODELS[kind]
    tt.manual_seed(seed)
    model, rng, steps = make(), np.random.default_rng(seed), round(share * steps)
    optimizer = optim.Adam(model.named_parameters(), lr=1e-2)
    schedule = optim.CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        batch = sentences(BATCH, lengths, rng)
        logits = model(batch.x, batch.before, batch.lengths)
        loss = F.cross_entropy(np.moveaxis(logits, -1, 1), batch.y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model


def said(model: Any, batch: Batch) -> list[list[int]]:
    """What the model answers, without the end."""
    found = text.greedy(
        model.step, np.full(len(batch.x), END), end=END, max_length=batch.y.shape[1] + 4,
        state=model.encode(batch.x, batch.lengths), state_axis=model.state_axis,
    )  # fmt: skip
    return [[token for token in one.tokens if token != END] for one in found]


def accuracies(model: Any, length: int, count: int = 1000) -> tuple[float, float]:
    """Right tokens, the right ones before them given, and sentences that are right altogether."""
    batch = sentences(count, exactly(length), np.random.default_rng(100))
    with tt.no_grad():
        tokens = model(batch.x, batch.before).numpy().argmax(axis=-1) == batch.y
    whole = [one == x[::-1].tolist() for one, x in zip(said(model, batch), batch.x, strict=True)]
    return float(tokens.mean()), float(np.mean(whole))


def bleu_by_length(model: Any, count: int = 200) -> list[float]:
    """BLEU of `count` sentences of each length."""
    found = []
    for length in ASKED:
        batch = sentences(count, exactly(length), np.random.default_rng(length))
        wanted = [[x[::-1].tolist()] for x in batch.x]
        found.append(text.bleu(said(model, batch), wanted))
    return found


def on_antidiagonal(model: Any, count: int = 1000) -> float:
    """How often a token's largest weight lies on the letter that it is."""
    batch = sentences(count, exactly(LONG), np.random.default_rng(100))
    with tt.no_grad():
        alpha = model.attention_map(batch.x, batch.before).numpy()
    looked = alpha[:, :LONG].argmax(axis=2)  # that of the end looks where it likes
    return float(np.mean(looked == np.arange(LONG)[::-1]))


def main(folder: Path = FOLDER, steps: int = 300, mixed_steps: int = 300) -> Outcome:
    """Train the models, compare them, and look at the weights."""
    print(f"{'':>17}  tokens  right  whole sentences")
    whole, models = {}, {}
    for kind, length in ((WITHOUT, SHORT), (WITHOUT, LONG), (WITH, LONG)):
        model = learn(kind, exactly(length), steps)
        share, whole[kind, length] = accuracies(model, length)
        models[kind] = model
        print(f"{kind:>17} {length:7} {share:6.1%} {whole[kind, length]:16.1%}")
    aligned = on_antidiagonal(models[WITH])
    print(f"largest weights on the anti-diagonal: {aligned:.1%}, of {LONG} · {LONG} each")

    bleu = {kind: bleu_by_length(learn(kind, TRAINED, mixed_steps)) for kind in MODELS}
    print(f"\nBLEU of {'length':>10}", *(f"{length:5}" for length in ASKED))
    for kind, values in bleu.items():
        print(f"{kind:>18}", *(f"{value:5.2f}" for value in values))
    gained = bleu[WITH][ASKED.index(LONG)] - bleu[WITHOUT][ASKED.index(LONG)]
    return Outcome(
        [
            Goal(f"{SHORT} tokens without attention", whole[WITHOUT, SHORT], at_least=0.9),
            Goal(f"{LONG} tokens without attention", whole[WITHOUT, LONG], at_most=0.3),
            Goal(f"{LONG} tokens with attention", whole[WITH, LONG], at_least=0.95),
            Goal("largest weights on the anti-diagonal", aligned, at_least=0.95),
            Goal(f"BLEU of {LONG} tokens, gained by attention", gained, at_least=0.2),
        ],
        [
            plot_weights(models[WITH], folder / "reversal-attention.png"),
            plot_bleu(bleu, folder / "reversal-bleu.png"),
            *draw_models(folder),
            draw_look(folder / "reversal-look.svg"),
        ],
    )


def plot_weights(model: Any, file: Path) -> Path:
    """α<t,t'> of one sentence, token by token: at which letters the model looks."""
    batch = sentences(1, exactly(LONG), np.random.default_rng(1))
    with tt.no_grad():
        alpha = model.attention_map(batch.x, batch.before).numpy()[0]
    figure, axes = canvas(size=(5.2, 5))
    image = axes.imshow(alpha, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(LONG), [LETTERS[token] for token in batch.x[0]])
    axes.set_yticks(range(LONG + 1), [*(LETTERS[token] for token in batch.y[0, :-1]), "<EOS>"])
    axes.set(
        title="α<t,t'>: who looks at whom", xlabel="t', what is read", ylabel="t, what is said"
    )
    figure.colorbar(image, ax=axes, shrink=0.8)
    return saved(figure, file)


def plot_bleu(bleu: dict[str, list[float]], file: Path) -> Path:
    """BLEU against the length of the sentences."""
    figure, axes = canvas(size=(6, 3.8))
    for kind, values in bleu.items():
        axes.plot(ASKED, values, marker="o", label=kind)
    axes.axvspan(TRAINED.stop - 1, ASKED[-1] + 0.5, color="gray", alpha=0.15)
    axes.text(TRAINED.stop - 0.8, 0.03, "longer than\nall in training")
    axes.set(title="The longer the sentence", xlabel="tokens", ylabel="BLEU", ylim=(0, 1.05))
    axes.legend(loc="lower left")
    return saved(figure, file)


def draw_models(folder: Path) -> list[Path]:
    """Both passes of both models for five letters, the layers as frames, equal steps folded."""
    batch = sentences(1, exactly(5), np.random.default_rng(0))
    files = []
    for kind, (make, _) in MODELS.items():
        picture = tt.draw(
            make(), batch.x, batch.before, depth=1, values="none",
            loss=lambda z: F.cross_entropy(z[0], batch.y[0]),
        )  # fmt: skip
        files += [picture.save(folder / f"reversal-{kind.replace(' ', '-')}.svg")]
    return files


def draw_look(file: Path) -> Path:
    """The small network, number by number: a state s looks at three annotations a."""
    tt.manual_seed(0)
    network = nn.models.AdditiveAttention(2, 2, 3)
    s = tt.randn(1, 2, requires_grad=True, name="s")
    a = tt.randn(1, 3, 2, requires_grad=True, name="a")
    context, _ = network(s, network.keys(a), a)
    J = context.sum()
    return tt.draw(J).save(file)


if __name__ == "__main__":
    print(main())
