"""The graph: what was computed, recorded as it was computed.

A rule called on arrays returns its value and one *pullback* per input, the function that
carries the gradient `g` of the output back to that input. `record` calls a rule for Tensors
and remembers it as a `Node`; `sweep` goes back over the nodes, `reading` evaluates them again.

Nothing is recursive, and nothing refers back to what refers to it: a chain of a million
operations can be built, swept and dropped, and memory returns without the garbage collector.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

from tinygrad_tr.anomaly import check_finite
from tinygrad_tr.errors import TinygradError, explain, users_line
from tinygrad_tr.modes import REFUSING, USUAL, modes
from tinygrad_tr.operands import PLAIN, operand

if TYPE_CHECKING:
    from tinygrad_tr.rule import Rule

Array = Any  # a NumPy array or scalar; inside a second reading, a Tensor
Pullback = Callable[[Array], Array]

next_stamp = itertools.count(1).__next__
new = object.__new__

kinds: set[Any] = set()
"""All classes of Tensors: to ask whether a class is one of them is faster than isinstance."""

NO_FACTS: Mapping[str, Any] = {}

# What NumPy raises for inputs that do not fit; `record` says it in the user's words.
UNFIT = (TypeError, ValueError, IndexError, ArithmeticError, AttributeError)


class Variable:
    """What the graph knows of a Tensor.

    A *leaf* (no node) was made by the user; every other Tensor is the output of a node.
    `version` belongs to leaves: a one-element list holding the stamp of the last change,
    shared by all Tensors over the same memory. `origin` names what cut a leaf from the
    graph (`detach`, `no_grad`, a rule without derivative), for pictures and errors.
    """

    __slots__ = (
        "__weakref__",
        "_grad",
        "_name",
        "hooks",
        "node",
        "origin",
        "tracked",
        "value",
        "version",
    )
    kind: ClassVar[type]  # the class of an operation's result
    _grad: Any
    _name: str | None
    hooks: dict[int, Callable[[Any], Any]] | None
    node: Node | None
    origin: str | None
    tracked: bool
    value: Array
    version: list[int]

    def __init_subclass__(cls) -> None:
        kinds.add(cls)

    # The getters run at every leaf of every sweep: attrgetter is twice as fast as a function.
    shape: property = property(attrgetter("value.shape"))
    dtype: property = property(attrgetter("value.dtype"))

    @property
    def name(self) -> str | None:
        """What pictures and errors call this Tensor."""
        return self._name if self.node is None else self.node.name

    @name.setter
    def name(self, name: str | None) -> None:
        if self.node is None:
            self._name = name
        else:
            self.node.name = name


class Node:
    """One recorded operation: the recipe of a value, and the way back through it.

    `inputs` has a Node for each recorded Tensor, the Tensor itself for each leaf, and plain
    values as they are: an array is held, not copied, and not watched for changes. `pullbacks`
    is a tuple with None where no gradient is needed, for a joint rule of its one function of
    `(g, needs)`; a `Region` while forgotten, None once freed.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "hooks",
        "inputs",
        "keywords",
        "line",
        "name",
        "pullbacks",
        "rule",
        "shape",
        "stamp",
    )

    dtype: Any
    hooks: dict[int, Callable[[Any], Any]] | None
    inputs: Sequence[Any]
    keywords: Mapping[str, Any]
    line: str | None
    name: str | None
    pullbacks: Any
    rule: Rule[...]
    shape: Any
    stamp: int


class Output(Node):
    """One output of a node that has several: `keywords["index"]` of its only input."""

    __slots__ = ()


node_kinds = frozenset({Node, Output})


def record(rule: Rule[...], inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The rule's value for the inputs: a Tensor if any input is one, recorded if need be."""
    values: list[Any] = []
    parents: list[Any] = []
    plain: list[int] = []  # the places of the inputs that need no gradient
    has_tensor = False
    for x in inputs:
        if x.__class__ in kinds:
            has_tensor = True
            values.append(x.value)
            if x.tracked:
                parents.append(x.node or x)
                continue
        else:
            if x.__class__ not in PLAIN:
                x = operand(rule, x)
            values.append(x)
        plain.append(len(parents))
        parents.append(x)
    recording, watch, trace = modes.flags
    try:
        if trace is not None:
            result = trace.apply(rule, inputs, keywords)
        else:
            result = rule.function(*values, **keywords) if keywords else rule.function(*values)
    except TinygradError:
        raise
    except UNFIT as error:
        raise explain(rule, values, keywords, error) from None
    value = result[0]
    if watch == REFUSING:
        check_finite(rule.name, "forward", values, value, users_line())
    if not has_tensor:
        return value
    if len(plain) == len(parents):
        return cut(value, None)
    if not recording:
        return cut(value, "no_grad")
    pullbacks = without(result[1:], plain) if plain and not rule.joint else result[1:]
    if not any(pullbacks):
        return cut(value, rule.name)
    line = users_line() if watch else None
    return output(rule, tuple(parents), keywords, pullbacks, value, line=line)


def record_one(rule: Rule[...], x: Any, keywords: Mapping[str, Any] = NO_FACTS) -> Any:
    """`record(rule, (x,), keywords)`, written out as it is half of what a program does.

    Much faster in the usual case, a tracked Tensor; all else, errors too, is left to `record`.
    """
    if x.__class__ in kinds and x.tracked and modes.flags is USUAL:
        try:
            value, to_x = rule.function(x.value, **keywords) if keywords else rule.function(x.value)
        except UNFIT:
            pass
        else:
            if to_x is None:
                return cut(value, rule.name)
            return output(rule, (x.node or x,), keywords, (to_x,), value)
    return record(rule, (x,), keywords)


def record_pair(rule: Rule[...], x: Any, y: Any) -> Any:
    """`record(rule, (x, y), {})` written out, for rules with a pullback for each input.

    As `record_one`, for Tensors, numbers and arrays of which at least one Tensor is tracked.
    """
    if x.__class__ in kinds:
        u, from_x, x_end = x.value, x.tracked, x.node or x
    else:
        u = x_end = x if x.__class__ in PLAIN else operand(rule, x)
        from_x = False
    if y.__class__ in kinds:
        v, from_y, y_end = y.value, y.tracked, y.node or y
    else:
        v = y_end = y if y.__class__ in PLAIN else operand(rule, y)
        from_y = False
    if (from_x or from_y) and modes.flags is USUAL:
        try:
            value, to_x, to_y = rule.function(u, v)
        except UNFIT:
            pass
        else:
            if not from_x:
                to_x = None
            if not from_y:
                to_y = None
            if to_x is None and to_y is None:
                return cut(value, rule.name)
            return output(rule, (x_end, y_end), NO_FACTS, (to_x, to_y), value)
    return record(rule, (x, y), NO_FACTS)


def output(
    rule: Rule[...],
    inputs: Sequence[Any],
    keywords: Mapping[str, Any],
    pullbacks: Any,
    value: Any,
    kind: type[Node] = Node,
    line: str | None = None,
) -> Any:
    """The Tensor that is the output of a new node, or several if the value is a tuple."""
    if value.__class__ is tuple:
        return outputs(rule, inputs, keywords, pullbacks, value, line)
    node = kind()
    node.stamp = next_stamp()
    node.rule = rule
    node.inputs = inputs
    node.keywords = keywords
    node.pullbacks = pullbacks
    node.shape = value.shape
    node.dtype = value.dtype
    node.line = line
    node.hooks = node.name = None
    out: Any = new(Variable.kind)
    out.value = value
    out.node = node
    out.tracked = True
    out._grad = None
    return out


class Parts(tuple[Array, ...]):
    """The values of a rule with several outputs, as the value of one node."""

    __slots__ = ()

    shape = property(lambda self: tuple(value.shape for value in self))
    dtype = property(lambda self: tuple(value.dtype for value in self))


def outputs(
    rule: Rule[...],
    inputs: Sequence[Any],
    keywords: Mapping[str, Any],
    pullbacks: Any,
    values: tuple[Array, ...],
    line: str | None,
) -> tuple[Any, ...]:
    """The Tensors of a rule with several outputs; integer outputs carry no gradient."""
    source = output(rule, inputs, keywords, pullbacks, Parts(values), line=line).node
    return tuple(
        output(rule, (source,), {"index": i}, (), value, Output)
        if value.dtype.kind == "f"
        else constant(value, rule.name)
        for i, value in enumerate(values)
    )


def recorded(value: Array, node: Node) -> Any:
    """The Tensor that is the output of a node."""
    out: Any = new(Variable.kind)
    out.value = value
    out.node = node
    out.tracked = True
    out._grad = None
    return out


def cut(value: Any, origin: str | None) -> Any:
    """The value as a Tensor without a graph, or a Tensor for each part of it."""
    if value.__class__ is tuple:
        return tuple(constant(part, origin) for part in value)
    return constant(value, origin)


def constant(value: Array, origin: str | None = None) -> Any:
    """A Tensor without a graph. `origin` says what cut it off, if anything did."""
    out: Any = new(Variable.kind)
    out.value = value
    out.node = None
    out.tracked = False
    out._grad = None
    out._name = None
    out.version = [next_stamp()]
    out.origin = origin
    out.hooks = None
    return out


def without(pullbacks: Sequence[Pullback | None], plain: Sequence[int]) -> Any:
    """The pullbacks less those of the plain inputs, with all that these hold."""
    kept = list(pullbacks)
    if kept:  # a rule without derivative returns none
        for i in plain:
            kept[i] = None
    return tuple(kept)


def is_tracked(x: Any) -> bool:
    """Whether a gradient flows to this input of a node."""
    return x.__class__ in node_kinds or (x.__class__ in kinds and x.tracked)


def value_of(x: Any) -> Any:
    """The array of a Tensor, and everything else as it is."""
    if x.__class__ not in kinds:
        return x
    trace = modes.flags[2]
    return x.value if trace is None else trace.lifted(x)


def end_of(tensor: Any) -> Any:
    """The end of the graph that a Tensor is: its node, or the leaf itself."""
    return tensor if tensor.node is None else tensor.node


stamp_of = attrgetter("stamp")


def ancestors(roots: Iterable[Any], border: Collection[Node] = ()) -> list[Node]:
    """All nodes from which the roots were made, themselves included, by rising stamp.

    Nodes of the border are left out, with all that lies behind them.
    """
    seen: set[Node] = set()
    open_ = [x for x in roots if x.__class__ in node_kinds]
    while open_:
        node = open_.pop()
        if node not in seen and node not in border:
            seen.add(node)
            for x in node.inputs:
                if x.__class__ in node_kinds:
                    open_.append(x)
    return sorted(seen, key=stamp_of)


class Changes:
    """The stamp of the latest change of any leaf: nodes recorded later need no check."""

    latest = 0
