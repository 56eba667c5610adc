"""The product of two matrices: NumPy's for small ones, compiled loops for large ones.

NumPy's library OpenBLAS takes vectors of 32 bytes where the processor has 64. The loops of
kernels/product_loops.py take what there is, and share the work over the threads that all kernels
have, so that those of the library need not wake. A core holds one block of y, laid so that its
rows stand close together, in its second cache while all rows of x pass over it. A block is as
deep as rounding allows: sums longer than that are made of parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels.compiled import possible
from tinygrad_tr.kernels.product_loops import GROUP, multiply
from tinygrad_tr.kernels.threads import cores, in_parts
from tinygrad_tr.kernels.tiles import LINE

Array = Any

# Multiply-adds from which on the loops are faster than the library, all threads taken. A thread of
# ours wakes more slowly than one of the library's.
FEW = 1 << 24

# Rows and columns, below which the vectors of the loops would have too little to do.
THIN = 16

DEEP, WIDE = 256, 384  # of a block at most: in float32, a third of a cache of 1 MB
NARROW = 96  # columns for each core, below which rows are shared instead


def product(x: Array, y: Array, out: Array | None = None) -> Array:
    """x y: (M, K), (K, N) -> (M, N), in out's memory if there is any, which is in one piece.

    NaN and infinity reach what NumPy lets them reach.
    """
    (M, K), N = x.shape, y.shape[1]
    if min(M, N) < THIN or not (K and possible(x, y)):
        return np.matmul(x, y, out=out)
    x, x_turned = in_one_piece(x)
    y, y_turned = in_one_piece(y)
    made = np.empty((M, N), x.dtype) if out is None else out

    def work(top: int, bottom: int, left: int, right: int) -> None:
        multiply(x, y, made, x_turned, y_turned, DEEP, WIDE, top, bottom, left, right)

    if cores() * NARROW <= N:
        in_parts(-(-N // LINE), lambda i, j: work(0, M, LINE * i, min(N, LINE * j)))
    else:
        in_parts(-(-M // GROUP), lambda i, j: work(GROUP * i, min(M, GROUP * j), 0, N))
    return made


def in_one_piece(x: Array) -> tuple[Array, bool]:
    """The matrix, or its transpose and True, whichever has rows that follow each other."""
    if x.flags.f_contiguous and not x.flags.c_contiguous:
        return x.T, True
    return np.ascontiguousarray(x), False
