"""The workloads in tinygrad_tr, every step compiled as it is."""

from __future__ import annotations

from typing import Any

import tinygrad_tr as tt

from . import ours

array, set_threads = ours.array, ours.set_threads


def __getattr__(program: str) -> Any:
    build = getattr(ours, program)
    return lambda **data: tt.compile(build(**data))


def scalar(a: float, b: float, c: float) -> Any:
    """The numbers come as Tensors: those that a step names would be folded into the result."""
    leaves = [tt.Tensor(value, requires_grad=True) for value in (a, b, c)]

    def step(x: Any, y: Any, z: Any) -> Any:
        x.grad = y.grad = z.grad = None
        J = 3 * (x + y * z)
        J.backward()
        return J, x.grad, y.grad, z.grad

    compiled = tt.compile(step)
    return lambda: compiled(*leaves)
