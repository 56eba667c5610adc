"""Operations that pass over the same numbers, put into one loop.

Every operation is a step of its own at first. One that is elementwise joins a loop over its own
shape, a sum one over what it adds up, unless something in between needs the loop's result and is
needed by the operation: then neither could be first. What each step depends on is kept as the
bits of an integer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .elementary import FUNCTIONS, LOGIC
from .passes import is_sum, passes, rows_of, shape_of
from .simplify import is_elementwise
from .tape import Method, Operation, Value

LARGEST = 100  # operations in a loop: compiling takes longer than in proportion
MOST_ARRAYS = 24
MOST_AXES = 3  # of a loop, after axes that all its arrays have or lack together are one
SHARED = 1 << 18  # operations, times their numbers, that are work for two cores
FUNCTION = 8  # operations that take as long as an exponential
SMALLEST = 1 << 15  # numbers that a loop adds up faster than NumPy
FEWEST_ROWS, SHORTEST = 8, 16  # of a loop with sums: for the cores, and for the vector unit
LONGEST = 1 << 18  # bytes of a row: some of them must stay in the cache until the next pass
DTYPES = frozenset("fd?")
NUMBERS = (bool, int, float, np.generic)


class Loop:
    """Operations over one shape, in order: a step of a program.

    All are elementwise, or sums over the same axes, and what is made of those.
    """

    pure = True
    barrier = False

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations
        self.shape = shape_of(operations)
        self.rows = rows_of(operations)
        self.reads: list[Value] = []
        self.outputs: list[Value] = []  # those that others read

    def settle(self, used: set[Value]) -> None:
        """Find what comes in and what goes out, given what all others use."""
        own = [value for done in self.operations for value in done.outputs]
        read = dict.fromkeys(value for done in self.operations for value in done.reads)
        inside = set(own)
        self.reads = [value for value in read if value not in inside]
        self.outputs = [value for value in own if value in used]

    @property
    def name(self) -> str:
        return "loop"


Step = Operation | Loop


def fusable(done: Operation) -> bool:
    """Whether a loop can do what the operation does."""
    if is_sum(done):
        return summable(done)
    if not is_elementwise(done):
        return False
    (out,) = done.outputs
    if not out.shape or out.dtype.char not in DTYPES or not np.prod(out.shape):
        return False
    values = [x for x in done.inputs if isinstance(x, Value)]
    if not values or any(x.shape is None or x.dtype.char not in DTYPES for x in values):
        return False
    if isinstance(done.function, Method):
        return np.dtype(done.inputs[1]).char in DTYPES
    if not all(isinstance(x, (Value, *NUMBERS)) for x in done.inputs):
        return False
    if done.function in FUNCTIONS:
        return out.dtype.char == "f" and all(x.dtype.char == "f" for x in values)
    if done.function in LOGIC:
        return all(x.dtype.char == "?" for x in values) and len(values) == len(done.inputs)
    return True


def summable(done: Operation) -> bool:
    """Whether a loop should add the numbers up: over the last axes, in rows that the cache holds.

    The axes are kept, with length 1.
    """
    (x, *others), out = done.inputs, done.made
    alike = isinstance(x, Value) and isinstance(out, Value) and x.dtype == out.dtype
    if others or not alike or x.dtype.char not in "fd" or not out.shape:
        return False
    if done.keywords.keys() - {"axis", "keepdims"} or len(out.shape) != len(x.shape):
        return False
    count = int(np.prod(x.shape))
    rows = int(np.prod(out.shape))
    if count < SMALLEST or rows < FEWEST_ROWS or count // rows * x.dtype.itemsize > LONGEST:
        return False
    inner = 1
    for length, kept in zip(reversed(x.shape), reversed(out.shape), strict=True):
        if kept != 1:
            break
        inner *= length
    return inner >= SHORTEST


def fused(operations: Sequence[Operation], results: Iterable[Value], *, loops: bool) -> list[Step]:
    """The operations in an order that can be run, those that go together in loops."""
    homes: dict[Value, int] = {}  # the step that makes a value
    members: list[list[Operation]] = []
    before: list[int] = []  # the steps that a step depends on, as bits
    places: list[int] = []  # where the last operation of a step stands on the tape
    open_loops: dict[Any, list[int]] = {}  # by shape and segment: loops that may be joined
    segment, barrier, impure = 0, 0, 0
    for place, done in enumerate(operations):
        needs = 0
        for value in done.reads:
            if value in homes:
                needs |= 1 << homes[value]
        needs |= barrier
        for i in bits(needs):
            needs |= before[i]
        home = None
        keys = [(shape, segment) for shape in shapes_of(done)] if loops and fusable(done) else []
        if keys:
            home = joined(done, open_loops.get(keys[0], []), members, before, homes)
        is_new = home is None
        if home is None:
            home = len(members)
            members.append([])
            before.append(0)
            places.append(place)
        for key in keys:
            if home not in open_loops.setdefault(key, []):
                open_loops[key].append(home)
        members[home].append(done)
        places[home] = place
        news = needs & ~(1 << home) & ~before[home]
        if not done.pure:
            news |= impure
            for i in bits(impure):
                news |= before[i]
            impure = 1 << home
        if done.barrier:  # what it may change must not be read before or after by mistake
            news |= (1 << home) - 1
            barrier, segment = 1 << home, segment + 1
        before[home] |= news
        if news and not is_new:
            for i, known in enumerate(before):
                if known >> home & 1:
                    before[i] = known | news
        homes.update(dict.fromkeys(done.outputs, home))
    steps: list[Step] = [Loop(own) if loops and is_loop(own) else own[0] for own in members]
    settle(steps, set(results))
    return [steps[i] for i in ordered(before, places)]


def shapes_of(done: Operation) -> list[Any]:
    """The shapes of the operations that may join a loop of this one; its own comes first."""
    (out,) = done.outputs
    return [done.reads[0].shape, out.shape] if is_sum(done) else [out.shape]


def joined(
    done: Operation,
    candidates: Sequence[int],
    members: Sequence[Sequence[Operation]],
    before: Sequence[int],
    homes: dict[Value, int],
) -> int | None:
    """The loop that the operation joins: the last one that it shares an array with."""
    for home in reversed(candidates[-8:]):
        own = members[home]
        if len(own) >= LARGEST:
            continue
        between = 0
        for value in done.reads:
            if homes.get(value, home) != home:
                i = homes[value]
                between |= before[i] | 1 << i
        if between >> home & 1:
            continue
        shared = {value for other in own for value in (*other.reads, *other.outputs)}
        if shared.isdisjoint(done.reads):
            continue
        if fits([*own, done]):
            return home
    return None


def bits(number: int) -> Iterable[int]:
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


def fits(operations: Sequence[Operation]) -> bool:
    """Whether one loop can hold them: few arrays, few axes, sums over the same ones."""
    inside = {value for done in operations for value in done.outputs}
    read = {value for done in operations for value in done.reads} - inside
    shape, rows = shape_of(operations), rows_of(operations)
    if len(operations) > LARGEST or len(read) > MOST_ARRAYS:
        return False
    shapes = {done.outputs[0].shape for done in operations}
    if not shapes <= {shape, rows}:
        return False
    if len(axes_of(shape, [*(v.shape for v in read), *([rows] if rows else [])])) > MOST_AXES:
        return False
    if rows is None:
        return True
    if any(is_sum(done) and done.reads[0].shape != shape for done in operations):
        return False
    counts = Counter(done.outputs[0] for each in passes(operations, inside) for done in each.each)
    costly = (done.outputs[0] for done in operations if done.function in FUNCTIONS)
    return all(counts[out] <= 1 for out in costly)


def axes_of(
    shape: Sequence[int], operands: Sequence[Sequence[int]]
) -> list[tuple[int, tuple[bool, ...]]]:
    """The axes of a loop: lengths, and which operands go along them rather than repeat.

    Axes of length 1 are left out, and neighbours that all operands treat alike are one.
    """
    axes: list[tuple[int, tuple[bool, ...]]] = []
    for back in range(len(shape), 0, -1):
        length = shape[-back]
        if length == 1:
            continue
        along = tuple(len(s) >= back and s[-back] == length for s in operands)
        if axes and axes[-1][1] == along:
            axes[-1] = axes[-1][0] * length, along
        else:
            axes.append((length, along))
    return axes or [(1, tuple(True for _ in operands))]


def settle(steps: Iterable[Step], results: set[Value]) -> None:
    """Find what comes into each loop and what goes out, given what all others use."""
    used = set(results)
    for step in steps:
        if isinstance(step, Loop):
            inside = {value for done in step.operations for value in done.outputs}
            used |= {v for done in step.operations for v in done.reads if v not in inside}
        else:
            used.update(step.reads)
    for step in steps:
        if isinstance(step, Loop):
            step.settle(used)


def ordered(before: Sequence[int], places: Sequence[int]) -> list[int]:
    """Steps after those that they depend on, otherwise as the tape has them."""
    # As late as the tape has them: what is made early would wait in memory.
    order: list[int] = []
    emitted = 0
    for last in sorted(range(len(before)), key=lambda i: places[i]):
        missing = (before[last] | 1 << last) & ~emitted
        order += sorted(bits(missing), key=lambda i: before[i].bit_count())
        emitted |= missing
    return order


def is_loop(operations: Sequence[Operation]) -> bool:
    """Whether a loop is faster than NumPy: it is for several operations, or on several cores."""
    if len(operations) > 1:
        return True
    return fusable(operations[0]) and is_shared(operations)


def is_shared(operations: Sequence[Operation]) -> bool:
    """Whether two cores are faster than one, which has to wake the other."""
    work = sum(FUNCTION if done.function in FUNCTIONS else 1 for done in operations)
    return (1 + work) * int(np.prod(shape_of(operations))) >= SHARED
