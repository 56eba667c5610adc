"""Work cut into parts that run at the same time, for loops that let other threads run.

There are two sets of threads: ours, and those of the library that makes NumPy's matrix products,
which gets each product whole; `set_num_threads` sets both. They take turns well once the
library's do not spin (kernels/openblas.py). To share products over our threads too, the library's
held to one, would gain nothing: its own two threads make (1024, 128) · (128, 512) 1.9 times as
fast as one.

`in_parts` shares any function. To give a part to another thread and wait for it costs 15 to 20 µs
while that is awake, for 1 ms after its last part (kernels/waiting.py), else 50 to 70: each thread
waits for the interpreter's lock. `share` gives a compiled loop to threads that are in compiled
code already. That costs 2 µs, awake or not, and pays for a loop of 10.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.kernels import compiled, openblas
from tinygrad_tr.kernels.atomics import counted, exchanged, put, task
from tinygrad_tr.kernels.waiting import (
    ARGUMENTS,
    COUNTER,
    FREE,
    FUNCTION,
    OFFERED,
    STATE,
    Signal,
    become,
)

# Looks (kernels/waiting.py) before a helper begins, some 5 µs: until who asked is in compiled code.
# To wait for the interpreter's lock, which that one still holds, would put the helper to sleep.
GRACE = 12_000

# Parts of a compiled loop for every core: who is done takes the next, so that a thread that has to
# share its core with another program holds up the others less.
PARTS = 4

# Numbers that a loop passes over in the time that it takes to give another thread a part of them.
ENOUGH = 1 << 15

MOST = 256  # threads, which come to be when there is work for them


def processors() -> int:
    """How many processors this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return usable or 1


def wished() -> int:
    """What OMP_NUM_THREADS says; more than there can be, if it says nothing."""
    number = os.environ.get("OMP_NUM_THREADS", "")
    return int(number) if number.isdecimal() and int(number) else MOST


class Threads:
    """How many work at the same time, in the whole process."""

    number = min(processors(), wished(), MOST)


def cores() -> int:
    """How many threads share the work of a kernel.

    At first one for every processor that this process may use, at most OMP_NUM_THREADS;
    `set_num_threads` changes it.
    """
    return Threads.number


def set_num_threads(n: int) -> None:
    """Let kernels and NumPy's matrix products use n threads each, in the whole process."""
    if not 1 <= n <= MOST:
        raise ArgumentError(
            "set_num_threads", "no such number of threads", got=f"{n}", wanted=f"1 to {MOST}"
        )
    Threads.number = n
    openblas.set_num_threads(n)


class Helper:
    """A thread beside the one that asks, for one task after the other."""

    def __init__(self) -> None:
        self.asked, self.answered = Signal(), Signal()
        self.task: Callable[[], None] | None = None
        self.error: BaseException | None = None
        threading.Thread(target=self.work, name="tinygrad_tr", daemon=True).start()

    def work(self) -> None:
        while True:
            self.asked.wait(GRACE)
            task, self.task = self.task, None
            if task is None:  # it was only roused
                continue
            try:
                task()
            except BaseException as error:
                self.error = error
            del task
            self.answered.give()

    def begin(self, task: Callable[[], None]) -> None:
        self.task = task
        self.asked.give()

    def end(self) -> BaseException | None:
        """Wait for the task's end; the error that it ended in, if any."""
        self.answered.wait()
        error, self.error = self.error, None
        return error


idle: list[Helper] = []
"""Helpers that have nothing to do. A task may share its work again, with others of them."""


def helper() -> Helper:
    try:
        return idle.pop()
    except IndexError:
        return Helper()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=idle.clear)  # a fork has none of the threads


def in_parts(items: int, work: Callable[[int, int], Any], each: int = 1) -> list[Any]:
    """What work(first, last) returns for ranges that together are range(items), in order.

    There are `each` parts for every core, and who is done takes the next: with more than one, a
    thread that has to share its core with another program holds up the others less.
    """
    threads = cores()
    n = min(threads * each, items)
    if n < 2 or threads < 2:
        return [work(0, items)]
    edges = [items * i // n for i in range(n + 1)]
    parts = iter(enumerate(itertools.pairwise(edges)))  # next() on it is one step for all threads
    found: list[Any] = [None] * n

    def take() -> None:
        for i, part in parts:
            found[i] = work(*part)

    others = [helper() for _ in range(min(threads, n) - 1)]
    for other in others:
        other.begin(take)
    try:
        take()
    finally:
        errors = [other.end() for other in others]
        idle.extend(others)
    for error in errors:
        if error is not None:
            raise error
    return found


# ------------------------------------------------------------------ compiled loops


def sharing(items: int, numbers: int) -> int:
    """How many threads share a compiled loop over so many items, of so many numbers in all."""
    return min(cores(), items, 1 + numbers // ENOUGH)


def share(loop: Callable[..., Any], items: int, numbers: int, *arguments: Any) -> None:
    """loop(*arguments, first, last) for ranges that together are range(items), in any order.

    Helpers that are awake find it in compiled code, within a microsecond. Those that wake too late
    find nothing left, and nobody waits for them.
    """
    others = [helper() for _ in range(sharing(items, numbers) - 1)]
    if not others:
        loop(*arguments, 0, items)
        return
    for other in others:
        other.asked.rouse()
    signals = np.array([other.asked.address for other in others])
    parts = min(items, PARTS * (1 + len(others)))
    try:
        shared(loop)(signals, items, parts, arguments)
    finally:
        idle.extend(others)


@functools.cache
def shared(loop: Any) -> Callable[..., None]:
    """loop_among for this loop, kept beside it on disk."""
    take = compiled.jit(compiled.beside(loop, take_parts), chosen=loop)
    return compiled.jit(compiled.beside(loop, loop_among), take=take)


def chosen(*arguments: Any) -> None:
    """Stands for the loop, and for what takes its parts, in the two that follow."""


take: Any = chosen


def take_parts(counter: int, items: int, parts: int, arguments: Any) -> None:
    part = counted(counter)
    while part < parts:
        chosen(*arguments, items * part // parts, items * (part + 1) // parts)
        part = counted(counter)


def loop_among(signals: Any, items: int, parts: int, arguments: Any) -> None:
    counter = signals[0] + COUNTER
    put(counter, 0)
    whole = counter, items, parts, arguments
    function, place = task(take, whole)
    for signal in signals:
        put(signal + FUNCTION, function)
        put(signal + ARGUMENTS, place)
        put(signal + STATE, OFFERED)
    take(*whole)
    for signal in signals:
        if not exchanged(signal + STATE, OFFERED, FREE):
            become(signal + STATE, FREE)
