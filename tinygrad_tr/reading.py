"""Reading recorded operations again: their values from the leaves, and fresh pullbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_tr.graph import (
    Array,
    Node,
    Output,
    Variable,
    ancestors,
    is_tracked,
    kinds,
    node_kinds,
    recorded,
    value_of,
    without,
)
from tinygrad_tr.modes import modes


def read(
    nodes: Sequence[Node], known: Mapping[Node, Array], *, recording: bool
) -> tuple[dict[Node, Array], dict[Node, Any]]:
    """Evaluate nodes (by rising stamp) once more: their values and their pullbacks.

    Not recording, this is a plain evaluation from the leaves. Recording, each rule is called
    on Tensors bound to the very nodes of the first reading, so its pullbacks are themselves
    recorded operations on those nodes: that is what derivatives of any order need.
    """
    trace = modes.flags[2]
    values: dict[Node, Array] = dict(known)
    readings: dict[Node, Any] = {}
    for node in nodes:
        if node in values:
            continue
        if node.__class__ is Output:
            value = values[node.inputs[0]][node.keywords["index"]]
            values[node] = bound(value, node, ()) if recording else value
            continue
        rule = node.rule
        inputs: list[Any] = []
        plain: list[int] = []  # the places of the inputs that need no gradient
        for x in node.inputs:
            if x.__class__ in node_kinds:
                inputs.append(values[x])
            elif x.__class__ in kinds and x.tracked:
                inputs.append(x if recording else value_of(x))
            else:
                plain.append(len(inputs))
                inputs.append(value_of(x))
        if recording and rule.reference is not None:
            value, pullbacks = rule.reference_reading(inputs, node.keywords)
        else:
            if recording and rule.linear:
                inputs = list(map(value_of, inputs))  # its pullbacks depend on no input
            if trace is not None and not any(isinstance(x, Variable) for x in inputs):
                result = trace.apply(
                    rule, inputs, node.keywords, list(map(is_tracked, node.inputs))
                )
            else:
                result = rule.function(*inputs, **node.keywords)
            value = result[0]
            pullbacks = without(result[1:], plain) if plain and not rule.joint else result[1:]
        if recording:
            value = bound(value, node, inputs)
        values[node] = value
        readings[node] = pullbacks
    return values, readings


def bound(value: Any, node: Node, inputs: Sequence[Any]) -> Any:
    """A value of the second reading as the output of the first reading's node.

    The pullbacks may hold this very Tensor (`1 - out * out`), so it is bound in place.
    """
    if isinstance(value, tuple):
        return value  # its Output nodes are bound one by one
    if not isinstance(value, Variable):
        return recorded(value, node)
    for x in inputs:
        if value is x:
            return recorded(value_of(value), node)
    value.node = node
    value.tracked = True
    return value


class Region:
    """A part of the graph whose pullbacks were forgotten, to be read again when needed.

    It holds the values at the region's border, and no node of its own inside.
    """

    __slots__ = ("border",)

    def __init__(self, border: Mapping[Node, Array]) -> None:
        self.border = border


def restored(node: Node) -> Any:
    """The pullbacks of a node whose region was forgotten, and of all it was made from there."""
    region = node.pullbacks
    inside = ancestors([node], region.border)
    _, readings = read(inside, region.border, recording=False)
    for inner, pullbacks in readings.items():
        if inner.pullbacks is region:
            inner.pullbacks = pullbacks
    return node.pullbacks
