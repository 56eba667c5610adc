"""The user's own names: what was said with names=, the tensors' names, the caller's variables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, describe
from tinygrad_tr.graph import Node, Variable, end_of

UNNAMED = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>", "<lambda>")
NOTEBOOK = {"IPython", "decorator", "ipykernel", "traitlets"}
MOST = 1000  # a longer list or dict of the caller is no set of names
HOUSE = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "")


class Names:
    """Which name each node, leaf and plain array has; the first name given wins."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}
        self.arrays: dict[int, tuple[Any, str]] = {}  # the array is kept, so that its id stays
        self.taken: set[str] = set()
        self.derivatives: dict[Any, list[Any]] = {}  # whose gradient a node or leaf is

    def give(self, value: Any, name: str, *, other: str = "") -> None:
        """Name a Tensor or array, unless it has a name; by `other` if the name is taken."""
        is_tensor = isinstance(value, Variable)
        if not is_tensor and not isinstance(value, np.ndarray):
            return
        key = end_of(value) if is_tensor else id(value)
        if key in (self.names if is_tensor else self.arrays):
            return
        if other and name in self.taken:
            name = other
        self.taken.add(name)
        if is_tensor:
            self.names[key] = name
            value = None if value.tracked else value.value  # a loss may take the array out of it
        if isinstance(value, np.ndarray):
            self.arrays.setdefault(id(value), (value, name))

    def of(self, x: Any) -> str | None:
        """The name of a node, leaf or plain array, if it has one."""
        if isinstance(x, Variable | Node):
            return self.names.get(x) or x.name
        found = self.arrays.get(id(x))
        base = getattr(x, "base", None)
        if found is None and base is not None and base.size == x.size:
            found = self.arrays.get(id(base))  # the same numbers in another shape
        return found[1] if found else None


def names_for(tables: Iterable[Mapping[str, Any] | None], frame: FrameType | None) -> Names:
    """All names: those of the tables first, then the tensors' own, then the caller's variables."""
    names = Names()
    for table in tables:
        for name, value in checked(table):
            names.give(value, name)
    variables = [] if frame is None else list(variables_of(frame))
    for _, value in variables:
        # A parameter knows itself as `weight`; its module knows it as `layers.0.weight`.
        if callable(getattr(type(value), "named_parameters", None)):
            for path, parameter in value.named_parameters():
                names.give(parameter, path)
    for name, value in variables:
        for inner, short, long in named_inside(name, value):
            if getattr(inner, "name", None) is None:
                names.give(inner, short, other=long)
    return names


def checked(table: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    """The items of a table {name: Tensor}, or an error that says what it should be."""
    if table is None:
        return
    if not isinstance(table, Mapping):
        raise ArgumentError(
            "draw", "names come as a dict", got=describe(table),
            wanted="{name: tensor}, such as dict(model.named_parameters())",
        )  # fmt: skip
    for name, value in table.items():
        if not isinstance(name, str) or not isinstance(value, Variable | np.ndarray):
            raise ArgumentError(
                "draw", "names come as strings with a tensor each",
                got=f"{name!r}: {describe(value)}", wanted="{name: tensor}",
            )  # fmt: skip
        yield name, value


def variables_of(frame: FrameType) -> Iterator[tuple[str, Any]]:
    """The variables that the caller sees, its own first; names of IPython's history left out."""
    scopes = [frame.f_locals]
    while frame.f_code.co_name in UNNAMED and frame.f_back is not None:
        frame = frame.f_back  # the function around a comprehension or lambda
        scopes.append(frame.f_locals)
    for scope in (*scopes, frame.f_globals):
        for name, value in list(scope.items()):
            if not name.startswith("_"):
                yield name, value


def named_inside(name: str, value: Any) -> Iterator[tuple[Any, str, str]]:
    """(value, name, longer name): a variable itself, or each item of a list, tuple or dict."""
    if isinstance(value, Variable | np.ndarray):
        yield value, name, ""
    elif isinstance(value, list | tuple) and len(value) <= MOST:
        for i, item in enumerate(value):
            yield item, f"{name}[{i}]", ""
    elif isinstance(value, dict) and len(value) <= MOST:
        for key, item in value.items():
            if isinstance(key, str):
                yield item, key, f"{name}[{key!r}]"


def users_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame outside this library: where the user asked for the picture.

    A notebook shows the last value of a cell from within the cell: what shows it is passed over.
    """
    while frame is not None and (
        os.path.realpath(frame.f_code.co_filename).startswith(HOUSE)
        or frame.f_globals.get("__name__", "").partition(".")[0] in NOTEBOOK
    ):
        frame = frame.f_back
    return frame
