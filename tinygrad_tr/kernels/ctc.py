"""Connectionist temporal classification: all paths at once, by the forward-backward algorithm.

A target of L labels is a chain of 2L + 1 states, with a blank before, between and after the
labels. A step stays in its state, goes to the next, or jumps over a blank between two labels that
differ. α is the log-probability of all ways to have come to a state, β that of all ways to go on
from it to the end; their sum is the share of the paths that pass through it. Graves et al.,
Connectionist temporal classification, 2006. Two columns more than there are states, before the
first and after the last, spare the recursions their special cases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels import ctc_loops as loops
from tinygrad_tr.kernels.threads import in_parts

Array = Any
Loss = tuple[Array, Callable[[Array], Array]]
NEVER = -np.inf  # the logarithm of a probability of 0


def chain(targets: Array, lengths: Array, blank: int) -> tuple[Array, Array, Array]:
    """The symbols (N, S) of the S = 2L + 1 states, where to jump to, and where to end.

    Into `jumps` (N, S) a step may go from two states before. `ends` (N, S + 2) are the last label
    and the last blank; its first two columns are the states before the first, of which one is
    where a path begins.
    """
    states = np.full((len(targets), 2 * targets.shape[1] + 1), blank, np.int64)
    states[:, 1::2] = targets
    jumps = np.zeros(states.shape, bool)
    jumps[:, 1:2] = True
    jumps[:, 3::2] = targets[:, 1:] != targets[:, :-1]
    from_end = 2 * lengths[:, None] - np.arange(-2, states.shape[1])
    return states, jumps, (from_end == 0) | (from_end == 1)


def ctc(x: Array, targets: Array, steps: Array, lengths: Array, blank: int) -> Loss:
    """−ln p(targets) for log-probabilities (T, N, C): (N,), and the way back.

    Of the T steps and of the targets (N, L), the first `steps` (N,) and `lengths` (N,) count. All
    sums are in float64: in the thousands, float32 would not leave a probability two digits.
    """
    cells = len(x) * (2 * targets.size + len(targets))
    run = in_loops if cells >= compiled.SMALLEST and compiled.possible(x) else with_numpy
    return run(x, targets, steps, lengths, blank)


def in_loops(x: Array, targets: Array, steps: Array, lengths: Array, blank: int) -> Loss:
    states, jumps, _ = chain(targets, lengths, blank)
    (N, S), x = states.shape, np.ascontiguousarray(x)
    facts = (x, states, jumps, np.asarray(steps, np.int64), np.asarray(lengths, np.int64))
    alpha, total = np.empty((N, len(x) + 1, S + 2)), np.empty(N)
    in_parts(N, lambda *part: loops.ways_to(*facts, alpha, total, *part), each=4)

    def back(g: Array) -> Array:
        to_x, given = np.zeros_like(x), np.asarray(g, np.float64)

        def work(first: int, last: int) -> None:
            loops.shares(given, *facts, alpha, total, to_x, np.empty(S + 2), first, last)

        in_parts(N, work, each=4)
        return to_x

    return -total.astype(x.dtype), back


def with_numpy(x: Array, targets: Array, steps: Array, lengths: Array, blank: int) -> Loss:
    states, jumps, ends = chain(targets, lengths, blank)
    dtype, classes = x.dtype, np.arange(x.shape[2])
    emitted = np.take_along_axis(x, states[None], axis=2).astype(np.float64)
    to_jump = np.where(jumps, 0, NEVER)
    to_end = np.where(ends, 0, NEVER)
    alpha = np.full((len(x) + 1, *ends.shape), NEVER)
    alpha[0, :, 1] = 0
    for t, now in enumerate(emitted):
        before = alpha[t]
        arrived = either(before[:, 2:], before[:, 1:-1], before[:, :-2] + to_jump)
        np.add(arrived, now, out=alpha[t + 1, :, 2:])
    total = np.logaddexp.reduce(alpha[steps, np.arange(len(steps))] + to_end, axis=1)

    def back(g: Array) -> Array:
        """Minus the share of the paths that emit the symbol at the step; 0 if there is no path."""
        share = np.empty_like(emitted)
        whole = np.where(total == NEVER, 0, total)[:, None]
        onward = np.full_like(alpha[0], NEVER)
        from_jump = np.roll(to_jump, -2, axis=1)
        for t in reversed(range(len(emitted))):
            beta = either(onward[:, :-2], onward[:, 1:-1], onward[:, 2:] + from_jump)
            np.copyto(beta, to_end[:, 2:], where=(steps == t + 1)[:, None])
            np.exp(alpha[t + 1, :, 2:] + beta - whole, out=share[t])
            np.add(beta, emitted[t], out=onward[:, :-2])
        symbols = (states[:, :, None] == classes).astype(dtype)
        to_states = (share * -g[:, None]).astype(dtype)
        return np.matmul(to_states.swapaxes(0, 1), symbols).swapaxes(0, 1)

    return -total.astype(dtype), back


def either(a: Array, b: Array, c: Array) -> Array:
    """ln(eᵃ + eᵇ + eᶜ)."""
    return np.logaddexp(np.logaddexp(a, b), c)
