"""Mini-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole
from tinygrad_tr.creation import generator_at, generator_or_default, set_state
from tinygrad_tr.errors import ArgumentError, StateError, describe

from .checks import Rows, common_length, generator_of


class DataLoader:
    """Mini-batches of arrays or Tensors with one example per row.

    Each pass over it is an epoch: every example once, the last batch shorter, or left out
    with `drop_last`. With `shuffle` every epoch has another order; the same `seed` gives the
    same orders again. A batch is a tuple with rows of each array, or those rows themselves
    if there is one array; without `shuffle` they are views. Course 2, week 2.

    `transform` changes the first array of each batch, as the augmentations of this package do:
    `DataLoader(x, y, batch_size=64, transform=RandomHorizontalFlip())`.
    """

    def __init__(
        self,
        *arrays: Rows,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int | None = None,
        generator: np.random.Generator | None = None,
        transform: Callable[[Any], Any] | None = None,
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
        if transform is not None and not callable(transform):
            raise ArgumentError(
                "DataLoader", "transform is not a function of a batch", got=describe(transform),
                wanted="a function of the first array, such as RandomCrop(28, padding=2)",
            )  # fmt: skip
        self.transform = transform
        self.generator = generator_of("DataLoader", seed, generator)
        self.taken = 0  # batches of the epoch that is under way
        self.epoch_start: Any = None  # where the generator was before it
        self.resumes = False

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.examples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        order = self.begin()
        for place in range(self.taken, len(self)):
            rows = slice(place * self.batch_size, (place + 1) * self.batch_size)
            self.taken = place + 1
            batch = tuple(array[rows if order is None else order[rows]] for array in self.arrays)
            if self.transform is not None:
                batch = (self.transform(batch[0]), *batch[1:])
            yield batch if len(batch) > 1 else batch[0]
        self.taken, self.epoch_start = 0, None

    def begin(self) -> Any:
        """The order of a new epoch, or of the one that `load_state_dict` was in."""
        resumes, self.resumes = self.resumes, False
        if not resumes:
            self.taken = 0
        if not self.shuffle:
            return None
        generator = generator_or_default(self.generator)
        if resumes:  # its draws are behind the generator already
            generator = generator_at("DataLoader", generator, self.epoch_start)
        else:
            self.epoch_start = generator.bit_generator.state
        return generator.permutation(self.examples)

    def settings(self) -> dict[str, Any]:
        """What decides which batches a state of the generator gives."""
        return {
            "examples": self.examples,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "drop_last": self.drop_last,
            "own generator": self.generator is not None,
        }

    def state_dict(self) -> dict[str, Any]:
        """How far the epoch is, also in the middle of it, and where the loader's generator is.

        The default generator belongs to everybody: `tt.get_rng_state()` is to be kept too.
        """
        own = None if self.generator is None else self.generator.bit_generator.state
        return {
            "settings": self.settings(),
            "taken": self.taken,
            "epoch_start": self.epoch_start,
            "generator": own,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the very batch that followed `state_dict()`; an error changes nothing."""
        operation = "DataLoader.load_state_dict"
        if not isinstance(state, Mapping) or state.keys() != self.state_dict().keys():
            raise StateError(
                operation, "not the state of a loader", got=describe(state),
                wanted="what state_dict() gave",
            )  # fmt: skip
        if state["settings"] != self.settings():
            raise StateError(
                operation, "the loader that was saved gave other batches",
                got=f"{state['settings']}", wanted=f"{self.settings()}",
            )  # fmt: skip
        if not (is_whole(state["taken"]) and 0 <= state["taken"] <= len(self)):
            raise StateError(
                operation, "no such place in an epoch", got=f"batch {state['taken']}",
                wanted=f"0 to {len(self)}",
            )  # fmt: skip
        if state["epoch_start"] is not None:
            generator_at(operation, generator_or_default(self.generator), state["epoch_start"])
        if self.generator is not None:
            set_state(operation, self.generator, state["generator"])
        self.taken, self.epoch_start = int(state["taken"]), state["epoch_start"]
        self.resumes = self.taken > 0

    def __repr__(self) -> str:
        order = "shuffled" if self.shuffle else "in order"
        return (
            f"DataLoader({self.examples:,} examples {order}, "
            f"{len(self):,} batches of {self.batch_size})"
        )
