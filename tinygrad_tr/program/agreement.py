"""Two recordings of a step, held against each other: what differs is no constant.

A step is recorded twice before it is compiled. An array that both recordings found in the same
place is somebody else's, who may replace it: the step must be given it as an argument. Arrays
made anew each time must be equal, and so must all numbers: what changes from call to call would
be frozen at its first value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.errors import CompileError, describe
from tinygrad_tr.graph import Variable
from tinygrad_tr.kernels.scattering import Rows

from .effects import assign, constant_of, forget_grad, keep_grad, read, read_grad
from .tape import Operation, Value
from .tracing import Trace


def require_agreement(
    first: Trace, second: Trace, names: dict[Value, Value], results: tuple[Any, Any]
) -> None:
    """Refuse a step that did not do the same twice; `names` has which argument is which."""
    same_length = len(first.operations) == len(second.operations)
    for ours, theirs in zip(first.operations, second.operations, strict=False):
        if not made_alike(ours.function, theirs.function):
            raise differs(theirs, f"{ours.name} in the first call, {theirs.name} in the second")
        if ours.function in CHANGING and is_of_the_step(ours, theirs):
            ours.pure = theirs.pure = True  # nobody will see it
        elif not (ours.function is read and is_constant_read(ours, theirs)):
            compare((ours.inputs, ours.keywords), (theirs.inputs, theirs.keywords), names, theirs)
        if len(ours.outputs) != len(theirs.outputs):
            raise differs(theirs, f"{len(ours.outputs)} and {len(theirs.outputs)} results")
        names.update(zip(ours.outputs, theirs.outputs, strict=True))
    if not same_length:
        n, m = len(first.operations), len(second.operations)
        longer = max(first.operations, second.operations, key=len)
        raise differs(longer[min(n, m)], f"{n} operations in the first call, {m} in the second")
    compare(*results, names, Operation(returned, (), {}, None))


def returned() -> None:
    """Stands for the end of the step, where results are compared."""


CHANGING = {forget_grad, keep_grad, read_grad, assign}


def is_of_the_step(first: Operation, second: Operation) -> bool:
    """Whether an operation changes a Tensor that the step itself has made."""
    a, b = first.inputs[0], second.inputs[0]
    return isinstance(a, Variable) and isinstance(b, Variable) and a is not b


def made_alike(first: Callable[..., Any], second: Callable[..., Any]) -> bool:
    """Whether two functions are the same, or the same code, such as a lambda made twice."""
    if first is second or first == second:
        return True
    own, other = (getattr(f, "__code__", None) for f in (first, second))
    return own is not None and own is other


def is_constant_read(first: Operation, second: Operation) -> bool:
    """Whether a Tensor that was read is made by the step itself: then it is a constant."""
    (a,), (b,) = first.inputs, second.inputs
    if a is b or isinstance(a, Value):
        return False
    if not same_numbers(a.value, b.value):
        raise CompileError(
            "compile", "a Tensor that is another in each call enters the step",
            got=f"{describe(b)}, first used at {second.line}",
            wanted="it as an argument of the step",
        )  # fmt: skip
    for reading in (first, second):
        reading.function, reading.inputs, reading.pure = constant_of, (a.value,), True
    return True


def compare(first: Any, second: Any, names: dict[Value, Value], where: Operation) -> None:
    """Refuse two trees of arguments that differ in more than the names of their values."""
    if isinstance(first, Value):
        if names.get(first) is not second:
            raise differs(where, "other operations before it")
    elif isinstance(first, (tuple, list)):
        if type(first) is not type(second) or len(first) != len(second):
            raise differs(where, f"{describe(first)} and {describe(second)}")
        for a, b in zip(first, second, strict=True):
            compare(a, b, names, where)
    elif isinstance(first, Rows) and isinstance(second, Rows):
        compare(first.parts, second.parts, names, where)
    elif isinstance(first, dict):
        compare(list(first.items()), list(second.items()), names, where)
    elif isinstance(first, np.ndarray) and first.ndim:
        if first is second and first.flags.writeable:
            refuse_captured(first, where)
        if not same_numbers(first, second):
            raise CompileError(
                "compile", "an array that is another in each call enters the step",
                got=f"{describe(second)}, used at {where.line}",
                wanted="the array as an argument of the step",
            )  # fmt: skip
    elif isinstance(first, Variable) and isinstance(second, Variable):
        if first is not second and not same_numbers(first.value, second.value):
            raise differs(where, f"{describe(first)} and {describe(second)}")
    elif callable(first):
        if not made_alike(first, second):
            raise differs(where, f"{describe(first)} and {describe(second)}")
    elif first is not second and not same_numbers(first, second):
        raise differs(where, f"{describe(first)} in the first call, {describe(second)} then")


def refuse_captured(array: Any, where: Operation) -> None:
    raise CompileError(
        "compile", "an array from outside of the step is part of it: another could take its place "
        "unseen", got=f"{describe(array)}, used at {where.line}",
        wanted="the array as an argument of the step, or a Tensor made of it before",
    )  # fmt: skip


def same_numbers(first: Any, second: Any) -> bool:
    """Whether two constants are equal, NaN equal to NaN."""
    try:
        if isinstance(first, (np.ndarray, np.generic, float)):
            return first is second or (
                np.shape(first) == np.shape(second)
                and bool(
                    np.array_equal(first, second, equal_nan=np.asarray(first).dtype.kind == "f")
                )
            )
        return bool(first == second)
    except (TypeError, ValueError):
        return False


def differs(where: Operation, got: str) -> CompileError:
    return CompileError(
        "compile", f"the step does not do the same in every call, first seen at {where.name}",
        got=f"{got}, at {where.line}" if where.line else got,
        wanted="a step that depends on its arguments and on Tensors only; numbers that change, "
        "such as a counter, as arguments",
    )  # fmt: skip
