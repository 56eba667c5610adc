"""The forward-backward algorithm in compiled loops: one sequence after the other, in float64.

Notation and what is kept are those of kernels/ctc.py. x is (T, N, C), the symbols of the states
and where to jump (N, S), alpha (N, T + 1, S + 2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled

Array = Any

NEVER = -np.inf


@compiled.loop
def either(a: float, b: float) -> float:
    """ln(eᵃ + eᵇ)."""
    less, more = (a, b) if a < b else (b, a)
    return more if less == NEVER else more + math.log(1 + math.exp(less - more))


@compiled.loop
def ways_to(
    x: Array, states: Array, jumps: Array, steps: Array, lengths: Array,
    alpha: Array, total: Array, first: int, last: int,
) -> None:  # fmt: skip
    """alpha and total (N,) of the sequences first to last."""
    for n in range(first, last):
        begin = alpha[n, 0]
        begin[:] = NEVER
        begin[1] = 0
        for t in range(steps[n]):
            before, now = alpha[n, t], alpha[n, t + 1]
            now[:2] = NEVER
            for s in range(2 * lengths[n] + 1):
                ways = either(before[s + 2], before[s + 1])
                if jumps[n, s]:
                    ways = either(ways, before[s])
                now[s + 2] = ways + x[t, n, states[n, s]]
        end = alpha[n, steps[n]]
        total[n] = either(end[2 * lengths[n] + 2], end[2 * lengths[n] + 1])


@compiled.loop
def shares(
    g: Array, x: Array, states: Array, jumps: Array, steps: Array, lengths: Array,
    alpha: Array, total: Array, to_x: Array, onward: Array, first: int, last: int,
) -> None:  # fmt: skip
    """to_x −= g times the share of the paths at each step and symbol; `onward` (S + 2,): scratch.

    onward[s] is the log-probability of all ways from state s at the step after, that one included.
    """
    for n in range(first, last):
        top = 2 * lengths[n]
        whole = 0.0 if total[n] == NEVER else total[n]
        onward[:] = NEVER
        for t in range(steps[n] - 1, -1, -1):
            for s in range(top + 1):
                if t == steps[n] - 1:
                    beta = 0.0 if s >= top - 1 else NEVER
                else:
                    beta = either(onward[s], onward[s + 1])
                    if s + 2 <= top and jumps[n, s + 2]:
                        beta = either(beta, onward[s + 2])
                symbol = states[n, s]
                to_x[t, n, symbol] -= g[n] * math.exp(alpha[n, t + 1, s + 2] + beta - whole)
                onward[s] = beta + x[t, n, symbol]
