"""Rows for tinygrad_tr/rules/products.py."""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, normal

n = normal

MATMUL = [
    ("", n(3, 4), n(4, 2)), ("vectors", n(4), n(4)), ("row", n(4), n(4, 2)),
    ("column", n(3, 4), n(4)), ("row-stack", n(4), n(5, 4, 2)), ("stack-column", n(5, 3, 4), n(4)),
    ("stacks", n(5, 3, 4), n(5, 4, 2)), ("stack-matrix", n(5, 3, 4), n(4, 2)),
    ("matrix-stack", n(3, 4), n(5, 4, 2)), ("broadcast", n(2, 1, 3, 4), n(5, 4, 2)),
    ("ones", n(1, 3, 4), n(5, 1, 4, 2)), ("one-column", n(2, 3, 1), n(1, 4)),
    ("empty-stack", n(0, 3, 4), n(4, 2)), ("empty-sum", n(2, 3, 0), n(0, 2)),
    ("one-element", n(1), n(1)),
]  # fmt: skip

EINSUM = [
    ("ij,jk->ik", n(3, 4), n(4, 2)), ("ij->ji", n(3, 4)), ("ij->", n(3, 4)), ("ij->i", n(3, 4)),
    ("ii", n(3, 3)), ("ii->i", n(3, 3)), ("iij->j", n(3, 3, 2)), ("iii->i", n(3, 3, 3)),
    ("ijji->j", n(2, 3, 3, 2)), ("ii,ij->j", n(3, 3), n(3, 4)), ("ij,ij->", n(3, 4), n(3, 4)),
    ("i,i", n(3), n(3)), ("i,j->ij", n(3), n(4)), ("ij,kl->k", n(3, 4), n(2, 3)),
    ("bij,bjk->bik", n(2, 3, 4), n(2, 4, 2)), ("bqhd,bkhd->bhqk", n(2, 3, 2, 4), n(2, 5, 2, 4)),
    ("...ij,...jk->...ik", n(2, 3, 4), n(4, 2)), ("...i->...", n(2, 3, 4)),
    ("i...,j...->ij...", n(3, 2, 4), n(5, 4)), ("...,...", n(2, 3), n(3)),
    ("ij,jk,kl->il", n(2, 3), n(3, 4), n(4, 2)), ("ba", n(2, 3)), ("bj,ja", n(2, 3), n(3, 4)),
    ("i,i,i->i", n(3), n(3), n(3)), ("a,ab,abc->abc", n(2), n(2, 3), n(2, 3, 4)),
    ("ij,jk->ik", n(3, 1), n(4, 2)), ("ij,i->j", n(2, 3), n(1)),
    ("ij,ij->ij", n(1, 4), n(3, 1)), ("i,->i", n(3), n()), ("ij,ij->j", n(0, 4), n(0, 4)),
]  # fmt: skip

TENSORDOT = [
    ("two", 2, n(2, 3, 4), n(3, 4, 5)), ("one", 1, n(2, 3), n(3, 4)), ("none", 0, n(2), n(3)),
    ("axes", ((0, 1), (1, 0)), n(2, 3, 4), n(3, 2)), ("pair", ((-1,), (0,)), n(2, 3), n(3)),
]  # fmt: skip

CASES = [
    *(Case("matmul", np.matmul, [x, y], lambda torch, a, b: a @ b, label=label)
      for label, x, y in MATMUL),
    *(Case("einsum", lambda *xs, s=subscripts: np.einsum(s, *xs), operands,
           lambda torch, *xs, s=subscripts: torch.einsum(s, *xs), label=f"{subscripts} {i}")
      for i, (subscripts, *operands) in enumerate(EINSUM)),
    *(Case("matmul", lambda a, b, axes=axes: np.tensordot(a, b, axes), [x, y],
           lambda torch, a, b, axes=axes: torch.tensordot(a, b, axes), label=f"tensordot-{label}")
      for label, axes, x, y in TENSORDOT),
    *(Case("matmul", np.dot, [x, y], value=np.dot, label=f"dot-{label}")
      for label, x, y in [("vectors", n(3), n(3)), ("matrix-vector", n(2, 3), n(3)),
                          ("stacks", n(2, 3, 4), n(5, 4, 3)), ("stack-vector", n(2, 3, 4), n(4))]),
    Case("multiply", np.dot, [n(), n(2, 3)], value=np.dot, label="dot-number"),
    Case("matmul", np.vdot, [n(2, 3), n(2, 3)], value=np.vdot, label="vdot"),
    Case("matmul", np.inner, [n(2, 3), n(4, 3)], lambda torch, a, b: torch.inner(a, b),
         label="inner"),
    Case("multiply", np.inner, [n(), n(3)], value=np.inner, label="inner-number"),
    Case("multiply", np.outer, [n(3), n(4)], lambda torch, a, b: torch.outer(a, b), label="outer"),
    Case("multiply", np.outer, [n(2, 3), n(4)], value=np.outer, label="outer-flattened"),
    Case("multiply", np.kron, [n(2, 3), n(3, 2)], lambda torch, a, b: torch.kron(a, b),
         label="kron"),
    Case("multiply", np.kron, [n(2), n(2, 3, 2)], value=np.kron, label="kron-broadcast"),
    Case("matmul", lambda a: tt.matmul(a, a.T), [n(3, 4)], lambda torch, a: a @ a.T,
         label="itself"),
]  # fmt: skip
