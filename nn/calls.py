"""Calls of modules that somebody listens to: watchers of a thread, hooks of a module."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .module import Module

Watcher = Callable[["Module", Literal["enter", "leave"], Any], None]


class Calls(threading.local):
    """Who is told of each module called in this thread."""

    watchers: tuple[Watcher, ...] = ()


calls = Calls()


@contextmanager
def watch_calls(callback: Watcher) -> Iterator[None]:
    """Inside, tell `callback(module, "enter", inputs)` and `(module, "leave", output)`.

    `inputs` is the tuple of what the module was called with, keywords last. Every enter has its
    leave, with None as output if the forward raised. This thread only.
    """
    before = calls.watchers
    calls.watchers = (*before, callback)
    try:
        yield
    finally:
        calls.watchers = before


def watched_call(module: Module, inputs: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
    """A call with someone listening: the watchers of this thread, the hooks of the module."""
    watchers = calls.watchers
    hooks = list(module._hooks.values())
    for when, hook in hooks:
        if when == "before":
            replaced = hook(module, inputs)
            if replaced is not None:
                inputs = replaced if isinstance(replaced, tuple) else (replaced,)
    for watcher in watchers:
        watcher(module, "enter", (*inputs, *keywords.values()))
    output = None
    try:
        output = module.forward(*inputs, **keywords)
    finally:
        for watcher in reversed(watchers):
            watcher(module, "leave", output)
    for when, hook in hooks:
        if when == "after":
            replaced = hook(module, inputs, output)
            output = output if replaced is None else replaced
    return output
