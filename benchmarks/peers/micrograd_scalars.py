"""The scalar workload in micrograd, which knows no arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from micrograd.engine import Value


def set_threads(n: int) -> None:
    """It has one."""


def array(x: Any) -> Any:
    return np.asarray(x)


def scalar(a: float, b: float, c: float) -> Any:
    def step() -> Any:
        x, y, z = Value(a), Value(b), Value(c)
        J = 3 * (x + y * z)
        J.backward()
        return J.data, x.grad, y.grad, z.grad

    return step
