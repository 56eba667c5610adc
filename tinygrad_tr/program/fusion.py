"""Elementwise operations that pass over the same numbers, put into one loop.

Every operation is a step of its own at first. One that is elementwise joins a loop over its own
shape, unless something in between needs the loop's result and is needed by the operation: then
neither could be first. What each step depends on is kept as the bits of an integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .elementary import FUNCTIONS, LOGIC
from .simplify import is_elementwise
from .tape import Method, Operation, Value

LARGEST = 100  # operations in a loop: compiling takes longer than in proportion
MOST_ARRAYS = 24
MOST_AXES = 3  # of a loop, after axes that all its arrays have or lack together are one
DTYPES = frozenset("fd?")
NUMBERS = (bool, int, float, np.generic)


class Loop:
    """Elementwise operations over one shape, in order: a step of a program."""

    pure = True
    barrier = False

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations
        self.shape = operations[0].outputs[0].shape
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


def fused(operations: Sequence[Operation], results: Iterable[Value], *, loops: bool) -> list[Step]:
    """The operations in an order that can be run, those that go together in loops."""
    homes: dict[Value, int] = {}  # the step that makes a value
    members: list[list[Operation]] = []
    before: list[int] = []  # the steps that a step depends on, as bits
    places: list[int] = []  # where the last operation of a step stands on the tape
    open_loops: dict[Any, list[int]] = {}  # by shape and segment: loops that may be joined
    segment, barrier, ordered = 0, 0, 0
    for place, done in enumerate(operations):
        needs = 0
        for value in done.reads:
            if value in homes:
                needs |= 1 << homes[value]
        needs |= barrier
        for i in bits(needs):
            needs |= before[i]
        home = None
        key = (done.outputs[0].shape, segment) if loops and fusable(done) else None
        if key is not None:
            home = joined(done, open_loops.get(key, []), members, before, homes)
        is_new = home is None
        if home is None:
            home = len(members)
            members.append([])
            before.append(0)
            places.append(place)
            if key is not None:
                open_loops.setdefault(key, []).append(home)
        members[home].append(done)
        places[home] = place
        news = needs & ~(1 << home) & ~before[home]
        if not done.pure:
            news |= ordered
            for i in bits(ordered):
                news |= before[i]
            ordered = 1 << home
        if done.barrier:  # what it may change must not be read before or after by mistake
            news |= (1 << home) - 1
            barrier, segment = 1 << home, segment + 1
        before[home] |= news
        if news and not is_new:
            for i, known in enumerate(before):
                if known >> home & 1:
                    before[i] = known | news
        homes.update(dict.fromkeys(done.outputs, home))
    return ordered_steps(members, before, places, set(results))


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
    """Whether one loop can hold them: few arrays, few axes."""
    inside = {value for done in operations for value in done.outputs}
    read = {value for done in operations for value in done.reads} - inside
    shape = operations[0].outputs[0].shape
    return len(read) <= MOST_ARRAYS and len(axes_of(shape, [v.shape for v in read])) <= MOST_AXES


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


def ordered_steps(
    members: Sequence[list[Operation]],
    before: Sequence[int],
    places: Sequence[int],
    results: set[Value],
) -> list[Step]:
    """Steps after those that they depend on, otherwise as the tape has them."""
    steps: list[Step] = [own[0] if len(own) == 1 else Loop(own) for own in members]
    used = results.union(*(
        done.reads for own, step in zip(members, steps, strict=True)
        for done in own if isinstance(step, Operation)
    ))  # fmt: skip
    loops = [step for step in steps if isinstance(step, Loop)]
    for loop in loops:  # what one loop reads, another must give
        inside = {value for done in loop.operations for value in done.outputs}
        used |= {v for done in loop.operations for v in done.reads if v not in inside}
    for loop in loops:
        loop.settle(used)
    # As late as the tape has them: what is made early would wait in memory.
    order: list[int] = []
    emitted = 0
    for last in sorted(range(len(steps)), key=lambda i: places[i]):
        missing = (before[last] | 1 << last) & ~emitted
        order += sorted(bits(missing), key=lambda i: before[i].bit_count())
        emitted |= missing
    return [steps[i] for i in order]
