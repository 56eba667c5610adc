"""Vectors of words: which are alike, analogies, and files of them. Course 5, week 2."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, DtypeError, FileError, ShapeError, describe
from tinygrad_tr.files import replace
from tinygrad_tr.graph import value_of
from tinygrad_tr.nn import functional as F

from .vocabulary import Vocab

Array = np.ndarray[Any, Any]
Similar = list[tuple[str, float]]  # words with their cosine similarity, the most similar first


class WordVectors:
    """One vector for each word: V words, or a Vocab of them, and finite floats (V, D).

        vectors = tt.text.WordVectors.read("glove.6B.100d.txt")
        vectors.nearest("orange")
        vectors.analogy("man", "woman", "king")  # [("queen", 0.78)]
        layer = nn.Embedding.from_pretrained(vectors.matrix)

    A word that has no vector is an error, also where the vocabulary has an `<UNK>`.
    """

    def __init__(self, words: Vocab | Iterable[str], matrix: Any) -> None:
        self.vocab = words if isinstance(words, Vocab) else Vocab(words, specials=())
        self.matrix = table = np.array(value_of(matrix))
        if table.ndim != 2 or len(table) != len(self) or not table.size:
            raise ShapeError(
                "WordVectors", "each word has one vector", got=describe(table),
                wanted=f"({len(self)}, D) for {len(self)} words",
            )  # fmt: skip
        if table.dtype.kind != "f":
            raise DtypeError("WordVectors", "vectors are floats", got=describe(table),
                             wanted=f"floats {table.shape}")  # fmt: skip
        if not np.isfinite(table).all():
            row = int(np.argwhere(~np.isfinite(table))[0][0])
            raise ArgumentError(
                "WordVectors", "a vector is not finite", got=f"that of {self.vocab.words[row]!r}",
                wanted="finite numbers",
            )  # fmt: skip
        table.flags.writeable = False

    def __getitem__(self, word: str) -> Array:
        """The vector of a word: (D,)."""
        if word not in self.vocab:
            raise ArgumentError(
                "WordVectors", "the word has no vector", got=repr(word),
                wanted=f"one of its {len(self)} words",
            )  # fmt: skip
        return self.matrix[self.vocab.index[word]]

    def __len__(self) -> int:
        return len(self.vocab)

    def __contains__(self, word: object) -> bool:
        return word in self.vocab

    def __repr__(self) -> str:
        return f"WordVectors({len(self)} words, {self.matrix.shape[1]} features)"

    def similarity(self, a: str, b: str) -> float:
        """cos of the angle between the vectors of two words, in [−1, 1]."""
        return float(F.cosine_similarity(self[a], self[b], dim=0))

    def nearest(self, word: str | Any, k: int = 5, *, without: Collection[str] = ()) -> Similar:
        """The k words whose vectors point most nearly where this word's does, or this vector (D,).

        The word itself is not among them, nor those `without`.
        """
        whole("nearest", "k", k)
        if isinstance(word, str):
            query, without = self[word], {word, *without}
        else:
            query = np.asarray(value_of(word), self.matrix.dtype)
        if query.shape != self.matrix.shape[1:]:
            raise ShapeError("nearest", "no such vector", got=describe(query),
                             wanted=f"{self.matrix.shape[1:]}")  # fmt: skip
        if not (np.isfinite(query).all() and query.any()):
            raise ArgumentError("nearest", "the vector has no direction", got=f"{query}",
                                wanted="a vector that is finite and not 0")  # fmt: skip
        cos = np.array(F.cosine_similarity(self.matrix, query[None], dim=1))
        cos[[self.vocab.index[other] for other in without if other in self.vocab]] = -np.inf
        found = np.argsort(-cos, kind="stable")[: min(k, int(np.sum(cos > -np.inf)))]
        return [(self.vocab.words[i], float(cos[i])) for i in found]

    def analogy(self, a: str, b: str, c: str, k: int = 1) -> Similar:
        """a is to b as c is to whom? The k words nearest to e_b − e_a + e_c, not a, b or c."""
        return self.nearest(self[b] - self[a] + self[c], k, without={a, b, c})

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, limit: int | None = None) -> Self:
        """The vectors in a text file of GloVe or word2vec, float32; the first `limit` of them.

        A line is a word and its numbers, with single spaces between them. A first line of two
        whole numbers, how many words and how many features, is word2vec's and may be missing.
        """
        file = Path(path)
        if limit is not None:
            whole("WordVectors.read", "limit", limit)
        try:
            with file.open(encoding="utf-8", newline="\n") as lines:
                words, rows, promised = parsed(file, lines, limit)
        except FileError:
            raise  # a bad line; what follows is about the file
        except (OSError, UnicodeDecodeError) as error:
            raise FileError("WordVectors.read", f"{file} cannot be read", got=str(error)) from error
        if not rows:
            raise FileError("WordVectors.read", f"{file} has no vectors", wanted="a line for each")
        if promised is not None and limit is None and promised != len(rows):
            raise FileError(
                "WordVectors.read", f"{file} was cut off, or its first line is wrong",
                got=f"{len(rows)} words", wanted=f"{promised} words, as line 1 says",
            )  # fmt: skip
        return cls(words, np.stack(rows))

    def write(self, path: str | os.PathLike[str], *, header: bool = False) -> Path:
        """A text file as GloVe's, or with the `header` of word2vec's; `read` gives float32 back."""
        file = Path(path)
        lines = [f"{len(self)} {self.matrix.shape[1]}"] if header else []
        for word, vector in zip(self.vocab.words, self.matrix, strict=True):
            if not word or word.split() != [word]:
                raise ArgumentError(
                    "WordVectors.write", "a word with spaces cannot be read again", got=repr(word),
                    wanted="words without spaces, such as New_York",
                )  # fmt: skip
            lines.append(" ".join([word, *map(str, vector)]))
        try:
            replace(file, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise FileError("WordVectors.write", f"{file} cannot be written",
                            got=str(error)) from error  # fmt: skip
        return file


def parsed(
    file: Path, lines: Iterable[str], limit: int | None
) -> tuple[list[str], list[Array], int | None]:
    """The words, their vectors, and how many the first line promised, if it did."""
    first: dict[str, int] = {}  # word -> its line
    rows: list[Array] = []
    promised = features = None
    for number, line in enumerate(lines, start=1):
        fields = line.strip(" \r\n").split(" ")
        if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
            promised, features = map(int, fields)
            continue
        if limit is not None and len(rows) == limit:
            break
        word, numbers = fields[0], fields[1:]
        features = len(numbers) if features is None else features
        if not numbers or len(numbers) != features:
            raise bad_line(file, number, "the vector has another length",
                           got=f"{word!r} and {len(numbers)} numbers",
                           wanted=f"a word and {features or 'its'} numbers")  # fmt: skip
        if word in first:
            raise bad_line(file, number, "the word was there before",
                           got=f"{word!r}, also in line {first[word]}",
                           wanted="each word once")  # fmt: skip
        first[word] = number
        rows.append(vector_of(file, number, numbers))
    return list(first), rows, promised


def vector_of(file: Path, number: int, fields: Sequence[str]) -> Array:
    try:
        with np.errstate(over="ignore"):
            vector = np.array(fields, np.float32)
    except ValueError as error:
        raise bad_line(file, number, "not a number", got=str(error), wanted="numbers") from error
    if not np.isfinite(vector).all():
        raise bad_line(file, number, "a number is not finite", got=f"{vector}", wanted="numbers")
    return vector


def bad_line(file: Path, number: int, problem: str, *, got: str, wanted: str) -> FileError:
    return FileError(
        "WordVectors.read", f"line {number} of {file}: {problem}", got=got, wanted=wanted
    )
