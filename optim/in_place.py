"""Updating numbers where they are: no new arrays, one block of them at a time, on all cores."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Numbers in a block: few enough that the five or so arrays of an update stay in the cache
# from one pass to the next, many enough that threads seldom wait for the interpreter's lock.
BLOCK = 1 << 18

# Elementwise updates are bound by memory: more threads than this gain nothing.
WORKERS = min(4, os.cpu_count() or 1)


def average(v: Array, x: Array, beta: float, t: Array) -> None:
    """v ← βv + (1 − β)x: the exponentially weighted average, about the last 1/(1 − β) values.

    `t` is scratch in the shape of v, and may be x itself. Course 2, week 2.
    """
    v *= beta
    v += np.multiply(x, 1 - beta, out=t)


def in_blocks(update: Callable[[slice, Array], None], size: int, scratch: Array) -> None:
    """Call `update(block, t)` with slices that cover `range(size)`, each on some thread.

    `scratch` is (WORKERS, n, BLOCK); the t of a block is a thread's own (n, length of block).
    """
    rounds = -(-size // (BLOCK * WORKERS))
    length = -(-size // (rounds * WORKERS))
    blocks = [slice(start, min(start + length, size)) for start in range(0, size, length)]

    def work(worker: int) -> None:
        for block in blocks[worker::WORKERS]:
            update(block, scratch[worker, :, : block.stop - block.start])

    # Threads start in an empty context; a copy brings along np.errstate.
    others = [threads().submit(copy_context().run, work, i) for i in range(1, WORKERS)]
    work(0)
    for other in others:
        other.result()


@functools.cache
def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WORKERS, thread_name_prefix="optim")


if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=threads.cache_clear)
