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
def clear(rows: Array, first: int, last: int) -> None:
    """rows[:, first:last] = 0."""
    for r in range(len(rows)):
        row = rows[r, first:last]
        for c in range(len(row)):
            row[c] = 0


@compiled.loop
def hand_over(source: Array, target: Array, more: bool) -> None:
    """target = source or, if the target has a part of the sums, target += source."""
    if more:
        for c in range(len(target)):
            target[c] += source[c]
    else:
        for c in range(len(target)):
            target[c] = source[c]


@compiled.loop
def multiply(
    x: Array, y: Array, out: Array, x_turned: bool, y_turned: bool, deepest: int, widest: int,
    top: int, bottom: int, left: int, right: int,
) -> None:  # fmt: skip
    """out = x y in the rows from top to bottom and the columns from left to right.

    x (M, K) or, turned, (K, M); y (K, N) or (N, K); out (M, N). Of y, a block of at most
    (deepest, widest) is taken at a time, widest a multiple of 16.
    """
    K = x.shape[0] if x_turned else x.shape[1]
    deepest, widest = min(deepest, K), min(widest, right - left + -(right - left) % LINE)
    block, sums = np.empty((deepest, widest), x.dtype), np.empty((GROUP, widest), x.dtype)
    factors = np.empty((deepest, GROUP), x.dtype)  # the last columns of a turned x
    numbers, flat = block.ravel(), x.ravel()
    taps, places = np.arange(deepest) * widest, np.empty(GROUP, np.int64)
    for j in range(left, right, widest):
        wide = min(widest, right - j)
        whole = wide + -wide % LINE
        clear(block, wide, whole)
        for k in range(0, K, deepest):
            deep = min(deepest, K - k)
            if y_turned:
                turn(y, k, deep, j, wide, block)
            else:
                lay(y, k, deep, j, wide, block)
            for i in range(top, bottom, GROUP):
                high = min(GROUP, bottom - i)
                clear(sums, 0, whole)
                if x_turned:
                    columns = x[k : k + deep, i : i + GROUP]
                    if high < GROUP:
                        lay(x, k, deep, i, high, factors)
                        columns = factors[:, :GROUP]
                    add_products(sums, columns, None, numbers, taps[:deep], None, whole)
                else:
                    for r in range(GROUP):  # past the end the last row again, for nothing
                        places[r] = min(i + r, bottom - 1) * K + k
                    add_products(sums, flat, places, numbers, taps[:deep], None, whole)
                for r in range(high):
                    hand_over(sums[r, :wide], out[i + r, j : j + wide], k > 0)
