"""Looking up the rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole, positive
from tinygrad_tr.errors import ArgumentError, ShapeError, describe
from tinygrad_tr.modes import outside
from tinygrad_tr.rules import indexing
from tinygrad_tr.tensor import Tensor


def embedding(
    indices: Any,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Tensor:
    """(...,) integers in [0, V) and a (V, D) table to the (..., D) rows of the table.

    The padding row gets no gradient. With `max_norm`, rows that are looked up and longer (in the
    p-norm `norm_type`) are first shortened to it, in the table. `scale_grad_by_freq` divides the
    gradient of a row by how often it was looked up.
    """
    if len(weight.shape) != 2:
        raise ShapeError(
            "embedding", "the weight is not a table", got=describe(weight), wanted="(V, D)"
        )
    rows = indexing.integers("embedding", indices)
    indexing.require_inside("embedding", rows, weight.shape[0], 0, negative=False)
    padding_idx = padding_row("embedding", padding_idx, weight.shape[0])
    if max_norm is not None:
        shorten(weight, rows, positive("embedding", "max_norm", max_norm), norm_type)
    share = None
    if padding_idx is not None or scale_grad_by_freq:
        share = np.ones(rows.shape, weight.dtype)
        if scale_grad_by_freq:
            _, inverse, counts = np.unique(rows, return_inverse=True, return_counts=True)
            share /= counts[inverse.reshape(rows.shape)]
        if padding_idx is not None:
            share[rows == padding_idx] = 0
    return indexing.embedding_(weight, indices=rows, share=share)


def padding_row(operation: str, padding_idx: Any, rows: int) -> int | None:
    """The row that is padding, counted from 0; from the end if negative."""
    if padding_idx is None:
        return None
    if not is_whole(padding_idx) or not -rows <= padding_idx < rows:
        raise ArgumentError(
            operation, "the padding row is outside the table", got=f"{padding_idx=}",
            wanted=f"an integer from {-rows} to {rows - 1}",
        )  # fmt: skip
    return int(padding_idx) % rows


@outside
def shorten(weight: Tensor, rows: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows of the table that are longer than max_norm, in place."""
    used = np.unique(rows)
    table = weight.numpy()
    norms = np.linalg.norm(table[used], norm_type, axis=1)
    long = norms > max_norm
    if long.any():
        changed = table.copy()
        # PyTorch's guard against division by zero keeps the norm a hair below the limit.
        changed[used[long]] *= (max_norm / (norms[long] + 1e-7))[:, None].astype(table.dtype)
        weight.assign(changed)
