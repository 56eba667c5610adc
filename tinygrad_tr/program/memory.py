"""Which memory the arrays of a program take: buffers made once, for as long as each is needed.

An array lives until the last step that reads it, or a view of it, or that calls a pullback which
holds it. What leaves the program (results, gradients) is new in every run. Of the rest, small
arrays that a loop or one of NumPy's functions writes lie in buffers, shared by those whose lives do
not overlap: to ask for memory would take longer than to fill it. Large ones are new too and freed
after their last use, so that they never stand beside what kernels need for a moment; or they are
written over an array that is no longer needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .effects import keep_grad
from .fusion import Loop, Step
from .passes import passes
from .simplify import is_elementwise
from .tape import Operation, Value

LARGE = 1 << 16  # bytes
ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass
class Layout:
    """Where values lie: the numbers of their buffers, or the values that they are written over."""

    places: dict[Value, int]
    over: dict[Value, Value]
    sizes: list[int]

    @property
    def nbytes(self) -> int:
        return sum(self.sizes)

    def arrays(self) -> dict[Value, np.ndarray[Any, Any]]:
        """The buffers, allocated, as the arrays of the values that lie in them."""
        buffers = [aligned(size) for size in self.sizes]
        return {
            value: buffers[place][: value.nbytes].view(value.dtype).reshape(value.shape)
            for value, place in self.places.items()
        }


def aligned(size: int) -> np.ndarray[Any, Any]:
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def laid_out(steps: Sequence[Step], results: Collection[Value]) -> Layout:
    """The lives of all values, and a buffer for each small one that can have one."""
    last_use = lives(steps, results)
    end = len(steps)
    places: dict[Value, int] = {}
    over: dict[Value, Value] = {}
    sizes: list[int] = []
    free: list[int] = []
    ending: dict[int, list[int]] = {}
    for i, step in enumerate(steps):
        for value in writable(step):
            if last_use.get(value, end) >= end:
                continue
            if value.nbytes > LARGE:
                dying = giving_way(step, value, i, last_use, over.values())
                if dying is not None:
                    over[value] = dying
                continue
            place = fitting(free, sizes, value.nbytes)
            if place is None:
                place = len(sizes)
                sizes.append(value.nbytes)
            else:
                free.remove(place)
                sizes[place] = max(sizes[place], value.nbytes)
            places[value] = place
            ending.setdefault(max(i, last_use[value]), []).append(place)
        free += ending.pop(i, [])
    return Layout(places, over, sizes)


def giving_way(
    step: Step, out: Value, i: int, last_use: Mapping[Value, int], taken: Collection[Value]
) -> Value | None:
    """What step i reads for the last time, if the result can be written over it."""
    if isinstance(step, Loop):
        read_later = later_reads(step, out)
    elif is_elementwise(step):
        read_later = set()
    else:
        return None
    for value in step.reads:
        alike = (value.shape, value.dtype) == (out.shape, out.dtype)
        free = alike and value.owned and last_use[value] == i and value not in taken
        if free and value not in read_later:
            return value
    return None


def later_reads(loop: Loop, out: Value) -> set[Value]:
    """What a loop still reads when it has stored an output."""
    parts = passes(loop.operations, loop.outputs)
    stored = next((n for n, part in enumerate(parts) if out in part.stored), -1)
    return set().union(*(part.reads for part in parts[stored + 1 :]))


def fitting(free: Sequence[int], sizes: Sequence[int], wanted: int) -> int | None:
    """The smallest free buffer that is large enough; else the largest, which then grows."""
    if not free:
        return None
    enough = [place for place in free if sizes[place] >= wanted]
    if enough:
        return min(enough, key=lambda place: sizes[place])
    return max(free, key=lambda place: sizes[place])


def writable(step: Step) -> list[Value]:
    """What a step can be told to write into an array that is there already."""
    if isinstance(step, Loop):
        return step.outputs
    if not isinstance(step.function, np.ufunc) or step.keywords or not step.pure:
        return []
    (*others, out) = step.outputs
    return [out] if not others and out.owned and out.shape else []


def lives(steps: Sequence[Step], results: Collection[Value]) -> dict[Value, int]:
    """The number of the last step that needs the memory of a value; what leaves has no last."""
    end = len(steps)
    last_use = dict.fromkeys(results, end)
    for i in range(end - 1, -1, -1):
        step = steps[i]
        held = i
        if isinstance(step, Operation):
            if step.function is keep_grad or step.barrier:
                held = end
            else:
                # A view, or a pullback that holds what it was made with, keeps the memory.
                held = max([i, *(last_use.get(out, i) for out in step.outputs if keeps(step, out))])
        for value in step.reads:
            last_use[value] = max(last_use.get(value, 0), held)
        for out in step.outputs:
            last_use.setdefault(out, i)
    return last_use


def keeps(step: Operation, out: Value) -> bool:
    """Whether an output may hold on to the memory of what the step read."""
    return not out.owned or out.shape is None
