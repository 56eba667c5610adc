"""Waiting for another thread: a moment awake, then asleep.

The system takes some 50 µs to wake a thread, as long as a loop over a million numbers. What one
thread waits for from another is often there before that. So it first looks again and again, in
compiled code that leaves the interpreter to others.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled

TURNS = 100_000  # looks before a thread sleeps: about 0.15 ms, as long as three awakenings


class Signal:
    """Given by one thread, waited for by one other, as often as it is given."""

    def __init__(self) -> None:
        self.given = np.zeros(1, np.int64)
        self.taken = 0
        self.lock = threading.Lock()
        self.lock.acquire()

    def give(self) -> None:
        self.lock.release()
        self.given[0] += 1

    def wait(self, grace: int = 0) -> None:
        """Wait until it is given once more, and so many looks longer."""
        # A program that has no loops compiled would load the compiler for this alone.
        if "numba" in sys.modules and compiled.Kernels.loops and compiled.available():
            awaited(self.given, self.taken, TURNS, grace)
        self.lock.acquire()
        self.taken += 1


@compiled.loop
def awaited(number: Any, known: int, turns: int, grace: int) -> None:
    """Look until the number is no longer the one that is known, and `grace` times more."""
    for _ in range(turns):
        if seen(number) != known:
            for _ in range(grace):
                seen(number)
            return


class Seen:
    """seen(array): its first number as another thread has left it, for loops to call."""

    @staticmethod
    @functools.cache
    def machine_code() -> Callable[..., Any]:
        from numba import types
        from numba.extending import intrinsic

        def seen(typing: Any, array: Any) -> tuple[Any, Callable[..., Any]]:
            def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
                data = context.make_array(signature.args[0])(context, builder, given[0]).data
                return builder.load_atomic(data, "acquire", 8)

            return types.int64(array), generate

        made: Callable[..., Any] = intrinsic(seen)
        return made


seen: Any = Seen
