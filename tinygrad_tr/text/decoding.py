"""A sentence from a model, word by word: the likeliest next word, or one drawn at random.

`step`, `state` and `state_axis` are explained in prefixes.py. `start` is the token that goes in
first, often that of the end of a sentence; an array (N,) of them makes N sentences at once, of
which those that are done leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import positive, whole, within
from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, IndexingError
from tinygrad_tr.modes import no_grad

from .prefixes import Array, Hypothesis, Step, end_token, first_tokens, rows_of, scored


def greedy(
    step: Step,
    start: Any,
    *,
    end: int | None,
    max_length: int,
    state: Any = None,
    state_axis: Any = 0,
) -> Any:
    """The likeliest next token, again and again until `end` or `max_length`: a `Hypothesis`.

    Of several likeliest it is the first. For (N,) starts a list of N. It may miss the likeliest
    sentence, whose first word need not be the likeliest one. Course 5, week 3.
    """

    def likeliest(log_p: Array) -> Array:
        return log_p.argmax(axis=1)

    return chosen("greedy", likeliest, step, start, end, max_length, state, state_axis)


def sample(
    step: Step,
    start: Any,
    *,
    end: int | None,
    max_length: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
    state: Any = None,
    state_axis: Any = 0,
    generator: np.random.Generator | None = None,
) -> Any:
    """Each next token drawn from softmax(z / temperature), until `end`: a `Hypothesis`.

    Temperatures below 1 favour likely tokens (towards 0: `greedy`), those above 1 unlikely ones.
    Of the probabilities so changed only the `top_k` largest stay, and of these only the largest
    that together reach `top_p` of what they sum to (arXiv 1904.09751). The log-probability that is
    returned is the model's own. For (N,) starts a list of N. Course 5, week 1.
    """
    temperature = positive("sample", "temperature", temperature)
    if top_k is not None:
        whole("sample", "top_k", top_k)
    if not within("sample", "top_p", top_p, 0, 1):
        raise ArgumentError("sample", "no token may be drawn", got="top_p=0", wanted="(0, 1]")
    draw = generator_or_default(generator)

    def drawn(log_p: Array) -> Array:
        z = likely_only(log_p / temperature, top_k, top_p)
        # The argument of the maximum of log p + Gumbel noise is distributed as p.
        return np.argmax(z + draw.gumbel(size=z.shape), axis=1)

    return chosen("sample", drawn, step, start, end, max_length, state, state_axis)


def log_probabilities(
    step: Step, start: int, tokens: Sequence[int] | Array, *, state: Any = None
) -> Array:
    """log P(y<t> | y<1> ... y<t−1>) of each token of a given sentence: (T,) float64.

    Their sum is the log-probability of the sentence. To compare it with what a search found, the
    sentence ends with its end token.
    """
    name = "log_probabilities"
    before = first_tokens(name, start)
    given = np.array([first_tokens(name, token)[0] for token in tokens], np.int64)
    steps = np.empty(len(given))
    with no_grad():
        for t, token in enumerate(given):
            log_p, state = scored(name, step, before, state)
            if token >= log_p.shape[1]:
                raise IndexingError(
                    name, "no such token", got=f"{token}", wanted=f"0 to {log_p.shape[1] - 1}"
                )
            steps[t] = log_p[0, token]
            before = given[t : t + 1]
    return steps


def chosen(
    operation: str,
    choose: Callable[[Array], Array],
    step: Step,
    start: Any,
    end: int | None,
    max_length: int,
    state: Any,
    state_axis: Any,
) -> Any:
    """Sentences whose next tokens are `choose(log-probabilities (M, V))`, (M,)."""
    tokens = first_tokens(operation, start)
    whole(operation, "max_length", max_length)
    sentences: list[list[int]] = [[] for _ in tokens]
    log_p, ended = np.zeros(len(tokens)), np.zeros(len(tokens), bool)
    live = np.arange(len(tokens))
    with no_grad():
        for _ in range(max_length):
            scores, state = scored(operation, step, tokens, state)
            last = end_token(operation, end, scores.shape[1])
            tokens = choose(scores)
            log_p[live] += np.take_along_axis(scores, tokens[:, None], axis=1)[:, 0]
            for i, token in zip(live, tokens, strict=True):
                sentences[i].append(int(token))
            ended[live] = tokens == last
            rows = np.flatnonzero(tokens != last)
            if not rows.size:
                break
            state = rows_of(operation, state, rows, len(tokens), state_axis)
            live, tokens = live[rows], tokens[rows]
    found = [
        Hypothesis(tuple(sentence), float(total), bool(done or end is None))
        for sentence, total, done in zip(sentences, log_p, ended, strict=True)
    ]
    return found if np.ndim(start) else found[0]


def likely_only(log_p: Array, top_k: int | None, top_p: float) -> Array:
    """log p with −∞ for all but the likeliest of each row: (M, V) -> (M, V)."""
    if top_k is None and top_p == 1:
        return log_p
    order = np.argsort(-log_p, axis=1, kind="stable")[:, :top_k]
    falling = np.take_along_axis(log_p, order, axis=1)
    p = np.exp(falling - falling[:, :1])
    before = np.cumsum(p, axis=1) - p  # the probability of those that are likelier
    kept = np.where(before < top_p * p.sum(axis=1, keepdims=True), falling, -np.inf)
    out = np.full(log_p.shape, -np.inf)
    np.put_along_axis(out, order, kept, axis=1)
    return out
