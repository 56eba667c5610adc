"""Examples as columns, the course's layout: X (n_x, m), Y (1, m)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ShapeError, describe

from .checks import Rows
from .loader import DataLoader


def flatten_images(images: Rows) -> Any:
    """Each image unrolled into a column: (m, H, W, C) -> (H·W·C, m), a view. Course 1, week 2."""
    if getattr(images, "ndim", None) != 4:
        raise ShapeError(
            "flatten_images", "not a batch of images", got=describe(images), wanted="(m, H, W, C)"
        )
    m, *image = images.shape
    return images.reshape(m, math.prod(image)).T


def unflatten_images(X: Rows, shape: Sequence[int]) -> Any:
    """What `flatten_images` was given: (H·W·C, m) -> (m, H, W, C), where `shape` is (H, W, C)."""
    if len(shape) != 3 or getattr(X, "ndim", None) != 2 or X.shape[0] != math.prod(shape):
        raise ShapeError(
            "unflatten_images", "the columns are not images of this shape",
            got=f"{describe(X)}, shape={tuple(shape)}", wanted="(H·W·C, m), shape=(H, W, C)",
        )  # fmt: skip
    return X.T.reshape(X.shape[1], *shape)


def minibatches(
    X: Rows,
    Y: Rows,
    batch_size: int,
    generator: np.random.Generator | None = None,
    *,
    shuffle: bool = True,
) -> Iterator[tuple[Any, Any]]:
    """One epoch: X{t} (n_x, batch_size) and Y{t} (n_y, batch_size), for X (n_x, m), Y (n_y, m).

    ⌈m / batch_size⌉ batches, the last one perhaps narrower; every column comes once. Call it
    for each epoch anew: the order comes from `generator`, or from `tt.manual_seed`'s. It is
    `DataLoader` on the transposed arrays. Course 2, week 2.
    """
    if any(getattr(array, "ndim", None) != 2 for array in (X, Y)) or X.shape[1] != Y.shape[1]:
        raise ShapeError(
            "minibatches", "the examples are not columns of two matrices",
            got=f"X {describe(X)}, Y {describe(Y)}", wanted="X (n_x, m), Y (n_y, m)",
        )  # fmt: skip
    loader = DataLoader(X.T, Y.T, batch_size=batch_size, shuffle=shuffle, generator=generator)
    return ((x.T, y.T) for x, y in loader)


def suggest_batch_size(m: int) -> int:
    """m up to 2,000 examples; beyond, a power of two from 64 to 512.

    It is the largest that leaves an epoch at least 32 steps: many examples at a time use the
    machine well, and many steps get far. Course 2, week 2.
    """
    m = whole("suggest_batch_size", "m", m, 1)
    if m <= 2000:
        return m
    return next(size for size in (512, 256, 128, 64) if m >= 32 * size or size == 64)
