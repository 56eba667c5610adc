"""Rows for tinygrad_tr/rules/pooling.py."""

import numpy as np

from tests.cases.case import Case, apart, normal
from tinygrad_tr.kernels.windows import sliding
from tinygrad_tr.nn import functional as F
from tinygrad_tr.rules.pooling import max_pool, pick, spread, unpool

OVERLAPPING = [sliding(5, 3, 2, padding=1), sliding(4, 2, 1)]
PLACES = np.array([[[0, 7, 2], [7, 5, 11]], [[3, 3, 3], [1, 0, 6]]])  # of 3 × 4; some twice


def row(rule, function, shape, *arguments, label="", make=normal, **options):
    """A pooling of that name, here and in PyTorch."""
    return Case(
        rule,
        lambda x: getattr(F, function)(x, *arguments, **options),
        [make(*shape)],
        lambda torch, x: getattr(torch.nn.functional, function)(x, *arguments, **options),
        label=label or function,
    )


def torch_unpool(torch, x):
    flat, places = torch.zeros(2, 12, dtype=x.dtype), torch.tensor(PLACES)
    return flat.scatter_add(1, places.reshape(2, 6), x.reshape(2, 6)).reshape(2, 3, 4)


def torch_pick(torch, x):
    return x.reshape(2, 12).gather(1, torch.tensor(PLACES).reshape(2, 6)).reshape(2, 2, 3)


CASES = [
    row("max_pool", "max_pool1d", (2, 2, 7), 3, 2, 1, make=apart),
    row("max_pool", "max_pool2d", (2, 2, 6, 4), 2, make=apart),
    row("max_pool", "max_pool2d", (1, 2, 5, 6), (3, 2), 1, 1, (1, 2), make=apart, label="dilated"),
    row("max_pool", "max_pool2d", (1, 2, 6, 5), 3, 2, 1, 1, True, make=apart, label="ceil"),
    row("max_pool", "max_pool3d", (1, 1, 4, 3, 4), 2, make=apart),
    row("max_pool", "adaptive_max_pool2d", (2, 1, 5, 4), (3, 2), make=apart),
    row("max_pool", "max_pool2d", (0, 2, 4, 4), 2, make=apart, label="no examples"),
    Case(
        "max_pool",
        lambda x: max_pool(x, windows=OVERLAPPING),
        [lambda rng: apart(2, 5, 4)(rng).astype(float)],
        lambda torch, x: torch.nn.functional.max_pool2d(
            torch.nn.functional.pad(x, (0, 0, 1, 1), value=-1e9), (3, 2), (2, 1)
        ),
        label="windows",
    ),
    Case(
        "unpool",
        lambda x: unpool(x, places=PLACES, shape=(2, 3, 4), axes=2),
        [normal(2, 2, 3)],
        torch_unpool,
    ),
    Case(
        "pick",
        lambda x: pick(x, places=PLACES, axes=2),
        [normal(2, 3, 4)],
        torch_pick,
    ),
    row("avg_pool", "avg_pool1d", (2, 2, 7), 3, 2, 1),
    row("avg_pool", "avg_pool2d", (2, 2, 6, 4), 2),
    row("avg_pool", "avg_pool2d", (1, 2, 5, 6), 3, 2, 1, True, False, label="not counting padding"),
    row("avg_pool", "avg_pool2d", (1, 2, 5, 6), 3, 1, 1, divisor_override=2, label="divisor"),
    row("avg_pool", "avg_pool3d", (1, 1, 4, 3, 4), 2),
    row("avg_pool", "adaptive_avg_pool2d", (2, 1, 5, 4), (3, 6)),
    row("avg_pool", "lp_pool2d", (2, 1, 4, 5), 2, 2),
    Case(
        "spread",
        lambda x: spread(x, windows=OVERLAPPING, plane=(5, 4)),
        [normal(2, 3, 3)],
        lambda torch, x: torch.nn.functional.conv_transpose2d(
            x[:, None], torch.ones(1, 1, 3, 2, dtype=x.dtype), stride=(2, 1)
        )[:, 0, 1:6],
    ),
]  # fmt: skip
