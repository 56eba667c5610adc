"""Rows for tinygrad_tr/rules/losses.py."""

import numpy as np

from tests.cases.case import Case, fixed, normal, uniform
from tinygrad_tr.rules.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
    soft_cross_entropy,
)

CLASSES = [1, 0, 4, 4, 2, 3]
SHARES = [0.1, 0.5, 0.0, 0.3, 0.2, 1.0]


def same_shape(rule, reduction, name, first):
    """The row of a loss between arrays of one shape."""
    return Case(
        rule.name,
        lambda x, y: rule(x, y, reduction=reduction),
        [first, uniform(0.1, 0.9, 3, 4)],
        lambda torch, x, y: getattr(torch.nn.functional, name)(x, y, reduction=reduction),
        label=reduction,
        keeps=2.0,
    )


def classes(reduction):
    return Case(
        "cross_entropy",
        lambda x, y: cross_entropy(x, y, 1 / 6 if reduction == "mean" else 1.0,
                                   total=reduction != "none"),
        [normal(6, 5), fixed(CLASSES)],
        lambda torch, x, y: torch.nn.functional.cross_entropy(x, y, reduction=reduction),
        label=reduction,
    )  # fmt: skip


def soft(reduction):
    return Case(
        "soft_cross_entropy",
        lambda x, y: soft_cross_entropy(x, y, 1 / 6 if reduction == "mean" else 1.0,
                                        total=reduction != "none"),
        [normal(6, 5), uniform(0.0, 1.0, 6, 5)],
        lambda torch, x, y: torch.nn.functional.cross_entropy(x, y, reduction=reduction),
        label=reduction,
    )  # fmt: skip


REDUCTIONS = ("mean", "sum", "none")

CASES = [
    *(same_shape(mse_loss, r, "mse_loss", normal(3, 4)) for r in REDUCTIONS),
    *(
        same_shape(binary_cross_entropy_with_logits, r,
                   "binary_cross_entropy_with_logits", normal(3, 4))
        for r in REDUCTIONS
    ),
    Case(
        "binary_cross_entropy",
        binary_cross_entropy,
        [uniform(0.1, 0.9, 3, 4), uniform(0.1, 0.9, 3, 4)],
        lambda torch, p, y: torch.nn.functional.binary_cross_entropy(p, y, reduction="none"),
    ),
    *map(classes, REDUCTIONS),
    *map(soft, REDUCTIONS),
    Case(
        "cross_entropy",
        lambda x: cross_entropy(x, np.array(CLASSES), np.array(SHARES, x.dtype), total=True),
        [normal(6, 5)],
        lambda torch, x: (
            torch.nn.functional.cross_entropy(x, torch.tensor(CLASSES), reduction="none")
            @ torch.tensor(SHARES, dtype=x.dtype)
        ),
        label="shares",
    ),
    Case(
        "soft_cross_entropy",
        lambda x, y: soft_cross_entropy(x, y, np.array(SHARES, x.dtype), total=False),
        [normal(6, 5), uniform(0.0, 1.0, 6, 5)],
        lambda torch, x, y: (
            torch.nn.functional.cross_entropy(x, y, reduction="none")
            * torch.tensor(SHARES, dtype=x.dtype)
        ),
        label="shares",
    ),
]  # fmt: skip
