"""What repeats, folded into boxes: steps of a loop, blocks alike, long chains of operations.

A frame holds calls and operations in a row, as they were recorded. Where a stretch of the row
comes again and again, its first step is drawn, of a loop also the last, and a box for the others.
Loops within loops are folded from the inside out. A row that is still too long keeps its ends,
and has a box for what is between them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np

from tinygrad_tr.graph import Variable
from tinygrad_tr.picture.frames import Call
from tinygrad_tr.picture.numbers import count_written

OPERATION, AGAIN, BLOCK = range(3)  # a block is a module that is called once in its row
FEWEST = {OPERATION: 5, BLOCK: 3, AGAIN: 5}  # steps; fewer are all drawn
LONGEST = 1000  # items of a step
LONG, FIRST, LAST = 80, 4, 8  # a row with more items keeps so many at its ends
MOST_NAMED = 5  # kinds of operations named on a box


@dataclass(slots=True)
class Item:
    """A call, an operation, or steps that are folded, recorded from one stamp to another."""

    start: float
    end: float
    kind: Hashable  # equal for items that are alike
    role: int
    names: tuple[str, ...]  # of the calls, or the symbols of the operations


class Rows:
    """The row of each frame, -1 for what is in none, and the boxes that fold parts of them.

    `places` has the innermost call around each operation, `uses` how often each leaf is used.
    """

    def __init__(
        self,
        calls: Sequence[Call],
        operations: Sequence[Any],
        places: Sequence[int],
        uses: Mapping[Any, int],
    ) -> None:
        self.calls, self.operations, self.uses = calls, operations, uses
        self.stamps = [node.stamp for node in operations]
        self.starts = [call.start for call in calls]
        self.rows: dict[int, list[Item]] = {}
        for node, place in zip(operations, places, strict=True):
            names = (node.rule.symbol,)
            item = Item(node.stamp, node.stamp, node.rule.name, OPERATION, names)
            self.rows.setdefault(place, []).append(item)
        times = Counter((call.around, call.path) for call in calls)
        shapes = self.shapes()
        for call, shape in zip(calls, shapes, strict=True):
            again = times[call.around, call.path] > 1
            kind: Hashable = (call.path, call.kind) if again else shape
            names = (call.path or call.kind or call.part,)
            item = Item(call.start, call.end, kind, AGAIN if again else BLOCK, names)
            self.rows.setdefault(call.around, []).append(item)
        for row in self.rows.values():
            row.sort(key=attrgetter("start"))

    def shapes(self) -> list[int]:
        """For each call a number, equal for calls of one kind that do the same inside."""
        inside: dict[int, list[tuple[float, Hashable]]] = {
            place: [(item.start, item.kind) for item in row] for place, row in self.rows.items()
        }
        known: dict[Hashable, int] = {}
        shapes = [0] * len(self.calls)
        for i in reversed(range(len(self.calls))):  # those inside before those around
            call = self.calls[i]
            kinds = [kind for _, kind in sorted(inside.pop(i, ()), key=lambda part: part[0])]
            shapes[i] = known.setdefault((call.kind, *kinds), len(known))
            inside.setdefault(call.around, []).append((call.start, shapes[i]))
        return shapes

    def repeated(self, roles: Sequence[int]) -> list[Call]:
        """Boxes for the steps that follow each other; `roles` are those of steps to be folded."""
        made = []
        for around, row in self.rows.items():
            while found := runs([x.kind for x in row], [x.role for x in row], roles):
                shorter, position = [], 0
                for first, last, steps in found:
                    length = (last - first) // steps
                    made.append(self.steps(around, row[first - length : last], steps))
                    shorter += row[position:first]
                    shorter.append(joined(row[first:last], steps))
                    position = last
                row = shorter + row[position:]
        return made

    def steps(self, around: int, items: Sequence[Item], steps: int) -> Call:
        """The box of all steps but the first of these items."""
        length = len(items) // (steps + 1)
        drawn, items = items[:length], items[length:]
        role = max(item.role for item in items)
        if role == BLOCK:
            path, like = spanned(items), spanned(drawn)
            return self.box(around, items, path=path, repeats=steps, like=like)
        called = [name for x in items if x.role == role for name in x.names]
        title = ", ".join(dict.fromkeys(called))
        if role == OPERATION:
            return self.box(around, items, kind=title, repeats=steps)
        path = f"{title} × {count_written(steps)}"
        return self.box(around, items, path=path, size=0, repeats=steps)

    def rest(self, boxes: Sequence[int]) -> list[Call]:
        """Boxes for the middle of rows that are too long; folded calls hold no row of their own."""
        made = []
        for around, row in self.rows.items():
            if len(row) > LONG and (around < 0 or boxes[around] < 0):
                middle = row[FIRST:-LAST]
                inside = self.inside(middle)
                counted = Counter(node.rule.symbol for node in inside).most_common(MOST_NAMED)
                kind = ", ".join(symbol for symbol, _ in counted)
                made.append(self.box(around, middle, kind=kind, operations=len(inside)))
        return made

    def box(self, around: int, items: Sequence[Item], **facts: Any) -> Call:
        """A call that stands for all of the items, with some facts of its own."""
        start, end = items[0].start, items[-1].end
        calls = self.calls[bisect_left(self.starts, start) : bisect_right(self.starts, end)]
        parameters = dict.fromkeys(p for call in calls for p in call.parameters)
        parameters |= dict.fromkeys(self.leaves(self.inside(items)))
        size = sum(int(p.size) for p in parameters)
        level, order = 0, 0
        if around >= 0:
            level, order = self.calls[around].level + 1, self.calls[around].order
        call = Call("", "", size, tuple(parameters), start - 0.5, end, level, around, order=order)
        return replace(call, **facts)

    def inside(self, items: Sequence[Item]) -> Sequence[Any]:
        """The operations from the first of the items to the last."""
        first = bisect_left(self.stamps, items[0].start)
        return self.operations[first : bisect_right(self.stamps, items[-1].end)]

    def leaves(self, operations: Sequence[Any]) -> list[Any]:
        """The leaves with a gradient that only these operations use."""
        used = Counter(
            x for node in operations for x in node.inputs if isinstance(x, Variable) and x.tracked
        )
        return [leaf for leaf, times in used.items() if times == self.uses[leaf]]


def runs(
    kinds: Sequence[Hashable], roles: Sequence[int], folded: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Where steps repeat: the first and the last place + 1 of those not drawn, how many they are.

    Short steps are found before long ones. `folded` are the roles of steps that may be folded.
    """
    numbers: dict[Hashable, int] = {}
    row = np.array([numbers.setdefault(kind, len(numbers)) for kind in kinds], np.int32)
    taken = np.zeros(len(row), bool)
    found = []
    for length in range(1, min(len(row) // 2, LONGEST) + 1):
        same = np.zeros(len(row) - length + 2, bool)
        np.equal(row[length:], row[:-length], out=same[1:-1])
        edges = np.flatnonzero(same[1:] != same[:-1])
        starts, ends = edges[::2], edges[1::2] + length
        several = ends - starts > 2 * length
        for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
            role = max(roles[start : start + length])
            # The last step of a loop may be cut short.
            steps = (end - start) // length if role == BLOCK else -((start - end) // length)
            if role not in folded or steps < FEWEST[role] or taken[start:end].any():
                continue
            taken[start:end] = True
            drawn = 1 if role == BLOCK else 2
            hidden = steps - drawn
            found.append((start + length, start + length * (hidden + 1), hidden))
    return sorted(found)


def joined(items: Sequence[Item], steps: int) -> Item:
    """One item for folded steps."""
    kinds = tuple(item.kind for item in items[: len(items) // steps])
    names = dict.fromkeys(name for item in items for name in item.names)
    role = max(item.role for item in items)
    return Item(items[0].start - 0.5, items[-1].end, (steps, kinds), role, tuple(names))


def spanned(items: Sequence[Item]) -> str:
    """`layers.1 … layers.5`: the first and the last block of items."""
    names = [name for item in items if item.role == BLOCK for name in item.names]
    return " … ".join(dict.fromkeys([names[0], names[-1]]))
