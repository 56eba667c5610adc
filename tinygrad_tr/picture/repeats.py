"""Steps that repeat, such as those of a recurrent network, folded into one box.

Between two calls of the same module stands one step of a loop: the call, and the operations
before and after it. Of many equal steps the first and the last are drawn, and a box for those
between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tinygrad_tr.picture.frames import Call

FEWEST = 5  # steps; fewer are all drawn
Item = tuple[float, float, Any]  # the first and last stamp of a call or an operation, and its kind


def with_repeats(
    calls: Sequence[Call], operations: Sequence[Any], places: Sequence[int]
) -> list[Call]:
    """The calls with one around each run of middle steps. `places` has the call of each operation.

    Calls stay in the order of their stamps, those around before those inside.
    """
    inside: dict[int, list[Item]] = {}
    for call in calls:
        inside.setdefault(call.around, []).append((call.start, call.end, (call.path, call.kind)))
    for node, place in zip(operations, places, strict=True):
        inside.setdefault(place, []).append((node.stamp, node.stamp, node.rule.name))
    made = [
        between(calls, around, sorted(items)[first:last], steps)
        for around, items in inside.items()
        for first, last, steps in runs([kind for *_, kind in sorted(items)])
    ]
    return reordered([*calls, *made]) if made else list(calls)


def runs(kinds: Sequence[Any]) -> Iterator[tuple[int, int, int]]:
    """The places of the middle steps of each run, first and last + 1, and how many steps."""
    position = 0
    while position < len(kinds):
        kind = kinds[position]
        length = period(kinds, position) if isinstance(kind, tuple) else 0
        steps = 1
        while (
            length
            and kinds[position : position + length]
            == kinds[position + steps * length : position + (steps + 1) * length]
        ):
            steps += 1
        # The last step ends with its call, whatever comes after it.
        after = position + steps * length
        steps += bool(length) and after < len(kinds) and kinds[after] == kind
        if steps < FEWEST:
            position += 1
            continue
        lead = 0  # what a step does before its call
        while lead < min(length - 1, position) and (
            kinds[position - lead - 1] == kinds[position + length - lead - 1]
        ):
            lead += 1
        first = position + length - lead
        yield first, first + (steps - 2) * length, steps - 2
        position += steps * length


def period(kinds: Sequence[Any], position: int) -> int:
    """How far it is to the next call of the same module; 0 if there is none."""
    try:
        return kinds.index(kinds[position], position + 1) - position
    except ValueError:
        return 0


def between(calls: Sequence[Call], around: int, items: Sequence[Item], steps: int) -> Call:
    """The box of the steps that these items are."""
    start, end = items[0][0], items[-1][1]
    inner = [call for call in calls if start <= call.start and call.end <= end]
    parameters = tuple(dict.fromkeys(p for call in inner for p in call.parameters))
    called = [kind[0] or kind[1] for *_, kind in items if isinstance(kind, tuple)]
    title = f"{', '.join(dict.fromkeys(called))} × {steps}"
    level = calls[around].level + 1 if around >= 0 else 0
    return Call(title, "", 0, parameters, start - 0.5, end, level, around, repeats=True)


def reordered(calls: Sequence[Call]) -> list[Call]:
    """The calls by the stamps at which they began, and what is around each found anew."""
    found: list[Call] = []
    open_: list[int] = []
    for call in sorted(calls, key=lambda call: call.start):
        while open_ and found[open_[-1]].end < call.start:
            open_.pop()
        found.append(replace(call, around=open_[-1] if open_ else -1))
        open_.append(len(found) - 1)
    return found
