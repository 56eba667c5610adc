"""Text into words or characters, and sentences of several lengths into one array.

Words are few, but some are always missing in the vocabulary. Characters never are, but a sentence
has five times as many of them, and what belongs together lies further apart. Course 5, week 1.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of

from .vocabulary import ids_of

Array = np.ndarray[Any, Any]

NUMBER = r"\d+(?:[.,]\d+)*"
WORD = r"[^\W_]+(?:['’][^\W_]+)*"  # Ankara'da, don't
MARK = r"[^\w\s]|_"
WORDS = re.compile(f"{NUMBER}(?!\\w)|{WORD}")
WORDS_AND_MARKS = re.compile(f"{NUMBER}(?!\\w)|{WORD}|{MARK}")

TURKISH = str.maketrans({"I": "ı", "İ": "i"})


def words(sentence: str, *, marks: bool = False) -> list[str]:
    """The words of a sentence in any alphabet: `words("Ankara'da 3,5 yıl.")` has three.

    Letters and digits, with apostrophes inside them. Other marks are left out, or with `marks`
    are words of their own. Case stays: `words(sentence.lower())`, or `lower_turkish`. Letters
    written as two code points (g and a breve) become one (ğ; Unicode's form NFC).
    """
    pattern = WORDS_AND_MARKS if marks else WORDS
    return pattern.findall(unicodedata.normalize("NFC", text_of("words", sentence)))


def lower_turkish(text: str) -> str:
    """Lower case as Turkish has it: I becomes ı and İ becomes i, where `str.lower` has i and i̇."""
    composed = unicodedata.normalize("NFC", text_of("lower_turkish", text))
    return composed.translate(TURKISH).lower()


class CharTokenizer:
    """Text as the numbers of its characters, and back: nothing is unknown.

        chars = CharTokenizer("çok güzel")
        chars.decode(chars.encode("güzel çay ☕")) == "güzel çay ☕"

    The characters of the text, sorted, come first; then the 256 bytes, of which all other
    characters are made (in UTF-8, one to four each). With `byte_fallback=False` there are none,
    and a character that the text did not have is an error.
    """

    def __init__(self, text: str, *, byte_fallback: bool = True) -> None:
        self.characters = "".join(sorted(set(text_of("CharTokenizer", text))))
        self.byte_fallback = byte_fallback
        # What each number stands for, as UTF-8.
        self.pieces = [bytes_of("CharTokenizer", one) for one in self.characters]
        self.index = {character: (number,) for number, character in enumerate(self.characters)}
        if byte_fallback:
            self.pieces += [bytes([byte]) for byte in range(256)]
        if not self.pieces:
            raise ArgumentError(
                "CharTokenizer", "there are no characters", got="''",
                wanted="text, or byte_fallback=True",
            )  # fmt: skip

    def encode(self, text: str) -> Array:
        """The numbers of the characters: (T,) int64, one for each that is known."""
        numbers: list[int] = []
        for character in text_of("CharTokenizer.encode", text):
            numbers += self.index.get(character) or self.spelled(character)
        return np.array(numbers, np.int64)

    def spelled(self, character: str) -> tuple[int, ...]:
        """The numbers of the bytes of a character that is not known."""
        if not self.byte_fallback:
            raise ArgumentError(
                "CharTokenizer", "the character is not known", got=repr(character),
                wanted=f"one of {self.characters!r}, or byte_fallback=True",
            )  # fmt: skip
        first = len(self.characters)
        return tuple(first + byte for byte in bytes_of("CharTokenizer", character))

    def decode(self, ids: Any) -> str:
        """The text of the numbers (T,). Bytes that make no character become � (U+FFFD)."""
        numbers = ids_of("CharTokenizer.decode", ids, len(self))
        return b"".join(self.pieces[i] for i in numbers).decode("utf-8", "replace")

    def __len__(self) -> int:
        return len(self.pieces)

    def __repr__(self) -> str:
        spare = " and 256 bytes" if self.byte_fallback else ""
        return f"CharTokenizer({len(self.characters)} characters{spare})"


def pad(sequences: Sequence[Any], fill: int = 0) -> tuple[Array, Array]:
    """Sequences of integers (T₁,), (T₂,) ... in one array (N, max T), and their lengths (N,).

    Shorter ones are filled up at their end.
    """
    rows = [np.asarray(value_of(one)) for one in sequences]
    if not rows:
        raise ArgumentError("pad", "there are no sequences", got="[]", wanted="at least one")
    for row in rows:
        if row.ndim != 1:
            raise ShapeError("pad", "not a sequence", got=describe(row), wanted="(T,) integers")
        if row.size and row.dtype.kind not in "iu":
            raise DtypeError("pad", "not integers", got=describe(row), wanted="(T,) integers")
    lengths = np.array([len(row) for row in rows], np.int64)
    out = np.full((len(rows), lengths.max()), fill, np.int64)
    out[np.arange(out.shape[1]) < lengths[:, None]] = np.concatenate(rows)
    return out, lengths


def text_of(operation: str, text: str) -> str:
    if not isinstance(text, str):
        raise DtypeError(operation, "not text", got=describe(text), wanted="str")
    return text


def bytes_of(operation: str, character: str) -> bytes:
    """The character in UTF-8."""
    try:
        return character.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            operation, "half of a character", got=repr(character), wanted="text without surrogates"
        ) from error
