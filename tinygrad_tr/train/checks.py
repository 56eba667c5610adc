"""What training checks of its arguments, before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_tr.errors import ArgumentError, DtypeError, describe
from tinygrad_tr.nn import Module
from tinygrad_tr.optim import Optimizer
from tinygrad_tr.tensor import Tensor, from_numpy


def require_model(operation: str, model: Any) -> None:
    if not isinstance(model, Module):
        raise ArgumentError(operation, "not a model", got=describe(model), wanted="an nn.Module")


def require_batches(operation: str, name: str, batches: Any) -> None:
    """Refuse what has no second epoch."""
    if isinstance(batches, Iterator) or not hasattr(batches, "__iter__"):
        raise ArgumentError(
            operation, f"{name} gives its batches once, or has none", got=describe(batches),
            wanted="a DataLoader, or a list of batches (x, y)",
        )  # fmt: skip


def require_optimizer_of(operation: str, model: Module, optimizer: Any) -> None:
    """Refuse an optimizer that was made for another model."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            operation, "not an optimizer", got=describe(optimizer), wanted="an Optimizer"
        )
    own = set(model.parameters())
    if not any(slot.tensor in own for slot in optimizer.slots()):
        raise ArgumentError(
            operation, "the optimizer changes no parameter of the model",
            got="an optimizer of other Tensors", wanted="one made with model.named_parameters()",
        )  # fmt: skip


def examples_of(operation: str, batch: Any) -> tuple[list[Tensor], Tensor, int]:
    """The inputs and the targets of a batch as Tensors, and how many examples it has.

    Arrays are not copied.
    """
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise DtypeError(
            operation, "a batch is inputs and targets", got=describe(batch),
            wanted="(x, y), or (x₁, x₂, y) for a model of several inputs",
        )  # fmt: skip
    *inputs, targets = map(as_tensor, batch)
    count = inputs[0].shape[0] if inputs[0].shape else 0
    if not count:
        raise DtypeError(
            operation, "a batch without examples", got=describe(inputs[0]),
            wanted="one row for each example",
        )  # fmt: skip
    return inputs, targets, count


def as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else from_numpy(value)
