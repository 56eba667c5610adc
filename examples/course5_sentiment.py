"""Course 5, week 2: sentiment, and why the order of the words matters.

The simple model takes the mean of the words' vectors, whatever their number, and judges that. It is
right about 0.9 of plain praise and complaint. But a mean knows no order: "the soup was warm and not
cold at all" and "the soup was cold and not warm at all" are the same to it, so are "çorba çok sıcak
hiç soğuk değil" and "çorba çok soğuk hiç sıcak değil", and of such a pair it is right about one. A
many-to-one RNN (a GRU) reads the words one after the other, judges at the end, and must be right
about at least 0.95 of reviews that it has not seen.

    python -m tinygrad_tr.examples.course5_sentiment
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.examples.sentences import REVIEWS, reviews
from tinygrad_tr.nn import functional as F
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]
Pair = tuple[list[str], list[str]]  # praise, and the complaint with the opposites exchanged
FEATURES, UNITS, BATCH, RATE, SEED = 16, 16, 32, 0.01, 0
PAD = "<PAD>"
OWN = (
    "the bread was fresh and not stale at all",
    "the bread was stale and not fresh at all",
    "kahve hiç kötü değil çok iyi",
    "kahve hiç iyi değil çok kötü",
    "servis hiç iyi değil",
)


class Average(nn.Module):
    """z = w · (the mean of the vectors of the words) + b: (N, T), lengths (N,) -> (N,)."""

    def __init__(self, words: int, features: int, padding: int) -> None:
        self.embedding = nn.Embedding(words, features, padding_idx=padding)
        self.head = nn.Linear(features, 1)

    def forward(self, words: Array, lengths: Array) -> Tensor:
        # Padding has a vector of zeros.
        total = np.sum(self.embedding(words), axis=1)
        return self.head(total / lengths[:, None].astype(total.dtype))[:, 0]


class ManyToOne(nn.Module):
    """z from the state of a GRU after the last word: (N, T), lengths (N,) -> (N,)."""

    def __init__(self, words: int, features: int, units: int, padding: int) -> None:
        self.embedding = nn.Embedding(words, features, padding_idx=padding)
        self.gru = nn.GRU(features, units, batch_first=True)
        self.head = nn.Linear(units, 1)

    def forward(self, words: Array, lengths: Array) -> Tensor:
        _, last = self.gru(self.embedding(words), lengths=lengths)
        return self.head(last[0])[:, 0]


def main(folder: Path = FOLDER, steps: int = 400) -> Outcome:
    """Train both on three quarters of the reviews, and test them kind by kind on the others."""
    training, test = three_quarters()
    vocab = text.Vocab.build(
        (words for pairs in training.values() for pair in pairs for words in pair),
        specials=(PAD, "<UNK>"),
    )
    padding = vocab.number(PAD)
    tt.manual_seed(SEED)
    models: dict[str, nn.Module] = {
        "average": Average(len(vocab), FEATURES, padding),
        "many-to-one": ManyToOne(len(vocab), FEATURES, UNITS, padding),
    }
    every = [pair for pairs in training.values() for pair in pairs]
    for model in models.values():
        learn(model, vocab, every, steps)
    right = {
        name: {kind: share_right(model, vocab, pairs) for kind, pairs in test.items()}
        for name, model in models.items()
    }
    print(f"{2 * len(every)} reviews with {len(vocab)} words; right about the others, by kind:")
    print("  " + " " * 12 + "".join(f"{kind:>10}" for kind in test))
    for name, shares in right.items():
        print(f"  {name:<12}" + "".join(f"{share:10.3f}" for share in shares.values()))
    print("how likely it is praise:")
    for review in OWN:
        values = (praise(model, vocab, [review.split()])[0] for model in models.values())
        print(
            "  " + "   ".join(f"{p:.2f} {n}" for n, p in zip(models, values, strict=True)), review
        )
    return Outcome(
        [
            Goal("average, plain reviews", right["average"]["plain"], at_least=0.9),
            Goal("average, where order decides", right["average"]["order"], at_most=0.6),
            Goal("many-to-one, where order decides", right["many-to-one"]["order"], at_least=0.95),
            Goal("many-to-one, negated", right["many-to-one"]["negated"], at_least=0.95),
        ],
        [
            plot_reading(models, vocab, folder / "sentiment-reading.png"),
            *draw_models(folder),
        ],
    )


def three_quarters() -> tuple[dict[str, list[Pair]], dict[str, list[Pair]]]:
    """Of each kind the pairs to learn from, and the others."""
    rng = np.random.default_rng(SEED)
    training, test = {}, {}
    for kind in REVIEWS:
        pairs = reviews(kind)
        order = rng.permutation(len(pairs))
        cut = len(pairs) // 4
        test[kind] = [pairs[i] for i in order[:cut]]
        training[kind] = [pairs[i] for i in order[cut:]]
    return training, test


def encoded(vocab: text.Vocab, texts: Sequence[list[str]]) -> tuple[Array, Array]:
    """Numbers of words (N, T), and the lengths (N,)."""
    return text.pad([vocab.encode(words) for words in texts], fill=vocab.number(PAD))


def learn(model: nn.Module, vocab: text.Vocab, pairs: Sequence[Pair], steps: int) -> None:
    """Adam on batches of reviews."""
    words, lengths = encoded(vocab, [review for pair in pairs for review in pair])
    labels = np.tile([1, 0], len(pairs)).astype(np.float32)
    rng = np.random.default_rng(SEED)
    optimizer = optim.Adam(model.named_parameters(), lr=RATE)

    def loss() -> Tensor:
        rows = rng.choice(len(words), BATCH, replace=False)
        return F.binary_cross_entropy_with_logits(model(words[rows], lengths[rows]), labels[rows])

    for _ in range(steps):
        optimizer.minimize(loss)


def praise(model: nn.Module, vocab: text.Vocab, texts: Sequence[list[str]]) -> Array:
    """How likely each review is praise: (N,)."""
    with tt.no_grad():
        return F.sigmoid(model(*encoded(vocab, texts))).numpy()


def share_right(model: nn.Module, vocab: text.Vocab, pairs: Sequence[Pair]) -> float:
    """Of all praise and complaints together."""
    good = praise(model, vocab, [pair[0] for pair in pairs]) > 0.5
    bad = praise(model, vocab, [pair[1] for pair in pairs]) > 0.5
    return float(np.mean([good, ~bad]))


def plot_reading(models: dict[str, nn.Module], vocab: text.Vocab, file: Path) -> Path:
    """What each model would say after each word of two reviews and of their contraries."""
    figure, axes = canvas(columns=2, rows=2, size=(6, 2.8))
    for ax, review in zip(axes.flat, OWN, strict=False):
        words = review.split()
        starts = [words[: t + 1] for t in range(len(words))]
        for name, model in models.items():
            ax.plot(praise(model, vocab, starts), "o-", markersize=4, label=name)
        ax.axhline(0.5, color="gray", linewidth=0.8, linestyle=":")
        ax.set_xticks(range(len(words)), words, rotation=25)
        ax.set(ylim=(-0.05, 1.05), ylabel="P(praise) so far")
    axes[0][0].legend(fontsize=8)
    return saved(figure, file)


def draw_models(folder: Path) -> list[Path]:
    """Both passes of small models on a review of three words."""
    tt.manual_seed(SEED)
    words, lengths, label = np.array([[0, 1, 2]]), np.array([3]), np.ones(1, np.float32)
    models = {"average": Average(4, 2, 3), "many-to-one": ManyToOne(4, 2, 2, 3)}

    def loss(z: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(z, label)

    return [
        tt.draw(model, words, lengths, loss=loss).save(folder / f"sentiment-{name}.svg")
        for name, model in models.items()
    ]


if __name__ == "__main__":
    print(main())
