"""The way back: sweeping over the graph and adding up what the pullbacks return."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from tinygrad_tr.anomaly import refuse_anomaly
from tinygrad_tr.errors import GraphError, describe
from tinygrad_tr.graph import (
    Array,
    Changes,
    Node,
    Output,
    Pullback,
    Variable,
    ancestors,
    constant,
    is_tracked,
    kinds,
    node_kinds,
)
from tinygrad_tr.kernels.scattering import Rows
from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.modes import REFUSING, enable_grad, modes
from tinygrad_tr.reading import read, restored
from tinygrad_tr.trail import Trail


def sweep(
    roots: Sequence[Any],
    seeds: Sequence[Array],
    *,
    free: bool,
    readings: Mapping[Node, Any] | None = None,
    targets: Collection[Any] = (),
    beyond: bool = True,
    nodes: Sequence[Node] | None = None,
    watch: Callable[[Node, Any, Sequence[Array | None]], None] | None = None,
    hooks: bool = True,
) -> dict[Any, Array]:
    """The gradients of sum(root · seed) with respect to the leaves and the targets.

    `roots` are Nodes or leaves. Nodes are visited by falling stamp, so all that flows into a
    node has arrived when it is visited. `readings` replaces the nodes' own pullbacks (those
    of a second reading); `targets` restricts the sweep to the way to them, and unless `beyond`
    nothing flows through one target to another; `nodes` are all ancestors of the roots, if known;
    `watch` is shown each node with its gradient and what its pullbacks made of it. `free` drops
    each node's pullbacks as it is passed. Without `hooks`, the user's hooks do not run. Only
    leaves get gradients that are kept by rows.
    """
    targets = frozenset(targets) if targets else ()
    way = None
    if targets:
        behind = ancestors(roots, () if beyond else targets) if nodes is None else nodes
        way = leading_to(targets, behind)
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
    anomaly = modes.flags[1] == REFUSING
    observed = anomaly or watch is not None
    while heap:
        node = heappop(heap)[1]
        g = pending.pop(node)
        if hooks and node.hooks:
            g = run_hooks(node.hooks, g)
        if targets and node in targets:
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
        if pullbacks.__class__ is not tuple:
            pullbacks = forgotten(node)
        if node.stamp < Changes.latest and readings is None and not node.rule.linear:
            refuse_changed(node)  # asked at each node: a hook may change a leaf on the way
        if free:
            node.pullbacks = None
        if node.rule.joint:
            needs = [is_tracked(x) and (way is None or x in way) for x in node.inputs]
            pullbacks = settled(pullbacks[0](g, needs))
        if observed:
            gradients = [pullback and whole(pullback(g)) for pullback in pullbacks]
            if anomaly:
                refuse_anomaly(node, g, gradients)
            if watch is not None:
                watch(node, g, gradients)
            pullbacks = settled(gradients)
        for x, pullback in zip(node.inputs, pullbacks):  # noqa: B905  rules may name fewer
            if pullback is None or (way is not None and x not in way):
                continue
            gx = pullback(g)
            is_leaf = x.__class__ in kinds
            wanted = x.value if is_leaf else x
            if gx.shape != wanted.shape:
                gx = sum_to(gx, wanted.shape, node)
            if gx.dtype is not wanted.dtype and gx.dtype != wanted.dtype:
                gx = gx.astype(wanted.dtype)
            if x not in pending:
                if not is_leaf:
                    if gx.__class__ is Rows:
                        gx = whole(gx)
                    heappush(heap, (-x.stamp, x))
                pending[x] = gx
            elif x in owned:
                pending[x] += gx
            else:
                pending[x] = pending[x] + gx
                if readings is None:
                    owned.add(x)
    for leaf in pending:
        if hooks and leaf.hooks:
            pending[leaf] = run_hooks(leaf.hooks, whole(pending[leaf]))
    if found:
        pending.update(found)
    return pending


def whole(g: Array) -> Array:
    """A gradient as an array, if it was kept by rows."""
    if g.__class__ is not Rows:
        return g
    trace = modes.flags[2]
    return g.whole() if trace is None else trace.kernel(Rows.whole, (g,), {})


def settled(gradients: Iterable[Array | None]) -> list[Pullback | None]:
    """Gradients that are known already, as pullbacks that return them."""

    def giving(gx: Array) -> Pullback:
        return lambda g: gx

    return [None if gx is None else giving(gx) for gx in gradients]


def sum_to(g: Array, shape: tuple[int, ...], node: Node) -> Array:
    """The gradient of an input that was broadcast: `g` summed over the stretched axes."""
    if not node.rule.elementwise:
        raise AssertionError(
            f"a pullback of rule {node.rule.name} made a gradient of shape {g.shape} "
            f"for an input of shape {shape}"
        )
    stretched = stretched_axes(g.shape, shape)
    if not stretched:
        return np.broadcast_to(g, shape)
    g = g.sum(axis=stretched)
    return g if g.shape == shape else g.reshape(shape)


def leading_to(targets: Collection[Any], nodes: Iterable[Node]) -> set[Any]:
    """The nodes and leaves on a way from any of the nodes, by rising stamp, to the targets."""
    way = set(targets)
    for node in nodes:
        for x in node.inputs:
            if (x.__class__ in node_kinds or x.__class__ in kinds) and x in way:
                way.add(node)
                break
    return way


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


def forgotten(node: Node) -> Any:
    """The pullbacks of a node that has none at hand: read again, or an error once freed."""
    if node.pullbacks is None:
        raise_freed(node)
    for inner in ancestors([node], node.pullbacks.border):
        refuse_changed(inner)
    return restored(node)


def raise_freed(node: Node) -> None:
    raise GraphError(
        "backward",
        f"the graph was already swept once and its {node.rule.name} is freed",
        wanted="retain_graph=True in the first backward(), or a new forward pass",
    )


def refuse_changed(node: Node) -> None:
    """Raise if an input of the node was changed in place after the node recorded it.

    The pullbacks of a linear rule do not mind, unless they must be made again.
    """
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


def backward(root: Any, seed: Array, *, free: bool, create_graph: bool) -> None:
    """Add d sum(root · seed) / d leaf to `.grad` of every leaf that requires a gradient."""
    if create_graph:
        found = differentiate((root,), (seed,), free=free, create_graph=True)
    else:
        found = sweep((root,), (seed,), free=free)
    for leaf, g in found.items():
        accumulate(leaf, g if create_graph or g.__class__ is Rows else constant(g))


def accumulate(tensor: Any, g: Any) -> None:
    """Add a Tensor, or Rows, to `.grad`. Never in place: it may be another's memory."""
    trace = modes.flags[2]
    kept = tensor._grad if trace is None else trace.kept_grad(tensor)
    if kept is None or kept.__class__ is g.__class__ is Rows:
        tensor._grad = g if kept is None else kept + g
    else:
        kept = constant(whole(kept)) if kept.__class__ is Rows else kept
        tensor._grad = kept + (constant(whole(g)) if g.__class__ is Rows else g)


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
        found = sweep(roots, seeds, free=free, targets=targets)
        return {x: whole(g) for x, g in found.items()}
    nodes = ancestors(roots)
    for node in nodes:
        if node.pullbacks is None:
            raise_freed(node)
        refuse_changed(node)
    trail = Trail()
    with enable_grad():
        trail |= read(nodes, {}, recording=True)[1]
        tensors = [s if isinstance(s, Variable) else constant(s) for s in seeds]
        found = sweep(roots, tensors, free=False, readings=trail, targets=targets, nodes=nodes)
    trail.end(found.values())
    return found
