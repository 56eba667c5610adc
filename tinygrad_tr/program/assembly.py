"""The text of a program: one function in Python, a line for every step.

Names: v values, b buffers, t Tensors from outside, a arrays; functions and objects have their own.
"""

from __future__ import annotations

import keyword
import math
import operator
import re
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.graph import Variable, constant
from tinygrad_tr.kernels.scattering import Rows
from tinygrad_tr.kernels.threads import in_parts

from .effects import called, constant_of, forget_grad, keep_grad, read
from .fusion import Loop, Step, is_shared
from .loop_text import source_of
from .loops import compiled
from .memory import Layout
from .tape import Method, Operation, Value, values_in

INFIX = {
    np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.less: "<",
    np.greater: ">", np.less_equal: "<=", np.greater_equal: ">=", np.equal: "==",
    np.not_equal: "!=",
}  # fmt: skip
"""Between NumPy's numbers, signs cost a tenth of the functions."""


class Stale(Exception):  # noqa: N818  a signal: the program was made for other Tensors
    """A Tensor from outside has another shape or dtype than it had."""


class Writer:
    """Lines, and what the names in them stand for."""

    def __init__(self, layout: Layout, arguments: Sequence[Value]) -> None:
        self.layout = layout
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            "ascontiguousarray": np.ascontiguousarray, "empty": np.empty, "errstate": np.errstate,
            "constant": constant, "fit": fit, "share": share, "Rows": Rows,
        }  # fmt: skip
        self.known: dict[Any, str] = {}
        self.values = {value: f"v{i}" for i, value in enumerate(arguments)}
        for value, array in layout.arrays().items():
            self.values[value] = self.value_name(value)
            self.names[f"b{self.values[value][1:]}"] = array
            self.names[f"flat_b{self.values[value][1:]}"] = array.reshape(-1)

    def value_name(self, value: Value) -> str:
        return self.values.setdefault(value, f"v{len(self.values)}")

    def constant_name(self, thing: Any) -> str:
        """A name for what is the same in every run: its own, if it has one."""
        # np.add.reduce is another object each time that it is looked up.
        key = thing if isinstance(thing, types.BuiltinMethodType) else id(thing)
        if key not in self.known:
            name = spoken(thing)
            if name in self.names or keyword.iskeyword(name):
                name = f"{name}_{len(self.known)}"
            self.known[key] = name
            self.names[name] = thing
        return self.known[key]

    def tensor(self, x: Any) -> str:
        """The name of a Tensor from outside, or of the argument that is one."""
        return self.value_name(x) if isinstance(x, Value) else self.constant_name(x)

    def text(self, tree: Any) -> str:
        """A tree of arguments, written out."""
        if isinstance(tree, Value):
            return self.value_name(tree)
        if type(tree) is tuple:
            return f"({''.join(f'{self.text(part)}, ' for part in tree)})"
        if type(tree) is list:
            return f"[{', '.join(map(self.text, tree))}]"
        if type(tree) is dict:
            return f"{{{', '.join(f'{k!r}: {self.text(part)}' for k, part in tree.items())}}}"
        if type(tree) is Rows:
            return f"Rows({self.text(tree.parts)}, {tree.shape})"
        if type(tree) in (bool, int, str, type(None)):
            return repr(tree)
        return self.constant_name(tree)

    def target(self, made: Any) -> str:
        """What a call is assigned to."""
        if isinstance(made, Value):
            return self.value_name(made)
        if isinstance(made, (tuple, list)) and made:
            return f"({''.join(f'{self.target(part)}, ' for part in made)})"
        return "_"

    def write(self, line: str, *, quiet: bool = False) -> None:
        around = "with errstate(all='ignore'): " if quiet else ""
        self.lines.append(f"    {around}{line}")

    # ------------------------------------------------------------------ steps

    def operation(self, done: Operation) -> None:
        if done.function is read:
            (tensor,) = done.inputs
            out, name = self.target(done.made), self.tensor(tensor)
            self.write(f"{out} = {name}.value")
            if not isinstance(tensor, Value):
                array = self.constant_name(tensor.value)
                self.write(f"if {out} is not {array}: fit({name}, {array})")
        elif done.function is forget_grad:
            self.write(f"{self.tensor(done.inputs[0])}._grad = None")
        elif done.function is keep_grad:
            tensor, g = done.inputs
            made = self.text(g) if isinstance(g, Rows) else f"constant({self.text(g)})"
            self.write(f"{self.tensor(tensor)}._grad = {made}")
        elif done.made is None:
            self.write(self.call(done))
        elif done.outputs[0] in self.layout.places:
            name = self.target(done.made)
            self.write(f"{name} = b{name[1:]}")
            self.write(self.call(done, f", out={name}"), quiet=done.quiet)
        else:
            over = self.layout.over.get(done.outputs[0])
            out = "" if over is None else f", out={self.value_name(over)}"
            self.write(f"{self.target(done.made)} = {self.call(done, out)}", quiet=done.quiet)

    def call(self, done: Operation, out: str = "") -> str:
        """The operation as an expression."""
        inputs, function = done.inputs, done.function
        if function is constant_of:
            return self.text(inputs[0])
        if function is called:
            return f"{self.text(inputs[0])}({', '.join(map(self.text, inputs[1:]))})"
        if function is operator.getitem:
            return f"{self.text(inputs[0])}[{self.text(inputs[1])}]"
        is_number = isinstance(done.made, Value) and done.made.shape == ()
        if function in INFIX and is_number and not done.keywords:
            return f"{self.text(inputs[0])} {INFIX[function]} {self.text(inputs[1])}"
        terms = [self.text(x) for x in inputs]
        terms += [f"{name}={self.text(x)}" for name, x in done.keywords.items()]
        if isinstance(function, Method):
            return f"{terms[0]}.{function.__name__}({', '.join(terms[1:])})"
        return f"{self.constant_name(function)}({', '.join(terms)}{out})"

    def loop(self, loop: Loop) -> None:
        over = self.layout.over
        text, lengths, shared, numbers = source_of(loop, over)
        arrays = [*loop.reads, *(value for value in loop.outputs if value not in over)]
        name = self.constant_name(compiled(text, tuple(value.dtype.char for value in arrays)))
        later = {over[out]: out for out in loop.outputs if out in over}
        for value in loop.outputs:
            own = self.value_name(value)
            if value in self.layout.places:
                self.write(f"{own} = b{own[1:]}")
            elif value in over:
                self.write(f"{own} = ascontiguousarray({self.value_name(over[value])})")
            else:
                dtype = self.constant_name(value.dtype)
                self.write(f"{own} = empty({value.shape}, {dtype})")
        flat = [self.flat(later.get(value, value)) for value in arrays]
        given = ", ".join([*map(str, lengths), *map(self.number, numbers), *flat])
        if is_shared(loop.operations):
            self.write(f"share({name}, {lengths[shared]}, {given})")
        else:
            self.write(f"{name}(0, {lengths[shared]}, {given})")

    def number(self, x: float) -> str:
        return repr(x) if math.isfinite(x) else f"float({str(x)!r})"

    def flat(self, value: Value) -> str:
        """The numbers of an array, in one row."""
        own = self.value_name(value)
        if value in self.layout.places:
            return f"flat_b{own[1:]}"
        return f"{own}.reshape(1)" if value.shape == () else f"{own}.ravel()"

    def forget(self, values: Iterable[Value]) -> None:
        """Let go of names that no later step reads; views and pullbacks keep what they hold."""
        gone = [
            self.values[value]
            for value in dict.fromkeys(values)
            if value in self.values and value not in self.layout.places
        ]
        if gone:
            self.write(f"del {', '.join(gone)}")


def spoken(thing: Any) -> str:
    """What a thing is called in the text of a program."""
    if isinstance(thing, Variable):
        name = f"t_{thing.name or ''}"
    elif isinstance(thing, (np.ndarray, np.generic)):
        name = "a"
    elif hasattr(thing, "py_func"):
        name = "loop"
    elif callable(thing):
        owner = getattr(getattr(thing, "__self__", None), "__name__", "")
        name = f"{owner}_{getattr(thing, '__name__', 'f')}".lstrip("_")
    else:
        name = type(thing).__name__.lower()
    found = re.sub(r"\W+", "_", name).strip("_")
    return found if found.isidentifier() and not re.fullmatch(r"[vb]\d+|flat_.*", found) else "c"


def share(loop: Callable[..., None], length: int, *rest: Any) -> None:
    """The loop over the first axis, on all cores."""
    in_parts(length, lambda first, last: loop(first, last, *rest))


def fit(tensor: Any, before: Any) -> None:
    """Refuse a Tensor that is no longer like the one that the program was made with."""
    if tensor.value.shape != before.shape or tensor.value.dtype != before.dtype:
        raise Stale


def assembled(
    steps: Sequence[Step], layout: Layout, arguments: Sequence[Value], results: Any
) -> tuple[Callable[..., Any], str]:
    """The program as a function of its arguments, and its text."""
    writer = Writer(layout, arguments)
    last = {value: i for i, step in enumerate(steps) for value in (*step.outputs, *step.reads)}
    for value in (*values_in((results,)), *arguments):
        last[value] = len(steps)
    for i, step in enumerate(steps):
        if isinstance(step, Loop):
            writer.loop(step)
        else:
            writer.operation(step)
        writer.forget(value for value in (*step.reads, *step.outputs) if last[value] == i)
    inputs = ", ".join(writer.values[value] for value in arguments)
    text = "\n".join(
        [f"def program({inputs}):", *writer.lines, f"    return {writer.text(results)}", ""]
    )
    exec(compile(text, "<program>", "exec"), writer.names)
    return writer.names.pop("program"), text  # its names do not hold the function: no cycle
