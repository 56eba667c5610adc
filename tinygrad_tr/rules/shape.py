"""Moving numbers without changing them. Every rule is linear; its pullback is its adjoint:
reshape ↔ reshape, transpose ↔ inverse transpose, broadcast ↔ sum, concatenate ↔ slice.
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_tr.kernels import shape as kernels
from tinygrad_tr.rule import answers, kernel, rule

__all__ = [
    "astype", "atleast_1d", "atleast_2d", "broadcast_to", "copy", "diag", "diagonal",
    "expand_dims", "flatten", "flip", "fliplr", "flipud", "meshgrid", "moveaxis", "pad",
    "ravel", "reshape", "roll", "rot90", "squeeze", "swapaxes", "tile", "trace", "transpose",
    "tril", "triu",
]  # fmt: skip

spread = kernel(kernels.spread)


def unbroadcast(g, shape):
    """The adjoint of broadcasting from `shape`: g summed over the stretched axes."""
    if g.shape == shape:
        return g
    g = g.sum(axis=kernels.stretched_axes(g.shape, shape))
    return g if g.shape == shape else g.reshape(shape)


@rule(linear=True)
def broadcast_to_(x, *, shape):
    """x stretched to the shape; adjoint of the sum over the stretched axes."""
    before = x.shape
    return spread(x, shape), lambda g: unbroadcast(g, before)


@answers(np.broadcast_to, spread)
def broadcast_to(array, shape):
    """The array stretched to the shape, by NumPy's broadcasting."""
    return broadcast_to_(array, shape=as_shape(shape))


def as_shape(shape):
    """A shape given as an integer or a sequence, as a tuple of integers."""
    if isinstance(shape, (tuple, list)):
        return tuple(map(int, shape))
    return (int(shape),) if np.ndim(shape) == 0 else tuple(map(int, shape))


@rule(linear=True)
def reshape_(x, *, shape):
    """The same numbers, in C order, in another shape."""
    before = x.shape
    try:
        out = x.reshape(shape)
    except ValueError:
        raise ShapeError(
            "reshape", f"{x.size} elements do not fill the shape {shape}", got=f"shape {before}",
            wanted="as many elements as before, with at most one -1",
        ) from None  # fmt: skip
    return out, lambda g: g.reshape(before)


@answers(np.reshape)
def reshape(a, shape, order="C"):
    """a in the new shape; one length may be −1, to be found. Only C order."""
    if order != "C":
        raise ArgumentError("reshape", "only C order", got=f"order={order!r}", wanted="order='C'")
    return reshape_(a, shape=as_shape(shape))


@answers(np.ravel)
def ravel(a, order="C"):
    """a as one long vector, in C order."""
    return reshape(a, -1, order)


def flatten(a, start_dim=0, end_dim=-1):
    """The axes from start_dim to end_dim made one, as PyTorch's flatten."""
    n = np.ndim(a)
    if n == 0:
        return reshape(a, (1,))
    start, end = range(n)[start_dim], range(n)[end_dim]
    if start > end:
        raise ArgumentError(
            "flatten", "the first axis comes after the last",
            got=f"start_dim={start_dim}, end_dim={end_dim} of shape {np.shape(a)}",
            wanted="start_dim ≤ end_dim",
        )  # fmt: skip
    shape = np.shape(a)
    return reshape(a, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@rule(np.transpose, symbol="ᵀ", linear=True)
def transpose(x, axes=None):
    """The axes in another order, reversed for None."""
    if axes is None:
        return x.T, lambda g: g.T
    inverse = tuple(np.argsort(np.array(axes) % x.ndim))
    return np.transpose(x, axes), lambda g: np.transpose(g, inverse)


@rule(np.swapaxes, linear=True)
def swapaxes_(x, *, axis1, axis2):
    """Two axes exchanged; its own adjoint."""
    return np.swapaxes(x, axis1, axis2), lambda g: np.swapaxes(g, axis1, axis2)


@answers(np.swapaxes)
def swapaxes(a, axis1, axis2):
    """a with two axes exchanged."""
    return swapaxes_(a, axis1=axis1, axis2=axis2)


@rule(linear=True)
def moveaxis_(x, *, source, destination):
    """Axes moved to other places; the adjoint moves them back."""
    return (
        np.moveaxis(x, source, destination),
        lambda g: np.moveaxis(g, destination, source),
    )


@answers(np.moveaxis)
def moveaxis(a, source, destination):
    """a with the axes `source` moved to `destination`, the others in order."""
    return moveaxis_(a, source=source, destination=destination)


@rule(linear=True)
def expand_dims_(x, *, axis):
    """New axes of length 1."""
    shape = x.shape
    return np.expand_dims(x, axis), lambda g: g.reshape(shape)


@answers(np.expand_dims)
def expand_dims(a, axis):
    """a with a new axis of length 1 at the place (or places) `axis` of the result."""
    return expand_dims_(a, axis=axis)


@rule(np.squeeze, linear=True)
def squeeze(x, axis=None):
    """x without its axes of length 1 (or without the named ones)."""
    shape = x.shape
    return np.squeeze(x, axis), lambda g: g.reshape(shape)


@answers(np.atleast_1d)
def atleast_1d(*arrays):
    """Each array with at least one axis."""
    out = [reshape(a, (1,)) if np.ndim(a) == 0 else a for a in arrays]
    return out[0] if len(out) == 1 else tuple(out)


@answers(np.atleast_2d)
def atleast_2d(*arrays):
    """Each array with at least two axes; a vector becomes a row."""
    out = [reshape(a, (1, -1)) if np.ndim(a) < 2 else a for a in arrays]
    return out[0] if len(out) == 1 else tuple(out)


@rule(np.flip, linear=True)
def flip(x, axis=None):
    """x in reverse order along the axes; its own adjoint."""
    return np.flip(x, axis), lambda g: np.flip(g, axis)


@answers(np.flipud)
def flipud(m):
    """m upside down."""
    return np.flip(m, 0)


@answers(np.fliplr)
def fliplr(m):
    """m mirrored left to right."""
    return np.flip(m, 1)


@rule(linear=True)
def roll_(x, *, shift, axis=None):
    """x shifted around; the adjoint shifts back."""
    back = tuple(-s for s in shift) if isinstance(shift, tuple) else -shift
    return np.roll(x, shift, axis), lambda g: np.roll(g, back, axis)


@answers(np.roll)
def roll(a, shift, axis=None):
    """a shifted around along the axes; what leaves at the end comes in at the front."""
    return roll_(a, shift=shift if np.ndim(shift) == 0 else tuple(shift), axis=axis)


@rule(np.rot90, linear=True)
def rot90(x, k=1, axes=(0, 1)):
    """x turned by k · 90°, from the first axis towards the second."""
    return np.rot90(x, k, axes), lambda g: np.rot90(g, -k, axes)


@answers(np.tile)
def tile(A, reps):
    """A repeated `reps` times along each axis."""
    reps = as_shape(reps)
    shape = np.shape(A)
    reps = (1,) * (len(shape) - len(reps)) + reps
    shape = (1,) * (len(reps) - len(shape)) + shape
    apart = [n for pair in zip([1] * len(shape), shape, strict=True) for n in pair]
    repeated = [n for pair in zip(reps, shape, strict=True) for n in pair]
    whole = tuple(r * n for r, n in zip(reps, shape, strict=True))
    return reshape(broadcast_to(reshape(A, apart), repeated), whole)


@rule(linear=True)
def pad_(x, *, widths, value):
    """A constant border; the adjoint cuts it off."""
    inner = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
    return np.pad(x, widths, constant_values=value), lambda g: g[inner]


PAD_MODES = ("edge", "reflect", "symmetric", "wrap")


@answers(np.pad)
def pad(array, pad_width, mode="constant", *, constant_values=0):
    """The array with a border. `pad_width`: n, (before, after), or one such pair per axis.

    Modes: constant, edge, reflect, symmetric, wrap.
    """
    n = np.ndim(array)
    if np.shape(pad_width) not in ((), (1,), (2,), (1, 2), (n, 1), (n, 2)):
        raise ShapeError(
            "pad", "the widths do not fit", got=f"shape {np.shape(array)}, {pad_width=}",
            wanted=f"a number, a pair (before, after), or {n} pairs",
        )  # fmt: skip
    widths = np.broadcast_to(pad_width, (n, 2)).tolist()
    if any(w < 0 for pair in widths for w in pair):
        raise ArgumentError(
            "pad", "a border of negative width", got=f"pad_width={pad_width}", wanted="widths ≥ 0"
        )
    if mode == "constant":
        return pad_(array, widths=tuple(map(tuple, widths)), value=constant_values)
    if mode not in PAD_MODES:
        raise ArgumentError(
            "pad", f"unknown mode {mode!r}", got=f"mode={mode!r}",
            wanted=f"'constant' or one of {PAD_MODES}",
        )  # fmt: skip
    for axis, pair in enumerate(widths):
        if pair != [0, 0]:
            rows = np.arange(np.shape(array)[axis])
            if rows.size == 0:
                raise ShapeError(
                    "pad", f"axis {axis} has nothing to repeat", got=f"shape {np.shape(array)}",
                    wanted="mode='constant'",
                )  # fmt: skip
            array = np.take(array, np.pad(rows, pair, mode=mode), axis=axis)
    return array


@rule(np.tril, linear=True)
def tril(x, k=0):
    """The lower triangle: zero above the k-th diagonal. A vector is every row of a square."""
    shape = x.shape
    return np.tril(x, k), lambda g: unbroadcast(np.tril(g, k), shape)


@rule(np.triu, linear=True)
def triu(x, k=0):
    """The upper triangle: zero below the k-th diagonal. A vector is every row of a square."""
    shape = x.shape
    return np.triu(x, k), lambda g: unbroadcast(np.triu(g, k), shape)


@answers(np.diagonal)
def diagonal(a, offset=0, axis1=0, axis2=1):
    """The diagonal of two axes, as the last axis of the result."""
    moved = moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = moved.shape[-2:]
    n = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    i = np.arange(n)
    return moved[..., i - min(offset, 0), i + max(offset, 0)]


@rule(linear=True)
def diagflat_(x, *, k=0):
    """A vector on the k-th diagonal of a matrix of zeros."""
    return np.diag(x, k), lambda g: np.diagonal(g, k)


@answers(np.diag)
def diag(v, k=0):
    """The k-th diagonal of a matrix, or the matrix with the vector v on it."""
    if np.ndim(v) not in (1, 2):
        raise ShapeError(
            "diag",
            "neither a vector nor a matrix",
            got=f"shape {np.shape(v)}",
            wanted="1 or 2 axes",
        )
    return diagflat_(v, k=k) if np.ndim(v) == 1 else diagonal(v, k)


@answers(np.trace)
def trace(a, offset=0, axis1=0, axis2=1):
    """The sum of the diagonal."""
    return np.sum(diagonal(a, offset, axis1, axis2), axis=-1)


@answers(np.meshgrid)
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """Coordinate matrices of coordinate vectors."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(
            "meshgrid", "unknown indexing", got=f"{indexing=}", wanted="'xy' or 'ij'"
        )
    n = len(xi)
    swap = indexing == "xy" and n > 1
    place = [1, 0, *range(2, n)] if swap else list(range(n))
    lines = [
        reshape(x, [-1 if axis == place[i] else 1 for axis in range(n)]) for i, x in enumerate(xi)
    ]
    if sparse:
        return tuple(lines)
    shape = [0] * n
    for i, x in enumerate(xi):
        shape[place[i]] = math.prod(np.shape(x))
    return tuple(broadcast_to(line, shape) for line in lines)


@rule(linear=True)
def astype_(x, *, dtype):
    """x as another dtype; the gradient comes back in x's own. Integers stop it."""
    before = x.dtype
    out = x.astype(dtype)
    return out, (lambda g: g.astype(before)) if out.dtype.kind == "f" else None


def astype(x, dtype):
    """x as another dtype, always a new Tensor; complex and object are refused."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "fiub":
        raise DtypeError(
            "astype", f"{dtype} is not a real number type", got=str(dtype),
            wanted="a float, integer or boolean dtype",
        )  # fmt: skip
    return astype_(x, dtype=dtype)


@rule(np.copy, linear=True)
def copy(x):
    """The same numbers in memory of their own."""
    return x.copy(), lambda g: g


# Facts about an array that NumPy's own functions ask for.
answers(np.shape)(lambda a: a.shape)
answers(np.ndim)(lambda a: len(a.shape))
answers(np.size)(lambda a, axis=None: math.prod(a.shape) if axis is None else a.shape[axis])
