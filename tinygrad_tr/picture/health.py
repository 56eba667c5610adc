"""What is wrong, or may be, with the numbers and gradients of a graph: from its two passes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_tr.graph import Node, Output, Variable, value_of
from tinygrad_tr.kernels.scattering import Rows
from tinygrad_tr.picture.causes import CAUSES, cause_of
from tinygrad_tr.picture.frames import Call, innermost
from tinygrad_tr.picture.naming import Names
from tinygrad_tr.picture.numbers import measure, shape_written, written
from tinygrad_tr.picture.passes import Passes

SEVERITIES = ("error", "warning", "note")  # the worst first
LITTLE, MUCH = 1e-3, 1e3  # what is left of a gradient over a whole graph
SHORT = 5  # so many operations neither vanish nor explode
ORIGINS = {"detach": "stops at detach", "no_grad": "stops at no_grad"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, or worth knowing, at one place of a graph, as plain data.

    `kind` is a key of `advice.ADVICE`, where `facts` fill the places of its texts. `operation` is
    the symbol of the operation it was found at, `name` the tensor's, `module` the path of the
    innermost module around, `line` the user's source line; each may be "".
    """

    kind: str
    severity: str
    weight: float  # between findings of the same severity, the greater is the worse
    facts: Mapping[str, float | str] = field(default_factory=dict)
    operation: str = ""
    name: str = ""
    module: str = ""
    line: str = ""
    number: int = 0  # of the operation, as they were recorded, from 1

    @property
    def rank(self) -> tuple[int, float]:
        """Sorted by this, the worst comes first."""
        return SEVERITIES.index(self.severity), -self.weight


Found = tuple[Any, str, str, float, dict[str, float | str]]  # a node or leaf, and what is there


def find(
    ends: Sequence[Any],
    passes: Passes,
    names: Names,
    *,
    calls: Sequence[Call] = (),
    parameters: Mapping[str, Any],
) -> dict[Any, list[Finding]]:
    """The findings at each node and leaf. `parameters` are expected to get a gradient."""
    operations = [node for node in passes.nodes if node.__class__ is not Output]
    bad = list(bad_numbers(operations, passes, names))
    lost = list(without_gradient(passes, parameters)) if passes.gradients else []
    located = Places(operations, calls, names)
    found: dict[Any, list[Finding]] = {}
    for x, kind, severity, weight, facts in itertools.chain(
        bad,
        causes(operations, passes),
        () if bad else over_all(ends, passes),
        () if bad else over_time(passes),
        lost,
        stops(operations, suspected=bool(lost)),
        () if calls else held(operations, passes),
    ):
        if kind == "nothing left" and any(f.severity == "error" for f in found.get(x, ())):
            continue  # it was said already why
        finding = Finding(kind, severity, weight, facts, **located.of(x))
        found.setdefault(x, []).append(finding)
    return found


class Places:
    """Where nodes and leaves are, in words: in which module, on which line, which in order."""

    def __init__(self, operations: Sequence[Node], calls: Sequence[Call], names: Names) -> None:
        self.names = names
        around = innermost(calls, [node.stamp for node in operations])
        self.modules = {
            node: calls[i].path for node, i in zip(operations, around, strict=True) if i >= 0
        }
        self.numbers = {node: number for number, node in enumerate(operations, start=1)}
        self.users: dict[Variable, Node] = {}  # the first operation that is given a leaf
        for node in operations:
            for x in node.inputs:
                if isinstance(x, Variable):
                    self.users.setdefault(x, node)

    def of(self, x: Any) -> dict[str, Any]:
        """The last fields of a Finding: of a leaf without a name, the place where it is used."""
        name = self.names.of(x) or ""
        node = x if isinstance(x, Node) or name else self.users.get(x)
        if not isinstance(node, Node):
            return {"name": name}
        return {
            "name": name,
            "operation": node.rule.symbol,
            "module": self.modules.get(node, ""),
            "line": node.line or "",
            "number": self.numbers.get(node, 0),
        }


def worst_first(found: Mapping[Any, Sequence[Finding]]) -> list[Finding]:
    """All findings in one list."""
    return sorted(itertools.chain.from_iterable(found.values()), key=lambda finding: finding.rank)


# ------------------------------------------------------------------ numbers that are not finite


def bad_numbers(operations: Sequence[Node], passes: Passes, names: Names) -> Iterator[Found]:
    """Leaves that hold them, and the first operation that makes one: forward, else backward."""
    leaves = dict.fromkeys(
        x
        for node in operations
        for x in node.inputs
        if isinstance(x, Variable) and x.tracked and not is_finite(value_of(x))
    )
    for x in leaves:
        yield x, "bad leaf", "error", math.inf, {"made": strange(value_of(x))}
    for node in operations:
        output = passes.values[node]
        if not is_finite(output) and all(map(is_finite, inputs_of(node, passes))):
            facts: dict[str, float | str] = {"made": strange(output)}
            facts["given"] = given(node, passes, names)
            yield node, "bad value", "error", math.inf, facts
            return
    if leaves:
        return
    for node in reversed(operations):
        if spoils_gradient(node, passes):
            yield node, "bad gradient", "error", math.inf, {"given": given(node, passes, names)}
            return


def spoils_gradient(node: Node, passes: Passes) -> bool:
    """Whether an operation makes a gradient that is not finite of one that is."""
    g, ways = passes.gradients.get(node), passes.ways.get(node)
    if ways is None or (g is not None and g.strange):
        return False
    return any(
        way is not None
        and way.gain is not None
        and not math.isfinite(way.gain)
        and passes.gradients[x].strange > 0
        for x, way in zip(node.inputs, ways, strict=False)
    )


def inputs_of(node: Node, passes: Passes) -> list[Any]:
    """The values that an operation was given."""
    return [passes.values[x] if isinstance(x, Node) else value_of(x) for x in node.inputs]


def is_finite(value: Any) -> bool:
    """Whether all numbers are finite; everything else is."""
    if isinstance(value, tuple):
        return all(map(is_finite, value))
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f":
        return bool(np.isfinite(value).all())
    return not isinstance(value, float) or math.isfinite(value)


def strange(value: Any) -> str:
    """`NaN 2/6, ∞ 1/6`: how many of the numbers are not finite."""
    parts = value if isinstance(value, tuple) else (value,)
    flat = np.concatenate([np.ravel(part).astype(np.float64) for part in parts])
    kinds = {"NaN": np.isnan(flat), "∞": flat == math.inf, "−∞": flat == -math.inf}
    counts = {name: int(mask.sum()) for name, mask in kinds.items()}
    if flat.size == 1:
        return next(name for name, count in counts.items() if count)
    return ", ".join(f"{name} {count}/{flat.size}" for name, count in counts.items() if count)


def given(node: Node, passes: Passes, names: Names) -> str:
    """`x (3,) [0, 2], c = 5`: the inputs of an operation that are numbers, with their ranges."""
    told = []
    for x, value in zip(node.inputs, inputs_of(node, passes), strict=True):
        if value is None or isinstance(value, (tuple, bool)) or not np.size(value):
            continue
        name = names.of(x) or ""
        if np.ndim(value) == 0:
            told.append(" = ".join(filter(None, (name, written(float(value))))))
        else:
            ends = written(float(np.min(value))), written(float(np.max(value)))
            told.append(f"{name} {shape_written(np.shape(value))} [{', '.join(ends)}]".strip())
    return ", ".join(told)


# ------------------------------------------------------------------ the graph as a whole


def over_all(ends: Sequence[Any], passes: Passes) -> Iterator[Found]:
    """A gradient that vanishes or explodes on the longest way back from an end."""
    way = longest_way(ends, passes)
    start = next((i for i, (node, _) in enumerate(way) if math.prod(node.shape) > 1), 0)
    way = way[start:]
    if len(way) <= SHORT:
        return
    norms = [passes.gradients[node].norm for node, _ in way]
    first, last = norms[-1], norms[0]
    if first == 0 and last > 0:
        at = next(i for i, norm in enumerate(norms) if norm == 0) - 1
        yield way[at][0], "nothing left", "error", math.inf, {"count": len(way) - 1}
        return
    if not last or not math.isfinite(first / last) or LITTLE <= first / last <= MUCH:
        return
    ratio, vanishes = first / last, first < last
    steps = [(node, gain) for node, gain in way[:-1] if gain]
    extreme, gain = (min if vanishes else max)(steps, key=lambda step: step[1])
    products: dict[str, list[float]] = {}
    for node, gain_ in steps:
        products.setdefault(node.rule.symbol, []).append(math.log10(gain_))
    symbol, logs = (min if vanishes else max)(products.items(), key=lambda item: sum(item[1]))
    facts: dict[str, float | str] = {
        "ratio": ratio, "count": len(way) - 1, "gain": gain,
        "times": len(logs), "symbol": symbol, "product": power_of_ten(sum(logs)),
    }  # fmt: skip
    kind = "vanishing" if vanishes else "exploding"
    yield extreme, kind, "warning", abs(math.log10(ratio)), facts


def over_time(passes: Passes) -> Iterator[Found]:
    """A gradient that vanishes or explodes from the last step of a recurrent layer to the first."""
    for node, norms in passes.steps.items():
        last = next((i for i in reversed(range(len(norms))) if norms[i]), 0)
        ratio = norms[0] / norms[last] if last else 1.0
        if last < SHORT or LITTLE <= ratio <= MUCH:
            continue
        kind = "vanishing in time" if ratio < 1 else "exploding in time"
        weight = abs(math.log10(ratio)) if ratio else math.inf
        yield node, kind, "warning", weight, {"ratio": ratio, "count": last}


def power_of_ten(exponent: float) -> float:
    """10^exponent; 0 or ∞ where it is out of range."""
    return math.inf if exponent > 300 else 10.0**exponent


def longest_way(ends: Sequence[Any], passes: Passes) -> list[tuple[Node, float | None]]:
    """The results on the longest way back from an end, each with its gain towards the next."""
    lengths: dict[Node, int] = {}
    for node in passes.nodes:
        behind = [lengths[x] for x in node.inputs if isinstance(x, Node)]
        lengths[node] = 1 + max(behind, default=0)
    at = max((end for end in ends if isinstance(end, Node)), key=lengths.__getitem__, default=None)
    way: list[tuple[Node, float | None]] = []
    while at is not None:
        source = at.inputs[0] if at.__class__ is Output else at
        onward = {
            x: step.gain
            for x, step in zip(source.inputs, passes.ways.get(source, ()), strict=False)
            if isinstance(x, Node) and step is not None
        }
        following = max(onward, key=lengths.__getitem__, default=None)
        if at in passes.gradients:
            way.append((at, None if following is None else onward[following]))
        at = following
    return way


def causes(operations: Sequence[Node], passes: Passes) -> Iterator[Found]:
    """What single operations do to the gradient on its way."""
    for node in operations:
        if node.rule.name not in CAUSES or node not in passes.ways:
            continue
        output = passes.values[node]
        cause = cause_of(node, inputs_of(node, passes), output, gain_of(node, passes))
        if cause is not None:
            yield node, *cause


def gain_of(node: Node, passes: Passes) -> float | None:
    """By how much an operation multiplies the norm of its gradient, on its way to other results.

    The largest of its gains, if there are several; to a leaf, if it has nowhere else to go.
    """
    ways = passes.ways.get(node)
    if ways is None:
        return None
    gains = [
        (isinstance(x, Node), way.gain)
        for x, way in zip(node.inputs, ways, strict=False)
        if way is not None and way.gain is not None
    ]
    to_results = [gain for is_node, gain in gains if is_node]
    if to_results:
        return max(to_results)
    return gains[0][1] if len(gains) == 1 else None


# ------------------------------------------------------------------ leaves


def without_gradient(passes: Passes, parameters: Mapping[str, Any]) -> Iterator[Found]:
    """Parameters, and other leaves of the graph, that get no gradient, or one of zeros only."""
    leaves = {p: name for name, p in parameters.items()}
    for x in passes.uses:
        if isinstance(x, Variable):
            leaves.setdefault(x, "")
    for leaf in leaves:
        if not leaf.tracked:
            continue
        gradient = passes.gradients.get(leaf)
        if gradient is None:
            kind = "never used" if leaf not in passes.uses else "never reached"
            yield leaf, kind, "warning", 1.0, {}
        elif gradient.zero:
            yield leaf, "all zero", "warning", 1.0, {}


def stops(operations: Sequence[Node], *, suspected: bool) -> Iterator[Found]:
    """Tensors that something cut from the graph; `suspected` if a parameter has no gradient."""
    severity = "warning" if suspected else "note"
    cut = {
        x: None
        for node in operations
        for x in node.inputs
        if isinstance(x, Variable) and not x.tracked and x.origin is not None
    }
    for x in cut:
        kind = ORIGINS.get(str(x.origin), "stops at a rule")
        yield x, kind, severity, 0.5, {"rule": str(x.origin)}


def held(operations: Collection[Node], passes: Passes) -> Iterator[Found]:
    """Leaves whose `.grad` is of another backward pass, before that of this graph.

    Only while the graph was not swept: afterwards, `.grad` may have been clipped or added to. Of
    a graph that was recorded to be looked at, with its calls of modules, nothing is expected.
    """
    if any(node.pullbacks is None for node in operations):
        return
    for leaf, gradient in passes.gradients.items():
        kept = getattr(leaf, "_grad", None) if isinstance(leaf, Variable) else None
        if kept is None:
            continue
        before = measure(kept.whole() if isinstance(kept, Rows) else kept.value)
        if not math.isclose(before.norm, gradient.norm, rel_tol=1e-6):
            yield leaf, "held before", "warning", 0.8, {"norm": before.norm}
