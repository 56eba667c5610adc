"""BLEU: how close translations come to those of people. Papineni et al. 2002; course 5, week 3.

Sentences are lists of words, or of any tokens that can be compared: ids, or characters.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe

Sentence = Sequence[Hashable]
Counts = list[tuple[int, int]]  # of each order n: n-grams that match, and all


def ngrams(sentence: Sentence, n: int) -> Counter[tuple[Hashable, ...]]:
    """How often each run of n words occurs; a sentence of T words has T − n + 1 runs."""
    words = sentence_of("ngrams", sentence)
    whole("ngrams", "n", n)
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def matches(candidate: Sentence, references: Sequence[Sentence], n: int) -> tuple[int, int]:
    """The candidate's n-grams that a reference has too, and all of them.

    One counts at most as often as in the reference that has it most often (clipping), so that
    "the the the" gains nothing by repeating.
    """
    most: Counter[tuple[Hashable, ...]] = Counter()
    for reference in references:
        most |= ngrams(reference, n)
    own = ngrams(candidate, n)
    return (own & most).total(), own.total()


def ngram_precision(candidate: Sentence, references: Sequence[Sentence], n: int) -> float:
    """p_n, the clipped share of the candidate's n-grams that a reference has; 0 if it has none."""
    references = references_of("ngram_precision", references)
    clipped, total = matches(candidate, references, n)
    return clipped / max(total, 1)


def halved(counts: Counts) -> list[float]:
    """p_n, with 1/2, 1/4, 1/8 ... for orders without a match."""
    precisions, part = [], 1.0
    for matched, total in counts:
        if not matched:
            part /= 2
        precisions.append((matched or part) / total)
    return precisions


SMOOTHINGS: dict[str, Callable[[Counts], list[float]]] = {
    "none": lambda counts: [matched / total for matched, total in counts],
    "exp": halved,
    "floor": lambda counts: [(matched or 0.1) / total for matched, total in counts],
    "add-one": lambda counts: [
        (matched + (i > 0)) / (total + (i > 0)) for i, (matched, total) in enumerate(counts)
    ],
}


def bleu(
    candidates: Sequence[Sentence],
    references: Sequence[Sequence[Sentence]],
    max_n: int = 4,
    smoothing: str = "none",
) -> float:
    """BP · exp(mean of ln p_n, n = 1 ... max_n) of a corpus, from 0 to 1.

    For each candidate there are one or more references. Matches and n-grams are summed over the
    corpus before they are divided. BP = 1 if the candidates have more words, c, than the
    references, r, else exp(1 − r/c); r takes for each candidate the reference nearest in length,
    of two equally near the shorter one. An order of which no candidate is long enough to have an
    n-gram does not count.

    Without smoothing BLEU is 0 as soon as no n-gram of some order matches. For those 0 matches
    `smoothing` takes 1/2, 1/4, 1/8 ... ("exp", as sacrebleu and NIST do) or 0.1 ("floor");
    "add-one" counts one match and one n-gram more in every order from 2 on (Lin and Och 2004).
    If no word matches either, BLEU is 0 in any case.
    """
    name = "bleu"
    whole(name, "max_n", max_n)
    if smoothing not in SMOOTHINGS:
        raise ArgumentError(
            name, "unknown smoothing", got=repr(smoothing), wanted=", ".join(map(repr, SMOOTHINGS))
        )
    if isinstance(candidates, str) or isinstance(references, str):
        raise DtypeError(
            name, "a corpus is a list of sentences", got="str",
            wanted="lists of words; sentence_bleu(candidate, references) for one sentence",
        )  # fmt: skip
    if not len(candidates) or len(candidates) != len(references):
        raise ShapeError(
            name, "not one list of references for each candidate",
            got=f"{len(candidates)} candidates, {len(references)} lists of references",
            wanted="equally many, at least one",
        )  # fmt: skip
    pairs = [
        (sentence_of(name, one), references_of(name, several))
        for one, several in zip(candidates, references, strict=True)
    ]
    counts = [summed(matches(*pair, n) for pair in pairs) for n in range(1, max_n + 1)]
    precisions = SMOOTHINGS[smoothing]([(matched, total) for matched, total in counts if total])
    if not counts[0][0] or min(precisions) == 0:
        return 0.0
    c = sum(len(candidate) for candidate, _ in pairs)
    r = sum(closest_length(candidate, several) for candidate, several in pairs)
    brevity = 1.0 if c > r else math.exp(1 - r / c)
    return brevity * math.exp(sum(map(math.log, precisions)) / len(precisions))


def sentence_bleu(
    candidate: Sentence,
    references: Sequence[Sentence],
    max_n: int = 4,
    smoothing: str = "none",
) -> float:
    """BLEU of one sentence: `bleu([candidate], [references])`."""
    return bleu([candidate], [references], max_n, smoothing)


def closest_length(candidate: Sentence, references: Sequence[Sentence]) -> int:
    """The length of the reference nearest in length, of two equally near the shorter."""
    c = len(candidate)
    return min((len(reference) for reference in references), key=lambda r: (abs(r - c), r))


def summed(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    firsts, seconds = zip(*pairs, strict=True)
    return sum(firsts), sum(seconds)


# ------------------------------------------------------------------ checks


def sentence_of(operation: str, sentence: Sentence) -> Sentence:
    """A list of words; text in one piece would be taken for a list of characters."""
    if isinstance(sentence, str):
        raise DtypeError(
            operation, "text that is not split into words", got=describe(sentence),
            wanted="a list of words, such as tt.text.words(sentence)",
        )  # fmt: skip
    return list(sentence)


def references_of(operation: str, references: Sequence[Sentence]) -> list[Sentence]:
    """One or more sentences."""
    if isinstance(references, str) or not len(references):
        raise ArgumentError(
            operation, "a candidate has no references", got=describe(references),
            wanted="a list of one or more sentences, each a list of words",
        )  # fmt: skip
    return [sentence_of(operation, one) for one in references]
