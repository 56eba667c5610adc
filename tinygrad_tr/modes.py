"""What is switched on in a thread: recording, and the watch for numbers that are not finite."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from typing import Any

import numpy as np

USUAL = (True, False)


class Modes(threading.local):
    """What is switched on in this thread: `flags` is (recording, anomaly)."""

    flags = USUAL


modes = Modes()


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
