"""Compiled steps as tests look at them."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.program.tape import leaves as parts_of


def arrays_of(tree):
    return [None if x is None else np.array(x.numpy()) for x in parts_of(tree)]


def assert_same(made, expected, rtol=1e-6, atol=1e-6):
    assert len(made) == len(expected)
    for x, y in zip(made, expected, strict=True):
        if y is None:
            assert x is None
        else:
            assert (x.shape, x.dtype) == (y.shape, y.dtype)
            np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)


def program_of(step):
    """The newest program of a compiled step."""
    return next(kind.programs[-1] for kind in reversed(step.kinds.values()) if kind.programs)
