"""How far a sequence is from another, in edits: the error of what was heard or read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from tinygrad_tr.errors import ArgumentError, ShapeError

Sequences = Sequence[Sequence[Hashable]]


def edit_distance(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and replacements that make b of a. Levenshtein, 1966.

    Strings, or lists of words or of any tokens that can be compared.
    """
    previous = list(range(len(b) + 1))  # from none of a to each beginning of b
    for i, token in enumerate(a, start=1):
        distances = [i]
        for j, other in enumerate(b, start=1):
            replaced = previous[j - 1] + (token != other)
            distances.append(min(replaced, previous[j] + 1, distances[-1] + 1))
        previous = distances
    return previous[-1]


def error_rate(references: Sequences, guesses: Sequences) -> float:
    """Edits per token of the references: of strings the letter error rate, of words WER.

    All edits over all tokens; it may exceed 1, for guesses that are too long.
    """
    if len(references) != len(guesses):
        raise ShapeError(
            "error_rate", "each reference has one guess",
            got=f"{len(references)} references, {len(guesses)} guesses", wanted="equally many",
        )  # fmt: skip
    tokens = sum(map(len, references))
    if not tokens:
        raise ArgumentError(
            "error_rate", "there is nothing to get wrong", got="0 tokens in the references",
            wanted="at least one",
        )  # fmt: skip
    edits = (edit_distance(a, b) for a, b in zip(references, guesses, strict=True))
    return sum(edits) / tokens
