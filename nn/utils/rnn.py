"""Sequences of unequal lengths in one batch: padded, or packed as PyTorch packs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError, describe
from tinygrad_tr.rules.indexing import integers, scatter
from tinygrad_tr.rules.joining import concatenate
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]


class PackedSequence(NamedTuple):
    """The steps of N sequences without padding: first all first ones, then all second ones, ...

    Of the sequences, sorted by falling length, `batch_sizes[t]` are longer than t. `data` is
    (Σ batch_sizes, ...); `sorted_indices` (N,) says which sequence is the first, the second, ...;
    `unsorted_indices` undoes that. Both are None if they were in order.
    """

    data: Tensor
    batch_sizes: Array
    sorted_indices: Array | None = None
    unsorted_indices: Array | None = None


def require_lengths(operation: str, lengths: Any, n: int, steps: int, low: int = 0) -> Array:
    """The lengths of n sequences of at most `steps` steps, as an array (N,) of integers."""
    given = integers(operation, lengths)
    if given.shape != (n,):
        raise ShapeError(
            operation, "there must be one length for each sequence", got=describe(given),
            wanted=f"({n},)",
        )  # fmt: skip
    if given.size and (given.min() < low or given.max() > steps):
        raise ArgumentError(
            operation, "a length is outside the sequence",
            got=f"lengths from {given.min()} to {given.max()}", wanted=f"{low} to {steps}",
        )  # fmt: skip
    return given.astype(np.int64, copy=False)


def going(lengths: Array, steps: int) -> Array:
    """(T, N): whether step t is one of sequence n."""
    return np.arange(steps)[:, None] < lengths


def pack_padded_sequence(
    padded: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """(T, N, ...) with lengths (N,) of 1 to T to a PackedSequence; (N, T, ...) if batch first.

    Unless `enforce_sorted` is False, the lengths must fall.
    """
    name = "pack_padded_sequence"
    x: Any = np.swapaxes(padded, 0, 1) if batch_first else padded
    given = require_lengths(name, lengths, x.shape[1], len(x), low=1)
    order = np.argsort(-given, kind="stable")
    in_order = bool((order == np.arange(len(order))).all())
    if enforce_sorted and not in_order:
        raise ArgumentError(
            name, "the lengths do not fall", got=f"{given.tolist()}",
            wanted="longest first, or enforce_sorted=False",
        )  # fmt: skip
    steps, rows = np.nonzero(going(given[order], int(given.max(initial=0))))
    sizes = np.bincount(steps)
    places = (None, None) if in_order and enforce_sorted else (order, np.argsort(order))
    return PackedSequence(x[steps, order[rows]], sizes, *places)


def lengths_of(packed: PackedSequence) -> Array:
    """The lengths (N,) of the sequences, in their own order."""
    n = packed.batch_sizes[0] if len(packed.batch_sizes) else 0
    lengths: Array = (packed.batch_sizes[:, None] > np.arange(n)).sum(axis=0)
    return lengths if packed.unsorted_indices is None else lengths[packed.unsorted_indices]


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Array]:
    """The way back: the padded sequences (T, N, ...), or (N, T, ...), and their lengths (N,)."""
    lengths = lengths_of(sequence)
    longest = len(sequence.batch_sizes)
    total = longest if total_length is None else total_length
    if total < longest:
        raise ArgumentError(
            "pad_packed_sequence", "the longest sequence is longer than that",
            got=f"{total_length=}", wanted=f"at least {longest}",
        )  # fmt: skip
    order = np.argsort(-lengths, kind="stable")
    if sequence.sorted_indices is not None:
        order = sequence.sorted_indices
    steps, rows = np.nonzero(going(lengths[order], longest))
    shape = (total, len(lengths), *sequence.data.shape[1:])
    x = scatter(sequence.data, index=(steps, order[rows]), shape=shape)
    if padding_value:
        inside = going(lengths, total).reshape(*shape[:2], *(1 for _ in shape[2:]))
        x = np.where(inside, x, padding_value)
    return (np.swapaxes(x, 0, 1) if batch_first else x), lengths


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0
) -> Tensor:
    """Sequences (Tᵢ, ...) as one (T, N, ...), or (N, T, ...), T the longest, padded at the end."""
    if not sequences:
        raise ArgumentError("pad_sequence", "no sequences", wanted="at least one")
    lengths = np.array([len(sequence) for sequence in sequences])
    rows = np.repeat(np.arange(len(lengths)), lengths)
    steps = np.concatenate([np.arange(n) for n in lengths])
    together = concatenate(list(sequences))
    shape = (int(lengths.max()), len(lengths), *together.shape[1:])
    x = scatter(together, index=(steps, rows), shape=shape)
    if padding_value:
        inside = going(lengths, shape[0]).reshape(*shape[:2], *(1 for _ in shape[2:]))
        x = np.where(inside, x, padding_value)
    padded: Tensor = np.swapaxes(x, 0, 1) if batch_first else x
    return padded


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (Tᵢ, ...) packed."""
    lengths = [len(sequence) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences (Tᵢ, ...) of a padded batch."""
    x: Any = padded_sequences if batch_first else np.swapaxes(padded_sequences, 0, 1)
    given = require_lengths("unpad_sequence", lengths, len(x), x.shape[1])
    return [x[i, :n] for i, n in enumerate(given.tolist())]
