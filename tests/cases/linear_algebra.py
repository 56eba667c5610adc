"""Rows for tinygrad_tr/rules/{linear_algebra,factorizations,norms}.py.

Factors are determined up to signs, so the rows of factorizations are functions of them that do
not depend on signs; symmetric matrices are made symmetric by the row.
"""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, fixed, normal
from tinygrad_tr.rules.linear_algebra import cofactors

inf = float("inf")
linalg = np.linalg


def regular(*shape):
    """Matrices far from singular."""
    return lambda rng: rng.standard_normal(shape) + 3 * np.eye(shape[-1])


def separate(*shape):
    """Matrices with singular values at least 0.5 apart."""

    def make(rng):
        u, s, vt = np.linalg.svd(rng.standard_normal(shape), full_matrices=False)
        return (u * (0.5 + np.arange(s.shape[-1]))) @ vt

    return make


def symmetric(a):
    return (a + np.swapaxes(a, -1, -2)) / 2


def positive(a):
    return np.matmul(a, np.swapaxes(a, -1, -2)) + np.eye(a.shape[-1], dtype=a.dtype)


def torch_symmetric(a):
    return (a + a.mT) / 2


def torch_positive(torch, a):
    return a @ a.mT + torch.eye(a.shape[-1], dtype=a.dtype)


def mixed(left, values, right):
    """left diag(f(values)) right: a function of factors in which their signs cancel."""
    return np.matmul(left * np.sin(values)[..., None, :], right)


def torch_mixed(torch, left, values, right):
    return (left * torch.sin(values)[..., None, :]) @ right


def of_svd(a, full=False):
    k = min(a.shape[-2:])
    u, s, vt = linalg.svd(a, full_matrices=full)
    return mixed(u[..., :k], s, vt[..., :k, :])


def torch_of_svd(torch, a):
    return torch_mixed(torch, *torch.linalg.svd(a, full_matrices=False))


def projection(a, side):
    """The projection on the first two left or right singular vectors."""
    u, _, vt = linalg.svd(a, full_matrices=False)
    v = u[..., :2] if side == "left" else np.swapaxes(vt[..., :2, :], -1, -2)
    return np.matmul(v, np.swapaxes(v, -1, -2))


def torch_projection(torch, a, side):
    u, _, vt = torch.linalg.svd(a, full_matrices=False)
    v = u[..., :2] if side == "left" else vt[..., :2, :].mT
    return v @ v.mT


def of_eigh(a, uplo="L"):
    w, v = linalg.eigh(symmetric(a), uplo)
    return mixed(v, w, np.swapaxes(v, -1, -2))


def torch_of_eigh(torch, a):
    w, v = torch.linalg.eigh(torch_symmetric(a))
    return torch_mixed(torch, v, w, v.mT)


def of_qr(a, mode="reduced"):
    """Q sin(R), where the signs of Q's columns and R's rows cancel."""
    k = min(a.shape[-2:])
    q, r = linalg.qr(a, mode)
    return np.matmul(q[..., :k], np.sin(r[..., :k, :]))


def torch_of_qr(torch, a):
    q, r = torch.linalg.qr(a)
    return q @ torch.sin(r)


singular = fixed([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
rank_one = fixed(np.outer([1.0, -2.0, 0.5], [0.3, 1.0, 2.0]))
SINGULAR = [("singular", singular), ("rank-one", rank_one), ("zero", fixed(np.zeros((3, 3))))]

SQUARE = [("", regular(3, 3)), ("stack", regular(2, 4, 3, 3)), ("one", regular(1, 1)),
          ("empty-stack", normal(0, 3, 3)), ("empty", normal(0, 0))]  # fmt: skip
SHAPES = [("", separate(3, 3)), ("tall", separate(5, 3)), ("wide", separate(3, 5)),
          ("stack", separate(2, 4, 3)), ("wide-stack", separate(2, 3, 4)),
          ("column", normal(3, 1)), ("row", normal(1, 3)),
          ("empty-stack", normal(0, 3, 2))]  # fmt: skip

VECTOR_ORDERS = [1, 2, inf, -inf, 3, 2.5, 0.5, -1]
MATRIX_ORDERS = ["fro", "nuc", 1, -1, 2, -2, inf, -inf]
RULE_OF_ORDER = {1: "absolute", 2: "norm", inf: "max", -inf: "min"}
RULE_OF_MATRIX_ORDER = {
    "fro": "norm", "nuc": "svdvals", 2: "svdvals", -2: "svdvals",
    1: "max", -1: "min", inf: "max", -inf: "min",
}  # fmt: skip

CASES = [
    *(Case("inv", linalg.inv, [x], lambda torch, a: torch.linalg.inv(a), label=label)
      for label, x in SQUARE),
    *(Case("det", linalg.det, [x], lambda torch, a: torch.linalg.det(a), label=label)
      for label, x in [*SQUARE, ("identity", fixed(np.eye(3)))]),
    # PyTorch moves the pivots of a singular matrix by rounding errors.
    *(Case("det", linalg.det, [x], value=linalg.det, label=label) for label, x in SINGULAR),
    *(Case("cofactors", cofactors, [x], value=cofactors, keeps=8.0, label=label)
      for label, x in [("", regular(3, 3)), ("stack", regular(2, 3, 3)), *SINGULAR]),
    *(Case("slogdet", lambda a: linalg.slogdet(a)[1], [x],
           lambda torch, a: torch.linalg.slogdet(a)[1], label=label) for label, x in SQUARE),
    Case("slogdet", lambda a: linalg.slogdet(a)[0] * linalg.slogdet(a)[1], [regular(2, 3, 3)],
         lambda torch, a: torch.linalg.slogdet(a)[0] * torch.linalg.slogdet(a)[1],
         label="with-sign"),
    *(Case("solve", linalg.solve, [a, b], lambda torch, a, b: torch.linalg.solve(a, b),
           label=label)
      for label, a, b in [("", regular(3, 3), normal(3, 2)), ("vector", regular(3, 3), normal(3)),
                          ("stack", regular(2, 3, 3), normal(2, 3, 4)),
                          ("broadcast", regular(2, 1, 3, 3), normal(4, 3, 2)),
                          ("one-matrix", regular(3, 3), normal(4, 3, 2)),
                          ("empty-stack", normal(0, 3, 3), normal(0, 3, 2))]),
    # PyTorch takes a vector against a stack of matrices for something else than NumPy.
    Case("solve", linalg.solve, [regular(2, 4, 3, 3), normal(3)], value=linalg.solve,
         label="stack-vector"),
    *(Case("cholesky", lambda a: linalg.cholesky(positive(a)), [x],
           lambda torch, a: torch.linalg.cholesky(torch_positive(torch, a)), label=label)
      for label, x in SQUARE),
    Case("cholesky", lambda a: linalg.cholesky(positive(a), upper=True), [normal(2, 3, 3)],
         lambda torch, a: torch.linalg.cholesky(torch_positive(torch, a), upper=True),
         label="upper"),
    Case("cholesky", linalg.cholesky, [fixed([[2.0]])], lambda torch, a: torch.linalg.cholesky(a),
         label="number"),
    *(Case("qr", of_qr, [x], torch_of_qr, label=label) for label, x in SHAPES),
    Case("qr", lambda a: of_qr(a, "complete"), [normal(4, 2)], torch_of_qr, label="complete",
         keeps=4.0),
    Case("qr", lambda a: np.absolute(linalg.qr(a, "r")), [normal(4, 3)],
         lambda torch, a: torch.abs(torch.linalg.qr(a)[1]), label="r"),
    Case("qr", lambda a: np.square(linalg.qr(a)[0]), [normal(4, 3)],
         lambda torch, a: torch.square(torch.linalg.qr(a)[0]), label="q"),
    *(Case("svd", of_svd, [x], torch_of_svd, label=label, keeps=2.5) for label, x in SHAPES),
    *(Case("svd", lambda a: of_svd(a, full=True), [x], torch_of_svd, label=f"full-{label}",
           keeps=5.0) for label, x in [("tall", separate(4, 2)), ("wide", separate(2, 4))]),
    *(Case("svd", lambda a, side=side: projection(a, side), [x],
           lambda torch, a, side=side: torch_projection(torch, a, side),
           label=f"{side}-{label}", keeps=2.5)
      for side in ("left", "right")
      for label, x in [("square", separate(3, 3)), ("tall", separate(5, 3)),
                       ("wide", separate(3, 5))]),
    Case("svd", lambda a: linalg.svd(a)[1], [separate(3, 3)],
         lambda torch, a: torch.linalg.svd(a)[1], label="values", keeps=2.5),
    *(Case("svdvals", linalg.svdvals, [x], lambda torch, a: torch.linalg.svdvals(a), label=label)
      for label, x in SHAPES),
    Case("svdvals", lambda a: linalg.svd(a, compute_uv=False), [separate(3, 2)],
         lambda torch, a: torch.linalg.svdvals(a), label="svd"),
    *(Case("eigh", of_eigh, [x], torch_of_eigh, label=label) for label, x in SQUARE),
    Case("eigh", lambda a: of_eigh(a, "U"), [normal(2, 3, 3)], torch_of_eigh, label="upper"),
    Case("eigh", lambda a: np.square(linalg.eigh(symmetric(a))[1]), [normal(3, 3)],
         lambda torch, a: torch.square(torch.linalg.eigh(torch_symmetric(a))[1]),
         label="vectors"),
    *(Case("eigvalsh", lambda a: linalg.eigvalsh(symmetric(a)), [x],
           lambda torch, a: torch.linalg.eigvalsh(torch_symmetric(a)), label=label)
      for label, x in SQUARE),
    *(Case("pinv", linalg.pinv, [x], lambda torch, a: torch.linalg.pinv(a), label=label)
      for label, x in SHAPES),
    Case("pinv", lambda a, b: linalg.pinv(np.matmul(a, b), rtol=1e-8), [normal(4, 2), normal(2, 3)],
         lambda torch, a, b: torch.linalg.pinv(a @ b, rtol=1e-8), label="rank-two"),
    *(Case("pinv", lambda a, b: linalg.lstsq(a, b)[0], [a, b],
           lambda torch, a, b: torch.linalg.lstsq(
               a, b if b.ndim > 1 else b[:, None]).solution.reshape(a.shape[1], *b.shape[1:]),
           label=f"lstsq-{label}")
      for label, a, b in [("", normal(5, 3), normal(5, 2)), ("vector", normal(5, 3), normal(5))]),
    Case("pinv", lambda a, b: linalg.lstsq(a, b)[0], [normal(2, 4), normal(2, 3)],
         label="lstsq-wide"),
    Case("square", lambda a, b: linalg.lstsq(a, b)[1], [normal(5, 3), normal(5, 2)],
         label="lstsq-residuals"),
    *(Case("matmul", lambda a, n=n: linalg.matrix_power(a, n), [regular(2, 3, 3)],
           lambda torch, a, n=n: torch.linalg.matrix_power(a, n), label=f"power-{n}", keeps=3.0)
      for n in (2, 3, 5, 8, -2, -3)),
    Case("inv", lambda a: linalg.matrix_power(a, -1), [regular(3, 3)],
         lambda torch, a: torch.linalg.matrix_power(a, -1), label="power"),
    Case("where", lambda a: linalg.matrix_power(a, 0), [normal(2, 3, 3)],
         lambda torch, a: torch.linalg.matrix_power(a, 0) + 0 * a, label="power-0"),
    *(Case("matmul", lambda *xs: linalg.multi_dot(xs), [normal(*shape) for shape in shapes],
           lambda torch, *xs: torch.linalg.multi_dot(xs), label=f"multi_dot-{label}")
      for label, shapes in [("two", [(2, 3), (3, 4)]), ("three", [(2, 3), (3, 4), (4, 1)]),
                            ("five", [(4, 1), (1, 3), (3, 4), (4, 2), (2, 2)]),
                            ("vectors", [(3,), (3, 4), (4, 2), (2,)])]),
    *(Case(RULE_OF_ORDER.get(p, "p_norm"), lambda a, p=p: linalg.norm(a, p, axis=-1),
           [normal(2, 4)], lambda torch, a, p=p: torch.linalg.vector_norm(a, p, -1),
           label=f"vector {p}") for p in VECTOR_ORDERS),
    *(Case(RULE_OF_ORDER.get(p, "p_norm"),
           lambda a, p=p: linalg.vector_norm(a, ord=p, axis=(0, 2), keepdims=True),
           [normal(2, 2, 3)],
           lambda torch, a, p=p: torch.linalg.vector_norm(a, p, (0, 2), keepdim=True),
           label=f"axes {p}") for p in VECTOR_ORDERS),
    *(Case(RULE_OF_MATRIX_ORDER[p], lambda a, p=p: linalg.norm(a, p), [separate(4, 3)],
           lambda torch, a, p=p: torch.linalg.matrix_norm(a, p), label=f"matrix {p}")
      for p in MATRIX_ORDERS),
    *(Case(RULE_OF_MATRIX_ORDER[p],
           lambda a, p=p: linalg.norm(a, p, axis=(2, 0), keepdims=True), [normal(3, 2, 4)],
           lambda torch, a, p=p: torch.linalg.matrix_norm(a, p, (2, 0), keepdim=True),
           label=f"matrices {p}") for p in MATRIX_ORDERS),
    Case("norm", linalg.norm, [normal(2, 3, 2)],
         lambda torch, a: torch.linalg.vector_norm(a), label="all"),
    Case("norm", lambda a: linalg.matrix_norm(a), [normal(2, 3, 2)],
         lambda torch, a: torch.linalg.matrix_norm(a), label="matrix_norm"),
    Case("p_norm", lambda a: linalg.norm(a, 3), [normal(4)],
         lambda torch, a: torch.linalg.norm(a, 3)),
    *(Case("svdvals", lambda a, p=p: linalg.cond(a, p), [separate(3, 3)],
           lambda torch, a, p=p: torch.linalg.cond(a, p), label=f"cond {p}") for p in (None, -2)),
    *(Case("inv", lambda a, p=p: linalg.cond(a, p), [separate(3, 3)],
           lambda torch, a, p=p: torch.linalg.norm(a, p) * torch.linalg.norm(a.inverse(), p),
           label=f"cond {p}") for p in ("fro", 1)),
    Case("svdvals", linalg.cond, [separate(2, 4, 3)], lambda torch, a: torch.linalg.cond(a),
         label="cond-stack"),
    Case("norm", lambda a: tt.linalg.norm(a, axis=0), [normal(3, 2)],
         lambda torch, a: torch.linalg.norm(a, dim=0)),
]  # fmt: skip
