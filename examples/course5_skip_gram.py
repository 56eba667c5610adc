"""Course 5, week 2: vectors of words from guessing their neighbours, and what they are good for.

Skip-gram in its three ways, a softmax over all words, a tree of them, negative sampling, on a
small language of kings and girls whose nouns differ in gender, age and rank. No way is told of
these; but man is to woman as king is to whom? At least 43 of the 48 such questions must come out
right, for each way and three seeds. Then the same code reads Python's own manual, where `true` and
`false`, or `two` and `three`, must come to lie near each other: of such pairs one word is on the
average among the nearest 5 % of the other.

    python -m tinygrad_tr.examples.course5_skip_gram
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim, text
from tinygrad_tr.examples import royalty
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
FEATURES, BATCH, WINDOW = 16, 512, 5
RATES = {"frequency": 1.0, "frequency^(3/4)": 0.75, "all alike": 0.0}
WAYS: dict[str, Callable[[text.Vocab, np.random.Generator], text.SkipGram]] = {
    "softmax": lambda vocab, rng: text.SoftmaxSkipGram(len(vocab), FEATURES, generator=rng),
    "tree": lambda vocab, rng: text.HierarchicalSkipGram(
        text.huffman_tree(vocab.counts), FEATURES, generator=rng
    ),
    "negative sampling": lambda vocab, rng: text.NegativeSamplingSkipGram(
        text.noise_distribution(vocab.counts), FEATURES, generator=rng
    ),
}
SENTENCE = "I want a glass of orange juice to go along with my cereal"
ALIKE = [("true", "false"), ("two", "three"), ("float", "complex"), ("left", "right"),
         ("string", "strings"), ("raised", "raises"), ("first", "second")]  # fmt: skip


def main(folder: Path = FOLDER, steps: int = 600, epochs: int = 10, seeds: int = 3) -> Outcome:
    """Train all ways on the small language, and one on Python's manual."""
    show_table(*one_true_and_four_false())
    learned = {
        way: [learn(make, seed, steps) for seed in range(seeds)] for way, make in WAYS.items()
    }
    solved = {way: [royalty.solved(one) for one in found] for way, found in learned.items()}
    print("man is to woman as king is to whom? Of 48 such questions are answered rightly:")
    for way, numbers in solved.items():
        print(f"  {way:<18} {', '.join(map(str, numbers))}")
    vectors = learned["negative sampling"][0]
    for a, b, c in (("man", "woman", "king"), ("king", "man", "princess"), ("man", "boy", "queen")):
        (word, cos), (other, lower) = vectors.analogy(a, b, c, 2)
        print(f"  {a} : {b} = {c} : {word} ({cos:.2f}; then {other}, {lower:.2f})")

    manual = read_manual(epochs)
    for word in ("true", "two", "float", "string"):
        near = ", ".join(other for other, _ in manual.nearest(word, 4))
        print(f"in Python's manual near {word!r}: {near}")
    return Outcome(
        [
            *(Goal(f"analogies, {way}", min(n), 43) for way, n in solved.items()),
            Goal("how far down the list is a word's partner", distance(manual), at_most=0.05),
        ],
        [
            plot_vectors(vectors, folder / "skip-gram-vectors.png"),
            plot_noise(folder / "skip-gram-noise.png"),
            *draw_step(folder),
        ],
    )


def one_true_and_four_false(seed: int = 330) -> tuple[str, list[str], list[int]]:
    """A context of the sentence with a word near it, and with four that were drawn."""
    words = SENTENCE.split()
    vocab = text.Vocab.build([words, ["king", "book", "the"]], specials=())
    rng = np.random.default_rng(seed)
    context, target = text.skip_gram_pairs([words], window=1)
    chosen = np.flatnonzero((context == "orange") & (target == "juice"))[0]
    drawn = text.AliasSampler(text.noise_distribution(vocab.counts)).sample(4, generator=rng)
    return str(context[chosen]), [str(target[chosen]), *vocab.decode(drawn)], [1, 0, 0, 0, 0]


def show_table(context: str, words: list[str], near: list[int]) -> None:
    print(f"{SENTENCE}\n  context  word      near?")
    for word, truth in zip(words, near, strict=True):
        print(f"  {context:<8} {word:<9} {truth}")


def learn(
    make: Callable[[text.Vocab, np.random.Generator], text.SkipGram], seed: int, steps: int
) -> text.WordVectors:
    """The vectors after so many batches of pairs of the small language."""
    sentences = royalty.sentences(seed=seed)
    vocab = text.Vocab.build(sentences, specials=())
    rng = np.random.default_rng(seed)
    model = make(vocab, rng)
    pairs = text.skip_gram_pairs([vocab.encode(one) for one in sentences], WINDOW)
    train(model, (rng.integers(0, len(pairs[0]), BATCH) for _ in range(steps)), pairs, lr=0.03)
    return text.WordVectors(vocab, model.embedding.weight)


def train(
    model: text.SkipGram, batches: Iterator[Array], pairs: tuple[Array, Array], lr: float
) -> None:
    context, target = pairs
    optimizer = optim.Adam(model.named_parameters(), lr=lr)
    for rows in batches:
        model(context[rows], target[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()


def read_manual(epochs: int) -> text.WordVectors:
    """Vectors of the words that Python's manual has at least five times."""
    from pydoc_data.topics import topics

    parts = [part for page in topics.values() for part in re.split(r"[.:;]\s|\n\n", page.lower())]
    sentences = [text.words(part) for part in parts if "::=" not in part]  # no grammar
    vocab = text.Vocab.build(sentences, min_count=5)
    ids = [vocab.encode(one) for one in sentences]
    print(f"Python's manual: {sum(map(len, ids)):,} words, {len(vocab):,} different ones")
    rng = np.random.default_rng(0)
    noise = text.noise_distribution(vocab.counts)
    model = text.NegativeSamplingSkipGram(noise, features=50, generator=rng)
    for _ in range(epochs):
        fewer = text.subsample(ids, vocab.counts, threshold=1e-3, generator=rng)
        pairs = text.skip_gram_pairs(fewer, WINDOW, shrink=True, generator=rng)
        order = rng.permutation(len(pairs[0]))
        train(model, iter(np.array_split(order, len(order) // 1024)), pairs, lr=0.005)
    return text.WordVectors(vocab, model.embedding.weight)


def distance(vectors: text.WordVectors) -> float:
    """Where in the list of the words nearest to one its partner is, from 0 to 1, on the average."""
    places = []
    for word, partner in ALIKE:
        near = [other for other, _ in vectors.nearest(word, len(vectors))]
        places.append(near.index(partner) / len(near))
    return float(np.mean(places))


def plot_vectors(vectors: text.WordVectors, file: Path) -> Path:
    """How alike the nouns are, and the nouns on the three widest directions, as a cube."""
    nouns = royalty.NOUNS
    e = np.stack([vectors[noun] for noun in nouns])
    cos = np.array(F.cosine_similarity(e[:, None], e[None], dim=2))
    figure, (left, right) = canvas(columns=2, size=(5.6, 4.6))
    shown = left.imshow(cos, cmap="coolwarm", vmin=-1, vmax=1)
    left.set_xticks(range(8), nouns, rotation=45, ha="right")
    left.set_yticks(range(8), nouns)
    left.set_title("Cosine similarity of the nouns")
    figure.colorbar(shown, ax=left, shrink=0.8)
    _, _, directions = np.linalg.svd(e - e.mean(axis=0), full_matrices=False)
    # Three directions on paper, as a cube is drawn: the third goes up and to the right.
    across, up = (directions[:3].T @ np.array([[1, 0], [0, 1], [0.35, 0.45]])).T @ e.T
    for bit, (factor, colour) in zip(
        (4, 2, 1), zip(royalty.FACTORS, ("tab:red", "tab:green", "tab:blue"), strict=True),
        strict=True,
    ):  # fmt: skip
        for one in range(8):
            if not one & bit:
                ends = [one, one | bit]
                label = factor if one == 0 else None
                right.plot(across[ends], up[ends], color=colour, linewidth=1.2, label=label)
    right.scatter(across, up, color="black", s=16, zorder=3)
    for noun, x, y in zip(nouns, across, up, strict=True):
        right.annotate(noun, (x, y), textcoords="offset points", xytext=(5, 4))
    right.set(title="A change of gender, age or rank is the same step for all")
    right.margins(0.2)
    right.legend(ncols=3, loc="upper center")
    return saved(figure, file)


def plot_noise(file: Path) -> Path:
    """How often words are drawn as false ones, whose frequency falls as 1/rank."""
    counts = (100_000 / np.arange(1, 1001)).astype(np.int64)
    figure, ax = canvas(size=(6, 3.6))
    for name, power in RATES.items():
        ax.plot(np.arange(1, 1001), text.noise_distribution(counts, power), label=name)
    ax.set(title="How often a word is drawn as a false one", xlabel="rank of the word",
           ylabel="probability", xscale="log", yscale="log")  # fmt: skip
    ax.legend()
    return saved(figure, file)


def draw_step(folder: Path) -> list[Path]:
    """One context, its target and two false words, in a language of five words."""
    rng = np.random.default_rng(0)
    E, theta = (
        tt.Tensor(rng.standard_normal((5, 2)).round(1), requires_grad=True, name=name)
        for name in ("E", "θ")
    )
    e = F.embedding([3], E)
    loss = text.negative_sampling_loss(e, theta, [1], [[0, 4]])
    picture = tt.draw(loss, names={"e": e, "L": loss}, values="full")
    return [picture.save(folder / f"skip-gram-step.{kind}") for kind in ("svg", "png")]


if __name__ == "__main__":
    print(main())
