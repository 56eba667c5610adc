"""Modules as frames: which operations were recorded inside which call of which module."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.graph import next_stamp
from tinygrad_tr.modes import enable_grad, record_lines
from tinygrad_tr.picture.numbers import count_written


@dataclass(slots=True)
class Call:
    """One call of a module: what was recorded with a stamp between start and end is inside.

    `level` counts from 0, the model itself; `around` is the place in the list of calls of the
    call it happened in, -1 for none. One that `repeats` so many steps, or blocks `like` one that
    is drawn, or stands for other `operations`, is never opened. `part` names the frame of a whole
    pass; `order` is 0 in the forward pass, 1 in the backward pass, 2 in the backward pass of that.
    """

    path: str
    kind: str
    size: int
    parameters: tuple[Any, ...]
    start: float
    end: float
    level: int
    around: int
    repeats: int = 0
    like: str = ""
    operations: int = 0
    part: str = ""
    order: int = 0

    @property
    def is_many(self) -> bool:
        """Whether it stands for steps, blocks or operations that are not drawn."""
        return bool(self.repeats or self.operations)

    def title(self, words: dict[str, str]) -> list[str]:
        """`layers.0`, `Linear(64 → 64)`, `4,160 parameters`: those of them that there are."""
        size = f"{count_written(self.size)} {words['parameters']}" if self.size else ""
        many = ""
        if self.part:
            many = words[f"{self.part} pass"] + f" {self.order}" * (self.order > 1)
        elif self.operations:
            many = words["operations"].format(count_written(self.operations))
        elif self.like:
            many = words["like"].format(self.repeats, self.like)
        elif not self.path:
            many = words["steps"].format(count_written(self.repeats)) if self.repeats else ""
        return [part for part in (self.path, many, self.kind, size) if part]


def call_watched(
    model: Any, inputs: Sequence[Any], loss: Callable[[Any], Any] | None
) -> tuple[Any, list[Call]]:
    """The output of model(*inputs), or the loss of it, and the calls of modules on the way.

    The model is left as it was: its buffers and the random generators are set back.
    """
    from tinygrad_tr.nn import watch_calls

    paths = {module: path for path, module in model.named_modules()}
    calls: list[Call] = []
    inside: list[int] = []

    def watcher(module: Any, event: str, value: Any) -> None:
        if event == "leave":
            calls[inside.pop()].end = next_stamp()
            return
        around = inside[-1] if inside else -1
        parameters = tuple(module.parameters())
        size = sum(int(p.size) for p in parameters)
        path = paths.get(module, "loss" if module is loss else "")
        level = len(inside) if paths.get(module) is not None else 1
        inside.append(len(calls))
        calls.append(Call(path, kind_of(module), size, parameters, next_stamp(), 0, level, around))

    with unchanged(model), enable_grad(), record_lines(), watch_calls(watcher):
        output = model(*inputs)
        if loss is not None:
            output = loss(output)
    return output, calls


def kind_of(module: Any) -> str:
    """`Linear(64 → 64)`, `ReLU`, `Dropout(p=0.5)`: the class and the facts that name it."""
    name = type(module).__name__
    for before, after in (("in_features", "out_features"), ("in_channels", "out_channels")):
        if hasattr(module, before) and hasattr(module, after):
            return f"{name}({getattr(module, before)} → {getattr(module, after)})"
    # The shapes of parameters, which extra_repr writes by default, stand on their own cards.
    facts = module.extra_repr() if type(module).extra_repr is not base_extra_repr() else ""
    return f"{name}({facts})" if facts else name


def base_extra_repr() -> Any:
    from tinygrad_tr.nn import Module

    return Module.extra_repr


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Set back what a forward pass may change: buffers, their stamps, random generators."""
    buffers = [(b, b.value, np.array(b.value), b.version[0]) for b in model.buffers()]
    generators = [generator_or_default()] + [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, np.random.Generator)
    ]
    states = [generator.bit_generator.state for generator in generators]
    try:
        yield
    finally:
        for buffer, memory, before, stamp in buffers:
            if isinstance(memory, np.ndarray):
                np.copyto(memory, before)
            buffer.value, buffer.version[0] = memory, stamp
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state


def innermost(calls: Sequence[Call], stamps: Sequence[int]) -> list[int]:
    """For rising stamps, the place of the innermost call around each, -1 for none."""
    found, inside, following = [], [-1], 0
    for stamp in stamps:
        while following < len(calls) and calls[following].start < stamp:
            inside.append(following)
            following += 1
        while inside[-1] >= 0 and calls[inside[-1]].end < stamp:
            inside.pop()
        found.append(inside[-1])
    return found


def folded(calls: Sequence[Call], depth: int, opened: Collection[float] = ()) -> list[int]:
    """For each call, the outermost call around it at the level `depth`, -1 if it stays open.

    The calls that began at stamps in `opened` are open all the same.
    """
    boxes: list[int] = []
    for i, call in enumerate(calls):  # a call comes after the one around it
        outer = boxes[call.around] if call.around >= 0 else -1
        closed = call.level >= depth and call.start not in opened
        boxes.append(outer if outer >= 0 else (i if call.is_many or closed else -1))
    return boxes


def common(calls: Sequence[Call], a: int, b: int) -> int:
    """The innermost call around both."""
    above = {-1}
    while a >= 0:
        above.add(a)
        a = calls[a].around
    while b not in above:
        b = calls[b].around
    return b
