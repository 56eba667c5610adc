"""Work cut into parts that run at the same time, for loops that let other threads run."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


@functools.cache
def cores() -> int:
    """How many processors this process may use, at most OMP_NUM_THREADS if that is set."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed or 1, int(limit)) if limit.isdecimal() and int(limit) else allowed or 1


@functools.cache
def helpers() -> ThreadPoolExecutor:
    """The threads beside the one that asks."""
    return ThreadPoolExecutor(cores() - 1, thread_name_prefix="tinygrad_tr")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=helpers.cache_clear)  # a fork has none of the threads


def in_parts(items: int, work: Callable[[int, int], Any], each: int = 1) -> list[Any]:
    """What work(first, last) returns for ranges that together are range(items), in order.

    There are `each` parts for every core, and who is done takes the next: with more than one, a
    thread that has to share its core with another program holds up the others less.
    """
    n = min(cores() * each, items)
    if n < 2 or cores() < 2:
        return [work(0, items)]
    edges = [items * i // n for i in range(n + 1)]
    parts = iter(enumerate(itertools.pairwise(edges)))  # next() on it is one step for all threads
    found: list[Any] = [None] * n

    def take() -> None:
        for i, part in parts:
            found[i] = work(*part)

    others = [helpers().submit(take) for _ in range(min(cores(), n) - 1)]
    take()
    for other in others:
        other.result()
    return found
