"""Norms of vectors and matrices. Their derivative is 0 at 0, and equal maxima share it."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rule import answers, rule
from tinygrad_tr.rules.axes import axes_of, kept
from tinygrad_tr.rules.factorizations import require_square


@rule(symbol="‖·‖")
def norm_(x, *, axis, keepdims):
    """√Σ x² along the axes. Derivative x/‖x‖, 0 at 0."""
    within = kept(x.shape, axes_of(x.shape, axis, "norm"))
    if x.dtype.kind != "f":
        x = x.astype(np.float64)  # squares of small integers overflow
    out = np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))

    def pullback(g):
        zero = np.equal(out, 0)
        return np.where(zero, 0, g / np.where(zero, 1, out)).reshape(within) * x

    return out, pullback


@rule()
def p_norm(x, *, p, axis, keepdims):
    """(Σ |x|ᵖ)^(1/p) along the axes, p ≠ 0. Derivative sign x (|x|/out)ᵖ⁻¹, 0 where x = 0."""
    within = kept(x.shape, axes_of(x.shape, axis, "norm"))
    out = np.sum(np.absolute(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)

    def pullback(g):
        zero = np.equal(x, 0)
        share = np.absolute(x) / np.where(np.equal(out, 0), 1, out).reshape(within)
        return g.reshape(within) * np.sign(x) * np.where(zero, 1, share) ** (p - 1)

    return out, pullback


def nonzeros(x, axis, keepdims):
    """How many elements are not 0, as a number of x's dtype; constant."""
    return np.sum(np.not_equal(x, 0).astype(x.dtype), axis=axis, keepdims=keepdims)


VECTOR = {
    0: nonzeros,
    1: lambda x, axis, keepdims: np.sum(np.absolute(x), axis=axis, keepdims=keepdims),
    2: lambda x, axis, keepdims: norm_(x, axis=axis, keepdims=keepdims),
    math.inf: lambda x, axis, keepdims: np.max(np.absolute(x), axis=axis, keepdims=keepdims),
    -math.inf: lambda x, axis, keepdims: np.min(np.absolute(x), axis=axis, keepdims=keepdims),
}

# Norms of the singular values: their sum, the largest, the smallest.
SCHATTEN = {"nuc": 1, 2: math.inf, -2: -math.inf}

# Sums of |x| along one of the two axes, and which of them: the largest or the smallest.
INDUCED = {1: (0, np.max), -1: (0, np.min), math.inf: (1, np.max), -math.inf: (1, np.min)}


@answers(np.linalg.vector_norm)
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    """(Σ |x|ᵖ)^(1/p) with p = ord, along one axis, several, or all.

    ord = inf and −inf are max |x| and min |x|; ord = 0 counts what is not 0, without a derivative.
    """
    if ord in VECTOR:
        return VECTOR[ord](x, axis, keepdims)
    if isinstance(ord, (int, float, np.number)):
        return p_norm(x, p=float(ord), axis=axis, keepdims=keepdims)
    raise ArgumentError(
        "norm", "no such norm of a vector", got=f"{ord=}", wanted="a number, inf or -inf"
    )


@answers(np.linalg.matrix_norm)
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    """The norm of matrices (..., m, n), as `norm` with two axes."""
    return norm(x, ord, (-2, -1), keepdims)


@answers(np.linalg.norm)
def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors (one axis) or matrices (two axes); of all elements for None, None.

    Vectors: √Σ x² for None, else `vector_norm`. Matrices: "fro" (None) is √Σ x²; "nuc", 2, −2 are
    the sum, the largest and the smallest of the singular values; 1 and −1 (inf and −inf) the
    largest and the smallest sum of |x| over a column (row).
    """
    axes = axes_of(np.shape(x), axis, "norm")
    if (axis is None and ord is None) or (len(axes) == 2 and ord in (None, "fro", "f")):
        return norm_(x, axis=axes, keepdims=keepdims)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ShapeError(
            "norm", "neither vectors nor matrices", got=f"shape {np.shape(x)}, {axis=}, {ord=}",
            wanted="one axis or two; vector_norm for more",
        )  # fmt: skip
    if ord in SCHATTEN:
        s = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        out = vector_norm(s, axis=-1, ord=SCHATTEN[ord])
        return np.expand_dims(out, axes) if keepdims else out
    if ord in INDUCED:
        along, choose = INDUCED[ord]
        sums = np.sum(np.absolute(x), axis=axes[along], keepdims=True)
        out = choose(sums, axis=axes[1 - along], keepdims=True)
        return out if keepdims else np.squeeze(out, axis=axes)
    raise ArgumentError(
        "norm", "no such norm of a matrix", got=f"{ord=}",
        wanted="'fro', 'nuc', 1, -1, 2, -2, inf or -inf",
    )  # fmt: skip


@answers(np.linalg.cond)
def cond(x, p=None):
    """The condition number ‖x‖ ‖x⁻¹‖ in the norm p; for None and 2 the ratio max(s)/min(s)."""
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    require_square("cond", x)
    return norm(x, p, (-2, -1)) * norm(np.linalg.inv(x), p, (-2, -1))
