"""Train, dev and test: which examples are whose."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole
from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.graph import value_of

from .checks import Array, common_length, generator_of

# An error rate measured on so many examples is off by half a percent at most, one time in three.
ENOUGH = 10_000


def split(
    data: Any,
    fractions: Sequence[float] | str = (0.6, 0.2, 0.2),
    *,
    stratify: Any = None,
    seed: int | None = None,
    generator: np.random.Generator | None = None,
) -> tuple[Any, ...]:
    """The examples in random parts: train, dev and test, or as many as there are fractions.

    `data` is a number m of examples, which gives arrays of row numbers, or an array, or a
    tuple of arrays, which gives those rows of it. Part i has round(pᵢ·m) examples; the first
    part takes what rounding leaves. With "auto", dev and test have a fifth each, but never more
    than 10,000: 60/20/20 of 10,000 examples, 98/1/1 of 1,000,000, 99.5/0.25/0.25 of 4,000,000.
    `stratify`, a label for each example, gives each part its share of every class, give or
    take an example. Course 2, week 1.
    """
    m = examples_in("split", data)
    sizes = part_sizes(m, fractions)
    generator = generator_or_default(generator_of("split", seed, generator))
    order = generator.permutation(m)
    if stratify is not None:
        labels = labels_of("split", "stratify", stratify, m)
        order = order[evenly_mixed(labels[order], generator)]
    parts = np.split(order, np.cumsum(sizes)[:-1])
    if stratify is not None:
        parts = [generator.permutation(part) for part in parts]
    return tuple(rows_of(data, part) for part in parts)


def split_by_source(
    data: Any,
    source: Any,
    *,
    dev: int | Mapping[Any, int],
    test: int | Mapping[Any, int],
    train_dev: int = 0,
    seed: int | None = None,
    generator: np.random.Generator | None = None,
) -> tuple[Any, ...]:
    """Train, dev and test of examples from several sources: (train, dev, test).

    `data` is as in `split`, and `source` a label for each example, such as "web" or "mobile".
    `dev` and `test` say how many examples to draw from which source, {"mobile": 2500}, or from
    all of them at random, 2500; train has the rest. The lecture's option 1 is a number for both,
    and its option 2 the source that the system is for. With `train_dev`, so many of the rest are
    kept from training, to tell variance from mismatched data: (train, train_dev, dev, test).

    Dev and test should come from the same distribution: a UserWarning if they differ.
    Course 3, week 2.
    """
    operation = "split_by_source"
    m = examples_in(operation, data)
    labels = labels_of(operation, "source", source, m)
    generator = generator_or_default(generator_of(operation, seed, generator))
    wanted: dict[str, Any] = {"dev": dev, "test": test}
    if train_dev != 0:
        wanted["train_dev"] = train_dev
    parts, rest = {}, generator.permutation(m)
    for name, counts in wanted.items():
        chosen = drawn(name, counts, labels[rest], generator)
        parts[name], rest = rest[chosen], rest[~chosen]
    if not len(rest):
        raise ArgumentError(
            operation, "nothing is left to train on", got=f"{dev=}, {test=}, {train_dev=}",
            wanted=f"fewer than all {m:,} examples",
        )  # fmt: skip
    if shares(dev) != shares(test):
        warnings.warn(
            f"{operation}: dev={dev} and test={test} come from different sources, so what is "
            "best on dev need not be best on test",
            stacklevel=2,
        )
    parts["train"] = rest
    order = ("train", "train_dev", "dev", "test")
    return tuple(rows_of(data, parts[name]) for name in order if name in parts)


def examples_in(operation: str, data: Any) -> int:
    """The number of examples: `data` itself, or the length of its arrays."""
    if is_whole(data):
        return int(data)
    return common_length(operation, tuple(data) if isinstance(data, (tuple, list)) else (data,))


def rows_of(data: Any, rows: Array) -> Any:
    """Those rows of an array, or of each array; for a number of examples, the row numbers."""
    if is_whole(data):
        return rows
    if isinstance(data, (tuple, list)):
        return tuple(array[rows] for array in data)
    return data[rows]


def part_sizes(m: int, fractions: Sequence[float] | str) -> list[int]:
    """round(p·m) for each fraction; the first takes what rounding leaves."""
    if fractions == "auto":
        held_out = min(0.2, ENOUGH / max(m, 1))
        fractions = (1 - 2 * held_out, held_out, held_out)
    shares = [] if isinstance(fractions, str) else [float(p) for p in fractions]
    if not shares or not min(shares) > 0 or not abs(sum(shares) - 1) <= 1e-9:
        raise ArgumentError(
            "split", "the fractions must be positive and add to 1", got=f"{fractions=}",
            wanted="such as (0.6, 0.2, 0.2), or 'auto'",
        )  # fmt: skip
    sizes = [round(p * m) for p in shares]
    sizes[0] += m - sum(sizes)
    if min(sizes) < 1:
        raise ArgumentError(
            "split", "a part would be empty", got=f"{m} examples in parts of {sizes}",
            wanted="more examples, or larger fractions",
        )  # fmt: skip
    return sizes


def labels_of(operation: str, name: str, labels: Any, m: int) -> Array:
    """One label for each of m examples, (m,)."""
    labels = np.asarray(value_of(labels))
    if labels.shape != (m,):
        raise ShapeError(
            operation, f"{name} has one label for each example", got=f"{labels.shape}",
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


def shares(wanted: Any) -> dict[Any, float] | None:
    """What part of a set comes from each source; None if it is drawn from all of them."""
    if not isinstance(wanted, Mapping):
        return None
    return {label: count / sum(wanted.values()) for label, count in wanted.items()}


def drawn(name: str, wanted: Any, labels: Array, generator: np.random.Generator) -> Array:
    """Which examples to take at random, (m,) booleans: so many, or {label: so many}."""
    counts = wanted if isinstance(wanted, Mapping) and wanted else {None: wanted}
    chosen = np.zeros(len(labels), bool)
    for label, count in counts.items():
        places = np.arange(len(labels)) if label is None else np.flatnonzero(labels == label)
        if not is_whole(count) or not 1 <= count <= len(places):
            kind = "" if label is None else f" of source {label!r}"
            raise ArgumentError(
                "split_by_source", f"{name} cannot have so many examples{kind}", got=f"{count!r}",
                wanted=f"1 to {len(places):,}; the sources are {np.unique(labels).tolist()}",
            )  # fmt: skip
        chosen[generator.choice(places, count, replace=False)] = True
    return chosen
