"""What the data rooms check of their arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import Variable

Array = np.ndarray[Any, Any]
Rows = Any  # an array or a Tensor with one example per row


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
