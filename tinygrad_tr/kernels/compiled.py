"""Loops compiled by numba, where it is installed: `pip install 'tinygrad_tr[fast]'`.

A loop passes once over numbers over which NumPy passes ten times. It is compiled at its first
call, in about a second, and kept on disk. It runs on one thread and lets others run: threads of
numba's own would fight with those of the matrix products.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

# Sums may run in another order; NaN and infinity stay what they are.
FAST = {"reassoc", "contract", "arcp", "nsz"}

# Below, NumPy takes less time than it would take to load numba.
SMALLEST = 1 << 14


@functools.cache
def available() -> bool:
    """Whether there is a compiler, one that takes this NumPy."""
    try:
        import numba  # noqa: F401  it refuses a NumPy that is too new for it
    except ImportError:
        return False
    return True


def worthwhile(*arrays: Any) -> bool:
    """Whether a loop could and should take these: floats of one kind, in one piece, and many."""
    first = arrays[0]
    return (
        first.size >= SMALLEST
        and first.dtype.char in "fd"
        and all(x.dtype == first.dtype for x in arrays)
        and first.flags.c_contiguous
        and available()
    )


def loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled when it is first called."""

    @functools.cache
    def machine_code() -> Callable[..., Any]:
        import numba

        try:
            return numba.njit(function, nogil=True, fastmath=FAST, cache=True)
        except RuntimeError:  # no folder to keep it in
            return numba.njit(function, nogil=True, fastmath=FAST)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return machine_code()(*arguments)

    return call
