"""Rows added at indices: what goes back from rows that were picked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled

Array = Any

# np.add.at is best with fewer rows than this, or shorter ones.
SHORT = 16

TURNS = 8


def added_rows(x: Array, indices: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of the shape with the rows of x added at the indices along an axis.

    The axes of the indices stand in x at the place of that axis.
    """
    out = np.zeros(shape, x.dtype)
    before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    at = indices.reshape(-1) % max(shape[axis], 1)
    rows, into = x.reshape(before, len(at), after), out.reshape(before, shape[axis], after)
    if compiled.worthwhile(x):
        add_rows(rows, at, into)
    elif after < SHORT or len(at) < SHORT:
        everywhere: Any = slice(None), at
        np.add.at(into, everywhere, rows)
    else:
        add_in_turns(rows, at, into)
    return out


def add_in_turns(x: Array, at: Array, out: Array) -> None:
    """out[:, at] += x, where an index may come several times.

    In each turn those that come for the k-th time, no two of which are the same; what comes more
    often is summed before. Several times as fast as np.add.at.
    """
    order = np.argsort(at, kind="stable")
    places, firsts, counts = np.unique(at[order], return_index=True, return_counts=True)
    turn = np.arange(len(at)) - np.repeat(firsts, counts)
    for k in range(min(TURNS, counts.max())):
        some = order[turn == k]
        out[:, at[some]] += x[:, some]
    often = counts > TURNS
    if often.any():
        rest, begins = order[turn >= TURNS], np.cumsum(counts[often] - TURNS)
        begins = np.concatenate([[0], begins[:-1]])
        out[:, places[often]] += np.add.reduceat(x[:, rest], begins, axis=1)


@compiled.loop
def add_rows(x: Array, at: Array, out: Array) -> None:
    for n in range(len(x)):
        for i in range(len(at)):
            row = out[n, at[i]]
            for j in range(len(row)):
                row[j] += x[n, i, j]


class Rows:
    """An array (V, ...) that is 0 but for some rows, which are not yet put into their places.

    The gradient of a table of which few rows were read: with a vocabulary of 10,000 words,
    writing all of it at every step would cost more than everything else. The same row may come
    several times; its numbers are added. Sums of Rows are Rows; NumPy gets the whole array.
    """

    __slots__ = ("parts", "shape")

    def __init__(self, parts: Sequence[tuple[Array, Array]], shape: tuple[int, ...]) -> None:
        self.parts = list(parts)  # of indices (k,) in [0, V), and rows (k, ...)
        self.shape = shape

    @property
    def dtype(self) -> Any:
        return self.parts[0][1].dtype

    def astype(self, dtype: Any) -> Rows:
        return Rows([(at, rows.astype(dtype)) for at, rows in self.parts], self.shape)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Rows):
            return Rows([*self.parts, *other.parts], self.shape)
        return self.whole() + other

    def __iadd__(self, other: Any) -> Any:
        if not isinstance(other, Rows):
            return self + other
        self.parts += other.parts
        return self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        return getattr(ufunc, method)(*map(whole, inputs), **keywords)

    def joined(self) -> tuple[Array, Array]:
        """The indices of all rows that were given, and the rows."""
        at, rows = zip(*self.parts, strict=True)
        return np.concatenate(at), np.concatenate(rows)

    def summed(self) -> tuple[Array, Array]:
        """The indices of the rows that are not 0, rising, and the sums of what was given."""
        at, rows = self.joined()
        places, which = np.unique(at, return_inverse=True)
        return places, added_rows(rows, which, 0, (len(places), *self.shape[1:]))

    def whole(self) -> Array:
        """The array itself."""
        at, rows = self.joined()
        return added_rows(rows, at, 0, self.shape)


def kept_rows(x: Array, indices: Array, shape: tuple[int, ...]) -> Rows:
    """Rows of x (*indices.shape, ...) for a table of that shape."""
    return Rows([(indices.reshape(-1), x.reshape(-1, *shape[1:]))], shape)


def whole(g: Array) -> Array:
    """A gradient as an array, if it was kept by rows."""
    return g.whole() if g.__class__ is Rows else g
