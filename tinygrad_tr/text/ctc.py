"""Labels out of what a network trained with CTC says at every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole
from tinygrad_tr.errors import ArgumentError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.nn.utils.rnn import require_lengths
from tinygrad_tr.rules.indexing import integers

Array = np.ndarray[Any, Any]


def collapse(path: Any, blank: int = 0) -> Array:
    """The labels of a path (T,): repeats are one, then blanks are none: a a – a b b -> a a b."""
    symbols = integers("collapse", path)
    if symbols.ndim != 1:
        raise ShapeError("collapse", "not a path", got=describe(symbols), wanted="(T,)")
    begins = np.diff(symbols, prepend=blank) != 0
    return symbols[begins & (symbols != blank)]


def ctc_greedy(log_probs: Any, lengths: Any = None, blank: int = 0) -> Any:
    """The labels of the likeliest path: (T, N, C) -> a list of N arrays, (T, C) -> one array.

    Logits and probabilities serve as well. Of the steps only the first `lengths` (N,) count.
    The likeliest path need not belong to the likeliest labels, whose probability is the sum over
    all their paths.
    """
    x = np.asarray(value_of(log_probs))
    if x.ndim not in (2, 3) or x.dtype.kind != "f" or not x.shape[-1]:
        raise ShapeError(
            "ctc_greedy", "there are no scores", got=describe(log_probs),
            wanted="floats (T, N, C), or (T, C) of one sequence",
        )  # fmt: skip
    if not is_whole(blank) or not 0 <= blank < x.shape[-1]:
        raise ArgumentError(
            "ctc_greedy", "blank is none of the classes", got=f"{blank=}",
            wanted=f"0 to {x.shape[-1] - 1}",
        )  # fmt: skip
    paths = x.argmax(axis=-1)
    if x.ndim == 2:
        paths, lengths = paths[:, None], None if lengths is None else np.ravel(lengths)
    T, n = paths.shape
    steps = np.full(n, T) if lengths is None else require_lengths("ctc_greedy", lengths, n, T)
    found = [collapse(path[:count], blank) for path, count in zip(paths.T, steps, strict=True)]
    return found[0] if x.ndim == 2 else found
