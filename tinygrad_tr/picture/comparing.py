"""Two runs of the same operations on one layout: which gradients differ, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tinygrad_tr.check import relative_difference
from tinygrad_tr.errors import GraphError
from tinygrad_tr.graph import Node, Output, Variable, ancestors, value_of
from tinygrad_tr.picture.drawing import Drawing
from tinygrad_tr.picture.health import Finding
from tinygrad_tr.picture.marks import Marks
from tinygrad_tr.picture.numbers import shape_written
from tinygrad_tr.picture.passes import Passes, swept, undisturbed
from tinygrad_tr.reading import read

Array = Any


@dataclass(frozen=True, eq=False)
class Comparison(Drawing):
    """The drawing of one run, with what is different in the `other`."""

    other: Sequence[Any] = ()

    def marks(self, evaluated: Passes) -> Marks:
        """A note and a colour for each tensor and each operation that differs."""
        found, tones = {}, {}
        for x, value, gradient in differences(self.ends, self.other):
            tones[x] = value if gradient is None else gradient
            if (value or gradient) and x.__class__ is not Output:
                facts: dict[str, float | str] = {"value": value, "gradient": gradient or 0.0}
                severity = "warning" if isinstance(x, Variable) else "note"
                found[x] = [Finding("differs", severity, tones[x], facts)]
        return Marks(found, color=self.color, tones=tones)


def comparison(first: Drawing, second: Drawing) -> Comparison:
    """The first drawing, with how far the second is from it."""
    options = {field.name: getattr(first, field.name) for field in fields(Drawing)}
    return Comparison(**{**options, "color": "difference"}, other=second.ends)


# ------------------------------------------------------------------ how far they are apart


def differences(
    ends: Sequence[Any], other: Sequence[Any]
) -> Iterator[tuple[Any, float, float | None]]:
    """(node or leaf of the first, the difference of its values, that of its gradients)."""
    pairs = paired(ends, other)
    values, gradients = numbers_of(ends)
    other_values, other_gradients = numbers_of(other)
    for x, y in pairs.items():
        gradient = None
        if x in gradients and y in other_gradients:
            gradient = apart(gradients[x], other_gradients[y])
        yield x, apart(values[x], other_values[y]), gradient


def paired(ends: Sequence[Any], other: Sequence[Any]) -> dict[Any, Any]:
    """The nodes and leaves of the first run, each with its counterpart of the second."""
    nodes, others = ancestors(ends), ancestors(other)
    pairs: dict[Any, Any] = dict(zip(ends, other, strict=False))
    for i, (a, b) in enumerate(zip(nodes, others, strict=False), start=1):
        if (a.rule, a.shape, len(a.inputs)) != (b.rule, b.shape, len(b.inputs)):
            raise parted(f"at operation {i}", told(a), told(b))
        pairs[a] = b
        refuse_changed(a)
        refuse_changed(b)
        for x, y in zip(a.inputs, b.inputs, strict=True):
            if isinstance(x, Variable) and isinstance(y, Variable):
                if x.shape != y.shape:
                    raise parted(f"at operation {i}", told(a), told(b))
                pairs[x] = y
    if len(nodes) != len(others) or len(ends) != len(other):
        raise parted("in how many there are", f"{len(nodes):,}", f"{len(others):,}")
    return pairs


def refuse_changed(node: Node) -> None:
    """Raise if a tensor is no longer what it was in the run: then both would be the same."""
    for x in node.inputs:
        if isinstance(x, Variable) and x.version[0] > node.stamp:
            raise GraphError(
                "compare", f"{x.name or 'a tensor'} was changed after the run",
                got=f"a change after {told(node)} was recorded",
                wanted="a copy for one of the runs, such as copy.deepcopy(model)",
            )  # fmt: skip


def parted(where: str, first: str, second: str) -> GraphError:
    return GraphError(
        "compare", f"the runs made other operations, {where}", got=f"{first} and {second}",
        wanted="two runs of the same operations on the same shapes",
    )  # fmt: skip


def told(node: Node) -> str:
    """`relu (3, 4)`."""
    shape = node.shape if isinstance(node.shape, tuple) else ()
    return f"{node.rule.symbol} {shape_written(shape)}"


def numbers_of(ends: Sequence[Any]) -> tuple[dict[Any, Array], dict[Any, Array]]:
    """The values and the gradients of all nodes and leaves of a graph."""
    nodes = ancestors(ends)
    gradients: dict[Any, Array] = {}

    def watch(node: Node, g: Array, _: Sequence[Array | None]) -> None:
        gradients[node] = g

    with undisturbed():
        values, readings = read(nodes, {}, recording=False)
        gradients |= swept(ends, values, readings, watch)
    leaves = {x for node in nodes for x in node.inputs if isinstance(x, Variable)}
    leaves |= {end for end in ends if isinstance(end, Variable)}
    return {**values, **{x: value_of(x) for x in leaves}}, gradients


def apart(a: Array, b: Array) -> float:
    """‖a − b‖/(‖a‖ + ‖b‖), of several arrays together; 0 for what is no number."""
    if isinstance(a, (list, tuple)):
        parts = [(p, q) for p, q in zip(a, b, strict=True) if p is not None and q is not None]
        a = np.concatenate([np.ravel(p) for p, _ in parts]) if parts else np.zeros(0)
        b = np.concatenate([np.ravel(q) for _, q in parts]) if parts else np.zeros(0)
    if np.asarray(a).dtype.kind != "f" or not np.size(a):
        return 0.0
    return relative_difference(np.asarray(a, np.float64), np.asarray(b, np.float64))
