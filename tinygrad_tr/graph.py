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
from tinygrad_tr.modes import USUAL, modes
from tinygrad_tr.operands import PLAIN, operand

if TYPE_CHECKING:
    from tinygrad_tr.rule import Rule

Array = Any  # a NumPy array or scalar; inside a second reading, a Tensor
Pullback = Callable[[Array], Array]

next_stamp = itertools.count(1).__next__
new = object.__new__


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
    kinds: ClassVar[set[Any]] = set()  # all classes of Tensors: faster to ask than isinstance
    _grad: Any
    _name: str | None
    hooks: dict[int, Callable[[Any], Any]] | None
    node: Node | None
    origin: str | None
    tracked: bool
    value: Array
    version: list[int]

    def __init_subclass__(cls) -> None:
        Variable.kinds.add(cls)

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

    hooks: dict[int, Callable[[Any], Any]] | None
    line: str | None
    name: str | None

    def __init__(
        self,
        stamp: int,
        rule: Rule[...],
        inputs: Sequence[Any],
        keywords: Mapping[str, Any],
        pullbacks: Any,
        shape: Any,
        dtype: Any,
    ) -> None:
        self.stamp = stamp
        self.rule = rule
        self.inputs = inputs
        self.keywords = keywords
        self.pullbacks = pullbacks
        self.shape = shape
        self.dtype = dtype
        self.hooks = self.name = self.line = None


class Output(Node):
    """One output of a node that has several: `keywords["index"]` of its only input."""

    __slots__ = ()


def record(rule: Rule[...], inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The rule's value for the inputs: a Tensor if any input is one, recorded if need be."""
    kinds = Variable.kinds
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
    try:
        result = rule.function(*values, **keywords) if keywords else rule.function(*values)
    except TinygradError:
        raise
    except (TypeError, ValueError, IndexError, ArithmeticError, AttributeError) as error:
        raise explain(rule, values, keywords, error) from None
    value = result[0]
    recording, anomaly = modes.flags
    if anomaly:
        check_finite(rule.name, "forward", values, value, users_line())
    if not has_tensor:
        return value
    origin = None
    if len(plain) < len(parents):
        origin = rule.name if recording else "no_grad"
        if recording:
            pullbacks = without(result[1:], plain) if plain and not rule.joint else result[1:]
            if any(pullbacks):
                if value.__class__ is tuple:
                    return record_outputs(rule, parents, keywords, pullbacks, value)
                node = Node(
                    next_stamp(), rule, parents, keywords, pullbacks, value.shape, value.dtype
                )
                if anomaly:
                    node.line = users_line()
                return recorded(value, node)
    if value.__class__ is tuple:
        return tuple(constant(part, origin) for part in value)
    return constant(value, origin)


def record_pair(rule: Rule[...], x: Any, y: Any) -> Any:
    """`record(rule, (x, y), {})` written out, as it is most of what a scalar program does.

    A third faster in the usual case, Tensors and numbers of which at least one is tracked;
    all else, errors included, is left to `record`.
    """
    if x.__class__ in Variable.kinds:
        u, x_tracked = x.value, x.tracked
        x_end = x.node or x if x_tracked else x
    else:
        u, x_tracked, x_end = x, False, x
    if y.__class__ in Variable.kinds:
        v, y_tracked = y.value, y.tracked
        y_end = y.node or y if y_tracked else y
    else:
        v, y_tracked, y_end = y, False, y
    usual = (x_tracked or x.__class__ in PLAIN) and (y_tracked or y.__class__ in PLAIN)
    if not usual or modes.flags is not USUAL:
        return record(rule, (x, y), {})
    try:
        value, to_x, to_y = rule.function(u, v)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return record(rule, (x, y), {})
    pullbacks = (to_x if x_tracked else None, to_y if y_tracked else None)
    node = Node(next_stamp(), rule, (x_end, y_end), {}, pullbacks, value.shape, value.dtype)
    return recorded(value, node)


def recorded(value: Array, node: Node) -> Any:
    """The Tensor that is the output of a node."""
    out: Any = new(Variable.kind)
    out.value = value
    out.node = node
    out.tracked = True
    out._grad = None
    return out


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


def record_outputs(
    rule: Rule[...],
    parents: Sequence[Any],
    keywords: Mapping[str, Any],
    pullbacks: Any,
    values: tuple[Array, ...],
) -> tuple[Any, ...]:
    """The Tensors of a rule with several outputs; integer outputs carry no gradient."""
    shapes = tuple(value.shape for value in values)
    dtypes = tuple(value.dtype for value in values)
    source = Node(next_stamp(), rule, parents, keywords, pullbacks, shapes, dtypes)
    source.line = users_line() if modes.flags[1] else None
    return tuple(
        recorded(
            value,
            Output(next_stamp(), rule, (source,), {"index": i}, (), value.shape, value.dtype),
        )
        if value.dtype.kind == "f"
        else constant(value, rule.name)
        for i, value in enumerate(values)
    )


def without(pullbacks: Sequence[Pullback | None], plain: Sequence[int]) -> Any:
    """The pullbacks less those of the plain inputs, with all that these hold."""
    kept = list(pullbacks)
    if kept:  # a rule without derivative returns none
        for i in plain:
            kept[i] = None
    return tuple(kept)


def is_tracked(x: Any) -> bool:
    """Whether a gradient flows to this input of a node."""
    return isinstance(x, Node) or (isinstance(x, Variable) and x.tracked)


def value_of(x: Any) -> Any:
    """The array of a Tensor, and everything else as it is."""
    return x.value if isinstance(x, Variable) else x


def end_of(tensor: Any) -> Any:
    """The end of the graph that a Tensor is: its node, or the leaf itself."""
    return tensor if tensor.node is None else tensor.node


def ancestors(roots: Iterable[Any], border: Collection[Node] = ()) -> list[Node]:
    """All nodes from which the roots were made, themselves included, by rising stamp.

    Nodes of the border are left out, with all that lies behind them.
    """
    seen: set[Node] = set()
    open_ = [x for x in roots if isinstance(x, Node)]
    while open_:
        node = open_.pop()
        if node not in seen and node not in border:
            seen.add(node)
            open_.extend(x for x in node.inputs if isinstance(x, Node))
    return sorted(seen, key=lambda node: node.stamp)


class Changes:
    """The stamp of the latest change of any leaf: nodes recorded later need no check."""

    latest = 0
