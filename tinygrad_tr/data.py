"""Data for training: splits, normalisation, and mini-batches.

    train, dev, test = tt.data.split((x, y), seed=0)
    for xb, yb in tt.data.DataLoader(*train, batch_size=64, shuffle=True, seed=0):
        ...

An example is a row: all arrays have as many rows as there are examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import Variable, value_of
from tinygrad_tr.operands import Defaults

__all__ = ["DataLoader", "Normalizer", "split"]

Array = np.ndarray[Any, Any]
Rows = Any  # an array or a Tensor with one example per row


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


def split(
    data: Any,
    fractions: Sequence[float] = (0.6, 0.2, 0.2),
    *,
    stratify: Any = None,
    seed: int | None = None,
    generator: np.random.Generator | None = None,
) -> tuple[Any, ...]:
    """The examples in random parts: train, dev and test, or as many as there are fractions.

    `data` is a number m of examples, which gives arrays of row numbers, or an array, or a
    tuple of arrays, which gives those rows of it. Part i has round(pᵢ·m) examples; the first
    part takes what rounding leaves. `stratify`, a label for each example, gives each
    part its share of every class, give or take an example. Course 2, week 1.
    """
    together = isinstance(data, (tuple, list))
    arrays = () if is_whole(data) else tuple(data) if together else (data,)
    m = int(data) if is_whole(data) else common_length("split", arrays)
    sizes = part_sizes(m, fractions)
    generator = generator_or_default(generator_of("split", seed, generator))
    order = generator.permutation(m)
    if stratify is not None:
        order = order[evenly_mixed(labels_of(stratify, m)[order], generator)]
    parts = np.split(order, np.cumsum(sizes)[:-1])
    if stratify is not None:
        parts = [generator.permutation(part) for part in parts]
    if not arrays:
        return tuple(parts)
    chosen = [tuple(array[part] for array in arrays) for part in parts]
    return tuple(chosen if together else (rows for (rows,) in chosen))


class Normalizer:
    """(x − μ) / σ for each feature, with the mean and deviation of the training set.

    `fit` it on the training set only, then `transform` all sets with it. A feature that is
    constant in the training set is only shifted. Course 2, week 1.
    """

    mean: Array | None = None  # (*features,)
    std: Array | None = None  # (*features,), 1 where the feature is constant

    def fit(self, x: Rows) -> Normalizer:
        """Learn μ and σ² = (1/m) Σ (x − μ)² from x, (m, *features)."""
        common_length("Normalizer.fit", (x,))
        x = as_float(value_of(x))
        # Sums over many float32 rows lose digits; as float64 they do not.
        self.mean = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
        variance = np.square(x - self.mean).mean(axis=0, dtype=np.float64)
        constant = x.max(axis=0) == x.min(axis=0)
        self.std = np.where(constant, 1, np.sqrt(variance)).astype(x.dtype)
        return self

    def transform(self, x: Rows) -> Any:
        """(x − μ) / σ, (n, *features) -> (n, *features)."""
        mean, std = self.fitted("Normalizer.transform", x)
        return (as_float(x) - mean) / std

    def inverse(self, x: Rows) -> Any:
        """xσ + μ: what `transform` was given."""
        mean, std = self.fitted("Normalizer.inverse", x)
        return as_float(x) * std + mean

    def fitted(self, operation: str, x: Rows) -> tuple[Array, Array]:
        """μ and σ, if they are known and fit x."""
        if self.mean is None or self.std is None:
            raise ArgumentError(
                operation, "the training set has not been seen", wanted="fit(x_train) before"
            )
        common_length(operation, (x,))
        if x.shape[1:] != self.mean.shape:
            raise ShapeError(
                operation, "not the features of the training set", got=f"{x.shape}",
                wanted=f"(n, {', '.join(map(str, self.mean.shape))})",
            )  # fmt: skip
        return self.mean, self.std


def common_length(operation: str, arrays: Sequence[Rows]) -> int:
    """The number of examples, which all arrays must share."""
    if not arrays:
        raise ArgumentError(operation, "no arrays were given", wanted="at least one array")
    for array in arrays:
        if not isinstance(array, (np.ndarray, Variable)):
            raise DtypeError(
                operation, "only arrays and Tensors have rows", got=describe(array),
                wanted="NumPy arrays or Tensors, one example per row",
            )  # fmt: skip
    shapes = [array.shape for array in arrays]
    if any(not shape or not shape[0] for shape in shapes):
        raise ShapeError(
            operation, "there are no examples", got=", ".join(map(str, shapes)),
            wanted="at least one row",
        )  # fmt: skip
    if len({shape[0] for shape in shapes}) > 1:
        raise ShapeError(
            operation, "the arrays have different numbers of examples",
            got=", ".join(map(str, shapes)), wanted="equal lengths of the first axis",
        )  # fmt: skip
    return int(shapes[0][0])


def part_sizes(m: int, fractions: Sequence[float]) -> list[int]:
    """round(p·m) for each fraction; the first takes what rounding leaves."""
    shares = [float(p) for p in fractions]
    if not shares or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise ArgumentError(
            "split", "the fractions must be positive and add to 1", got=f"{fractions=}",
            wanted="such as (0.6, 0.2, 0.2)",
        )  # fmt: skip
    sizes = [round(p * m) for p in shares]
    sizes[0] += m - sum(sizes)
    if min(sizes) < 1:
        raise ArgumentError(
            "split", "a part would be empty", got=f"{m} examples in parts of {sizes}",
            wanted="more examples, or larger fractions",
        )  # fmt: skip
    return sizes


def labels_of(stratify: Any, m: int) -> Array:
    """One label for each of m examples, (m,)."""
    labels = np.asarray(value_of(stratify))
    if labels.shape != (m,):
        raise ShapeError(
            "split", "stratify has one label for each example", got=f"{labels.shape}",
            wanted=f"({m},)",
        )  # fmt: skip
    return labels


def evenly_mixed(labels: Array, generator: np.random.Generator) -> Array:
    """An order in which every stretch holds all classes in proportion.

    The members of a class of n come at steps of 1/n of the way, from a random start.
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[members] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.argsort(place)


def generator_of(
    operation: str, seed: int | None, generator: np.random.Generator | None
) -> np.random.Generator | None:
    """The generator meant by `seed=` or `generator=`; None means `manual_seed`'s."""
    if seed is not None and generator is not None:
        raise ArgumentError(
            operation, "seed and generator say the same thing", got=f"{seed=}, {generator=}",
            wanted="one of them",
        )  # fmt: skip
    return generator if seed is None else np.random.default_rng(seed)


def is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def as_float(x: Rows) -> Any:
    """Features as floats: integers in the default dtype, floats as they are."""
    return x if x.dtype.kind == "f" else x.astype(Defaults.dtype)
