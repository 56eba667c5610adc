"""Words and their numbers. Course 5, week 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.nn import functional as F
from tinygrad_tr.rules.indexing import integers, require_inside
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]

EOS, UNK = "<EOS>", "<UNK>"


class Vocab:
    """The words w₀, w₁, ... of a language, each of which stands for its number.

        vocab = Vocab(["a", "cat", "sleeps"])
        vocab.encode(["a", "zebra", "<EOS>"])  # [0, 4, 3]
        vocab.decode([1, 2])  # ["cat", "sleeps"]

    The specials come after the words. A word that is not among them is `<UNK>`, the very last
    unless the specials say otherwise; in a vocabulary without `<UNK>` it is an error. `index`
    gives a word's number, `counts` (V,) how often each was met, None if nobody counted.
    """

    def __init__(
        self,
        words: Iterable[str],
        specials: Sequence[str] = (EOS, UNK),
        *,
        counts: Any = None,
    ) -> None:
        self.words = (*tokens_of("Vocab", words), *tokens_of("Vocab", specials))
        self.index = {word: number for number, word in enumerate(self.words)}
        if not self.words:
            raise ArgumentError("Vocab", "there are no words", got="[]", wanted="at least one")
        if len(self.index) < len(self.words):
            word, times = Counter(self.words).most_common(1)[0]
            raise ArgumentError(
                "Vocab", "a word has one number", got=f"{word!r}, {times} times",
                wanted="each word once; Vocab.build counts the words of sentences",
            )  # fmt: skip
        self.unknown = self.index.get(UNK)
        self.counts = None if counts is None else counts_of("Vocab", counts, len(self.words))

    @classmethod
    def build(
        cls,
        sentences: Iterable[Iterable[str]],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        specials: Sequence[str] = (EOS, UNK),
    ) -> Self:
        """The words of the sentences by falling frequency, equally frequent ones as they came.

        Rarer than `min_count`, or beyond `max_size` numbers with the specials, they are left
        out, and counted as `<UNK>`.
        """
        whole("Vocab.build", "min_count", min_count)
        met = Counter(word for one in sentences for word in tokens_of("Vocab.build", one))
        special = {word: met.pop(word, 0) for word in specials}
        common = [(word, n) for word, n in met.most_common() if n >= min_count]
        if max_size is not None:
            common = common[
                : whole("Vocab.build", "max_size", max_size, len(specials)) - len(specials)
            ]
        kept = dict(common)
        if UNK in special:
            special[UNK] += met.total() - sum(kept.values())
        return cls(kept, specials, counts=[*kept.values(), *special.values()])

    def encode(self, words: Iterable[str]) -> Array:
        """The numbers of the words: (T,) int64."""
        return np.array([self.number(word) for word in tokens_of("Vocab.encode", words)], np.int64)

    def decode(self, ids: Any) -> list[str]:
        """The words of the numbers (T,)."""
        return [self.words[i] for i in ids_of("Vocab.decode", ids, len(self))]

    def one_hot(self, words: Iterable[str]) -> Tensor:
        """A row for each word, 1 at its number and 0 elsewhere: (T, V). The course has columns."""
        return F.one_hot(self.encode(words), len(self))

    def number(self, word: str) -> int:
        """The number of one word."""
        number = self.index.get(word, self.unknown)
        if number is None:
            raise ArgumentError(
                "Vocab", "the word is not in the vocabulary", got=repr(word),
                wanted=f"one of its {len(self)} words, or a vocabulary with {UNK!r}",
            )  # fmt: skip
        return number

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self.words[:3]))
        return f"Vocab({len(self)} words: {shown}{', ...' if len(self) > 3 else ''})"


def tokens_of(operation: str, words: Iterable[str]) -> list[str]:
    """The words as a list; a sentence in one piece, or a word that is no text, is an error."""
    if isinstance(words, str):
        raise DtypeError(
            operation, "text that is not split into words", got=describe(words),
            wanted="a list of words, such as tt.text.words(sentence)",
        )  # fmt: skip
    words = list(words)
    for word in words:
        if not isinstance(word, str):
            raise DtypeError(operation, "a word is not text", got=describe(word), wanted="str")
    return words


def ids_of(operation: str, ids: Any, size: int) -> list[int]:
    """Integers (T,) in [0, size), as Python's."""
    numbers = integers(operation, ids)
    if numbers.ndim != 1:
        raise ShapeError(operation, "not one sequence", got=describe(numbers), wanted="(T,)")
    require_inside(operation, numbers, size, 0, negative=False)
    return list(map(int, numbers))


def counts_of(operation: str, counts: Any, size: int | None = None) -> Array:
    """How often each of the words was met: (V,) int64, at least 0."""
    numbers = np.asarray(value_of(counts))
    if numbers.ndim != 1 or numbers.size != (size or numbers.size or 1):
        raise ShapeError(
            operation, "each word has one count", got=describe(numbers),
            wanted=f"({size or 'V'},) integers",
        )  # fmt: skip
    if numbers.dtype.kind not in "iu":
        raise DtypeError(operation, "counts are integers", got=describe(numbers), wanted="int64")
    if (numbers < 0).any():
        raise ArgumentError(operation, "a count is negative", got=f"{numbers.min()}", wanted="≥ 0")
    return numbers.astype(np.int64)
