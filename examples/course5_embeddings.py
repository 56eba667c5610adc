"""Course 5, weeks 1 and 2: words as numbers, as one-hot columns, and as vectors that were learned.

A word is a number, then a column with a single 1, and two of those are always equally far apart.
A row of a learned table says more. Here the table is learned by a network that guesses the next
word: it looks up the last four, puts the vectors side by side, and a hidden layer and a softmax
do the rest. It reads sentences like "i want a glass of orange juice", and nobody tells it that
oranges and apples are alike: but words that are used alike must end with a cosine above 0.8, and
any others below 0.5.

    python -m tinygrad_tr.examples.course5_embeddings
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
WORDS, FEATURES = 10_000, 300  # the course's sizes
WINDOW, SMALL, HIDDEN = 4, 64, 64
ALIKE = [
    ("i", "we", "they"),
    ("want", "need", "like"),
    ("glass", "cup", "bottle"),
    ("orange", "apple", "grape"),
    ("cow", "sheep", "horse"),
    ("today", "now", "later"),
]
SENTENCE = "The cat, which had already eaten, was full."


def main(folder: Path = FOLDER, steps: int = 300) -> Outcome:
    """Numbers, columns, vectors; then learn some."""
    words, characters = show_tokens()
    apart, same = show_one_hot()
    lookup, product = race()
    print(f"{FEATURES} numbers of a word: looked up in {lookup:.4f} ms, ", end="")
    print(f"as the product E o in {product:.2f} ms")
    for kept in (6, WINDOW):
        found = LanguageModel(WORDS, FEATURES, kept).side_by_side(np.zeros((1, kept), np.int64))
        print(f"the last {kept} words side by side are {found.shape[1]:,} numbers")

    vocab, model, history = learn(steps)
    cos = similarities(vocab, model)
    kinds = np.repeat(np.arange(len(ALIKE)), len(ALIKE[0]))
    together = kinds[:, None] == kinds
    pairs = ~np.eye(len(kinds), dtype=bool)
    alike, others = cos[together & pairs].min(), cos[~together].max()
    vectors = text.WordVectors(vocab, model.embedding.weight)
    for word in ("orange", "want", "cow"):
        near = ", ".join(f"{other} {c:.2f}" for other, c in vectors.nearest(word, 3))
        print(f"nearest to {word!r}: {near}")
    return Outcome(
        [
            Goal("characters for a word of the sentence", characters / words, at_least=4),
            Goal("distance of two one-hot columns", apart, np.sqrt(2) - 1e-6, np.sqrt(2) + 1e-6),
            Goal("product of two one-hot columns", same, 0, 0),
            Goal("smallest cosine of words used alike", float(alike), at_least=0.8),
            Goal("largest cosine of other words", float(others), at_most=0.5),
        ],
        [
            plot_similarities(cos, folder / "embeddings-similarity.png"),
            plot_history(history, folder / "embeddings-loss.png"),
            *draw_model(folder),
        ],
    )


def show_tokens() -> tuple[int, int]:
    """One sentence as words and as characters, how many they are, and how long a GRU reads."""
    known = text.Vocab(["the", "cat", "which", "had", "was", "full"])
    tokens = text.words(SENTENCE.lower())
    chars = text.CharTokenizer(SENTENCE)
    numbers = chars.encode(SENTENCE)
    print(f"{SENTENCE}\n  {len(tokens)} words:      {known.encode(tokens)}")
    print(f"  read again:   {' '.join(known.decode(known.encode(tokens)))}")
    print(f"  {len(numbers)} characters: {numbers}\n  read again:   {chars.decode(numbers)}")
    taken = {name: reading(len(ids)) for name, ids in (("words", tokens), ("characters", numbers))}
    print("  a GRU reads it as " + ", as ".join(f"{k} in {ms:.2f} ms" for k, ms in taken.items()))
    return len(tokens), len(numbers)


def reading(steps: int) -> float:
    """Milliseconds that a GRU takes for a sequence of so many steps."""
    gru, x = nn.GRU(32, 32), tt.zeros(steps, 1, 32)
    return best_of(lambda: gru(x))


def show_one_hot() -> tuple[float, float]:
    """The distance and the product of the columns of two words."""
    vocab = text.Vocab(["orange", "apple", *(f"word {i}" for i in range(WORDS - 4))])
    orange, apple = vocab.one_hot(["orange", "apple"]).numpy()
    apart, same = float(np.linalg.norm(orange - apple)), float(orange @ apple)
    print(f"orange and apple, one 1 among {WORDS:,}: distance {apart:.4f}, product {same:g}")
    return apart, same


def race() -> tuple[float, float]:
    """Milliseconds for a row of the table, and for the product with a one-hot column."""
    layer = nn.Embedding(WORDS, FEATURES)
    column = F.one_hot([6257], WORDS)
    return best_of(lambda: layer([6257])), best_of(lambda: column @ layer.weight)


def best_of(function: Callable[[], Any], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return 1e3 * min(taken)


class LanguageModel(nn.Module):
    """Scores of the next word from the last ones: (N, window) -> (N, words). Bengio et al. 2003."""

    def __init__(self, words: int, features: int, window: int) -> None:
        self.embedding = nn.Embedding(words, features)
        self.hidden = nn.Linear(window * features, HIDDEN)
        self.scores = nn.Linear(HIDDEN, words)

    def side_by_side(self, last: Any) -> tt.Tensor:
        """The vectors of the last words in one row: (N, window) -> (N, window · features)."""
        return F.flatten(self.embedding(last), 1)

    def forward(self, last: Any) -> tt.Tensor:
        return self.scores(np.tanh(self.hidden(self.side_by_side(last))))


def sentences(m: int, seed: int) -> list[list[str]]:
    """m sentences of two kinds, in which words of one group may stand for each other."""
    rng = np.random.default_rng(seed)
    written = []
    for drink in rng.integers(0, 2, m):
        who, wish, vessel, fruit, animal, when = (rng.choice(group) for group in ALIKE)
        thing = f"a {vessel} of {fruit} juice" if drink else f"the {animal} in the field"
        written.append(f"{who} {wish} {thing} {when}".split())
    return written


def learn(steps: int, seed: int = 0) -> tuple[text.Vocab, LanguageModel, list[float]]:
    """The vocabulary, the trained network and its loss at each step."""
    tt.manual_seed(seed)
    rng = np.random.default_rng(seed)
    known = sentences(2000, seed)
    vocab = text.Vocab.build(known, specials=("<EOS>",))
    x, y = windows(vocab, known)
    model = LanguageModel(len(vocab), SMALL, WINDOW)
    nn.init.normal_(model.embedding.weight, std=0.01)  # what is not learned should not count
    optimizer = optim.Adam(model.named_parameters(), lr=2e-3)
    history = []
    for _ in range(steps):
        rows = rng.integers(0, len(x), 256)
        loss = F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        history.append(loss.item())
    return vocab, model, history


def windows(vocab: text.Vocab, known: Sequence[Sequence[str]]) -> tuple[Array, Array]:
    """The last four words and the next, from before the first word until <EOS>: (n, 4), (n,)."""
    end = ["<EOS>"]
    pairs = [
        text.context_pairs(vocab.encode([*end * WINDOW, *sentence, *end]), "last", WINDOW)
        for sentence in known
    ]
    contexts, targets = zip(*pairs, strict=True)
    return np.concatenate(contexts), np.concatenate(targets)


def similarities(vocab: text.Vocab, model: LanguageModel) -> Array:
    """The cosine of each two of the words that were grouped."""
    e = model.embedding.weight.numpy()[vocab.encode([word for group in ALIKE for word in group])]
    return np.asarray(F.cosine_similarity(e[:, None], e[None], dim=2))


def plot_similarities(cos: Array, file: Path) -> Path:
    names = [word for group in ALIKE for word in group]
    figure, ax = canvas(size=(6.4, 5.4))
    shown = ax.imshow(cos, cmap="coolwarm", vmin=-1, vmax=1)
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set_title("Cosine similarity of the learned vectors")
    figure.colorbar(shown, ax=ax, shrink=0.8)
    return saved(figure, file)


def plot_history(history: list[float], file: Path) -> Path:
    figure, ax = canvas(size=(6, 3.5))
    curves(ax, {"training": history}, title="Guessing the next word", xlabel="step",
           ylabel="cross-entropy", ylim=(0, None))  # fmt: skip
    return saved(figure, file)


def draw_model(folder: Path) -> list[Path]:
    """Both passes of the network for one window: the gradient reaches the rows that were used."""
    model = LanguageModel(12, 2, WINDOW)
    last = tt.Tensor(np.array([[9, 1, 3, 5]]), name="words")
    picture = tt.draw(model, last, loss=lambda z: F.cross_entropy(z, [6]), values="none")
    return [picture.save(folder / f"embeddings-model.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
