"""Shapes that a program counts on, said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError

__all__ = ["assert_shape"]

T = TypeVar("T")


def assert_shape(x: T, shape: Sequence[int | None], name: str = "x") -> T:
    """x itself, if it has this shape; None stands for any length: `assert_shape(b, (None, 1))`.

    For Tensors, arrays and numbers, and before any broadcasting: an array (5,) is neither the
    column (5, 1) nor the row (1, 5), and added to a column it would give (5, 5). Course 1, week 2.
    """
    wanted = tuple(shape)
    if any(n is not None and n < 0 for n in wanted):
        raise ArgumentError(
            "assert_shape", "a length is negative", got=f"{wanted}",
            wanted="lengths ≥ 0, or None for any",
        )  # fmt: skip
    got = np.shape(x)  # type: ignore[call-overload]  # a Tensor answers it
    if len(got) != len(wanted) or any(
        n is not None and n != m for m, n in zip(got, wanted, strict=True)
    ):
        raise ShapeError(
            "assert_shape", f"{name} has another shape", got=f"{got}", wanted=in_words(wanted, got)
        )
    return x


def in_words(wanted: tuple[int | None, ...], got: tuple[int, ...]) -> str:
    """The shape, and how an array of one axis becomes the row or column that was meant."""
    lengths = ", ".join("any" if n is None else str(n) for n in wanted)
    text = f"({lengths},)" if len(wanted) == 1 else f"({lengths})"
    if len(got) == 1 and len(wanted) == 2 and 1 in wanted:
        makes = "reshape(-1, 1) makes a column" if wanted[1] == 1 else "reshape(1, -1) makes a row"
        return f"{text}; {makes}"
    return text
