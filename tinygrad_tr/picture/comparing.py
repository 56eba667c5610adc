"""Two runs of the same operations on one layout: which gradients differ, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tinygrad_tr.check import relative_difference
from tinygrad_tr.errors import GraphError
from tinygrad_tr.graph import Node, Output, Variable, ancestors, value_of
from tinygrad_tr.picture.drawing import Drawing
from tinygrad_tr.picture.health import Finding
from tinygrad_tr.picture.keywords import keywords_of
from tinygrad_tr.picture.marks import Marks
from tinygrad_tr.picture.numbers import shape_written
from tinygrad_tr.picture.passes import Passes, evaluate

Array = Any


@dataclass(frozen=True, eq=False)
class Comparison(Drawing):
    """The drawing of one run, with what is different in the `other`."""

    other: Sequence[Any] = ()

    inner = True

    def marks(self, evaluated: Passes) -> Marks:
        """A note and a colour for each tensor and each operation that differs."""
        found, tones = {}, {}
        other = evaluate(self.other, backward=True, entries=1, inner=True)
        for x, value, gradient in differences(evaluated, other, paired(self.ends, self.other)):
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
    first: Passes, second: Passes, pairs: Mapping[Any, Any]
) -> Iterator[tuple[Any, float, float | None]]:
    """(node or leaf of the first, the difference of its values, that of its gradients)."""
    gradients, others = ({**passes.inner, **passes.arrays} for passes in (first, second))
    for x, y in pairs.items():
        value = apart(value_at(first, x), value_at(second, y))
        both = x in gradients and y in others
        yield x, value, apart(gradients[x], others[y]) if both else None


def value_at(passes: Passes, x: Any) -> Array:
    return passes.values[x] if isinstance(x, Node) else value_of(x)


def paired(ends: Sequence[Any], other: Sequence[Any]) -> dict[Any, Any]:
    """The nodes and leaves of the first run, each with its counterpart of the second.

    Both must be as they were in their runs, or the runs would be made equal.
    """
    nodes, others = ancestors(ends), ancestors(other)
    pairs: dict[Any, Any] = dict(zip(ends, other, strict=False))
    for i, (a, b) in enumerate(zip(nodes, others, strict=False), start=1):
        facts = keywords_of(a) == keywords_of(b)
        if not facts or (a.rule, a.shape, len(a.inputs)) != (b.rule, b.shape, len(b.inputs)):
            raise parted(f"at operation {i}", told(a), told(b))
        pairs[a] = b
        refuse_changed(a)
        refuse_changed(b)
        for x, y in zip(a.inputs, b.inputs, strict=True):
            known = isinstance(x, (Node, Variable))
            alike = known == isinstance(y, (Node, Variable)) and shape_of(x) == shape_of(y)
            if not alike or (known and pairs.setdefault(x, y) is not y):
                raise parted(f"at operation {i}", told(a), f"{told(b)} of other tensors")
    if len(nodes) != len(others) or len(ends) != len(other):
        raise parted("in how many there are", f"{len(nodes):,}", f"{len(others):,}")
    return pairs


def shape_of(x: Any) -> Any:
    return x.shape if hasattr(x, "shape") else np.shape(x)


def refuse_changed(node: Node) -> None:
    """Raise if a tensor is no longer what it was when the node recorded it."""
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
    """`relu (3, 4)`, `Σ axis=0 (4,)`."""
    shape = node.shape if isinstance(node.shape, tuple) else ()
    parts = node.rule.symbol, keywords_of(node), shape_written(shape)
    return " ".join(part for part in parts if part)


def apart(a: Array, b: Array) -> float:
    """‖a − b‖/(‖a‖ + ‖b‖), of several arrays together; 0 for what is no number."""
    if isinstance(a, (list, tuple)):
        parts = [(p, q) for p, q in zip(a, b, strict=True) if p is not None and q is not None]
        a = np.concatenate([np.ravel(p) for p, _ in parts]) if parts else np.zeros(0)
        b = np.concatenate([np.ravel(q) for _, q in parts]) if parts else np.zeros(0)
    if np.asarray(a).dtype.kind != "f" or not np.size(a):
        return 0.0
    return relative_difference(np.asarray(a, np.float64), np.asarray(b, np.float64))
