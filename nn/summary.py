"""What a model is made of, and what one forward pass costs: a table, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tinygrad_tr.graph import Node, Output, ancestors, end_of, next_stamp
from tinygrad_tr.modes import enable_grad
from tinygrad_tr.tables import aligned
from tinygrad_tr.tensor import Tensor

from .calls import watch_calls
from .modes import evaluating
from .module import Module, Parameter


@dataclass(frozen=True)
class Row:
    """One call of one module. `parameters` are its own, counted at its first call only."""

    path: str
    depth: int
    kind: str
    output: str
    parameters: int
    multiply_adds: int  # of everything inside
    activation_bytes: int  # of every result computed inside


@dataclass(frozen=True)
class Summary:
    """The calls of a forward pass in order, and the sums. Prints as a table.

    `unused` are the paths of the modules that were not called.
    """

    rows: list[Row]
    total_params: int
    trainable_params: int
    total_multiply_adds: int
    total_activation_bytes: int
    unused: list[str]

    def __str__(self) -> str:
        lines = [("layer", "type", "output", "parameters", "multiply-adds", "activations")]
        for row in self.rows:
            numbers = f"{row.parameters:,}", f"{row.multiply_adds:,}", size(row.activation_bytes)
            lines.append(("  " * row.depth + row.path, row.kind, row.output, *numbers))
        head, *body = aligned(lines, left=range(3))
        frozen = self.total_params - self.trainable_params
        foot = [
            f"{self.total_params:,} parameters, {frozen:,} of them frozen",
            f"{self.total_multiply_adds:,} multiply-adds",
            f"{size(self.total_activation_bytes)} of activations",
            *([f"not called: {', '.join(self.unused)}"] if self.unused else []),
        ]
        rule = "─" * len(head)
        return "\n".join([head, rule, *body, rule, *foot])

    __repr__ = __str__


def size(n: float) -> str:
    """Bytes in words: 640 B, 1.28 kB, 3.1 MB."""
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:,.3g} GB"


@dataclass
class Call:
    """A call of a module: between these stamps its operations were recorded."""

    module: Module
    depth: int
    start: int
    end: int = 0
    output: str = ""


def summary(model: Module, *inputs: Any) -> Summary:
    """The summary of one forward pass with these inputs, in evaluation mode; nothing changes.

    Multiply-adds are those of the products (linear, matmul, einsum, attention, convolutions, with
    what their zeros of padding are multiplied), beside which the rest is small. Activations are the
    bytes of every result of the pass; in memory is what the forward pass itself needs.
    """
    calls: list[Call] = []
    open_: list[Call] = []
    before = next_stamp()

    def watch(module: Module, event: str, value: Any) -> None:
        if event == "enter":
            open_.append(Call(module, len(open_), next_stamp()))
            calls.append(open_[-1])
        else:
            call, results = open_.pop(), tensors_in(value)
            call.end, call.output = next_stamp(), ", ".join(str(t.shape) for t in results)
            forget_way_back(results, before)

    with evaluating(model), recording_all(model), watch_calls(watch):
        output = model(*map(as_leaf, inputs))
    nodes = [
        node
        for node in ancestors([end_of(tensor) for tensor in tensors_in(output)])
        if not isinstance(node, Output)
    ]
    counted: set[Parameter] = set()
    rows = []
    paths = {module: path for path, module in model.named_modules()}
    for call in calls:
        inside = [node for node in nodes if call.start < node.stamp < call.end]
        own = {p for p in call.module.members().values() if isinstance(p, Parameter)} - counted
        counted |= own
        rows.append(
            Row(
                paths.get(call.module) or "(model)",
                call.depth,
                type(call.module).__name__,
                call.output,
                sum(p.size for p in own),
                sum(map(multiply_adds, inside)),
                sum(map(output_bytes, inside)),
            )
        )
    called = {call.module for call in calls}
    return Summary(
        rows,
        total_params=sum(p.size for p in model.parameters()),
        trainable_params=sum(p.size for p in model.parameters() if p.requires_grad),
        total_multiply_adds=sum(map(multiply_adds, nodes)),
        total_activation_bytes=sum(map(output_bytes, nodes)),
        unused=[
            path
            for module, path in paths.items()
            if module not in called
            and type(module).forward is not Module.forward  # lists have none
        ],
    )


def multiply_adds(node: Node) -> int:
    """How many products a node adds up: its outputs times the length of each sum."""
    if node.rule.name in ("linear", "matmul"):
        return math.prod(node.shape) * int(node.inputs[0].shape[-1])
    if node.rule.name == "conv":  # for each output a filter
        return math.prod(node.shape) * math.prod(node.inputs[1].shape[1:])
    if node.rule.name == "conv_transpose":  # for each input
        return math.prod(node.inputs[0].shape) * math.prod(node.inputs[1].shape[1:])
    if node.rule.name == "attention":  # of each query with each key, of each weight with a value
        keys, size = node.inputs[1].shape[-2:]
        return math.prod(node.shape[:-1]) * keys * (size + node.shape[-1])
    if node.rule.name in ("rnn", "gru", "lstm"):  # every weight once for each step
        steps = math.prod(node.inputs[0].shape[:2])
        named = zip(node.rule.arrays, node.inputs, strict=True)
        weights = (w for name, w in named if name.startswith(("weight", "projection")))
        return steps * sum(math.prod(w.shape) for w in weights if w is not None)
    if node.rule.name == "einsum":
        terms = node.keywords["subscripts"].split("->")[0].split(",")
        lengths = {
            letter: n
            for term, x in zip(terms, node.inputs, strict=True)
            for letter, n in zip(term, x.shape, strict=True)
        }
        return math.prod(lengths.values()) * (len(terms) - 1)
    return 0


def output_bytes(node: Node) -> int:
    """The memory of a node's result, or of all its results."""
    if isinstance(node.dtype, tuple):
        return sum(math.prod(s) * d.itemsize for s, d in zip(node.shape, node.dtype, strict=True))
    return math.prod(node.shape) * int(node.dtype.itemsize)


def forget_way_back(tensors: list[Tensor], before: int) -> None:
    """Drop the arrays kept for gradients, of all nodes of these Tensors since a stamp."""
    open_ = [end_of(tensor) for tensor in tensors]
    while open_:
        node = open_.pop()
        if isinstance(node, Node) and node.stamp > before and node.pullbacks is not None:
            node.pullbacks = None
            open_.extend(node.inputs)


def tensors_in(value: Any) -> list[Tensor]:
    """The Tensors in what a module returned."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (list, tuple, dict)):
        return []
    return [tensor for part in parts for tensor in tensors_in(part)]


def as_leaf(x: Any) -> Any:
    """A copy that requires a gradient, so that what is computed from it is recorded."""
    x = x.detach() if isinstance(x, Tensor) else x
    if not hasattr(x, "dtype"):
        return x
    return Tensor(x, requires_grad=x.dtype.kind == "f")


@contextmanager
def recording_all(model: Module) -> Iterator[None]:
    """Inside, operations on frozen parameters are recorded too."""
    frozen = [p for p in model.parameters() if not p.requires_grad]
    model.requires_grad_()
    try:
        with enable_grad():
            yield
    finally:
        for parameter in frozen:
            parameter.requires_grad = False
