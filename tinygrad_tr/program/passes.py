"""What a loop does in which of its passes over a row.

A loop with sums takes row by row, all numbers that go into one sum. What needs a sum waits for
the next pass over the row, which then lies in the cache; what several passes need is computed in
each, rather than kept. A loop without sums is one pass.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .tape import Operation, Value


@dataclass
class Pass:
    """What is done before a pass, for the row as a whole, and in it, for each number."""

    before: list[Operation] = field(default_factory=list)
    each: list[Operation] = field(default_factory=list)
    sums: list[Operation] = field(default_factory=list)
    stored: list[Value] = field(default_factory=list)

    @property
    def reads(self) -> set[Value]:
        """The values that it takes number by number, its own and others."""
        return {v for done in (*self.each, *self.sums) for v in done.reads} | {*self.stored}


def is_sum(done: Operation) -> bool:
    return bool(done.function == np.add.reduce)  # made anew each time it is looked up


def shape_of(operations: Sequence[Operation]) -> Any:
    """The shape that a loop of these operations passes over."""
    shapes = (done.reads[0].shape if is_sum(done) else done.outputs[0].shape for done in operations)
    return max(shapes, key=lambda shape: (len(shape), *shape))


def rows_of(operations: Sequence[Operation]) -> Any:
    """The shape of the sums, None if there are none."""
    return next((done.outputs[0].shape for done in operations if is_sum(done)), None)


def passes(operations: Sequence[Operation], outputs: Collection[Value]) -> list[Pass]:
    """The passes of a loop, in order; what stands before the last is done after all of them.

    An output is stored in the last pass that computes it, when the others have read the array
    that it may be written over.
    """
    shape = shape_of(operations)
    known: dict[Value, int] = {}  # how many passes it takes to know a value
    for done in operations:
        after = max((known.get(value, 0) for value in done.reads), default=0)
        known[done.outputs[0]] = after + is_sum(done)
    made = [Pass() for _ in range(1 + max(known.values()))]
    for done in operations:
        (out,) = done.outputs
        if is_sum(done):
            made[known[out] - 1].sums.append(done)
        elif out.shape != shape:
            made[known[out]].before.append(done)
    unstored = {out for out in outputs if out.shape == shape}
    for number in range(len(made) - 1, -1, -1):
        now = made[number]
        needed = {value for done in now.sums for value in done.reads}
        now.stored = [v for v in outputs if v in unstored and known[v] == number]
        needed.update(now.stored)
        for done in reversed(operations):
            (out,) = done.outputs
            if out in needed and out.shape == shape:
                needed.update(done.reads)
                now.each.append(done)
        now.each.reverse()
        now.stored += [v for v in outputs if v in unstored & needed and v not in now.stored]
        unstored -= set(now.stored)
    return made
