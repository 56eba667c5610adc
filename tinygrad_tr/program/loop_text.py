"""The text of a loop: what its operations are to one number, after the other.

Where operands repeat along an axis the loop is nested, over at most three axes; the arrays come
flat, and in one piece. The text knows shapes only by which operand goes along which axis, so
networks of other sizes find their loops compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .elementary import CHOICES, FUNCTIONS, LOGIC, SIGNS
from .fusion import Loop, axes_of
from .tape import Method, Operation, Value

SCALARS = {"f": "float32", "d": "float64", "?": "boolean"}
INDICES = "ijk"


def source_of(loop: Loop) -> tuple[str, list[int]]:
    """The text of a loop, and the lengths of its axes."""
    operands = [*loop.reads, *loop.outputs]
    axes = axes_of(loop.shape, [value.shape for value in operands])
    innermost = len(axes) - 1
    before: list[list[str]] = [[] for _ in axes]  # what stands before the loop over each axis
    inner: list[str] = []
    names: dict[Value, str] = {}
    for n, value in enumerate(operands):
        along = [which[n] for _, which in axes]
        level = max((axis + 1 for axis in range(innermost) if along[axis]), default=0)
        if along[innermost]:
            before[level].append(f"p{n} = a{n}{row(along)}")
            if n < len(loop.reads):
                inner.append(f"x{n} = p{n}[{INDICES[innermost]}]")
        else:
            before[level].append(f"x{n} = a{n}[{place(along)}]")
        names[value] = f"x{n}"
    constants: dict[tuple[str, str], str] = {}
    for m, done in enumerate(loop.operations):
        inner.append(f"v{m} = {expression(done, names, constants)}")
        names[done.outputs[0]] = f"v{m}"
    for n, value in enumerate(loop.outputs, len(loop.reads)):
        inner.append(f"p{n}[{INDICES[innermost]}] = {names[value]}")
    sizes = [f"n{axis}" for axis in range(len(axes))]
    arrays = [f"a{n}" for n in range(len(operands))]
    lines = [f"{name} = {dtype}({number})" for (dtype, number), name in constants.items()]
    lines += ["", f"def loop({', '.join(['first', 'last', *sizes, *arrays])}):"]
    for axis, index in enumerate(INDICES[: len(axes)]):
        indent = "    " * (axis + 1)
        lines += [indent + line for line in before[axis]]
        lines.append(f"{indent}for {index} in range({bounds(axis, innermost)}):")
    lines += ["    " * (len(axes) + 1) + line for line in inner]
    return "\n".join([*lines, ""]), [length for length, _ in axes]


def bounds(axis: int, innermost: int) -> str:
    """What a loop counts to: the first axis is shared out, and its rows are cut out before."""
    if axis == innermost:
        return f"n{axis}" if axis else "last - first"
    return f"n{axis}" if axis else "first, last"


def place(along: Sequence[bool]) -> str:
    """Where the loops over the axes are in an operand that goes along some of them."""
    text = ""
    for axis, goes in enumerate(along):
        if goes:
            text = f"({text}) * n{axis} + {INDICES[axis]}" if text else INDICES[axis]
    return text or "0"


def row(along: Sequence[bool]) -> str:
    """The numbers that the innermost loop passes over, of an operand that goes along it."""
    innermost = len(along) - 1
    if innermost == 0:
        return "[first:last]"
    if not any(along[:innermost]):
        return ""
    start = f"({place(along[:innermost])}) * n{innermost}"
    return f"[{start} : {start} + n{innermost}]"


def expression(
    done: Operation, names: dict[Value, str], constants: dict[tuple[str, str], str]
) -> str:
    """What the operation is to one number."""
    (out,) = done.outputs
    if isinstance(done.function, Method):
        return cast(names[done.inputs[0]], done.inputs[0].dtype, out.dtype)
    choosing = done.function is np.where
    numbers = done.inputs[1:] if choosing else done.inputs
    kind = out.dtype if choosing or out.dtype.char != "?" else common(numbers)

    def operand(x: Any, kind: Any) -> str:
        if isinstance(x, Value):
            return cast(names[x], x.dtype, kind)
        number = kind.type(x)
        key = (SCALARS[kind.char], repr(number.item()))
        return constants.setdefault(key, f"c{len(constants)}")

    terms = [operand(x, kind) for x in numbers]
    if choosing:
        terms = [operand(done.inputs[0], np.dtype(bool)), *terms]
    function = done.function
    if function in FUNCTIONS or function in CHOICES:
        name = (FUNCTIONS.get(function) or CHOICES[function]).__name__
        return f"{name}({', '.join(terms)})"
    text = (LOGIC if function in LOGIC else SIGNS)[function].format(*terms)
    if function is np.reciprocal:
        text = f"{operand(1, kind)} / {terms[0]}"
    return text


def common(numbers: Sequence[Any]) -> Any:
    """The dtype in which numbers are compared; Python's take that of the others."""
    return np.result_type(*(x.dtype if isinstance(x, Value) else x for x in numbers))


def cast(name: str, given: Any, wanted: Any) -> str:
    if given == wanted:
        return name
    if wanted.char == "?":
        return f"({name} != 0)"
    return f"{SCALARS[wanted.char]}({name})"
