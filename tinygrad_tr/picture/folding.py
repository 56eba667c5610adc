"""Which calls of modules are drawn open, and which as one box: what makes a picture readable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from tinygrad_tr.picture.frames import Call, folded, innermost
from tinygrad_tr.picture.repeats import AGAIN, BLOCK, OPERATION, Rows

DEEPEST = 1000  # levels of modules; Python allows no more calls within calls
COMFORTABLE = 50  # more operations and boxes than this are folded, unless depth= is given


@dataclass(frozen=True, slots=True)
class Folding:
    """All calls, those that stand for many things too, and how they are drawn.

    `places` has the innermost call around each operation, `boxes` for each call the folded one
    it is inside of (or itself), both with -1 for none; `depth` levels of modules are open.
    """

    calls: Sequence[Call]
    places: Sequence[int]
    boxes: Sequence[int]
    depth: int


def folding_of(
    calls: Sequence[Call],
    operations: Sequence[Any],
    uses: Mapping[Any, int],
    *,
    depth: int | None,
    unroll: bool,
    whole: bool,
) -> Folding:
    """The folding of a graph: loops always, blocks and chains where it is large, unless `unroll`.

    A `whole` graph has all modules open, each with what it holds itself.
    """
    stamps = [node.stamp for node in operations]
    places = innermost(calls, stamps)
    asked = DEEPEST if whole else depth
    if not unroll:
        rows = Rows(calls, operations, places, uses)
        recorded, loops = calls, rows.repeated([AGAIN])
        calls, places = around_boxes(recorded, loops, stamps)
        if drawn_at(DEEPEST if asked is None else asked, calls, places) > COMFORTABLE:
            large = rows.repeated([AGAIN, OPERATION] if whole else [AGAIN, OPERATION, BLOCK])
            calls, places = around_boxes(recorded, large, stamps)
    depth = deepest(calls, places) if depth is None else depth
    opened: Collection[float] = ()
    two_passes = any(call.order for call in calls)  # with the same modules open in both
    if asked is None and not unroll and not two_passes:
        opened = one_of_each(calls, places, depth)
    boxes = folded(calls, asked or depth, opened)
    if asked != depth and not unroll:
        rest = Rows(calls, operations, places, uses).rest(boxes)
        calls, places = around_boxes(calls, rest, stamps)
        boxes = folded(calls, asked or depth, opened)
    return Folding(calls, places, boxes, depth)


def one_of_each(calls: Sequence[Call], places: Sequence[int], depth: int) -> set[float]:
    """The starts of more calls to open: the first of each class, while it stays comfortable."""
    opened: set[float] = set()
    seen = set()
    for i, box in enumerate(folded(calls, depth)):
        call = calls[i]
        kind = call.kind.partition("(")[0]
        if box == i and not call.is_many and kind not in seen:
            seen.add(kind)
            if drawn_at(depth, calls, places, {*opened, call.start}) <= COMFORTABLE:
                opened.add(call.start)
    return opened


def deepest(calls: Sequence[Call], places: Sequence[int]) -> int:
    """The depth that shows as much as is comfortable, at least the first level."""
    depth = 1 + max((call.level for call in calls), default=0)
    while depth > 1 and drawn_at(depth, calls, places) > COMFORTABLE:
        depth -= 1
    return depth


def drawn_at(
    depth: int, calls: Sequence[Call], places: Sequence[int], opened: Collection[float] = ()
) -> int:
    """How many operations and boxes there are at a depth; results are as many again."""
    boxes = folded(calls, depth, opened)
    found = [boxes[place] if place >= 0 else -1 for place in places]
    return found.count(-1) + len(set(found) - {-1})


def around_boxes(
    calls: Sequence[Call], made: Sequence[Call], stamps: Sequence[int]
) -> tuple[list[Call], list[int]]:
    """All calls by the stamps at which they began, with what is around each and each operation."""
    found: list[Call] = []
    open_: list[int] = []
    for call in sorted([*calls, *made], key=attrgetter("start")):
        while open_ and found[open_[-1]].end < call.start:
            open_.pop()
        found.append(replace(call, around=open_[-1] if open_ else -1))
        open_.append(len(found) - 1)
    return found, innermost(found, stamps)
