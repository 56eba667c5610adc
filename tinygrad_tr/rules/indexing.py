"""Picking numbers out of arrays and putting them back. getitem and scatter are adjoint:
⟨x[i], g⟩ = ⟨x, scatter(g, i)⟩, where places picked twice are added.
"""

from __future__ import annotations

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, IndexingError, ShapeError
from tinygrad_tr.graph import constant, value_of
from tinygrad_tr.kernels import scattering
from tinygrad_tr.operands import Defaults
from tinygrad_tr.rule import answers, kernel, rule
from tinygrad_tr.rules.axes import axes_of, axis_of, count, kept
from tinygrad_tr.rules.shape import unbroadcast

__all__ = [
    "argsort", "masked_fill", "median", "nonzero", "one_hot", "repeat",
    "scatter_add", "sort", "take", "take_along_axis", "topk",
]  # fmt: skip


def is_basic(index):
    """Whether the index is made of integers, slices, None and ... only: NumPy gives a view."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or (isinstance(part, (slice, int, np.integer)) and not isinstance(part, (bool, np.bool_)))
        for part in parts
    )


@rule(symbol="[ ]", linear=True)
def getitem(x, *, index):
    """x[index], with any index of NumPy: basic, boolean, integer arrays, mixed."""
    shape = x.shape
    return x[index], lambda g: scatter(g, index=index, shape=shape)


@rule(linear=True)
def scatter(x, *, index, shape):
    """Zeros of the shape with x added at the index; adjoint of getitem."""
    out = np.zeros(shape, x.dtype)
    if is_basic(index) or getattr(index, "dtype", None) == np.bool_:
        out[index] = x  # no place is named twice
    else:
        np.add.at(out, index, x)
    return out[()], lambda g: g[index]


@rule(symbol="[ ] =", linear=True)
def setitem(x, value, *, index):
    """x with x[index] replaced by the value. The replaced places get no gradient."""
    out = np.array(x)
    out[index] = value
    whole, shape = x.shape, np.shape(value)

    def put(g):
        picked = g[index]
        if not is_basic(index):
            picked = np.where(last_writes(whole, index), picked, 0)
        return unbroadcast(picked, shape)

    return out[()], lambda g: setitem(g, 0, index=index), put


def last_writes(shape, index):
    """Where an index names a place twice, only the last value written counts."""
    places = np.zeros(shape, dtype=np.int64)
    written = np.arange(places[index].size).reshape(places[index].shape)
    places[index] = written
    return places[index] == written


@rule(linear=True)
def take_(x, *, indices, axis):
    """The rows `indices` along an axis."""
    shape = x.shape
    return np.take(x, indices, axis=axis), lambda g: scatter_rows(
        g, indices=indices, axis=axis, shape=shape
    )


@rule(linear=True)
def scatter_rows(x, *, indices, axis, shape):
    """Zeros of the shape with the rows of x added at `indices` along an axis; adjoint of take."""
    return scattering.added_rows(x, indices, axis % len(shape), shape), lambda g: np.take(
        g, indices, axis=axis
    )


@answers(np.take)
def take(a, indices, axis=None, mode="raise"):
    """The elements `indices` along an axis (of the flattened array for None)."""
    indices = integers("take", indices)
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    n = np.shape(a)[axis_of(np.shape(a), axis, "take")]
    if mode not in ("raise", "wrap", "clip"):
        raise ArgumentError(
            "take", "unknown mode", got=f"{mode=}", wanted="'raise', 'wrap' or 'clip'"
        )
    if mode == "raise" or n == 0:
        require_inside("take", indices, n, axis)
    else:
        indices = indices % n if mode == "wrap" else np.clip(indices, 0, n - 1)
    return take_(a, indices=indices, axis=axis)


@rule(linear=True)
def take_along_axis_(x, *, indices, axis):
    """x[..., indices[...], ...]: one index per element of the result."""
    shape = x.shape
    return np.take_along_axis(x, indices, axis), lambda g: scatter_along_axis(
        g, indices=indices, axis=axis, shape=shape
    )


@rule(linear=True)
def scatter_along_axis(x, *, indices, axis, shape):
    """Zeros of the shape with x added at `indices` along an axis; adjoint of take_along_axis."""
    out = np.zeros(shape, x.dtype)
    grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    np.add.at(out, tuple(grid), x)
    return out, lambda g: np.take_along_axis(g, indices, axis)


@answers(np.take_along_axis)
def take_along_axis(arr, indices, axis=-1):
    """For each place of `indices`, the element of arr at that index along the axis."""
    indices = integers("take_along_axis", indices)
    if axis is None:
        arr, axis = np.reshape(arr, -1), 0
    if np.ndim(indices) != np.ndim(arr):
        raise ShapeError(
            "take_along_axis", "the indices need as many axes as the array",
            got=f"array {np.shape(arr)}, indices {indices.shape}", wanted=f"{np.ndim(arr)} axes",
        )  # fmt: skip
    axis = axis_of(np.shape(arr), axis, "take_along_axis")
    require_inside("take_along_axis", indices, np.shape(arr)[axis], axis)
    # Lengths of 1 broadcast; written out, so that the adjoint has the shape of the result.
    full = [indices.shape[i] if i == axis or n == 1 else n for i, n in enumerate(np.shape(arr))]
    wide = [indices.shape[i] if i == axis else n for i, n in enumerate(full)]
    arr = np.broadcast_to(arr, [n if i == axis else full[i] for i, n in enumerate(np.shape(arr))])
    return take_along_axis_(arr, indices=np.broadcast_to(indices, wide), axis=axis)


@answers(np.repeat)
def repeat(a, repeats, axis=None):
    """Each element `repeats` times, along the axis (of the flattened array for None)."""
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    n = np.shape(a)[axis_of(np.shape(a), axis, "repeat")]
    repeats = integers("repeat", repeats)
    if repeats.ndim > 1 or repeats.size not in (1, n) or (repeats < 0).any():
        raise ArgumentError(
            "repeat", "the repeats do not fit", got=f"shape {np.shape(a)}, {axis=}, {repeats=}",
            wanted=f"one number ≥ 0, or {n} of them",
        )  # fmt: skip
    rows = np.repeat(np.arange(n), repeats)
    return take_(a, indices=rows, axis=axis)


@rule(linear=True)
def scatter_add_(x, values, *, index, axis):
    """x with the values added at the index along the axis; the values' adjoint picks."""
    out = x.copy()
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[axis] = index
    np.add.at(out, tuple(grid), values)
    return out, lambda g: g, lambda g: g[tuple(grid)]


def scatter_add(x, axis, index, values):
    """x with values[i, j] added at x[index[i, j], j] (for axis 0). PyTorch's scatter_add.

    index and values have one shape, with as many axes as x and no longer than x outside `axis`.
    """
    index = integers("scatter_add", index)
    if index.shape != np.shape(values) or index.ndim != np.ndim(x):
        raise ShapeError(
            "scatter_add", "index and values must have one shape, with as many axes as x",
            got=f"x {np.shape(x)}, index {index.shape}, values {np.shape(values)}",
            wanted=f"index and values with {np.ndim(x)} axes",
        )  # fmt: skip
    axis = axis_of(np.shape(x), axis, "scatter_add")
    require_inside("scatter_add", index, np.shape(x)[axis], axis)
    return scatter_add_(x, values, index=index, axis=axis)


def one_hot(indices, num_classes=None):
    """(...,) integers to (..., num_classes) zeros with a 1 at each index, in the default dtype."""
    indices = integers("one_hot", indices)
    if num_classes is None:
        num_classes = int(indices.max()) + 1 if indices.size else 0
    require_inside("one_hot", indices, num_classes, -1, negative=False)
    out = np.zeros((*indices.shape, num_classes), Defaults.dtype)
    np.put_along_axis(out, indices[..., None], 1, axis=-1)
    return constant(out)


rows_of_arrays = kernel(scattering.kept_rows)


@answers(rows_of_arrays)
def kept_rows(x, indices, shape):
    """What arrays leave as rows, recorded as the whole array."""
    return scatter_rows(x, indices=indices, axis=0, shape=shape)


@rule(linear=True)
def embedding_(x, *, indices, share):
    """The rows of a table. A lookup's share of its gradient goes back to its row: all for None."""
    shape = x.shape

    def pullback(g):
        if share is not None:
            g = g * share[..., None]
        return rows_of_arrays(g, indices, shape)

    return x[indices], pullback


def masked_fill(x, mask, value):
    """x with the value where the mask is True; these places get no gradient."""
    if getattr(mask, "dtype", None) != np.bool_ and not isinstance(mask, (bool, np.bool_)):
        raise DtypeError(
            "masked_fill", "the mask must be boolean",
            got=f"{getattr(mask, 'dtype', type(mask).__name__)}", wanted="bool, such as t > 0",
        )  # fmt: skip
    return np.where(mask, value, x)


@rule(linear=True)
def sort_(x, *, axis, descending):
    """x in order along the axis; the adjoint puts each gradient back where its number was."""
    indices = ordered(x, axis, descending)
    shape = x.shape
    return np.take_along_axis(x, indices, axis), lambda g: scatter_along_axis(
        g, indices=indices, axis=axis, shape=shape
    )


def ordered(x, axis, descending):
    """The stable order of x along the axis."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    back = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - np.flip(back, axis)


@answers(np.sort)
def sort(a, axis=-1, *, kind=None, stable=True, descending=False):
    """a in rising order along the axis (flattened for None), stable."""
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    return sort_(a, axis=axis_of(np.shape(a), axis, "sort"), descending=descending)


@rule()
def argsort_(x, *, axis, descending):
    """The order that sorts x; integers, so the gradient stops."""
    return (ordered(x, axis, descending),)


@answers(np.argsort)
def argsort(a, axis=-1, *, kind=None, stable=True, descending=False):
    """The indices that sort a along the axis (flattened for None), stable."""
    if axis is None:
        a, axis = np.reshape(a, -1), 0
    return argsort_(a, axis=axis_of(np.shape(a), axis, "argsort"), descending=descending)


def topk(x, k, axis=-1, largest=True):
    """The k largest (or smallest) elements along the axis, in order, and their indices."""
    n = np.shape(x)[axis_of(np.shape(x), axis, "topk")]
    if not 0 <= k <= n:
        raise ArgumentError(
            "topk", f"cannot take {k} of {n} elements", got=f"shape {np.shape(x)}, {axis=}",
            wanted=f"0 ≤ k ≤ {n}",
        )  # fmt: skip
    order = argsort(x, axis, descending=largest)
    order = np.take(value_of(order), np.arange(k), axis=axis)
    return take_along_axis(x, order, axis), order


@answers(np.median)
def median(a, axis=None, *, keepdims=False):
    """The middle element along the axis; the mean of the two middle ones for even lengths."""
    axes = axes_of(np.shape(a), axis, "median")
    n = count(np.shape(a), axes)
    if n == 0:
        raise ShapeError(
            "median", "the median of no numbers", got=f"shape {np.shape(a)}, axis={axis}",
            wanted="at least one element along the axis",
        )  # fmt: skip
    last = np.moveaxis(a, axes, range(-len(axes), 0))
    rows = np.sort(np.reshape(last, (*np.shape(last)[: np.ndim(a) - len(axes)], n)))
    middle = np.mean(rows[..., (n - 1) // 2 : n // 2 + 1], axis=-1)
    return np.reshape(middle, kept(np.shape(a), axes)) if keepdims else middle


@rule(np.nonzero)
def nonzero(x):
    """The indices of the elements that are not 0; integers, so the gradient stops."""
    return (np.nonzero(x),)


def integers(operation, indices):
    """Indices as an integer array, out of an array, list or Tensor."""
    array = value_of(indices)
    array = array if hasattr(array, "dtype") else np.asarray(array)
    if array.size == 0 and array.dtype.kind == "f" and not hasattr(indices, "dtype"):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise DtypeError(
            operation, "indices must be integers", got=f"dtype {array.dtype}",
            wanted="an integer array, such as t.astype(np.int64)",
        )  # fmt: skip
    return array


def require_inside(operation, indices, n, axis, *, negative=True):
    """Refuse an index outside its axis before NumPy wraps or clips it."""
    low = -n if negative else 0
    if indices.size and (indices.min() < low or indices.max() >= n):
        wrong = indices[(indices < low) | (indices >= n)].flat[0]
        raise IndexingError(
            operation, f"index {wrong} is outside axis {axis} of length {n}",
            got=f"indices from {indices.min()} to {indices.max()}", wanted=f"{low} to {n - 1}",
        )  # fmt: skip
