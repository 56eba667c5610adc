"""Both passes of a recorded graph, evaluated again from its leaves, without leaving a trace.

No `.grad` is touched, no hook runs, nothing is freed and nothing recorded, so this works
before `backward()`, after it, and after the graph was freed.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_tr.graph import Node, Output, Variable, ancestors, is_tracked, value_of
from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.modes import UNWATCHED, modes
from tinygrad_tr.picture.formula import Formula, formula_of
from tinygrad_tr.picture.numbers import Numbers, measure, norm
from tinygrad_tr.reading import read
from tinygrad_tr.sweep import sum_to, sweep

RECURRENT = ("rnn", "lstm", "gru")  # rules that are given all steps at once


@dataclass(slots=True)
class Way:
    """The way of the gradient from an operation back to one of its inputs.

    slope         ∂output/∂input where both are one number
    formula       what the pullback makes of g, as text
    gain          ‖gradient in‖ / ‖gradient out‖
    stretched     the axes that were broadcast, over which the gradient is summed
    contribution  what arrives this way, where the input is used more than once
    so_far        the sum of what has arrived there with it, in the order of the sweep, if the
                  details are kept
    """

    slope: float | None
    formula: Formula | None
    gain: float | None
    stretched: tuple[int, ...]
    contribution: Numbers | None
    so_far: Numbers | None = None


@dataclass(slots=True)
class Passes:
    """What the two passes leave at each node and leaf."""

    nodes: list[Node]
    values: dict[Any, Any]
    gradients: dict[Any, Numbers] = field(default_factory=dict)
    arrays: dict[Any, Any] = field(default_factory=dict)  # the gradients of leaves, whole
    inner: dict[Node, Any] = field(default_factory=dict)  # and of nodes, if asked for
    ways: dict[Node, list[Way | None]] = field(default_factory=dict)
    steps: dict[Node, list[float]] = field(default_factory=dict)  # norms of ∂J/∂xₜ, recurrent
    uses: Counter[Any] = field(default_factory=Counter)
    changed: set[Any] = field(default_factory=set)


def evaluate(
    ends: Sequence[Any],
    *,
    backward: bool,
    entries: int,
    detailed: bool = False,
    inner: bool = False,
) -> Passes:
    """Values, gradients of the sum of all ends, and the ways in between.

    `ends` are nodes or leaves; up to `entries` numbers of a gradient are kept, or all details,
    and with `inner` the gradients of nodes whole.
    """
    nodes = ancestors(ends)
    with undisturbed():
        values, readings = read(nodes, {}, recording=False)
        passes = Passes(nodes, values)
        for node in nodes:
            for x in node.inputs:
                if isinstance(x, (Node, Variable)):
                    passes.uses[x] += 1
                    if isinstance(x, Variable) and x.version[0] > node.stamp:
                        passes.changed.add(x)
        if backward:
            sweep_back(ends, readings, passes, entries, detailed, inner)
    return passes


@contextmanager
def undisturbed() -> Iterator[None]:
    """Neither the anomaly mode nor floating-point warnings: a picture shows bad numbers."""
    flags = modes.flags
    modes.flags = (flags[0], UNWATCHED, None)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        modes.flags = flags


def sweep_back(
    ends: Sequence[Any],
    readings: Any,
    passes: Passes,
    entries: int,
    detailed: bool,
    inner: bool,
) -> None:
    """Fill in the gradients and the ways."""
    values = passes.values
    kept = functools.partial(measure, entries=entries, detailed=detailed)
    sums: dict[Any, Any] = {}  # what has arrived so far where several uses add up

    def value_at(x: Any) -> Any:
        return values[x] if isinstance(x, Node) else value_of(x)

    def watch(node: Node, g: Any, gradients: Sequence[Any]) -> None:
        if inner:
            passes.inner[node] = g
        if node.__class__ is Output:
            passes.gradients[node] = kept(g)
            return
        several = isinstance(g, list)
        if not several:
            passes.gradients[node] = kept(g)
        inputs = [value_at(x) for x in node.inputs]
        output = values[node]
        if node.rule.name in RECURRENT:
            passes.steps[node] = norms_by_step(node, readings[node][0], g)
        slopes = one_number_slopes(node, readings[node], inputs, output)
        length = norm(g)
        ways: list[Way | None] = [None] * len(inputs)
        for i, gx in enumerate(gradients):
            if gx is None or i >= len(inputs) or not is_tracked(node.inputs[i]):
                continue
            x = node.inputs[i]
            stretched = () if gx.shape == x.shape else stretched_axes(gx.shape, x.shape)
            if stretched:
                gx = sum_to(gx, x.shape, node)
            pullback = readings[node][0 if node.rule.joint else i]
            shared = passes.uses[x] > 1
            if shared and detailed:
                sums[x] = sums[x] + gx if x in sums else gx
            ways[i] = Way(
                slopes[i],
                pullback and formula_of(node, i, pullback, inputs, output),
                norm(gx) / length if length else None,
                stretched,
                kept(gx) if shared else None,
                kept(sums[x]) if x in sums else None,
            )
        passes.ways[node] = ways

    tracked = [end for end in dict.fromkeys(ends) if is_tracked(end)]
    seeds = [np.ones_like(value_at(end))[()] for end in tracked]
    found = sweep(tracked, seeds, free=False, readings=readings, watch=watch, hooks=False)
    passes.arrays = found
    for leaf, g in found.items():
        passes.gradients[leaf] = kept(g)


def norms_by_step(node: Node, pullback: Callable[..., Any], g: Any) -> list[float]:
    """The norm of the gradient of a recurrent layer's input x at each step, tracked or not."""
    to_x, *_ = pullback(g, [i == 0 for i in range(len(node.inputs))])
    return [norm(gx) for gx in to_x]


def one_number_slopes(
    node: Node, pullbacks: Any, inputs: Sequence[Any], output: Any
) -> list[float | None]:
    """∂output/∂input for each input that is one number, if the output is one."""
    slopes: list[float | None] = [None] * len(inputs)
    if isinstance(output, tuple) or np.size(output) != 1:
        return slopes
    one = np.ones_like(output)[()]
    needs = tuple(map(is_tracked, node.inputs))
    if node.rule.joint:
        made: Sequence[Any] = pullbacks[0](one, needs)
    else:
        made = [pullback and pullback(one) for pullback in pullbacks]
    for i, gx in enumerate(made[: len(inputs)]):
        if gx is not None and needs[i] and np.size(gx) == 1:
            slopes[i] = float(np.asarray(gx).reshape(()))
    return slopes
