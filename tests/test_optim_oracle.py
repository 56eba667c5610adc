"""50 steps of each algorithm, with every combination of its options, against PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.test_optim import field, leaf, starts

DECAY = {"weight_decay": [0, 0.1], "maximize": [False, True]}
TABLES = {
    "SGD": {
        "lr": [0.05],
        "momentum": [0, 0.9],
        "dampening": [0, 0.5],
        "nesterov": [False, True],
        **DECAY,
    },
    "RMSprop": {
        "lr": [0.01],
        "alpha": [0.99, 0.5],
        "eps": [1e-8, 0.1],
        "momentum": [0, 0.9],
        "centered": [False, True],
        **DECAY,
    },
    "Adam": {
        "lr": [0.01],
        "betas": [(0.9, 0.999), (0.5, 0.8), (0.0, 0.9)],
        "eps": [1e-8, 0.1],
        "amsgrad": [False, True],
        **DECAY,
    },
}
TABLES["AdamW"] = TABLES["Adam"]


def combinations():
    """Every combination of options that means something."""
    for name, table in TABLES.items():
        for values in itertools.product(*table.values()):
            options = dict(zip(table, values, strict=True))
            if options.get("dampening") and not options["momentum"]:
                continue
            if options.get("nesterov") and (not options["momentum"] or options["dampening"]):
                continue
            yield name, options


def both(name, options, dtype):
    """50 steps of ours and of PyTorch's from the same start: two lists of arrays."""
    torch = pytest.importorskip("torch")
    ours = [leaf(start, dtype) for start in starts()]
    theirs = [torch.tensor(p.numpy().copy(), requires_grad=True) for p in ours]
    optimizer = getattr(tt.optim, name)(ours, **options)
    reference = getattr(torch.optim, name)(theirs, **options)
    for k in range(50):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = np.asarray(field(p.numpy(), k), dtype)
            q.grad = torch.from_numpy(np.asarray(field(q.detach().numpy(), k), dtype))
        optimizer.step()
        reference.step()
    return [p.numpy() for p in ours], [q.detach().numpy() for q in theirs]


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "options"),
    [pytest.param(*c, id=f"{c[0]} {' '.join(map(str, c[1].values()))}") for c in combinations()],
)
def test_50_steps_are_those_of_pytorch(name, options):
    for ours, theirs in zip(*both(name, options, np.float64), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_the_defaults_are_those_of_pytorch(name):
    for ours, theirs in zip(*both(name, {}, np.float64), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_float32_is_close_to_pytorch(name):
    for ours, theirs in zip(*both(name, {"lr": 0.01}, np.float32), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
