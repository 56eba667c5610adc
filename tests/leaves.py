"""Tensors that a test differentiates."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_tr as tt


def leaf(value: Any, dtype: Any = np.float64, **options: Any) -> tt.Tensor:
    """A Tensor that requires a gradient; float64, so that differences can check it."""
    return tt.Tensor(np.asarray(value, dtype), requires_grad=True, **options)


def leaves(inputs: list[Any], dtype: Any = np.float64) -> list[tt.Tensor]:
    """The inputs as Tensors, the floating ones as leaves that require a gradient."""
    return [
        tt.Tensor(x.astype(dtype), requires_grad=True) if x.dtype.kind == "f" else tt.Tensor(x)
        for x in inputs
    ]
