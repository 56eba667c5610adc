"""The graph: recording what was computed, and sweeping back over it.

A rule called on arrays returns its value and one *pullback* per input, the function that
carries the gradient `g` of the output back to that input. `record` calls a rule for Tensors
and remembers it as a `Node`; `sweep` visits the nodes by falling stamp and adds up what
their pullbacks return; `read` evaluates recorded nodes again from their leaves.

Nothing here is recursive, and nothing refers back to what refers to it: a chain of a million
operations can be built, swept and dropped, and memory returns without the garbage collector.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ContextDecorator
from heapq import heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tinygrad_tr.errors import (
    AnomalyError,
    DtypeError,
    GraphError,
    TinygradError,
    describe,
    explain,
    users_line,
)

if TYPE_CHECKING:
    from tinygrad_tr.rule import Rule

Array = Any  # a NumPy array or scalar; inside a second reading, a Tensor
Pullback = Callable[[Array], Array]

next_stamp = itertools.count(1).__next__
new = object.__new__


class Modes(threading.local):
    """What is switched on in this thread: `flags` is (recording, anomaly)."""

    flags = (True, False)


modes = Modes()


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
    values as they are. `pullbacks` is a tuple with None where no gradient is needed, for
    a joint rule its one function of `(g, needs)`; a `Region` while forgotten, None once freed.
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


# --------------------------------------------------------------------------- recording


def record(rule: Rule[...], inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """The rule's value for the inputs: a Tensor if any input is one, recorded if need be."""
    kind: Any = Variable.kind
    values: list[Any] = []
    parents: list[Any] = []
    plain: list[int] = []  # the places of the inputs that need no gradient
    has_tensor = False
    for x in inputs:
        if x.__class__ is kind or isinstance(x, Variable):
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
            pullbacks = pullbacks_of(rule, result, plain) if plain or rule.joint else result[1:]
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


def is_tracked(x: Any) -> bool:
    """Whether a gradient flows to this input of a node."""
    return isinstance(x, Node) or (isinstance(x, Variable) and x.tracked)


def pullbacks_of(rule: Rule[...], result: Sequence[Any], plain: Sequence[int]) -> Any:
    """The way back out of what a rule returned: a pullback for each input, or a joint one.

    The pullbacks of inputs that need no gradient are dropped, with all that they hold.
    """
    if rule.joint:
        return (result[1],)
    pullbacks = list(result[1:])
    for i in plain:
        if i < len(pullbacks):
            pullbacks[i] = None
    return tuple(pullbacks)


PLAIN = frozenset({bool, int, float, type(None), np.float32, np.float64, np.int64, np.bool_})


def operand(rule: Rule[...], x: Any) -> Any:
    """A plain input of a rule, as an array or number; lists follow the default dtype."""
    if isinstance(x, (np.ndarray, np.generic)):
        if x.dtype.kind in "fiub":
            return x
    elif isinstance(x, (list, tuple)):
        return as_array(x, rule.name)
    elif hasattr(x, "__array_namespace__"):
        return x  # another library's array, such as CuPy's
    raise DtypeError(
        rule.name,
        f"{describe(x)} is not a real number",
        got=describe(x),
        wanted="a Tensor, a NumPy array of floats, integers or booleans, or a number",
    )


class Defaults:
    """The dtype that Python numbers and lists become, and its scalar type."""

    dtype: np.dtype[Any] = np.dtype(np.float32)
    scalar: type = np.float32


def as_array(data: Any, operation: str, dtype: Any = None) -> Array:
    """Python numbers and nested lists of them as an array of the default dtype."""
    try:
        array = np.array(data)
    except ValueError:
        raise DtypeError(
            operation,
            "the list is ragged: its rows have different lengths",
            got=describe(data),
            wanted="nested lists of equal lengths",
        ) from None
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            operation,
            f"cannot make a Tensor of {array.dtype.name} values",
            got=describe(data),
            wanted="real numbers or booleans",
        )
    if dtype is not None or array.dtype.kind == "b":
        return array if dtype is None else array.astype(dtype)
    converted = array.astype(Defaults.dtype)
    if array.dtype.kind in "iu" and not np.array_equal(converted.astype(array.dtype), array):
        raise DtypeError(
            operation,
            f"integers too large to be kept exactly in {Defaults.dtype}",
            got=describe(data),
            wanted="smaller numbers, or dtype= given, such as np.int64 or np.float64",
        )
    return converted


# --------------------------------------------------------------------------- the way back


def sweep(
    roots: Sequence[Any],
    seeds: Sequence[Array],
    *,
    free: bool,
    readings: Mapping[Node, Any] | None = None,
    targets: Collection[Any] = (),
    beyond: bool = True,
    watch: Callable[[Node, Any, Sequence[Array | None]], None] | None = None,
    hooks: bool = True,
) -> dict[Any, Array]:
    """The gradients of sum(root · seed) with respect to the leaves and the targets.

    `roots` are Nodes or leaves. Nodes are visited by falling stamp, so all that flows into a
    node has arrived when it is visited. `readings` replaces the nodes' own pullbacks (those
    of a second reading); `targets` restricts the sweep to the way to them, and unless `beyond`
    nothing flows through one target to another; `watch` is shown each node with its gradient
    and what its pullbacks made of it. `free` drops each node's pullbacks as it is passed.
    Without `hooks`, the user's hooks do not run.
    """
    targets = frozenset(targets) if targets else ()
    way = leading_to(targets, roots, beyond) if targets else None
    found: dict[Any, Array] = {}  # of targets that are not leaves
    # The first gradient to arrive is borrowed (it may be another's memory), the second makes
    # a sum that is ours, later ones are added in place.
    pending: dict[Any, Any] = {}
    owned: set[Any] = set()
    heap: list[tuple[int, Node]] = []
    for x, g in zip(roots, seeds):  # noqa: B905  strict costs more than the loop
        if x not in pending and isinstance(x, Node):
            heappush(heap, (-x.stamp, x))
        pending[x] = pending[x] + g if x in pending else g
    anomaly = modes.flags[1]
    while heap:
        node = heappop(heap)[1]
        g = pending.pop(node)
        if hooks and node.hooks:
            g = run_hooks(node.hooks, g)
        if node in targets:
            found[node] = g
            if not beyond:
                continue
        if node.__class__ is Output:
            if watch is not None:
                watch(node, g, (g,))
            source = node.inputs[0]
            if way is None or source in way:
                if source not in pending:
                    pending[source] = [None] * len(source.shape)
                    heappush(heap, (-source.stamp, source))
                pending[source][node.keywords["index"]] = g
            continue
        pullbacks = node.pullbacks if readings is None else readings[node]
        if pullbacks.__class__ is Region:
            pullbacks = restored(node)
        if pullbacks is None:
            raise_freed(node)
        if readings is None and node.stamp < Changes.latest:
            refuse_changed(node)
        if node.rule.joint:
            gradients = pullbacks[0](g, tuple(map(is_tracked, node.inputs)))
        else:
            gradients = []
            for pullback in pullbacks:
                gradients.append(pullback and pullback(g))
        if free:
            node.pullbacks = pullbacks = None
        if watch is not None:
            watch(node, g, gradients)
        if anomaly:
            refuse_anomaly(node, g, gradients)
        for x, gx in zip(node.inputs, gradients):  # noqa: B905  steps need name no pullbacks
            if gx is None or (way is not None and x not in way):
                continue
            if gx.shape != x.shape:
                gx = sum_to(gx, x.shape, node)
            if gx.dtype is not x.dtype and gx.dtype != x.dtype:
                gx = gx.astype(x.dtype)
            if x not in pending:
                pending[x] = gx
                if isinstance(x, Node):
                    heappush(heap, (-x.stamp, x))
            elif x in owned:
                pending[x] += gx
            else:
                pending[x] = pending[x] + gx
                if readings is None:
                    owned.add(x)
    for leaf in pending:
        if hooks and leaf.hooks:
            pending[leaf] = run_hooks(leaf.hooks, pending[leaf])
    if found:
        pending.update(found)
    return pending


def sum_to(g: Array, shape: tuple[int, ...], node: Node) -> Array:
    """The gradient of an input that was broadcast: `g` summed over the stretched axes."""
    extra = len(g.shape) - len(shape)
    if not node.rule.elementwise or extra < 0:
        raise AssertionError(
            f"a pullback of rule {node.rule.name} made a gradient of shape {g.shape} "
            f"for an input of shape {shape}"
        )
    stretched = tuple(
        axis
        for axis, length in enumerate(g.shape)
        if axis < extra or (shape[axis - extra] == 1 and length != 1)
    )
    return g.sum(axis=stretched).reshape(shape) if stretched else np.broadcast_to(g, shape)


def leading_to(targets: Collection[Any], roots: Sequence[Any], beyond: bool) -> set[Any]:
    """The nodes and leaves on a way from the roots to any of the targets."""
    way = set(targets)
    for node in ancestors(roots, () if beyond else targets):
        if any(isinstance(x, (Node, Variable)) and x in way for x in node.inputs):
            way.add(node)
    return way


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


def run_hooks(hooks: Mapping[int, Callable[[Any], Any]], g: Array) -> Array:
    """The gradient after the user's hooks, each of which may replace it."""
    wrapped = g if isinstance(g, Variable) else constant(g)
    for hook in list(hooks.values()):
        replaced = hook(wrapped)
        if replaced is not None:
            if np.shape(replaced) != wrapped.shape:
                raise GraphError(
                    "hook",
                    "it changed the shape of the gradient",
                    got=describe(replaced),
                    wanted=f"shape {wrapped.shape}, or None to leave the gradient as it is",
                )
            wrapped = replaced if isinstance(replaced, Variable) else constant(replaced)
    return wrapped if isinstance(g, Variable) else wrapped.value


def raise_freed(node: Node) -> None:
    raise GraphError(
        "backward",
        f"the graph was already swept once and its {node.rule.name} is freed",
        wanted="retain_graph=True in the first backward(), or a new forward pass",
    )


class Changes:
    """The stamp of the latest change of any leaf: nodes recorded later need no check."""

    latest = 0


def refuse_changed(node: Node) -> None:
    """Raise if an input of the node was changed in place after the node recorded it."""
    for leaf in node.inputs:
        if isinstance(leaf, Variable) and leaf.version[0] > node.stamp:
            named = f"the tensor {leaf.name!r}" if leaf.name else f"a tensor of shape {leaf.shape}"
            name = node.rule.name
            raise GraphError(
                "backward",
                f"{named} was changed after {name} recorded it, so its gradient would be wrong",
                got=f"a change at stamp {leaf.version[0]}, {name} recorded at {node.stamp}",
                wanted="backward() before assign() or optimizer.step(), or a new forward pass",
            )


def refuse_anomaly(node: Node, g: Array, gradients: Sequence[Array | None]) -> None:
    """In anomaly mode: raise if a finite gradient became one that is not."""
    for gx in gradients:
        check_finite(f"backward of {node.rule.name}", "backward", [g], gx, node.line or "")


def check_finite(
    operation: str, direction: str, inputs: Sequence[Any], output: Any, line: str
) -> None:
    """In anomaly mode: raise if finite inputs made an output that is not."""
    outputs = output if isinstance(output, tuple) else (output,)
    if all(map(is_finite, outputs)) or not all(map(is_finite, inputs)):
        return
    ranges = ", ".join(
        f"{np.shape(x)} in [{np.min(value_of(x)):.4g}, {np.max(value_of(x)):.4g}]"
        for x in inputs
        if x is not None and np.size(value_of(x))
    )
    raise AnomalyError(
        operation,
        f"the first number that is not finite, in the {direction} pass",
        got=f"finite inputs {ranges}" + (f"; recorded at {line}" if direction != "forward" else ""),
        wanted="a finite result",
    )


def value_of(x: Any) -> Any:
    return x.value if isinstance(x, Variable) else x


def is_finite(x: Any) -> bool:
    x = value_of(x)
    return x is None or isinstance(x, list) or bool(np.isfinite(x).all())


# --------------------------------------------------------------------------- reading again


def read(
    nodes: Sequence[Node], known: Mapping[Node, Array], *, recording: bool
) -> tuple[dict[Node, Array], dict[Node, Any]]:
    """Evaluate nodes (by rising stamp) once more: their values and their pullbacks.

    Not recording, this is a plain evaluation from the leaves. Recording, each rule is called
    on Tensors bound to the very nodes of the first reading, so its pullbacks are themselves
    recorded operations on those nodes: that is what derivatives of any order need.
    """
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
        inputs = [
            values[x]
            if isinstance(x, Node)
            else (x if recording and x.tracked else x.value)
            if isinstance(x, Variable)
            else x
            for x in node.inputs
        ]
        if recording and rule.reference is not None:
            value, pullbacks = rule.reference_reading(inputs, node.keywords)
        else:
            if recording and rule.linear:
                inputs = list(map(value_of, inputs))  # its pullbacks depend on no input
            result = rule.function(*inputs, **node.keywords)
            value = result[0]
            plain = [i for i, x in enumerate(node.inputs) if not is_tracked(x)]
            pullbacks = pullbacks_of(rule, result, plain)
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
    if not isinstance(value, Variable) or any(value is x for x in inputs):
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


# --------------------------------------------------------------------------- what users call


def backward(root: Any, seed: Array, *, free: bool, create_graph: bool) -> None:
    """Add d sum(root · seed) / d leaf to `.grad` of every leaf that requires a gradient."""
    found = differentiate((root,), (seed,), free=free, create_graph=create_graph)
    for leaf, g in found.items():
        accumulate(leaf, g if create_graph else constant(g))


def accumulate(tensor: Any, g: Any) -> None:
    """Add a Tensor to `.grad`. Never in place: the gradient may be another's memory."""
    tensor._grad = g if tensor._grad is None else tensor._grad + g


def differentiate(
    roots: Sequence[Any],
    seeds: Sequence[Array],
    *,
    free: bool,
    create_graph: bool,
    targets: Collection[Any] = (),
) -> dict[Any, Array]:
    """The gradients by leaf or target: arrays, or recorded Tensors with `create_graph`.

    Roots and targets are nodes or leaves (`end_of` a Tensor).
    """
    if not create_graph:
        return sweep(roots, seeds, free=free, targets=targets)
    nodes = ancestors(roots)
    for node in nodes:
        if node.pullbacks is None:
            raise_freed(node)
        refuse_changed(node)
    with enable_grad():
        _, readings = read(nodes, {}, recording=True)
        tensors = [s if isinstance(s, Variable) else constant(s) for s in seeds]
        return sweep(roots, tensors, free=False, readings=readings, targets=targets)


def end_of(tensor: Any) -> Any:
    """The end of the graph that a Tensor is: its node, or the leaf itself."""
    return tensor if tensor.node is None else tensor.node


class Mode(ContextDecorator):
    """Sets one flag in this thread: a context manager and a decorator."""

    place, flag = 0, True

    def __init__(self) -> None:
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append(modes.flags)
        flags = list(modes.flags)
        flags[self.place] = self.flag
        modes.flags = (flags[0], flags[1])

    def __exit__(self, *_: object) -> None:
        modes.flags = self.before.pop()


class no_grad(Mode):  # noqa: N801  PyTorch's own name
    """Inside, nothing is recorded: results require no gradient. This thread only."""

    flag = False


class enable_grad(Mode):  # noqa: N801  PyTorch's own name
    """Inside, operations are recorded, also within `no_grad`. This thread only."""


class detect_anomaly(Mode):  # noqa: N801  PyTorch's own name
    """Inside, the first operation that makes a NaN or an infinity out of finite numbers raises.

    Forward or backward; the error names the operation, the line that recorded it, and the
    shapes and ranges of its inputs. Slow: every result is looked at. This thread only.
    """

    place = 1

    def __init__(self) -> None:
        super().__init__()
        self.numpy: list[np.errstate] = []

    def __enter__(self) -> None:
        super().__enter__()
        self.numpy.append(np.errstate(all="ignore"))  # the error says more than NumPy's warning
        self.numpy[-1].__enter__()

    def __exit__(self, *error: Any) -> None:
        self.numpy.pop().__exit__(*error)
        super().__exit__(*error)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are being recorded."""
    return modes.flags[0]
