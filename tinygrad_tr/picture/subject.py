"""What a picture or a report is about: a graph that was recorded, or is recorded for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, NamedTuple

from tinygrad_tr.errors import DtypeError, describe, users_line
from tinygrad_tr.graph import Variable, ancestors, end_of
from tinygrad_tr.picture.frames import Call, call_watched
from tinygrad_tr.picture.naming import Names, names_for


class Subject(NamedTuple):
    """Nodes and leaves, the names of all behind them, the calls of modules, the parameters."""

    ends: Sequence[Any]
    names: Names
    calls: Sequence[Call]
    parameters: Mapping[str, Any]


def subject_of(
    operation: str,
    what: Any,
    inputs: Sequence[Any],
    loss: Callable[[Any], Any] | None,
    names: Mapping[str, Any] | None,
    params: Mapping[str, Any] | None,
    frame: FrameType | None,
) -> Subject:
    """The graph of Tensors, or of a module that is called with the inputs.

    `frame` is the caller's, whose variables give names; `operation` is what errors speak of.
    """
    is_module = hasattr(what, "named_modules")
    parameters = dict(what.named_parameters()) if is_module else dict(params or {})
    found = names_for((names, params, parameters), frame)
    calls: Sequence[Call] = ()
    if is_module:
        what, calls = framed(what, inputs, loss, found)
    elif inputs or loss is not None:
        raise DtypeError(
            operation, "only a module takes inputs and a loss", got=describe(what),
            wanted=f"{operation}(tensor), {operation}([tensor, ...]) or {operation}(model, x)",
        )  # fmt: skip
    ends = ends_of(operation, what)
    if is_module:
        forget(ends, users_line())
    return Subject(ends, found, calls, parameters)


def framed(
    model: Any, inputs: Sequence[Any], loss: Callable[[Any], Any] | None, names: Names
) -> tuple[Any, Sequence[Call]]:
    """The output of a module, the calls that made it, and names for its inputs."""
    for path, parameter in model.named_parameters():
        names.give(parameter, path)
    for path, buffer in model.named_buffers():
        names.give(buffer, path)
    arguments = [n for n in inspect.signature(model.forward).parameters if n != "self"]
    for name, x in zip(arguments, inputs, strict=False):
        if getattr(x, "name", None) is None:
            names.give(x, name)
    output, calls = call_watched(model, inputs, loss)
    if loss is not None:
        names.give(output, "loss")
    return output, calls


def ends_of(operation: str, what: Any) -> list[Any]:
    """The nodes and leaves that are meant: of one Tensor, or of each in a list or tuple."""
    tensors = list(what) if isinstance(what, (list, tuple)) else [what]
    if not tensors or not all(isinstance(t, Variable) for t in tensors):
        raise DtypeError(
            operation, "nothing to draw but Tensors" if operation == "draw" else "not a Tensor",
            got=describe(what), wanted="a Tensor, a list of Tensors, or a module and its inputs",
        )  # fmt: skip
    return [end_of(t) for t in tensors]


def forget(ends: Sequence[Any], line: str) -> None:
    """Take away a source line that says nothing: that of the call which had it all recorded."""
    for node in ancestors(ends):
        if node.line == line:
            node.line = None
