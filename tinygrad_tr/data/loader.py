"""Mini-batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError

from .checks import Rows, common_length, generator_of, is_whole


class DataLoader:
    """Mini-batches of arrays or Tensors with one example per row.

    Each pass over it is an epoch: every example once, the last batch shorter, or left out
    with `drop_last`. With `shuffle` every epoch has another order; the same `seed` gives the
    same orders again. A batch is a tuple with rows of each array, or those rows themselves
    if there is one array; without `shuffle` they are views. Course 2, week 2.
    """

    def __init__(
        self,
        *arrays: Rows,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        self.arrays = arrays
        self.examples = common_length("DataLoader", arrays)
        if not is_whole(batch_size) or batch_size < 1:
            raise ArgumentError(
                "DataLoader", "batch_size counts examples", got=f"batch_size={batch_size!r}",
                wanted="an integer ≥ 1",
            )  # fmt: skip
        if drop_last and batch_size > self.examples:
            raise ArgumentError(
                "DataLoader", "drop_last would leave no batch at all", got=f"{batch_size=}",
                wanted=f"at most the number of examples, {self.examples}",
            )  # fmt: skip
        self.batch_size, self.shuffle, self.drop_last = int(batch_size), shuffle, drop_last
        self.generator = generator_of("DataLoader", seed, generator)

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.examples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        order = None
        if self.shuffle:
            order = generator_or_default(self.generator).permutation(self.examples)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            rows = slice(start, start + self.batch_size)
            batch = tuple(array[rows if order is None else order[rows]] for array in self.arrays)
            yield batch if len(batch) > 1 else batch[0]

    def __repr__(self) -> str:
        order = "shuffled" if self.shuffle else "in order"
        return (
            f"DataLoader({self.examples:,} examples {order}, "
            f"{len(self):,} batches of {self.batch_size})"
        )
