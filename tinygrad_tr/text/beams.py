"""Beam search for the likeliest sentence, and whose fault it is when the sentence is bad.

`step`, `state` and `state_axis` are explained in prefixes.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole, within
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.modes import no_grad

from .prefixes import (
    Array,
    Hypothesis,
    Step,
    end_token,
    first_tokens,
    rows_of,
    scored,
)


def beam_search(
    step: Step,
    start: Any,
    width: int,
    *,
    end: int | None,
    max_length: int,
    alpha: float = 0.7,
    state: Any = None,
    state_axis: Any = 0,
) -> Any:
    """The `width` best sentences found, best first: a list of `Hypothesis`.

    At each length all V continuations of the prefixes are scored by Σ log P, and the `width` best
    stay; those that end are put aside, the others go on. In the end all are ranked by
    log P / T^alpha, with T the number of tokens, the end among them; those cut off at `max_length`
    come after those that ended, unless `end` is None. Width 1 is `greedy`; a wider beam is slower
    and finds better sentences, a width of V^(max_length − 1) the best. Course 5, week 3.

    `start` (N,) with a state of N rows searches N times at once, and returns a list of N lists;
    the model is called once for all their prefixes together.
    """
    name = "beam_search"
    first = first_tokens(name, start)
    whole(name, "width", width)
    whole(name, "max_length", max_length)
    within(name, "alpha", alpha, 0)
    found: list[list[Hypothesis]] = [[] for _ in first]
    goal = np.full(len(first), -np.inf)  # of each search: the score below which nothing counts
    # Of each prefix: whose it is, its tokens with the first, and its log-probability.
    owner, prefix, log_p = np.arange(len(first)), first[:, None], np.zeros(len(first))
    with no_grad():
        for length in range(1, max_length + 1):
            scores, state = scored(name, step, prefix[:, -1], state)
            last = end_token(name, end, scores.shape[1])
            parent, token = best_continuations(log_p[:, None] + scores, owner, width)
            prefixes = len(prefix)
            log_p = log_p[parent] + scores[parent, token]
            prefix, owner = np.column_stack([prefix[parent], token]), owner[parent]
            done = (token == last) | (length == max_length)
            for i in np.flatnonzero(done):
                complete = bool(end is None or token[i] == last)
                tokens = tuple(prefix[i, 1:].tolist())
                found[owner[i]].append(Hypothesis(tokens, float(log_p[i]), complete, alpha))
            for one in np.unique(owner[done]):
                goal[one] = to_beat(found[one], width)
            # A prefix becomes no likelier; divided by the largest T it can at best equal this.
            hopeless = log_p / max_length**alpha <= goal[owner]
            live = np.flatnonzero(~done & ~hopeless)
            if not live.size:
                break
            state = rows_of(name, state, parent[live], prefixes, state_axis)
            owner, prefix, log_p = owner[live], prefix[live], log_p[live]
    ranked = [sorted(one, key=lambda h: (not h.finished, -h.score))[:width] for one in found]
    return ranked if np.ndim(start) else ranked[0]


def best_continuations(totals: Array, owner: Array, width: int) -> tuple[Array, Array]:
    """The `width` best (prefix, token) of each owner, best first: totals (M, V), owner (M,)."""
    prefixes, tokens = [], []
    for one in np.unique(owner):
        own = np.flatnonzero(owner == one)
        row, token = np.divmod(largest(totals[own].ravel(), width), totals.shape[1])
        prefixes.append(own[row])
        tokens.append(token)
    return np.concatenate(prefixes), np.concatenate(tokens)


def largest(values: Array, count: int) -> Array:
    """Where the largest are, falling, of equal ones the first first; never −∞: (n,) -> (≤ count,).

    Only those that may be among them are sorted.
    """
    limit = -np.inf if count >= len(values) else np.partition(values, -count)[-count]
    places = np.flatnonzero((values >= limit) & (values > -np.inf))
    return places[np.argsort(-values[places], kind="stable")][:count]


def to_beat(found: list[Hypothesis], width: int) -> float:
    """The score of the last of the `width` best that ended; −∞ as long as they are fewer."""
    scores = sorted((h.score for h in found if h.finished), reverse=True)
    return scores[width - 1] if len(scores) >= width else -np.inf


def blame(log_p_star: float, log_p_hat: float) -> str:
    """Why ŷ came out and not the better y*: "beam" if P(y*) > P(ŷ), else "model".

    In the first case the search missed what the model prefers; in the second the model prefers
    the worse sentence. Of a search with alpha > 0 compare the normalised scores. Several
    mistakes are counted by `tt.project.ErrorTable(["beam", "model"])`. Course 5, week 3.
    """
    for log_p in (log_p_star, log_p_hat):
        if not np.ndim(log_p) == 0 or not log_p <= 0:
            raise ArgumentError(
                "blame", "not the logarithm of a probability", got=f"{log_p}", wanted="≤ 0"
            )
    return "beam" if log_p_star > log_p_hat else "model"
