"""A small language whose nouns differ in gender, age and rank, and nothing else.

    the wise king counts his gold and he smiles
    the playful girl finds her sheep and she waits

What stands near a noun depends on one of the three at a time, so its vector should be a sum of
three, and a change of gender the same step for all of them.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from tinygrad_tr.text import WordVectors

# A noun for each (gender, age, rank), as the three bits of its number.
NOUNS = ["king", "man", "prince", "boy", "queen", "woman", "princess", "girl"]
FACTORS = ["gender", "age", "rank"]
PRONOUNS = [("his", "he"), ("her", "she")]
ADJECTIVES = [("wise", "grey", "old"), ("playful", "little", "young")]
THINGS = [("gold", "crown", "throne"), ("sheep", "plough", "field")]
VERBS, MOODS = ("counts", "finds", "loses", "likes"), ("smiles", "waits", "sings", "sleeps")


def sentences(m: int = 2000, seed: int = 0) -> list[list[str]]:
    """m sentences of nine words. One in ten of the adjectives and things is of the other kind."""
    rng = np.random.default_rng(seed)
    written = []
    for number, odd in zip(rng.integers(0, 8, m), rng.random((m, 2)) < 0.1, strict=True):
        gender, age, rank = (int(bit) for bit in f"{number:03b}")
        his, he = PRONOUNS[gender]
        adjective = rng.choice(ADJECTIVES[age ^ odd[0]])
        thing = rng.choice(THINGS[rank ^ odd[1]])
        verb, mood = rng.choice(VERBS), rng.choice(MOODS)
        noun = NOUNS[number]
        written.append(f"the {adjective} {noun} {verb} {his} {thing} and {he} {mood}".split())
    return written


def analogies() -> list[list[str]]:
    """a is to b as c is to d: all 48 in which a and b differ in one factor, a and c in another."""
    return [
        [NOUNS[number] for number in (a, a ^ one, a ^ other, a ^ one ^ other)]
        for a in range(8)
        for one, other in permutations((1, 2, 4), 2)
    ]


def solved(vectors: WordVectors) -> int:
    """How many of the 48 analogies the vectors complete rightly."""
    return sum(vectors.analogy(a, b, c)[0][0] == d for a, b, c, d in analogies())
