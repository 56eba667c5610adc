"""Values computed again where they are needed, rather than kept from one loop to another.

The mask of a ReLU is a comparison with its result, which the layer behind keeps anyway. A loop
that needs such a value can make it from the same arrays, and nothing has to wait in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .elementary import CHOICES, LOGIC, SIGNS
from .fusion import Loop, Step, fits, fusable, settle
from .memory import lives
from .passes import is_sum
from .tape import Operation, Value, mapped

CHEAP = frozenset({*SIGNS, *LOGIC, *CHOICES})
MOST = 6  # operations that are done once more
MOST_READERS = 2


def remade(steps: Sequence[Step], results: Collection[Value]) -> list[Step]:
    """The steps, where loops make cheap values themselves; `results` are needed afterwards."""
    steps = list(steps)
    kept = set(results)
    for i, home in enumerate(steps):
        if not isinstance(home, Loop):
            continue
        for value in reversed(home.outputs):
            if value in kept or value.shape != home.shape:
                continue
            again = making(home, value)
            readers = [j for j, step in enumerate(steps) if value in step.reads]
            if not again or not worthwhile(steps, i, value, again, readers, kept):
                continue
            changed = {j: with_copies(steps[j], again) for j in readers}
            if all(fits(operations) for operations in changed.values()):
                for j, operations in changed.items():
                    steps[j] = Loop(operations)
                settle(steps, kept)
                home.operations = wanted(home)
                settle(steps, kept)
    return [step for step in steps if not isinstance(step, Loop) or step.operations]


def making(home: Loop, value: Value) -> list[Operation]:
    """The operations of a loop that make a value from what others know; none if they are dear."""
    found: list[Operation] = []
    needed = {value}
    for done in reversed(home.operations):
        (out,) = done.outputs
        if out not in needed:
            continue
        if out is not value and (out in home.outputs or out.shape != home.shape):
            continue  # others have it, or it is small
        if is_sum(done) or done.function not in CHEAP or len(found) == MOST:
            return []
        found.append(done)
        needed.update(done.reads)
    return found[::-1]


def worthwhile(
    steps: Sequence[Step], i: int, value: Value, again: Sequence[Operation],
    readers: Sequence[int], results: Collection[Value],
) -> bool:  # fmt: skip
    """Whether all who read the value can make it, and that takes no more memory or time.

    Memory counts for as long as it is held: in bytes times steps.
    """
    if not readers or len(readers) > MOST_READERS:
        return False
    for j in readers:
        step = steps[j]
        if isinstance(step, Operation) and not fusable(step):
            return False
        if any(other.barrier for other in steps[i:j]):
            return False  # what it is made from may have changed
    made = {out for done in again for out in done.outputs}
    given = {x for done in again for x in done.reads} - made
    large = {x for x in given if x.shape == value.shape}
    if any(len(large.difference(steps[j].reads)) > 1 for j in readers):
        return False
    last_use: Mapping[Value, int] = lives(steps, results)
    end = max(readers)
    longer = sum(x.nbytes * max(end - last_use[x], 0) for x in large)
    return longer <= value.nbytes * (end - i)


def with_copies(step: Step, again: Sequence[Operation]) -> list[Operation]:
    """The operations of a loop, after copies of those that make what it had been given."""
    new: dict[Any, Value] = {}

    def own(leaf: Any) -> Any:
        return new.get(leaf, leaf) if isinstance(leaf, Value) else leaf

    copies = []
    for done in again:
        (out,) = done.outputs
        new[out] = Value(out)
        copies.append(replace(done, inputs=mapped(done.inputs, own), made=new[out]))
    old = step.operations if isinstance(step, Loop) else [step]
    return copies + [replace(done, inputs=mapped(done.inputs, own)) for done in old]


def wanted(loop: Loop) -> list[Operation]:
    """The operations of a loop that its outputs are made from."""
    needed = set(loop.outputs)
    kept = []
    for done in reversed(loop.operations):
        if not needed.isdisjoint(done.outputs):
            needed.update(done.reads)
            kept.append(done)
    return kept[::-1]
