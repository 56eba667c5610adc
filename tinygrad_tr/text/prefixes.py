"""What all ways of making a sentence share: the model as one step, and the prefixes it extends.

A model is a function `step(tokens, state) -> (scores, state)`: of M prefixes it gets their last
tokens, (M,) integers, and returns (M, V) logits or log-probabilities of the next ones, as a Tensor
or an array. The state is what the model remembers: an array or Tensor, a nest of them in tuples,
lists and mappings, or None. Its rows belong to the prefixes, along `state_axis`: a number for all
of its arrays, or a nest with the outline of the state's, such as (1, 0), with None where something
is common to all prefixes.

    def step(tokens, state):  # nn.GRU keeps its state as (layers, M, hidden): state_axis=1
        y, state = gru(embedding(tokens)[:, None], state)
        return linear(y[:, 0]), state
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole, whole, within
from tinygrad_tr.errors import ArgumentError, DtypeError, IndexingError, ShapeError, describe
from tinygrad_tr.graph import value_of

Array = np.ndarray[Any, Any]
Step = Callable[[Array, Any], tuple[Any, Any]]  # tokens (M,), state -> scores (M, V), state


@dataclass(frozen=True)
class Hypothesis:
    """A sentence that a search made.

    The tokens are those that were scored: without the first, which was given, and with the end
    if it was reached. Only then, or where there is no end, is the hypothesis `finished`.
    """

    tokens: tuple[int, ...]
    log_probability: float  # Σ log P(y<t> | y<1> ... y<t−1>), base e
    finished: bool = True
    alpha: float = 0.0

    @property
    def score(self) -> float:
        """log P / T^alpha, by which beam search ranks."""
        return length_normalised(self.log_probability, len(self.tokens), self.alpha)


def length_normalised(log_probability: float, length: int, alpha: float) -> float:
    """log P / T^α: the sum of the logs for α = 0, their mean for α = 1. Course 5, week 3.

    Every further word makes a sentence less probable; without α short ones win.
    """
    whole("length_normalised", "length", length)
    return log_probability / length ** within("length_normalised", "alpha", alpha, 0)


def scored(operation: str, step: Step, tokens: Array, state: Any) -> tuple[Array, Any]:
    """One step of the model: log-probabilities (M, V), float64, and the new state.

    The log-softmax of log-probabilities are they themselves, so logits need no word of their own.
    """
    answer = step(tokens, state)
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise DtypeError(
            operation, "step returns a pair", got=describe(answer), wanted="(scores, state)"
        )
    z = np.asarray(value_of(answer[0]))
    if z.ndim != 2 or len(z) != len(tokens) or not z.shape[1]:
        raise ShapeError(
            operation, "step has no score for every next token", got=describe(z),
            wanted=f"({len(tokens)}, V) with V ≥ 1",
        )  # fmt: skip
    if z.dtype.kind != "f":
        raise DtypeError(operation, "scores are floats", got=describe(z), wanted="floats (M, V)")
    highest = z.max(axis=1, keepdims=True)  # a NaN shows here too
    if not np.isfinite(highest).all():
        raise ArgumentError(
            operation, "scores that make no probabilities",
            got=f"largest score {highest[~np.isfinite(highest)][0]}",
            wanted="no NaN, no +∞, and not −∞ for all tokens",
        )  # fmt: skip
    z = (z - highest).astype(np.float64)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True)), answer[1]


def rows_of(operation: str, state: Any, rows: Array, prefixes: int, axis: Any) -> Any:
    """The state of these of the prefixes, in this order."""
    if state is None or axis is None:
        return state
    if isinstance(state, Mapping):
        axes = axis if isinstance(axis, Mapping) else dict.fromkeys(state, axis)
        return {
            name: rows_of(operation, part, rows, prefixes, axes[name])
            for name, part in state.items()
        }
    if isinstance(state, (tuple, list)):
        each = axis if isinstance(axis, (tuple, list)) else [axis] * len(state)
        parts = [
            rows_of(operation, part, rows, prefixes, own)
            for part, own in zip(state, each, strict=True)
        ]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    shape = getattr(state, "shape", None)
    if shape is None or not is_whole(axis) or not -len(shape) <= axis < len(shape):
        raise DtypeError(
            operation, "what the state holds has no rows", got=f"{describe(state)}, {axis=}",
            wanted="arrays and Tensors with that axis; state_axis None for what all share",
        )  # fmt: skip
    if shape[axis] != prefixes:
        raise ShapeError(
            operation, f"the state has no row for each of {prefixes} prefixes",
            got=f"{shape} with state_axis={axis}",
            wanted="the axis of the prefixes; 1 for the state (layers, M, hidden) of nn.GRU",
        )  # fmt: skip
    if np.array_equal(rows, np.arange(prefixes)):
        return state
    return np.take(state, rows, axis=axis)


def first_tokens(operation: str, start: Any) -> Array:
    """The token that each sentence starts from, (N,) int64; one for a number."""
    tokens = np.asarray(value_of(start))
    if tokens.dtype.kind not in "iu" and tokens.size:
        raise DtypeError(operation, "tokens are integers", got=describe(tokens), wanted="int64")
    if tokens.ndim > 1 or not tokens.size:
        raise ShapeError(
            operation, "start is one token, or one for each sentence", got=describe(tokens),
            wanted="() or (N,) with N ≥ 1; what comes before is the state's",
        )  # fmt: skip
    if (tokens < 0).any():
        raise IndexingError(operation, "no such token", got=f"{tokens.min()}", wanted="≥ 0")
    return tokens.reshape(-1).astype(np.int64)


def end_token(operation: str, end: int | None, words: int) -> int:
    """The token that ends a sentence, of `words` there are; −1, which no token is, for None."""
    if end is None:
        return -1
    if not is_whole(end) or not 0 <= end < words:
        raise IndexingError(
            operation, "the end is not in the vocabulary", got=f"{end=}",
            wanted=f"0 to {words - 1}, or None",
        )  # fmt: skip
    return int(end)
