"""What stands beside what: the pairs from which vectors of words are learned. Course 5, week 2.

A context is what is seen, the target is what is to be guessed from it. A sentence is a sequence
(T,) of words or of their numbers, and what comes out is made of the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import positive, whole, within
from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.rules.indexing import integers, require_inside

from .vocabulary import counts_of

Array = np.ndarray[Any, Any]
Generator = np.random.Generator | None

KINDS = ("last", "around", "previous", "nearby")


def context_pairs(
    sentence: Any, kind: str, size: int = 4, *, generator: Generator = None
) -> tuple[Array, Array]:
    """Contexts (n, k) and targets (n,) of one sentence, for a network that guesses the target.

    - "last": the `size` words before the target, in their order.
    - "around": the `size` words before it and the `size` words after it.
    - "previous": the word before it.
    - "nearby": one word, drawn from the `size` before it and the `size` after it.

    Where the sentence has not so many words on that side there is no pair; "nearby" takes
    what there is. A word is never its own context, though the same word may stand there twice.
    """
    if kind not in KINDS:
        raise ArgumentError(
            "context_pairs", "no such kind", got=repr(kind), wanted=" or ".join(map(repr, KINDS))
        )
    words = sentence_of("context_pairs", sentence)
    whole("context_pairs", "size", size)
    if kind == "nearby":
        context, target = near_positions(len(words), size, generator_or_default(generator))
        return words[context[:, None]], words[target]
    before = 1 if kind == "previous" else size
    after = size if kind == "around" else 0
    offsets = np.r_[-before:0, 1 : after + 1]
    target = np.arange(before, len(words) - after)
    return words[target[:, None] + offsets], words[target]


def near_positions(words: int, size: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """For each place that has a neighbour, one at most `size` away, each equally likely."""
    target = np.arange(words if words > 1 else 0)
    first, last = np.maximum(target - size, 0), np.minimum(target + size, words - 1)
    context = generator.integers(first, last)  # one place fewer, since its own is skipped
    return context + (context >= target), target


def skip_gram_pairs(
    sentences: Sequence[Any], window: int = 5, *, shrink: bool = False, generator: Generator = None
) -> tuple[Array, Array]:
    """All (context, target) at most `window` words apart in one sentence: (n,) and (n,).

    With `shrink` each context draws its own window from 1 to `window`, as word2vec does: near
    words come more often than far ones. A word is never its own target.
    """
    whole("skip_gram_pairs", "window", window)
    rows = [sentence_of("skip_gram_pairs", one) for one in sentences]
    if not rows:
        raise ArgumentError("skip_gram_pairs", "there are no sentences", got="[]", wanted="some")
    words = np.concatenate(rows)
    sentence = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    reach = np.full(len(words), window)
    if shrink:
        reach = generator_or_default(generator).integers(1, window + 1, len(words))
    contexts, targets = [], []
    for distance in range(1, window + 1):
        left = np.flatnonzero(sentence[distance:] == sentence[:-distance])
        right = left + distance
        for context, target in ((left, right), (right, left)):
            seen = reach[context] >= distance
            contexts.append(context[seen])
            targets.append(target[seen])
    return words[np.concatenate(contexts)], words[np.concatenate(targets)]


def noise_distribution(counts: Any, power: float = 0.75) -> Array:
    """f(wᵢ)^¾ / Σⱼ f(wⱼ)^¾: (V,) counts to (V,) float64.

    Between the frequencies themselves (power 1), which would draw too many "the" and "of", and
    all words alike (power 0). Source: arXiv 1310.4546.
    """
    frequency = counts_of("noise_distribution", counts).astype(np.float64)
    if not frequency.any():
        raise ArgumentError(
            "noise_distribution", "no word was met", got="counts of 0", wanted="a count above 0"
        )
    weights = np.where(frequency > 0, frequency ** within("noise_distribution", "power", power), 0)
    return weights / weights.sum()


class AliasSampler:
    """Draws i with probability pᵢ, (V,), in the same time however many there are.

    V columns of height 1/V hold what is left of a rare i at their foot, and on it one other, its
    alias, which is not rare. A draw is a column and a height: one random number. Source: Walker
    1977; the columns are filled as in Vose 1991.
    """

    def __init__(self, p: Any) -> None:
        weights = np.asarray(value_of(p), np.float64)
        if weights.ndim != 1 or not weights.size:
            raise ShapeError("AliasSampler", "no list of probabilities", got=describe(weights),
                             wanted="(V,)")  # fmt: skip
        if not ((weights >= 0).all() and abs(weights.sum() - 1) < 1e-6):
            raise ArgumentError(
                "AliasSampler", "not probabilities",
                got=f"from {weights.min():.4g}, with the sum {weights.sum():.4g}",
                wanted="numbers ≥ 0 with the sum 1, such as noise_distribution(counts)",
            )  # fmt: skip
        self.p = weights / weights.sum()
        self.foot, self.alias = columns(self.p)

    def sample(self, shape: int | tuple[int, ...], *, generator: Generator = None) -> Array:
        """Independent draws: int64 of this shape."""
        place = generator_or_default(generator).random(shape) * len(self.foot)
        column = place.astype(np.int64)
        return np.where(place - column < self.foot[column], column, self.alias[column])

    def __len__(self) -> int:
        return len(self.p)


def columns(p: Array) -> tuple[Array, Array]:
    """The share of each column that is its own, and who has the rest: (V,) and (V,)."""
    height = p * len(p)
    foot, alias = np.ones(len(p)), np.arange(len(p))
    low, high = list(np.flatnonzero(height < 1)), list(np.flatnonzero(height >= 1))
    while low and high:
        poor, rich = low.pop(), high[-1]
        foot[poor], alias[poor] = height[poor], rich
        height[rich] -= 1 - height[poor]
        if height[rich] < 1:
            low.append(high.pop())
    return foot, alias


def subsample(
    sentences: Sequence[Any], counts: Any, threshold: float = 1e-5, *, generator: Generator = None
) -> list[Array]:
    """The sentences (numbers of words) without many of their frequent words.

    Each is kept with probability min(1, √(t/f)), where f is the word's share of all words and t
    the threshold. So windows reach further, and "the" is not most of what is learned. Source:
    arXiv 1310.4546.
    """
    t = positive("subsample", "threshold", threshold)
    n = counts_of("subsample", counts)
    with np.errstate(divide="ignore"):
        keep = np.sqrt(t * n.sum() / n)
    generator = generator_or_default(generator)
    rows = [integers("subsample", one) for one in sentences]
    for row in rows:
        require_inside("subsample", row, len(n), 0, negative=False)
    return [row[generator.random(len(row)) < keep[row]] for row in rows]


def sentence_of(operation: str, sentence: Any) -> Array:
    """A sequence (T,) of words or of numbers of words."""
    row = np.asarray(value_of(sentence))
    if row.ndim != 1:
        raise ShapeError(
            operation, "not a sentence", got=describe(sentence),
            wanted="words (T,), or their numbers",
        )  # fmt: skip
    if row.size and row.dtype.kind not in "iuU":
        raise DtypeError(
            operation, "neither words nor their numbers", got=describe(row),
            wanted="str or integers (T,)",
        )  # fmt: skip
    return row if row.size else row.astype(np.int64)
