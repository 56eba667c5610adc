"""Rows for tinygrad_tr/rules/unfolding.py."""

from tests.cases.case import Case, normal
from tinygrad_tr.nn import functional as F

ROWS = [  # x, kernel, dilation, padding, stride
    ((2, 2, 4, 5), (3, 2), 1, 0, 1),
    ((1, 2, 5, 4), 2, (2, 1), 1, (1, 2)),
    ((0, 1, 3, 3), 2, 1, 0, 1),
]


def unfolding(x, *facts):
    return Case(
        "unfold",
        lambda x: F.unfold(x, *facts),
        [normal(*x)],
        lambda torch, x: torch.nn.functional.unfold(x, *facts),
        label=str(x),
    )


def folding(size, columns, *facts):
    return Case(
        "fold",
        lambda x: F.fold(x, size, *facts),
        [normal(*columns)],
        lambda torch, x: torch.nn.functional.fold(x, size, *facts),
        label=str(columns),
    )


CASES = [
    *(unfolding(*row) for row in ROWS),
    folding((4, 5), (2, 12, 8), (3, 2), 1, 0, 1),
    folding((5, 4), (1, 8, 15), 2, (2, 1), 1, (1, 2)),
]
