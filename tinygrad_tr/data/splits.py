"""Train, dev and test: which examples are whose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.graph import value_of

from .checks import Array, common_length, generator_of, is_whole


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
