"""What a program calls beside NumPy's functions and kernels: on Tensors, and on pullbacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tinygrad_tr.errors import CompileError
from tinygrad_tr.graph import constant
from tinygrad_tr.kernels.scattering import Rows
from tinygrad_tr.optim.optimizer import Optimizer


class Disagreement(Exception):  # noqa: N818  a signal, caught by the step that runs the program
    """A branch would have gone another way than it did when the step was recorded."""


def constant_of(array: Any) -> Any:
    """An array that is the same in every run."""
    return array


def called(function: Callable[..., Any], *inputs: Any) -> Any:
    """A pullback that an operation before it has made."""
    return function(*inputs)


def parts(function: Callable[..., Any], *inputs: Any, **keywords: Any) -> Any:
    """The parts of the Rows that a function returns."""
    return function(*inputs, **keywords).parts


def cut_off(array: Any) -> Any:
    """A Tensor of a result, which has no graph."""
    return constant(array, "a compiled step")


def read(tensor: Any) -> Any:
    return tensor.value


def read_grad(tensor: Any) -> Any:
    return tensor.grad.value


def forget_grad(tensor: Any) -> None:
    tensor._grad = None


def keep_grad(tensor: Any, g: Any) -> None:
    tensor._grad = g if g.__class__ is Rows else constant(g)


def updated(optimizer: Any) -> None:
    """An optimizer's step. A program has loaded the compiler: small arrays go to loops as well."""
    optimizer.change(0)


INSTEAD: dict[Any, Callable[..., Any]] = {inspect.unwrap(Optimizer.step): updated}
"""What a program calls in the place of what a step calls outside of its Tensors."""


def assign(tensor: Any, new: Any) -> None:
    tensor.put(new)


def agree(value: Any, outcome: bool, late: bool) -> None:
    if bool(value) is not outcome:
        if late:
            raise CompileError(
                "compile", "numbers sent the step another way than before, after it had already "
                "changed Tensors", wanted="two compiled steps, one up to the change",
            )  # fmt: skip
        raise Disagreement
