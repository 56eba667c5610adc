"""Linear equations, determinants and powers of square matrices; the door to all of `tt.linalg`.

Every function takes stacks of matrices (..., m, n), under the names and meanings of `np.linalg`.
A matrix for which the function or its derivative does not exist raises a LinearAlgebraError.
Source of the derivatives: M. Giles, "Collected matrix derivative results for forward and reverse
mode algorithmic differentiation", 2008.
"""

from __future__ import annotations

from collections import namedtuple
from operator import index

import numpy as np

from tinygrad_tr.errors import LinearAlgebraError, ShapeError
from tinygrad_tr.rule import answers, rule
from tinygrad_tr.rules.factorizations import (
    cholesky,
    eigh,
    eigvalsh,
    pinv,
    qr,
    require_square,
    svd,
    svdvals,
)
from tinygrad_tr.rules.indexing import scatter
from tinygrad_tr.rules.norms import cond, matrix_norm, norm, vector_norm
from tinygrad_tr.rules.shape import unbroadcast

__all__ = [
    "cholesky",
    "cond",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "lstsq",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vector_norm",
]

SlogdetResult = namedtuple("SlogdetResult", "sign logabsdet")


@rule(np.linalg.inv)
def inv(x):
    """X⁻¹. From X X⁻¹ = I: d(X⁻¹) = −X⁻¹ dX X⁻¹, so the output is kept and not X."""
    require_square("inv", x)
    out = np.linalg.inv(x)
    return out, lambda g: -(out.mT @ g @ out.mT)


@rule(np.linalg.det)
def det(x):
    """|X|. The derivative is the matrix of cofactors, of a singular X too."""
    require_square("det", x)
    return np.linalg.det(x), lambda g: np.expand_dims(g, (-2, -1)) * cofactors(x)


@rule()
def cofactors(x):
    """C = |X| X⁻ᵀ, from X = U S Vᵀ as ± U diag(Π_{j≠i} sⱼ) Vᵀ, which holds for a singular X too.

    Pullback (⟨C, g⟩ C − C gᵀ C)/|X|; for a singular X by the cofactors of its minors, O(n⁵).
    """
    u, s, vt = np.linalg.svd(x)
    sign = np.expand_dims(np.sign(np.linalg.det(u) * np.linalg.det(vt)), (-2, -1))
    others = np.prod(np.where(np.eye(x.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    out = sign * (u * others[..., None, :]) @ vt

    def pullback(g):
        # Dividing by |X| costs a relative error of ε · max(s)/min(s), here at most ε^¾.
        if np.all(s[..., -1:] > np.finfo(s.dtype).eps ** 0.25 * s[..., :1]):
            along = np.sum(out * g, axis=(-2, -1), keepdims=True)
            return (along * out - out @ g.mT @ out) / np.expand_dims(np.linalg.det(x), (-2, -1))
        return through_minors(x, g)

    return out, pullback


def through_minors(x, g):
    """The gradient of ⟨g, C⟩, where Cᵢⱼ = (−1)^(i+j) |X without row i and column j|."""
    i = np.arange(x.shape[-1])
    kept = i[:-1] + (i[:-1] >= i[:, None])  # row i: all but i
    index = (..., kept[:, None, :, None], kept[None, :, None, :])
    minors = x[index]  # (..., n, n) -> (..., n, n, n - 1, n - 1)
    signed = np.where((i[:, None] + i) % 2, -g, g)[..., None, None]
    return scatter(signed * cofactors(minors), index=index, shape=x.shape)


@rule()
def slogdet_(x):
    """The sign of |X| and ln |det X|, whose derivative is X⁻ᵀ. The sign has derivative 0."""
    require_square("slogdet", x)
    sign, logarithm = np.linalg.slogdet(x)
    shape, dtype = x.shape, x.dtype

    def pullback(g):
        if g[1] is None:
            return np.zeros(shape, dtype)
        if not np.all(sign):
            raise LinearAlgebraError(
                "slogdet", "ln |det X| = −∞ has no derivative", got="a singular matrix",
                wanted="an invertible matrix",
            )  # fmt: skip
        return np.expand_dims(g[1], (-2, -1)) * np.linalg.inv(x).mT

    return (sign, logarithm), pullback


@answers(np.linalg.slogdet)
def slogdet(a):
    """(sign, ln |det a|), where the determinant itself would overflow: (..., n, n) -> (...)."""
    return SlogdetResult(*slogdet_(a))


@rule(joint=True)
def solve_(a, b):
    """X with A X = B: (..., n, n), (..., n, k) -> (..., n, k). ∂B: A⁻ᵀ g, ∂A: −A⁻ᵀ g Xᵀ."""
    require_square("solve", a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(
            "solve", "the right sides do not fit the equations",
            got=f"a {a.shape}, b {b.shape}", wanted="(..., n, n) and (..., n, k), or b of (n,)",
        )  # fmt: skip
    a_shape, b_shape = a.shape, b.shape
    out = np.linalg.solve(a, b)

    def pullback(g, needs):
        gb = np.linalg.solve(a.mT, g)
        ga = -unbroadcast(gb @ out.mT, a_shape) if needs[0] else None
        return ga, unbroadcast(gb, b_shape)

    return out, pullback


@answers(np.linalg.solve)
def solve(a, b):
    """x with a x = b, for matrices (..., n, k) or one vector (n,) of right sides, as NumPy 2."""
    if np.ndim(b) == 1:
        return np.squeeze(solve_(a, np.expand_dims(b, -1)), axis=-1)
    return solve_(a, b)


@answers(np.linalg.lstsq)
def lstsq(a, b, rcond=None):
    """(x, residuals, rank, s): the x that minimizes |b − a x|, the shortest if there are several.

    a (..., m, n), b (..., m, k) or (m,). As in NumPy, residuals are the sums of squares |b − a x|²
    if a has full rank and m > n, else empty. Singular values below rcond · max(s) count as 0,
    rcond = ε · max(m, n) for None. The derivative of x = a⁺ b holds while the rank stays.
    """
    if np.ndim(a) < 2 or np.ndim(b) < 1 or np.shape(b)[-2:][0] != np.shape(a)[-2]:
        raise ShapeError(
            "lstsq", "the equations and their right sides differ in number",
            got=f"a {np.shape(a)}, b {np.shape(b)}", wanted="(..., m, n) and (..., m, k) or (m,)",
        )  # fmt: skip
    m, n = np.shape(a)[-2:]
    columns = np.expand_dims(b, -1) if np.ndim(b) == 1 else b
    s = svdvals(a)
    if rcond is None:
        rcond = float(np.finfo(s.dtype).eps) * max(m, n)
    rank = np.sum(s > rcond * s[..., :1], axis=-1)
    x = np.matmul(pinv(a, rcond), columns)
    residuals = np.sum(np.square(columns - np.matmul(a, x)), axis=-2)
    if m <= n or not np.all(np.equal(rank, n)):
        residuals = residuals[..., :0]
    return (np.squeeze(x, axis=-1) if np.ndim(b) == 1 else x), residuals, rank, s


@answers(np.linalg.matrix_power)
def matrix_power(a, n):
    """aⁿ by repeated squaring, of the inverse for n < 0; a⁰ is the identity, with derivative 0."""
    require_square("matrix_power", a)
    power = index(n)
    if power == 0:
        return np.where(True, np.eye(np.shape(a)[-1], dtype=bool), a)
    square = a if power > 0 else inv(a)
    power = abs(power)
    result = None
    while True:
        if power % 2:
            result = square if result is None else np.matmul(result, square)
        power //= 2
        if power == 0:
            return result
        square = np.matmul(square, square)


@answers(np.linalg.multi_dot)
def multi_dot(arrays):
    """The product of two or more matrices, in the order that costs the fewest multiplications.

    The first may be a row (n,) and the last a column (n,).
    """
    arrays = list(arrays)
    axes = [np.ndim(x) for x in arrays]
    if len(axes) < 2 or not {axes[0], axes[-1]} <= {1, 2} or set(axes[1:-1]) - {2}:
        raise ShapeError(
            "multi_dot", "not a chain of matrices", got=f"shapes {[np.shape(x) for x in arrays]}",
            wanted="two or more matrices; vectors at the ends only",
        )  # fmt: skip
    lengths = [1 if axes[0] == 1 else np.shape(arrays[0])[0]]
    lengths += [np.shape(x)[0] for x in arrays[1:]]
    lengths += [1 if axes[-1] == 1 else np.shape(arrays[-1])[1]]
    cut = cheapest_cuts(lengths)

    def product(i, j):
        if i == j:
            return arrays[i]
        return np.matmul(product(i, cut[i, j]), product(cut[i, j] + 1, j))

    return product(0, len(arrays) - 1)


def cheapest_cuts(lengths):
    """Where to cut the chain of matrices i to j in two, matrix i being lengths[i] × lengths[i+1].

    Source: Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms", ch. 15.2.
    """
    n = len(lengths) - 1
    cost = {(i, i): 0 for i in range(n)}
    cut = {}
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
                for k in range(i, j)
            )
    return cut
