"""What is switched on in a thread: the graph, the watch for numbers that are not finite, a trace.

A trace writes down what a step does, so that `tt.compile` can do it again without Python. The
engine knows of it that it is asked; what it is stands in `program`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any, ParamSpec

import numpy as np

P = ParamSpec("P")

# How closely operations are watched: not at all; so that each knows the line of the user that
# recorded it; so that, besides, the first number that is not finite raises.
UNWATCHED, LINES, REFUSING = range(3)

Flags = tuple[bool, int, Any]
USUAL: Flags = (True, UNWATCHED, None)


class Modes(threading.local):
    """What is switched on in this thread: `flags` is (recording, watch, the trace or None)."""

    flags = USUAL


modes = Modes()


def set_flags(recording: bool, watch: int, trace: Any) -> None:
    """Set the flags of this thread; `modes.flags is USUAL` whenever they are the usual ones."""
    flags = (recording, watch, trace)
    modes.flags = USUAL if flags == USUAL else flags


class Mode(ContextDecorator):
    """Sets one flag in this thread: a context manager and a decorator."""

    place = 0
    flag: int = True

    def __init__(self) -> None:
        self.before: list[Flags] = []

    def __enter__(self) -> None:
        self.before.append(modes.flags)
        flags = list(modes.flags)
        flags[self.place] = self.flag
        set_flags(flags[0], flags[1], flags[2])

    def __exit__(self, *_: object) -> None:
        modes.flags = self.before.pop()


class no_grad(Mode):  # noqa: N801  PyTorch's own name
    """Inside, nothing is recorded: results require no gradient. This thread only."""

    flag = False


class enable_grad(Mode):  # noqa: N801  PyTorch's own name
    """Inside, operations are recorded, also within `no_grad`. This thread only."""


class record_lines(Mode):  # noqa: N801  named as the other modes are
    """Inside, each operation remembers the line of the caller's program that recorded it.

    Pictures and `diagnose_gradients` show it. Recording is slower. This thread only.
    """

    place, flag = 1, LINES

    def __enter__(self) -> None:
        super().__enter__()
        if self.before[-1][1]:  # the lines are recorded already
            modes.flags = self.before[-1]


class detect_anomaly(Mode):  # noqa: N801  PyTorch's own name
    """Inside, the first operation that makes a NaN or an infinity out of finite numbers raises.

    Forward or backward; the error names the operation, the line that recorded it, and the
    shapes and ranges of its inputs. Slow: every result is looked at. This thread only.
    """

    place, flag = 1, REFUSING

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


def outside(function: Callable[P, Any]) -> Callable[P, Any]:
    """Mark what changes more than Tensors, such as an optimizer's step.

    In a compiled step it is called in every run, as it stands, with what it was called with.
    """

    @functools.wraps(function)
    def call(*inputs: P.args, **keywords: P.kwargs) -> Any:
        trace = modes.flags[2]
        if trace is None:
            return function(*inputs, **keywords)
        return trace.outside(function, inputs, keywords)

    return call


def anew(function: Callable[P, Any]) -> Callable[P, Any]:
    """Mark what makes another array each time that it is called, such as random numbers."""

    @functools.wraps(function)
    def call(*inputs: P.args, **keywords: P.kwargs) -> Any:
        trace = modes.flags[2]
        if trace is None:
            return function(*inputs, **keywords)
        return trace.call(function, inputs, keywords, pure=False)

    return call
