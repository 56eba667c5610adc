"""The product of two matrices in compiled loops, a block of the second in the cache at a time.

What the blocks are, says kernels/products.py, and kernels/tiles.py how they are multiplied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.squares import turn_square
from tinygrad_tr.kernels.tiles import LINE, add_products

Array = Any

GROUP = 8  # rows of the result at a time


@compiled.loop
def lay(y: Array, k: int, deep: int, j: int, wide: int, block: Array) -> None:
    """block[:deep, :wide] = y[k :, j :]."""
    for r in range(deep):
        source, target = y[k + r, j : j + wide], block[r, :wide]
        for c in range(len(target)):
            target[c] = source[c]


@compiled.loop
def turn(y: Array, k: int, deep: int, j: int, wide: int, block: Array) -> None:
    """block[:deep, :wide] = y[j :, k :].T."""
    flat, out, side = y.ravel(), block.ravel(), 64 // y.itemsize
    down, below = y.shape[1], block.shape[1]
    long, high = wide - wide % side, deep - deep % side
    for c in range(0, long, side):
        for r in range(0, high, side):
            turn_square(flat, (j + c) * down + k + r, down, out, r * below + c, below)
        for r in range(high, deep):
            for i in range(c, c + side):
                block[r, i] = y[j + i, k + r]
    for c in range(long, wide):
        source = y[j + c, k : k + deep]
        for r in range(deep):
            block[r, c] = source[r]


@compiled.loop
def multiply(
    x: Array, y: Array, out: Array, x_turned: bool, y_turned: bool, block: Array, factors: Array,
    sums: Array, top: int, bottom: int, left: int, right: int,
) -> None:  # fmt: skip
    """out = x y in the rows from top to bottom and the columns from left to right.

    x (M, K) or, turned, (K, M); y (K, N) or (N, K); out (M, N). `block` (deep, wide),
    `factors` (deep, 8) and `sums` (8, wide) are scratch, wide a multiple of 16.
    """
    K = x.shape[0] if x_turned else x.shape[1]
    numbers, flat = block.ravel(), x.ravel()
    taps, places = np.arange(len(block)) * block.shape[1], np.empty(GROUP, np.int64)
    for j in range(left, right, block.shape[1]):
        wide = min(block.shape[1], right - j)
        whole = wide + -wide % LINE
        block[:, wide:whole] = 0
        for k in range(0, K, len(block)):
            deep = min(len(block), K - k)
            if y_turned:
                turn(y, k, deep, j, wide, block)
            else:
                lay(y, k, deep, j, wide, block)
            for i in range(top, bottom, GROUP):
                high = min(GROUP, bottom - i)
                sums[:] = 0
                if x_turned:
                    columns = x[k : k + deep, i : i + GROUP]
                    if high < GROUP:
                        factors[:deep, :high] = columns
                        columns = factors[:, :GROUP]
                    add_products(sums, columns, None, numbers, taps[:deep], None, whole)
                else:
                    for r in range(GROUP):  # past the end the last row again, for nothing
                        places[r] = min(i + r, bottom - 1) * K + k
                    add_products(sums, flat, places, numbers, taps[:deep], None, whole)
                for r in range(high):
                    source, target = sums[r, :wide], out[i + r, j : j + wide]
                    if k == 0:
                        for c in range(len(target)):
                            target[c] = source[c]
                    else:
                        for c in range(len(target)):
                            target[c] += source[c]
