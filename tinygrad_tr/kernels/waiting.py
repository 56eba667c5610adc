"""Waiting for another thread: a moment awake, then asleep.

The system takes some 50 µs to wake a thread, as long as a loop over a million numbers. What one
thread waits for from another is often there before that. So it first looks again and again, in
compiled code that leaves the interpreter to others, and does there at once what is offered to it.
"""

from __future__ import annotations

import sys
from queue import SimpleQueue

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.atomics import exchanged, give_way, perform, put, seen

LOOKS = 1000  # before a thread that waits gives way to others: about 0.4 µs

# Looks before it sleeps, about 1 ms: as long as a step is that uses loops now and then. To wait is
# to give way, so it takes little time from others.
TURNS = 1_000_000

# The words of a signal, in bytes from its address: how often it was given; the state of what is
# offered; the addresses of that task; and a counter for its parts.
STATE, FUNCTION, ARGUMENTS, COUNTER, WORDS = 8, 16, 24, 32, 5
FREE, OFFERED, TAKEN = 0, 1, 2


class Signal:
    """Given by one thread, waited for by one other, as often as it is given."""

    def __init__(self) -> None:
        self.words = np.zeros(WORDS, np.int64)
        self.address = self.words.ctypes.data
        self.taken = 0
        self.asleep = False
        self.queue: SimpleQueue[None] = SimpleQueue()

    def give(self) -> None:
        self.words[0] += 1
        self.queue.put(None)

    def rouse(self) -> None:
        """Give it once, if who waits for it has fallen asleep."""
        if self.asleep:
            self.asleep = False
            self.give()

    def wait(self, grace: int = 0) -> None:
        """Wait until it is given once more, and so many looks longer."""
        # A program that has no loops compiled would load the compiler for this alone.
        if "numba" in sys.modules and compiled.Kernels.loops and compiled.available():
            awaited(self.address, self.taken, TURNS, grace)
        self.asleep = True
        self.queue.get()
        self.asleep = False
        self.taken += 1


@compiled.loop
def awaited(signal: int, known: int, turns: int, grace: int) -> None:
    """Look until it was not given as often as known, and `grace` times more; do what is offered."""
    turn = 0
    while turn < turns:
        turn += 1
        if seen(signal) != known:
            for _ in range(grace):
                seen(signal)
            return
        state = signal + STATE
        if seen(state) == OFFERED and exchanged(state, OFFERED, TAKEN):
            perform(seen(signal + FUNCTION), seen(signal + ARGUMENTS))
            put(state, FREE)
            turn = 0
        if turn % LOOKS == 0:
            give_way()


@compiled.loop
def become(at: int, n: int) -> None:
    """Look until n is there."""
    turn = 0
    while seen(at) != n:
        turn += 1
        if turn % LOOKS == 0:
            give_way()
