"""Rows for tinygrad_tr/rules/layers.py."""

import numpy as np

from tests.cases.case import Case, fixed, normal
from tinygrad_tr.rules.layers import dropout, linear

MASK = [[True, False, True, True], [False, True, True, False], [True, True, False, True]]


def torch_linear(torch, x, weight, bias=None):
    return torch.nn.functional.linear(x, weight, bias)


CASES = [
    Case("linear", linear, [normal(3, 4), normal(5, 4), normal(5)], torch_linear),
    Case("linear", linear, [normal(2, 3, 4), normal(5, 4), normal(5)], torch_linear, label="3d"),
    Case("linear", linear, [normal(4), normal(5, 4), normal(5)], torch_linear, label="1d"),
    Case("linear", linear, [normal(0, 4), normal(5, 4), normal(5)], torch_linear, label="empty"),
    Case(
        "linear",
        lambda x, weight: linear(x, weight, None),
        [normal(3, 4), normal(5, 4)],
        torch_linear,
        label="no bias",
    ),
    Case(
        "dropout",
        lambda x, mask: dropout(x, mask, keep=0.8),
        [normal(3, 4), fixed(MASK)],
        lambda torch, x, mask: x * mask / 0.8,
        tags=frozenset({"fixed shape"}),
    ),
    Case(
        "dropout",
        lambda x, mask: dropout(x, mask, keep=0.0),
        [normal(3, 4), fixed(np.zeros((3, 4), bool))],
        lambda torch, x, mask: x * 0,
        label="all dropped",
    ),
]
