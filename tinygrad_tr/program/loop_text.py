"""The text of a loop: what its operations are to one number, after the other.

Where operands repeat along an axis the loop is nested, over at most three axes; the arrays come
flat, and in one piece. Sums are taken row by row: first come the axes that tell rows apart, and
inside them each pass over a row has a nest of its own. The text knows shapes only by which
operand goes along which axis, and is given all but the plainest numbers, so networks of other
sizes find their loops compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .elementary import CHOICES, FUNCTIONS, LOGIC, SIGNS
from .fusion import Loop, axes_of
from .passes import Pass, passes
from .tape import Method, Operation, Value

SCALARS = {"f": "float32", "d": "float64", "?": "boolean"}
INDICES = "ijk"
WRITTEN_OUT = frozenset({-1, 0, 0.5, 1, 2})  # numbers with which the compiler can do something


class Source(NamedTuple):
    """The text of a loop, the lengths of its axes, which of them can be shared out, its numbers."""

    text: str
    lengths: list[int]
    shared: int
    numbers: list[float]


def source_of(loop: Loop, over: Mapping[Value, Value]) -> Source:
    """The text of a loop; `over` says which results are written over what they are made from."""
    arrays = [*loop.reads, *(value for value in loop.outputs if value not in over)]
    numbers = {value: n for n, value in enumerate(arrays)}
    numbers.update({out: numbers[over[out]] for out in loop.outputs if out in over})
    shapes = [value.shape for value in arrays]
    axes = axes_of(loop.shape, shapes if loop.rows is None else [*shapes, loop.rows])
    rows = [] if loop.rows is None else [axis for axis, (_, along) in enumerate(axes) if along[-1]]
    nest = [*rows, *(axis for axis in range(len(axes)) if axis not in rows)]
    writer = Nest(loop, numbers, [along for _, along in axes], nest, len(rows))
    parts = passes(loop.operations, loop.outputs)
    for level in range(len(rows)):
        writer.load(level, loop.reads)
        writer.open(level)
    writer.load(len(rows), [v for v in loop.reads if not writer.in_pass(v)])
    for part in parts:
        writer.write_pass(part)
    for value in loop.outputs:
        if value.shape != loop.shape:
            writer.store(value, len(rows))
    sizes = [f"n{axis}" for axis in range(len(axes))]
    given = {key: name for key, name in writer.constants.items() if is_given(*key)}
    constants = [
        f"{name} = {kind}({f'given_{name}' if (kind, x) in given else x})"
        for (kind, x), name in writer.constants.items()
    ]
    own = [f"given_{name}" for name in given.values()]
    header = ", ".join(["first", "last", *sizes, *own, *(f"a{n}" for n in range(len(arrays)))])
    lines = [f"def loop({header}):", *(f"    {line}" for line in constants), *writer.lines, ""]
    numbers_given = [float(x) for _, x in given]
    return Source("\n".join(lines), [n for n, _ in axes], nest[0], numbers_given)


def is_given(kind: str, x: str) -> bool:
    """Whether a loop is given the number in each call, as other loops differ in it alone."""
    return kind != "boolean" and float(x) not in WRITTEN_OUT


class Nest:
    """The lines of a loop.

    `nest` has the axes from the outermost loop to the innermost, of which `rows` are outside of
    the passes; `along[axis][n]` is whether array n goes along the axis.
    """

    def __init__(
        self, loop: Loop, numbers: Mapping[Value, int], along: Sequence[Sequence[bool]],
        nest: Sequence[int], rows: int,
    ) -> None:  # fmt: skip
        self.loop, self.numbers, self.nest, self.rows = loop, numbers, nest, rows
        self.along = {value: [bool(which[n]) for which in along] for value, n in numbers.items()}
        self.lines: list[str] = []
        self.constants: dict[tuple[str, str], str] = {}
        self.names: dict[Value, str] = {value: f"x{numbers[value]}" for value in loop.reads}
        self.names |= {done.outputs[0]: f"v{m}" for m, done in enumerate(loop.operations)}

    def write(self, level: int, line: str) -> None:
        self.lines.append("    " * (level + 1) + line)

    def open(self, level: int) -> None:
        """Begin the loop over an axis; the outermost one is shared out."""
        axis = self.nest[level]
        span = f"n{axis}"
        if level == 0:
            span = "first, last" if len(self.nest) > 1 else "last - first"
        self.write(level, f"for {INDICES[axis]} in range({span}):")

    def depth(self, value: Value) -> int:
        """How many loops stand around what is said of an array before the innermost one."""
        along = self.along[value]
        around = self.nest[:-1]
        return max((level + 1 for level, axis in enumerate(around) if along[axis]), default=0)

    def in_pass(self, value: Value) -> bool:
        """Whether an array is another in each number, or in each part, of a row."""
        return not self.rows or self.depth(value) > self.rows or self.along[value][self.nest[-1]]

    def load(self, level: int, values: Sequence[Value]) -> None:
        """What is said of these arrays inside `level` loops: their rows, or their numbers."""
        for value in values:
            if self.depth(value) != level:
                continue
            n, along = self.numbers[value], self.along[value]
            if along[self.nest[-1]]:
                self.write(level, f"p{n} = a{n}{row(along)}")
            else:
                self.write(level, f"x{n} = a{n}[{place(along)}]")

    def write_pass(self, part: Pass) -> None:
        """What is done before a pass, and the pass."""
        for done in part.before:
            self.compute(done, self.rows)
        if not part.each and not part.sums and not part.stored:
            return
        for done in part.sums:
            zero = self.constant(done.outputs[0].dtype, 0)
            self.write(self.rows, f"{self.names[done.outputs[0]]} = {zero}")
        innermost = len(self.nest)
        read = [v for v in self.loop.reads if v in part.reads and self.in_pass(v)]
        rows = [v for v in part.stored if self.numbers[v] not in {self.numbers[u] for u in read}]
        for level in range(self.rows, innermost):
            self.load(level, [*read, *rows])
            self.open(level)
        index = INDICES[self.nest[-1]]
        for value in read:
            if self.along[value][self.nest[-1]]:
                n = self.numbers[value]
                self.write(innermost, f"x{n} = p{n}[{index}]")
        for done in part.each:
            self.compute(done, innermost)
        for done in part.sums:
            total = self.names[done.outputs[0]]
            self.write(innermost, f"{total} = plus({total}, {self.names[done.reads[0]]})")
        for value in part.stored:
            self.write(innermost, f"p{self.numbers[value]}[{index}] = {self.names[value]}")

    def compute(self, done: Operation, level: int) -> None:
        text = expression(done, self.names, self.constant)
        self.write(level, f"{self.names[done.outputs[0]]} = {text}")

    def store(self, value: Value, level: int) -> None:
        """Write a number that belongs to a row."""
        n = self.numbers[value]
        self.write(level, f"a{n}[{place(self.along[value])}] = {self.names[value]}")

    def constant(self, kind: Any, x: Any) -> str:
        """The name of a number of this dtype."""
        key = (SCALARS[kind.char], repr(kind.type(x).item()))
        return self.constants.setdefault(key, f"c{len(self.constants)}")


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
    done: Operation, names: Mapping[Value, str], constant: Callable[[Any, Any], str]
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
        return constant(kind, x)

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
