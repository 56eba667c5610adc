"""The workloads in PyTorch, every step compiled as it is."""

from __future__ import annotations

from typing import Any

import torch

from . import torch_eager

array, set_threads = torch_eager.array, torch_eager.set_threads


def __getattr__(program: str) -> Any:
    build = getattr(torch_eager, program)
    return lambda **data: compiled(build(**data))


def compiled(step: Any) -> Any:
    """The step in code of its own: what was compiled for other workloads' is forgotten."""
    torch.compiler.reset()
    return torch.compile(step)


def curvature(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
    """Of functions: what it compiles of `torch.autograd.grad` has no second derivative."""
    parameters, directions = (tuple(map(torch_eager.tensor, p)) for p in (parameters, directions))
    x, y = torch_eager.tensor(x), torch_eager.tensor(y)

    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2 = parameters
        return torch.mean(torch.square(torch.tanh(x @ W1 + b1) @ W2 + b2 - y))

    def product() -> Any:
        gradient = torch.func.grad_and_value(loss)
        both: Any = torch.func.jvp(gradient, (parameters,), (directions,))
        (_, value), (curved, _) = both
        return value, *curved

    return compiled(product)
