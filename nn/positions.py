"""Where in a sequence a word stands, which attention alone does not know."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.operands import Defaults
from tinygrad_tr.tensor import Tensor

from . import init
from .linear import empty
from .module import Module, Parameter

Array = np.ndarray[Any, Any]
Generator = np.random.Generator | None


def sinusoidal_positions(length: int, d: int, *, dtype: Any = None) -> Array:
    """PE(t, 2i) = sin(t/10000^(2i/d)), PE(t, 2i+1) = cos of the same: (length, d).

    Each pair of features is a hand of a clock, the first turning in 2π positions, the last in
    about 10000 · 2π. PE(t + s) is a rotation of PE(t) that depends on s alone.
    Source: arXiv 1706.03762; course 5, week 4.
    """
    whole("sinusoidal_positions", "length", length)
    if whole("sinusoidal_positions", "d", d) % 2:
        raise ArgumentError(
            "sinusoidal_positions", "sines and cosines come in pairs", got=f"{d=}",
            wanted="an even number of features",
        )  # fmt: skip
    angles = np.arange(length)[:, None] / 10000 ** (np.arange(0, d, 2) / d)
    return (
        np.stack([np.sin(angles), np.cos(angles)], axis=2)
        .reshape(length, d)
        .astype(dtype or Defaults.dtype)
    )


class SinusoidalPositions(Module):
    """x + PE, without anything to learn: (..., T, d), T ≤ max_len, or (T, N, d).

    The time is the last axis but one; with `batch_first=False`, PyTorch's own order, the first.
    `start` is the position of the first word.
    """

    encoding: Tensor  # (max_len, d_model), no parameter and not in the state_dict

    def __init__(
        self, d_model: int, max_len: int = 5000, batch_first: bool = True, *, dtype: Any = None
    ) -> None:
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first
        table = sinusoidal_positions(max_len, d_model, dtype=dtype)
        self.register_buffer("encoding", Tensor(table), persistent=False)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        return added(x, self.encoding, start, self.batch_first)

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={self.max_len}"


class LearnedPositions(Module):
    """x + a vector for each position that is learned: (..., T, d), T ≤ max_len, or (T, N, d).

    They start normal with standard deviation 0.02. Arguments as for `SinusoidalPositions`.
    """

    weight: Parameter  # (max_len, d_model)

    def __init__(
        self,
        d_model: int,
        max_len: int,
        batch_first: bool = True,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        self.d_model, self.max_len, self.batch_first = d_model, max_len, batch_first
        self.weight = empty(max_len, d_model, dtype=dtype)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator = None) -> None:
        """Draw all positions afresh."""
        init.normal_(self.weight, std=0.02, generator=generator)

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        return added(x, self.weight, start, self.batch_first)

    def extra_repr(self) -> str:
        return f"{self.d_model}, max_len={self.max_len}"


def added(x: Tensor, table: Tensor, start: int, batch_first: bool) -> Tensor:
    """x and the rows of the table that belong to its positions."""
    name, axis = "positions", -2 if batch_first or x.ndim == 2 else 0
    max_len, d = table.shape
    if x.ndim < 2 or x.shape[-1] != d or whole(name, "start", start, 0) + x.shape[axis] > max_len:
        raise ShapeError(
            name, "the sequence does not fit", got=f"{x.shape}, {start=}",
            wanted=f"{'(..., T, d)' if batch_first else '(T, N, d)'} with d = {d} and "
            f"start + T ≤ max_len = {max_len}",
        )  # fmt: skip
    rows = table[start : start + x.shape[axis]]
    return x + (rows if axis == -2 else rows[:, None])
