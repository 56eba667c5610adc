"""Factorizations of matrices: Cholesky, QR, singular values, eigenvalues, pseudo-inverse.

The factors are determined up to signs only, and up to rotations where singular values or
eigenvalues are equal: derivatives are meant for functions of them that do not depend on that
choice. Vectors that a matrix does not determine at all raise a LinearAlgebraError on the way
back, and only if a gradient arrives at them.
Sources: Giles 2008; J. Townsend, "Differentiating the singular value decomposition", 2016;
S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions", 2010.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from tinygrad_tr.errors import ArgumentError, LinearAlgebraError, UnsupportedError
from tinygrad_tr.rule import answers, rule

QRResult = namedtuple("QRResult", "Q R")
SVDResult = namedtuple("SVDResult", "U S Vh")
EighResult = namedtuple("EighResult", "eigenvalues eigenvectors")


def require_matrices(operation, x):
    """Refuse what is no matrix or stack of matrices."""
    if np.ndim(x) < 2:
        raise LinearAlgebraError(
            operation, "not a matrix", got=f"shape {np.shape(x)}", wanted="(..., m, n)"
        )


def require_square(operation, x):
    """Refuse what is no square matrix or stack of them."""
    if np.ndim(x) < 2 or np.shape(x)[-1] != np.shape(x)[-2]:
        raise LinearAlgebraError(
            operation, "the matrix is not square", got=f"shape {np.shape(x)}", wanted="(..., n, n)"
        )


def filled(g, shapes, dtype):
    """The gradients of several outputs, zeros in the holes."""
    return [np.zeros(s, dtype) if gy is None else gy for gy, s in zip(g, shapes, strict=True)]


def mirrored(x):
    """The symmetric matrix with the lower triangle of x."""
    return np.tril(x) + np.tril(x, -1).mT


@rule()
def cholesky_(x):
    """L, lower triangular, with X = L Lᵀ. Only the lower triangle of X is read.

    Pullback ½ L⁻ᵀ mirrored(Lᵀ g) L⁻¹: the derivative along symmetric changes, itself symmetric.
    """
    require_square("cholesky", x)
    try:
        out = np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        lowest = np.min(np.linalg.eigvalsh(x))
        raise LinearAlgebraError(
            "cholesky", "the matrix is not positive definite", got=f"an eigenvalue {lowest:.4g}",
            wanted="symmetric matrices with positive eigenvalues, such as x @ x.mT + eye",
        ) from None  # fmt: skip

    def pullback(g):
        inverse = np.linalg.inv(out)
        return 0.5 * (inverse.mT @ mirrored(out.mT @ g) @ inverse)

    return out, pullback


@answers(np.linalg.cholesky)
def cholesky(a, *, upper=False):
    """L with a = L Lᵀ, or with `upper` U = Lᵀ with a = Uᵀ U: (..., n, n) -> (..., n, n).

    Only the lower (upper) triangle is read; the gradient is spread over both, symmetrically.
    """
    if upper:
        return np.swapaxes(cholesky_(np.swapaxes(a, -1, -2)), -1, -2)
    return cholesky_(a)


@rule()
def qr_(x, *, complete):
    """X = Q R for m ≥ n: (..., m, n) -> (..., m, n), (..., n, n); Q is (..., m, m) if complete.

    Pullback (g_Q + Q mirrored(R g_Rᵀ − g_Qᵀ Q)) R⁻ᵀ, for X of full rank.
    """
    q, r = np.linalg.qr(x, mode="complete" if complete else "reduced")
    n, dtype, shapes = x.shape[-1], x.dtype, (q.shape, r.shape)

    def pullback(g):
        gq, gr = filled(g, shapes, dtype)
        refuse_undetermined("qr", gq[..., n:], "columns of Q", 'mode="reduced"')
        thin, square = q[..., :n], r[..., :n, :]
        gq, gr = gq[..., :n], gr[..., :n, :]
        pivots = np.absolute(np.diagonal(square, axis1=-2, axis2=-1))
        # Where a pivot should be 0, rounding leaves a few ε ‖R‖.
        size = np.linalg.norm(square, axis=(-2, -1))[..., None]
        if not np.all(pivots > 10 * np.finfo(dtype).eps * size):
            raise LinearAlgebraError(
                "qr", "the columns are linearly dependent, so Q has no derivative",
                got=f"|diagonal of R| down to {np.min(pivots):.4g}", wanted="full column rank",
            )  # fmt: skip
        inner = gq + thin @ mirrored(square @ gr.mT - gq.mT @ thin)
        return np.linalg.solve(square, inner.mT).mT

    return (q, r), pullback


def refuse_undetermined(operation, g, what, instead):
    """Refuse a gradient of vectors that only complete a basis: any others would do as well."""
    if np.any(np.not_equal(g, 0)):
        raise LinearAlgebraError(
            operation, f"the completing {what} are not determined by the matrix",
            got="a gradient for them", wanted=f"{instead}, or the other {what} alone",
        )  # fmt: skip


@answers(np.linalg.qr)
def qr(a, mode="reduced"):
    """(Q, R) with a = Q R, Q orthonormal, R upper triangular; R alone for mode="r".

    (..., m, n) -> (..., m, k), (..., k, n) with k = min(m, n); k = m for mode="complete", whose
    last m − n columns of Q have no derivative. a must have full rank for a derivative.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(
            "qr", "unknown mode", got=f"{mode=}", wanted="'reduced', 'complete' or 'r'"
        )
    require_matrices("qr", a)
    m, n = np.shape(a)[-2:]
    if m >= n:
        q, r = qr_(a, complete=mode == "complete")
    else:  # the first m columns determine Q
        q, r = qr_(np.take(a, np.arange(m), axis=-1), complete=False)
        rest = np.swapaxes(q, -1, -2) @ np.take(a, np.arange(m, n), axis=-1)
        r = np.concatenate([r, rest], axis=-1)
    return r if mode == "r" else QRResult(q, r)


def inverse_gaps(operation, values, in_use):
    """1/(wⱼ − wᵢ) for all pairs i, j, and 0 where wᵢ = wⱼ to rounding: (..., n) -> (..., n, n).

    Refuses equal values if the vector of one of them is in use: a gradient arrived at it.
    """
    n = values.shape[-1]
    gap = values[..., None, :] - values[..., :, None]
    largest = np.maximum(np.absolute(values[..., :1]), np.absolute(values[..., -1:]))
    equal = np.absolute(gap) <= n * np.finfo(values.dtype).eps * largest[..., None]
    clash = equal & ~np.eye(n, dtype=bool) & (in_use[..., None, :] | in_use[..., :, None])
    if np.any(clash):
        raise LinearAlgebraError(
            operation, "equal values leave their vectors undetermined, without a derivative",
            got=f"values with a gap of at most {np.max(np.where(clash, np.absolute(gap), 0)):.2g}",
            wanted="distinct values, or a function of the values alone",
        )  # fmt: skip
    return np.where(equal, 0, 1 / np.where(equal, 1, gap))


@rule()
def svd_(x, *, full):
    """X = U diag(s) Vᵀ with s falling: (..., m, n) -> (..., m, k), (..., k), (..., k, n).

    With A = Uᵀg_U − g_UᵀU, B = Vᵀg_V − g_VᵀV the pullback is U (diag(g_s) + C) Vᵀ, where
    Cᵢⱼ = ½ (A + B)ᵢⱼ/(sⱼ − sᵢ) + ½ (A − B)ᵢⱼ/(sⱼ + sᵢ), plus (I − UUᵀ) g_U S⁻¹ Vᵀ for m > n
    and U S⁻¹ g_Vᵀ (I − VVᵀ) for m < n; k = min(m, n). With `full`, U is (m, m) and Vᵀ (n, n).
    """
    u, s, vt = np.linalg.svd(x, full_matrices=full)
    (m, n), dtype, shapes = x.shape[-2:], x.dtype, (u.shape, s.shape, vt.shape)
    k = min(m, n)

    def pullback(g):
        gu, gs, gvt = filled(g, shapes, dtype)
        refuse_undetermined("svd", gu[..., k:], "columns of U", "full_matrices=False")
        refuse_undetermined("svd", gvt[..., k:, :], "rows of Vh", "full_matrices=False")
        left, right, gu, gv = u[..., :k], vt[..., :k, :].mT, gu[..., :k], gvt[..., :k, :].mT
        of_u, of_v = used_columns(gu), used_columns(gv)
        gaps = inverse_gaps("svd", s, of_u | of_v)
        equal = np.equal(gaps, 0)
        sums = np.where(equal, 1, s[..., None, :] + s[..., :, None])
        a, b = twisted(left, gu), twisted(right, gv)
        inner = 0.5 * ((a + b) * gaps + np.where(equal, 0, (a - b) / sums))
        middle = left @ inner + left * gs[..., None, :]
        if m > n:
            middle = middle + outside(left, gu) * inverse_of_used(s, of_u)[..., None, :]
        out = middle @ right.mT
        if m < n:
            beside = outside(right, gv) * inverse_of_used(s, of_v)[..., None, :]
            out = out + left @ beside.mT
        return out

    return (u, s, vt), pullback


def used_columns(g):
    """Which of the vectors, the columns of a matrix, a gradient arrived at."""
    return np.any(np.not_equal(g, 0), axis=-2)


def twisted(q, g):
    """Qᵀ g − gᵀ Q: how g turns the orthonormal columns of Q among themselves."""
    turn = q.mT @ g
    return turn - turn.mT


def outside(q, g):
    """(I − Q Qᵀ) g: the part of g outside the space of Q's columns."""
    return g - q @ (q.mT @ g)


def inverse_of_used(s, used):
    """1/s, and 0 where s = 0 to rounding; refuses such s if its vector is in use."""
    zero = s <= s.shape[-1] * np.finfo(s.dtype).eps * s[..., :1]
    if np.any(zero & used):
        raise LinearAlgebraError(
            "svd", "a singular value of 0 leaves its vector undetermined, without a derivative",
            got=f"singular values down to {np.min(s):.4g}", wanted="full rank",
        )  # fmt: skip
    return np.where(zero, 0, 1 / np.where(zero, 1, s))


@answers(np.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """(U, s, Vh) with a = U diag(s) Vh, s falling; s alone without compute_uv.

    (..., m, n) -> (..., m, m), (..., k), (..., n, n) with k = min(m, n), or (..., m, k), (..., k),
    (..., k, n) without full_matrices. Only the first k columns of U and rows of Vh have a
    derivative, where their singular values differ. Errors: LinearAlgebraError.
    """
    if hermitian:
        raise UnsupportedError(
            "svd", "the argument 'hermitian' is not supported for Tensors", wanted="eigh(a)"
        )
    if not compute_uv:
        return svdvals(a)
    require_matrices("svd", a)
    return SVDResult(*svd_(a, full=full_matrices))


@rule(np.linalg.svdvals)
def svdvals(x):
    """s of X = U diag(s) Vᵀ, falling: (..., m, n) -> (..., k). Pullback U diag(g) Vᵀ.

    Of equal singular values each gets its own share, by NumPy's choice of vectors.
    """
    require_matrices("svdvals", x)

    def pullback(g):
        u, _, vt = np.linalg.svd(x, full_matrices=False)
        return (u * g[..., None, :]) @ vt

    return np.linalg.svdvals(x), pullback


@rule()
def eigh_(x, *, UPLO):
    """X = V diag(w) Vᵀ of a symmetric X, w rising: (..., n, n) -> (..., n), (..., n, n).

    Pullback V (diag(g_w) + C) Vᵀ with Cᵢⱼ = ½ (Vᵀg_V − g_VᵀV)ᵢⱼ/(wⱼ − wᵢ), symmetric.
    """
    require_square("eigh", x)
    w, v = np.linalg.eigh(x, UPLO)
    dtype, shapes = x.dtype, (w.shape, v.shape)

    def pullback(g):
        gw, gv = filled(g, shapes, dtype)
        inner = 0.5 * twisted(v, gv) * inverse_gaps("eigh", w, used_columns(gv))
        return (v @ inner + v * gw[..., None, :]) @ v.mT

    return (w, v), pullback


@answers(np.linalg.eigh)
def eigh(a, UPLO="L"):
    """(w, V) with a = V diag(w) Vᵀ, w rising, of symmetric matrices (..., n, n).

    Only the lower triangle is read (upper for UPLO="U"); the gradient is spread over both,
    symmetrically. The columns of V have a derivative where their eigenvalues differ.
    """
    return EighResult(*eigh_(a, UPLO=UPLO))


@rule(np.linalg.eigvalsh)
def eigvalsh(x, UPLO="L"):
    """w of a symmetric X = V diag(w) Vᵀ, rising: (..., n, n) -> (..., n). Pullback V diag(g) Vᵀ."""
    require_square("eigvalsh", x)

    def pullback(g):
        _, v = np.linalg.eigh(x, UPLO)
        return (v * g[..., None, :]) @ v.mT

    return np.linalg.eigvalsh(x, UPLO), pullback


@rule()
def pinv_(x, *, rcond):
    """X⁺, the pseudo-inverse: (..., m, n) -> (..., n, m).

    Pullback, while the rank stays: −X⁺ᵀ g X⁺ᵀ + (I − X X⁺) gᵀ X⁺ X⁺ᵀ + X⁺ᵀ X⁺ gᵀ (I − X⁺ X).
    Source: G. Golub and V. Pereyra, "The differentiation of pseudo-inverses", 1973.
    """
    require_matrices("pinv", x)
    out = np.linalg.pinv(x, rcond)

    def pullback(g):
        above, below = g.mT @ out, out @ g.mT
        return (above - x @ (out @ above)) @ out.mT + out.mT @ (
            below - (below @ out) @ x - g @ out.mT
        )

    return out, pullback


@answers(np.linalg.pinv)
def pinv(a, rcond=1e-15, hermitian=False, *, rtol=None):
    """a⁺, the pseudo-inverse: (..., m, n) -> (..., n, m). Derivative while the rank stays.

    Singular values up to rcond · max(s) count as 0; `rtol` is the array-API name of rcond.
    """
    if hermitian:
        raise UnsupportedError("pinv", "the argument 'hermitian' is not supported for Tensors")
    return pinv_(a, rcond=rcond if rtol is None else rtol)
