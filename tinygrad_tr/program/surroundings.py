"""What stands around a step: the names it uses, and the modules it calls.

A program is true as long as those are what they were when the step was recorded. To ask costs a
comparison of identities each.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.errors import CompileError, describe, is_ours

PASSED_OVER = (types.ModuleType, type, types.BuiltinFunctionType)


class Surroundings:
    """The names of a step and the attributes of its modules, as they were."""

    def __init__(self, step: Callable[..., Any]) -> None:
        self.step = step
        self.look_around()
        self.modules: dict[Any, tuple[list[str], list[Any]]] = {}

    def look_around(self) -> None:
        """Take the names of the step for what they mean now."""
        self.names = list(names_of(self.step))
        self.named = {id(thing) for _, _, thing in self.names}

    def watch(self, first: Mapping[Any, list[Any]], second: Mapping[Any, list[Any]]) -> None:
        """Watch the modules that the step called: the attributes that two recordings agree on."""
        for module, values in second.items():
            before = first.get(module, values)
            pairs = zip(vars(module), values, before, strict=False)
            kept = [(name, value) for name, value, old in pairs if value is old]
            names, same = zip(*kept, strict=True) if kept else ((), ())
            self.modules[module] = list(names), list(same)

    def meeting(self, arguments: Sequence[Any]) -> tuple[int, ...]:
        """Which arguments are one and the same, or are what a name of the step means."""
        ids = [id(x) for x in arguments]
        if self.named.isdisjoint(ids) and len(set(ids)) == len(ids):
            return ()
        return tuple(x if x in self.named else ids.index(x) for x in ids)

    def changed(self) -> str:
        """What is another than it was, for a message; nothing if all is as it was."""
        for name, find, before in self.names:
            now = find(name)
            if now is not before and not (type(now) is type(before) and equal(now, before)):
                self.look_around()
                return f"{name} is {describe(now)}, it was {describe(before)}"
        for module, (names, before) in self.modules.items():
            held = vars(module)
            if not all(map(operator.is_, map(held.get, names), before)):
                self.modules.clear()
                return f"an attribute of {type(module).__name__} changed"
        return ""


def equal(now: Any, before: Any) -> bool:
    """Whether two numbers or texts are the same; other things must be the very same."""
    return isinstance(now, (bool, int, float, str, bytes)) and bool(now == before)


def names_of(step: Any) -> Iterator[tuple[str, Callable[[str], Any], Any]]:
    """The names that a function uses from outside, how to find them, and what they mean.

    Functions of the user's among them are gone through as well.
    """
    open_, seen = [step], set()
    while open_:
        function = open_.pop()
        function = getattr(function, "__func__", function)
        if not isinstance(function, types.FunctionType) or function in seen:
            continue
        if is_ours(function.__code__.co_filename):
            continue
        seen.add(function)
        for name, find in places(function):
            thing = find(name)
            if isinstance(thing, PASSED_OVER) or thing is function:
                continue
            refuse_arrays(name, thing)
            open_.append(thing)
            yield name, find, thing


def places(function: types.FunctionType) -> Iterator[tuple[str, Callable[[str], Any]]]:
    """The free and the global names of a function that exist, and how to look them up."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        yield name, functools.partial(contents, cell)
    inner = [code]
    for part in inner:
        inner += [c for c in part.co_consts if isinstance(c, types.CodeType)]
        for name in part.co_names:
            if name in function.__globals__:
                yield name, function.__globals__.get


def contents(cell: Any, _: str) -> Any:
    """What a free name means now."""
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def refuse_arrays(name: str, thing: Any) -> None:
    """Raise if the name means an array, or holds one."""
    parts = thing.values() if isinstance(thing, dict) else thing
    inside = list(parts) if isinstance(thing, (dict, list, tuple)) else [thing]
    for x in inside:
        if isinstance(x, np.ndarray):
            raise CompileError(
                "compile", f"the step uses the array {name!r} from outside: another could take "
                "its place unseen", got=describe(x),
                wanted="the array as an argument of the step, or a Tensor made of it before",
            )  # fmt: skip
