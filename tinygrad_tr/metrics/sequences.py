"""Metrics of language models."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of


def perplexity(log_probabilities: Any) -> float:
    """e^(−mean of ln p) for the probabilities p that a model gave to the words that came.

    As uncertain as a choice among that many equally likely words: V for a model that knows
    nothing, 1 for one that is always sure and right, ∞ if a word came that it held impossible.
    Any shape; of a mean cross-entropy J the perplexity is e^J. Course 5, week 1.
    """
    name = "perplexity"
    logs = np.asarray(value_of(log_probabilities))
    if not logs.size:
        raise ShapeError(name, "there are no words", got=f"{logs.shape}", wanted="at least one")
    if logs.dtype.kind not in "fiu":
        raise DtypeError(name, "not logarithms", got=describe(logs), wanted="floats ≤ 0")
    if not (logs <= 0).all():
        raise ArgumentError(
            name, "not the logarithm of a probability", got=f"{logs[~(logs <= 0)][0]}",
            wanted="≤ 0; probabilities p as np.log(p)",
        )  # fmt: skip
    return float(np.exp(-np.mean(logs, dtype=np.float64)))
