"""The backward pass as a graph of its own: pullbacks are made of the same operations.

`recorded` runs it and records it, for a picture of both passes side by side. Of any graph, also
one with gradients that the user recorded, `apart` tells the passes from each other, and for each
operation of a backward pass to which of the forward pass it belongs.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.graph import Node, Output, ancestors, constant, end_of, is_tracked, value_of
from tinygrad_tr.graph import recorded as bound
from tinygrad_tr.modes import enable_grad
from tinygrad_tr.picture.folding import around_boxes
from tinygrad_tr.picture.frames import Call
from tinygrad_tr.picture.passes import undisturbed
from tinygrad_tr.picture.subject import Subject
from tinygrad_tr.reading import read
from tinygrad_tr.sweep import sweep
from tinygrad_tr.trail import NOBODY, Steps, Trail, trails

PASS = -1  # the level of a frame around a whole pass, outside of all modules


class Rereading(Trail):
    """Readings made when they are asked for, so that all of a node's operations lie together."""

    def __init__(self, known: Mapping[Node, Any]) -> None:
        super().__init__()
        self.known = known

    def __missing__(self, node: Node) -> Any:
        inputs = {x: bound(self.known[x], x) for x in node.inputs if isinstance(x, Node)}
        return read([node], inputs, recording=True)[1][node]


def recorded(subject: Subject) -> Subject:
    """The graph with the operations that compute its gradients, which are ends too.

    Names know whose gradient each is. Nothing of the user's is changed.
    """
    names = subject.names
    ends = [end for end in dict.fromkeys(subject.ends) if is_tracked(end)]

    def seen(x: Any, g: Any) -> None:
        names.derivatives.setdefault(end_of(g), []).append(x)

    def watch(node: Node, g: Any, gradients: Sequence[Any]) -> None:
        if not isinstance(g, list):
            seen(node, g)

    with undisturbed(), enable_grad():
        values, _ = read(ancestors(ends), {}, recording=False)
        trail = Rereading(values)
        seeds = []
        for end in ends:
            value = values[end] if isinstance(end, Node) else value_of(end)
            seed = constant(np.ones_like(value)[()])
            seed.tracked = True  # or what is computed of it and of constants would be one
            seeds.append(seed)
        found = sweep(ends, seeds, free=False, readings=trail, watch=watch, hooks=False)
    for leaf, g in found.items():
        seen(leaf, g)
    trail.end(found.values())
    return subject._replace(ends=[*subject.ends, *dict.fromkeys(map(end_of, found.values()))])


class Apart(NamedTuple):
    """The calls with a frame for each pass, and for nodes of backward passes their owner.

    The owner is the operation of the pass before that it belongs to, None for none of them.
    """

    calls: Sequence[Call]
    owners: Mapping[Node, Node | None]


def apart(calls: Sequence[Call], nodes: Sequence[Node]) -> Apart:
    """The passes of a graph told apart, if a backward pass is recorded in it."""
    gradients = set(trails)
    passes = {id(trails[node]): trails[node] for node in nodes if node in gradients}
    if not passes:
        return Apart(calls, {})
    operations = [node for node in nodes if node.__class__ is not Output]
    at = {node.stamp: node for node in operations}
    stamps = [node.stamp for node in operations]
    owners: dict[Node, Node | None] = {}
    orders: dict[Node | None, int] = {}
    found: list[Call] = []
    for steps in sorted(passes.values()):
        begin, end = steps[0][0], steps[-1][0]
        inside = operations[bisect_left(stamps, begin) : bisect_right(stamps, end)]
        for node in inside:
            step = bisect_right(steps, (node.stamp, -1)) - 1
            owners[node] = at.get(steps[step][1])
            orders[node] = 1 + orders.get(owners[node], 0)
        order = max((orders[node] for node in inside), default=1)
        if not found and not any(call.start < begin < call.end for call in calls):
            found.append(frame("forward", 0, begin - 1, 0))
        found += [frame("backward", begin, end, order), *mirrored(calls, steps, order)]
    return Apart(around_boxes(calls, found, stamps)[0], owners)


def frame(part: str, start: int, end: int, order: int) -> Call:
    """The frame around a pass: the forward one, the backward one, the backward one of that."""
    return Call("", "", 0, (), start - 0.5, end, PASS, -1, part=part, order=order)


def mirrored(calls: Sequence[Call], steps: Steps, order: int) -> Iterator[Call]:
    """For each call, what its operations have in the backward pass: it lies together there."""
    taken = [(stamp, owner) for stamp, owner in steps if owner != NOBODY]
    taken.reverse()  # so that the owners rise, as the pass takes them from last to first
    stamps = [owner for _, owner in taken]
    ends = {stamp: after for (stamp, _), (after, _) in itertools.pairwise(steps)}
    for call in calls:
        first, last = bisect_left(stamps, call.start), bisect_right(stamps, call.end)
        if first < last:
            start, end = taken[last - 1][0], ends[taken[first][0]]
            yield replace(
                call, size=0, parameters=(), around=-1, order=order,
                start=start - 1 / (2 + call.level), end=end - 0.9,
            )  # fmt: skip
