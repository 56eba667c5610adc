"""Rows for tinygrad_tr/rules/ctc.py."""

import numpy as np

from tests.cases.case import Case, fixed
from tinygrad_tr.rules.ctc import ctc

TARGETS = [[1, 2, 2], [3, 0, 0], [1, 1, 0], [0, 0, 0]]
STEPS, LENGTHS = [6, 4, 5, 3], [3, 1, 2, 0]


def log_probabilities(rng):
    x = rng.standard_normal((6, 4, 4))
    return x - np.log(np.exp(x).sum(axis=2, keepdims=True))


def torch_ctc(torch, x, targets, steps, lengths):
    return torch.nn.functional.ctc_loss(x, targets, steps, lengths, reduction="none")


CASES = [
    Case(
        "ctc",
        lambda x, y, steps, lengths: ctc(x, y, steps, lengths, blank=0),
        [log_probabilities, fixed(TARGETS), fixed(STEPS), fixed(LENGTHS)],
        torch_ctc,
        oracle_gradient=False,  # PyTorch's takes x as log_softmax(z), and is the one to z
        keeps=5.0,
    ),
    Case(
        "ctc",
        lambda x, y, steps, lengths: ctc(x[::-1, :, ::-1], y, steps, lengths, blank=3),
        [log_probabilities, fixed([[1, 2, 2], [2, 3, 3]] * 2), fixed(STEPS), fixed([3, 1, 0, 1])],
        lambda torch, x, y, steps, lengths: torch.nn.functional.ctc_loss(
            x.flip(0, 2), y, steps, lengths, blank=3, reduction="none"
        ),
        label="another blank",
        oracle_gradient=False,
        keeps=5.0,
    ),
]
