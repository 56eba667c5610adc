"""Joining arrays and cutting them apart: each is the adjoint of the other."""

from __future__ import annotations

from itertools import pairwise
from operator import index

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rule import answers, rule
from tinygrad_tr.rules.axes import axis_of
from tinygrad_tr.rules.shape import atleast_1d, atleast_2d, ravel, reshape

__all__ = [
    "array_split", "column_stack", "concatenate", "dstack", "hstack", "split", "stack",
    "vstack",
]  # fmt: skip


@rule(linear=True)
def concatenate_(*arrays, axis=0):
    """Arrays joined along an existing axis; the adjoint cuts them apart."""
    out = np.concatenate(arrays, axis=axis)
    ends = np.cumsum([0] + [x.shape[axis] for x in arrays])
    before = (slice(None),) * (axis % out.ndim)

    def piece(i):
        cut = (*before, slice(int(ends[i]), int(ends[i + 1])))
        return lambda g: g[cut]

    return out, *map(piece, range(len(arrays)))


def at_least_one(operation, arrays):
    """The arrays as a list, none of them missing."""
    arrays = list(arrays)
    if not arrays:
        raise ShapeError(operation, "nothing to join", got="no arrays", wanted="at least one array")
    return arrays


@answers(np.concatenate)
def concatenate(arrays, axis=0):
    """The arrays one after the other along an existing axis (flattened for axis=None)."""
    arrays = at_least_one("concatenate", arrays)
    if axis is None:
        return concatenate_(*map(ravel, arrays), axis=0)
    shapes = [np.shape(x) for x in arrays]
    n = len(shapes[0])
    if n == 0 or not -n <= axis < n:
        raise ShapeError(
            "concatenate", f"there is no axis {axis} to join along",
            got=f"shapes {shapes}", wanted="arrays that have the axis; np.stack makes a new one",
        )  # fmt: skip
    rest = {s[: axis % n] + s[axis % n + 1 :] if len(s) == n else s for s in shapes}
    if len({len(s) for s in shapes}) > 1 or len(rest) > 1:
        raise ShapeError(
            "concatenate", f"the shapes differ outside axis {axis}",
            got=f"shapes {shapes}", wanted="equal lengths on every other axis",
        )  # fmt: skip
    return concatenate_(*arrays, axis=axis)


@rule(linear=True)
def stack_(*arrays, axis=0):
    """Arrays joined along a new axis; the adjoint picks them out."""
    out = np.stack(arrays, axis=axis)
    before = (slice(None),) * (axis % out.ndim)

    def layer(i):
        return lambda g: g[(*before, i)]

    return out, *map(layer, range(len(arrays)))


@answers(np.stack)
def stack(arrays, axis=0):
    """The arrays, all of one shape, along a new axis."""
    arrays = at_least_one("stack", arrays)
    shapes = [np.shape(x) for x in arrays]
    if len(set(shapes)) > 1:
        raise ShapeError("stack", "the shapes differ", got=f"{shapes}", wanted="one shape for all")
    return stack_(*arrays, axis=axis)


@answers(np.hstack)
def hstack(arrays):
    """The arrays side by side: along axis 1, vectors along axis 0."""
    arrays = [atleast_1d(a) for a in arrays]
    return concatenate(arrays, axis=0 if arrays and np.ndim(arrays[0]) == 1 else 1)


@answers(np.vstack)
def vstack(arrays):
    """The arrays one below the other; vectors become rows."""
    return concatenate([atleast_2d(a) for a in arrays], axis=0)


@answers(np.dstack)
def dstack(arrays):
    """The arrays along the third axis."""
    return concatenate([reshape(a, (*np.shape(atleast_2d(a)), 1)) if np.ndim(a) < 3 else a
                        for a in arrays], axis=2)  # fmt: skip


@answers(np.column_stack)
def column_stack(arrays):
    """Vectors as the columns of a matrix."""
    return concatenate([reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in arrays], axis=1)


@rule(linear=True)
def split_(x, *, at, axis):
    """x cut at the given places along an axis; the adjoint joins the pieces."""
    shape, dtype = x.shape, x.dtype
    pieces = tuple(np.split(x, at, axis=axis))
    shapes = [piece.shape for piece in pieces]

    def join(g):
        parts = [np.zeros(s, dtype) if p is None else p for p, s in zip(g, shapes, strict=True)]
        return np.concatenate(parts, axis=axis).reshape(shape)

    return pieces, join


@answers(np.array_split)
def array_split(ary, indices_or_sections, axis=0):
    """The array cut at the indices, or into that many pieces as equal as can be."""
    axis = axis_of(np.shape(ary), axis, "array_split")
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = index(indices_or_sections)
        if sections < 1:
            raise ArgumentError(
                "array_split", "no pieces", got=f"{sections}", wanted="at least 1 section"
            )
        size, more = divmod(n, sections)
        lengths = [size + 1] * more + [size] * (sections - more)
        at = tuple(np.cumsum(lengths)[:-1].tolist())
    else:
        at = tuple(map(index, indices_or_sections))
        if list(at) != sorted(at) or any(i < 0 for i in at):  # pieces that overlap, or count back
            before = (slice(None),) * axis
            return [ary[(*before, slice(*cut))] for cut in pairwise([0, *at, n])]
    return list(split_(ary, at=at, axis=axis))


@answers(np.split)
def split(ary, indices_or_sections, axis=0):
    """The array cut at the indices, or into that many equal pieces, which must fit."""
    if np.ndim(indices_or_sections) == 0:
        n = np.shape(ary)[axis_of(np.shape(ary), axis, "split")]
        if indices_or_sections < 1 or n % indices_or_sections:
            raise ShapeError(
                "split", f"{n} rows do not make {indices_or_sections} equal pieces",
                got=f"shape {np.shape(ary)}, axis={axis}",
                wanted="a divisor of the length; array_split makes unequal pieces",
            )  # fmt: skip
    return array_split(ary, indices_or_sections, axis)
