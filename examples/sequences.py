"""Seven kinds of sequence problems, of each a small generated data set. Course 5, week 1.

An example is a pair of arrays (x, y), and len() of each is how many steps it has: T_x and T_y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.examples.sentences import REVIEWS, reviews, two_clauses

Array = np.ndarray[Any, Any]
Examples = list[tuple[Array, Array]]
NUMBERS = {"one": "bir", "two": "iki", "three": "üç", "four": "dört", "five": "beş"}
NOUNS = {"red cat": "kızıl kedi", "cat": "kedi", "old house": "eski ev", "house": "ev"}
MAJOR = np.array([0, 2, 4, 5, 7, 9, 11, 12])  # semitones above the first note of a scale
PROMOTER = "TATAAT"  # where the reading of many genes of bacteria begins


class Kind(NamedTuple):
    """A kind of problem: what goes in, what comes out, and how long: 1, T_x or T_y steps."""

    name: str
    input: str
    output: str
    lengths: tuple[str, str]
    make: Callable[[int, int], Examples]


def speech(m: int, seed: int = 0) -> Examples:
    """Spoken digits: frames (T_x, 10), in which each digit sounds for 2 to 5, to digits (T_y,)."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(m):
        digits = rng.integers(0, 10, rng.integers(2, 6))
        frames = np.eye(10)[np.repeat(digits, rng.integers(2, 6, len(digits)))]
        found.append((frames + 0.1 * rng.standard_normal(frames.shape), digits))
    return found


def music(m: int, seed: int = 0) -> Examples:
    """A first note (1,) to the tune that goes up the scale from there and down again (15,)."""
    rng = np.random.default_rng(seed)
    steps = np.concatenate([MAJOR, MAJOR[-2::-1]])
    return [(first, first + steps) for first in rng.integers(48, 73, (m, 1))]


def sentiment(m: int, seed: int = 0) -> Examples:
    """Words (T_x,) of a review to whether it is praise (1,)."""
    rng = np.random.default_rng(seed)
    pairs = [pair for kind in REVIEWS for pair in reviews(kind)]
    return [
        (np.array(pairs[i][1 - praise]), np.array([praise]))
        for i, praise in zip(rng.integers(0, len(pairs), m), rng.integers(0, 2, m), strict=True)
    ]


def dna(m: int, seed: int = 0) -> Examples:
    """Bases (40,), a promoter among them, to labels (40,): 1 in the promoter."""
    rng = np.random.default_rng(seed)
    found = []
    for start in rng.integers(0, 40 - len(PROMOTER) + 1, m):
        bases, labels = rng.choice(list("ACGT"), 40), np.zeros(40, np.int64)
        inside = slice(start, start + len(PROMOTER))
        bases[inside], labels[inside] = list(PROMOTER), 1
        found.append((bases, labels))
    return found


def translation(m: int, seed: int = 0) -> Examples:
    """English words (T_x,) to Turkish ones (T_y,): "there are two cats" is "iki kedi var"."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(m):
        number, noun = rng.choice(list(NUMBERS)), rng.choice(list(NOUNS))
        english = f"there is one {noun}" if number == "one" else f"there are {number} {noun}s"
        turkish = f"{NUMBERS[number]} {NOUNS[noun]} var"
        found.append((np.array(english.split()), np.array(turkish.split())))
    return found


def video(m: int, seed: int = 0) -> Examples:
    """Pictures (T_x, 8, 8) of a dot to where it goes (1,): right, left, down or up, 0 to 3."""
    rng = np.random.default_rng(seed)
    found = []
    for direction in rng.integers(0, 4, m):
        frames = np.zeros((rng.integers(4, 9), 8, 8))
        way = np.arange(len(frames))
        if direction % 2:
            way = way[::-1]
        lane = rng.integers(0, 8)
        frames[np.arange(len(frames)), *((lane, way) if direction < 2 else (way, lane))] = 1
        found.append((frames, np.array([direction])))
    return found


def names(m: int, seed: int = 0) -> Examples:
    """Words (6,) to labels (6,): 1 where the word is part of a name."""
    return [
        (np.array(sentence.words), np.array(sentence.labels))
        for sentence in two_clauses(m, place=0, seed=seed)
    ]


KINDS = (
    Kind("speech recognition", "frames of sound", "digits", ("T_x", "T_y"), speech),
    Kind("music generation", "the first note", "notes", ("1", "T_y"), music),
    Kind("sentiment", "words", "praise or not", ("T_x", "1"), sentiment),
    Kind("DNA analysis", "bases", "a label for each", ("T_x", "T_x"), dna),
    Kind("machine translation", "words", "words", ("T_x", "T_y"), translation),
    Kind("video activity", "pictures", "a class", ("T_x", "1"), video),
    Kind("named entities", "words", "a label for each", ("T_x", "T_x"), names),
)
