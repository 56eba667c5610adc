"""Reductions and running sums: many numbers to few, along an axis, several, or all.

`axis` is an integer, a tuple of them, or None for all; `keepdims` keeps the reduced axes
with length 1. Ties of max and min share the gradient equally.
"""

from __future__ import annotations

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rule import answers, rule
from tinygrad_tr.rules.axes import axes_of, axis_of, count, freedom, kept
from tinygrad_tr.rules.shape import spread

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "average", "count_nonzero", "cumprod",
    "cumsum", "diff", "logsumexp", "max", "mean", "min", "prod", "ptp", "std", "sum", "var",
]  # fmt: skip


@rule(np.sum, symbol="Σ", linear=True)
def sum(x, axis=None, *, keepdims=False):
    """Σ x. The gradient is spread over what was added."""
    shape = x.shape
    out = np.add.reduce(x, axis=axis, keepdims=keepdims)
    return out, lambda g: spread(g.reshape(reduced_shape(shape, axis, "sum")), shape)


@rule(np.mean, linear=True)
def mean(x, axis=None, *, keepdims=False):
    """Σ x / n."""
    shape = x.shape
    n = x.size if axis is None else count(shape, axes_of(shape, axis, "mean"))
    if n == 0:
        raise ShapeError(
            "mean", "the mean of no numbers", got=f"shape {shape}, axis={axis}",
            wanted="at least one element along the axis",
        )  # fmt: skip
    out = np.add.reduce(x, axis=axis, keepdims=keepdims) / n
    return out, lambda g: spread((g / n).reshape(reduced_shape(shape, axis, "mean")), shape)


def reduced_shape(shape, axis, operation):
    """The shape with 1 for every axis that is reduced."""
    return (1,) * len(shape) if axis is None else kept(shape, axes_of(shape, axis, operation))


@rule(np.prod, symbol="Π")
def prod(x, axis=None, *, keepdims=False):
    """Π x. The derivative in one factor is the product of the others, also where some are 0."""
    axes = axes_of(x.shape, axis, "prod")
    within = kept(x.shape, axes)
    out = np.prod(x, axis=axis, keepdims=keepdims)

    def pullback(g):
        g = g.reshape(within)
        if not np.any(np.equal(x, 0)):
            return g * out.reshape(within) / x
        return g * product_of_others(x, axes)

    return out, pullback


def product_of_others(x, axes):
    """For each element, the product of the others along the axes; O(n²), for zeros only."""
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    order = (*rest, *axes)
    moved = np.transpose(x, order)
    n = count(x.shape, axes)
    rows = moved.reshape((*moved.shape[: len(rest)], 1, n))
    without_self = np.where(np.eye(n, dtype=bool), 1, rows)  # (..., n, n)
    others = np.prod(without_self, axis=-1).reshape(moved.shape)
    return np.transpose(others, tuple(np.argsort(order)))


def extreme(x, axis, keepdims, reduce, operation):
    axes = axes_of(x.shape, axis, operation)
    if count(x.shape, axes) == 0:
        raise ShapeError(
            operation, "no number to choose from", got=f"shape {x.shape}, axis={axis}",
            wanted="at least one element along the axis",
        )  # fmt: skip
    within = kept(x.shape, axes)
    out = reduce(x, axis=axis, keepdims=keepdims)

    def pullback(g):
        chosen = np.equal(x, out.reshape(within))
        shared = np.sum(chosen.astype(x.dtype), axis=axes, keepdims=True)
        return np.where(chosen, g.reshape(within) / shared, 0)

    return out, pullback


@rule(np.max, linear=True)
def max(x, axis=None, *, keepdims=False):
    """The largest element; ties share the gradient equally."""
    return extreme(x, axis, keepdims, np.max, "max")


@rule(np.min, linear=True)
def min(x, axis=None, *, keepdims=False):
    """The smallest element; ties share the gradient equally."""
    return extreme(x, axis, keepdims, np.min, "min")


amax, amin = answers(np.amax)(max), answers(np.amin)(min)


@rule(np.var)
def var(x, axis=None, *, ddof=0, keepdims=False, correction=None):
    """Σ(x − mean)²/(n − ddof). NumPy's default is ddof=0, PyTorch's is correction=1."""
    axes = axes_of(x.shape, axis, "var")
    free = freedom(x.shape, axes, ddof, correction, "var")
    within = kept(x.shape, axes)
    centred = x - np.mean(x, axis=axes, keepdims=True)
    out = np.sum(centred * centred, axis=axes, keepdims=keepdims) / free
    return out, lambda g: (g * (2 / free)).reshape(within) * centred


@rule(np.std)
def std(x, axis=None, *, ddof=0, keepdims=False, correction=None):
    """√var. Derivative (x − mean)/((n − ddof) std), and 0 where std is 0."""
    axes = axes_of(x.shape, axis, "std")
    free = freedom(x.shape, axes, ddof, correction, "std")
    within = kept(x.shape, axes)
    centred = x - np.mean(x, axis=axes, keepdims=True)
    out = np.sqrt(np.sum(centred * centred, axis=axes, keepdims=keepdims) / free)

    def pullback(g):
        flat = np.equal(out, 0)
        slope = np.where(flat, 0, g / (free * np.where(flat, 1, out)))
        return slope.reshape(within) * centred

    return out, pullback


@rule()
def logsumexp(x, axis=None, *, keepdims=False):
    """ln Σ eˣ, with the maximum taken out first. Derivative softmax(x)."""
    axes = axes_of(x.shape, axis, "logsumexp")
    within = kept(x.shape, axes)
    top = np.max(x, axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    out = (top + np.log(np.sum(np.exp(x - top), axis=axes, keepdims=True))).reshape(within)
    final = out if keepdims else np.squeeze(out, axis=axes)
    return final, lambda g: g.reshape(within) * np.exp(x - final.reshape(within))


@rule(np.cumsum, linear=True)
def cumsum(x, axis=None):
    """Running sums along the axis (of the flattened array for None)."""
    shape = x.shape
    along = 0 if axis is None else axis
    out = np.cumsum(x, axis=axis)
    return out, lambda g: np.flip(np.cumsum(np.flip(g, along), axis=along), along).reshape(shape)


@rule(np.cumprod)
def cumprod(x, axis=None):
    """Running products along the axis (of the flattened array for None)."""
    shape = x.shape
    along = 0 if axis is None else axis
    out = np.cumprod(x, axis=axis)

    def pullback(g):
        flat = x.reshape(out.shape)
        if not np.any(np.equal(flat, 0)):
            sums = np.flip(np.cumsum(np.flip(g * out, along), axis=along), along)
            return (sums / flat).reshape(shape)
        # ∂out_i/∂x_k = the running product to i ≥ k with factor k left out; O(n²), for zeros only.
        last = np.moveaxis(flat, along, -1)[..., None, :]  # (..., 1, n)
        n = last.shape[-1]
        products = np.cumprod(np.where(np.eye(n, dtype=bool), 1, last), axis=-1)  # (..., k, i)
        later = np.triu(np.ones((n, n), dtype=bool))
        terms = np.where(later, products, 0) * np.moveaxis(g, along, -1)[..., None, :]
        return np.moveaxis(np.sum(terms, axis=-1), -1, along).reshape(shape)

    return out, pullback


def stops(function):
    """The rule of a reduction without a derivative."""

    def reduced(x, axis=None, *, keepdims=False):
        return np.asarray(function(x, axis=axis, keepdims=keepdims))[()], None

    reduced.__name__ = function.__name__
    reduced.__doc__ = f"np.{function.__name__}: computes, and stops the gradient."
    return rule(function)(reduced)


any = stops(np.any)
all = stops(np.all)
argmax = stops(np.argmax)
argmin = stops(np.argmin)
count_nonzero = stops(np.count_nonzero)


@answers(np.ptp)
def ptp(a, axis=None, keepdims=False):
    """max − min."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@answers(np.diff)
def diff(a, n=1, axis=-1):
    """The differences of neighbours along the axis, n times."""
    axis = axis_of(np.shape(a), axis, "diff")
    for _ in range(n):
        last = np.moveaxis(a, axis, -1)
        a = np.moveaxis(last[..., 1:] - last[..., :-1], -1, axis)
    return a


@answers(np.average)
def average(a, axis=None, weights=None, *, keepdims=False):
    """Σ w a / Σ w; the plain mean without weights. Weights have a's shape, or 1-d along axis."""
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):
        if axis is None or np.ndim(weights) != 1 or np.shape(weights)[0] != np.shape(a)[axis]:
            raise ShapeError(
                "average", "the weights do not fit",
                got=f"a {np.shape(a)}, weights {np.shape(weights)}, axis={axis}",
                wanted="weights of a's shape, or 1-d with the length of the axis",
            )  # fmt: skip
        within = [1] * np.ndim(a)
        within[axis] = -1
        weights = np.broadcast_to(np.reshape(weights, within), np.shape(a))
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if not np.all(total):
        raise ArgumentError(
            "average", "weights that add up to 0", got=f"weights {np.shape(weights)}, axis={axis}",
            wanted="a sum of weights that is not 0",
        )  # fmt: skip
    return np.sum(a * weights, axis=axis, keepdims=keepdims) / total
