"""The loss of sequences whose alignment with their labels is unknown."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.kernels import ctc as kernel
from tinygrad_tr.rule import rule
from tinygrad_tr.rules.reduction import logsumexp

LEAST = -1e30  # for the logarithm of 0: infinities have no differences


def ctc_reference(x, targets, steps, lengths, *, blank):
    """The recursion for α alone: its derivative makes the other one."""
    states, jumps, ends = kernel.chain(targets, lengths, blank)
    emitted = np.maximum(np.take_along_axis(x, states[None], axis=2), LEAST)
    before_first = np.full((len(states), 2), LEAST, x.dtype)
    alpha = np.full(ends.shape, LEAST, x.dtype)
    alpha[:, 1] = 0
    for t in range(len(x)):
        jumped = np.where(jumps, alpha[:, :-2], LEAST)
        arrived = kernel.either(alpha[:, 2:], alpha[:, 1:-1], jumped) + emitted[t]
        moved = np.concatenate([before_first, arrived], axis=1)
        alpha = np.where(t < steps[:, None], moved, alpha)
    total = logsumexp(np.where(ends, alpha, LEAST), axis=1)
    return -np.where(total > LEAST / 2, total, kernel.NEVER)


@rule(reference=ctc_reference)
def ctc(x, targets, steps, lengths, *, blank):
    """−ln Σ p(path), over all paths that are the targets once repeats and blanks are left out.

    Log-probabilities (T, N, C), targets (N, L), of which the first `steps` (N,) and `lengths`
    (N,) count -> (N,). Derivative: minus the probability that a path is at the symbol at the
    step, given the targets; 0 where no path is possible, which is a loss of infinity.
    Graves et al., Connectionist temporal classification, 2006.
    """
    out, back = kernel.ctc(x, targets, steps, lengths, blank)
    return out, back, None, None, None
