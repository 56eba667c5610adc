"""Rows added at indices along an axis: what goes back from rows that were picked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled

Array = Any


def added_rows(x: Array, indices: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Zeros of the shape with the rows of x added at the indices along an axis.

    The axes of the indices stand in x at the place of that axis.
    """
    out = np.zeros(shape, x.dtype)
    if compiled.worthwhile(x):
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        rows, into = x.reshape(before, -1, after), out.reshape(before, -1, after)
        add_rows(rows, indices.reshape(-1) % shape[axis], into)
    else:
        np.add.at(out, (*(slice(None),) * axis, indices), x)
    return out


@compiled.loop
def add_rows(x: Array, at: Array, out: Array) -> None:
    for n in range(len(x)):
        for i in range(len(at)):
            row = out[n, at[i]]
            for j in range(len(row)):
                row[j] += x[n, i, j]
