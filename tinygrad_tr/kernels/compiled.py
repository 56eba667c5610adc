"""Loops compiled by numba, where it is installed: `pip install 'tinygrad_tr[fast]'`.

A loop passes once over numbers over which NumPy passes ten times. It is compiled at its first
call, in about a second, and kept on disk. It runs on one thread and lets others run: threads of
numba's own would fight with those of the matrix products.
"""

from __future__ import annotations

import functools
import types
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


def possible(*arrays: Any) -> bool:
    """Whether a loop could take these: all float32 or all float64; None is not there."""
    dtype = arrays[0].dtype
    same = all(x is None or x.dtype == dtype for x in arrays)
    return dtype.char in "fd" and same and available()


def worthwhile(*arrays: Any) -> bool:
    """Whether a loop could and should take these: the first is in one piece, and large."""
    first = arrays[0]
    return first.size >= SMALLEST and first.flags.c_contiguous and possible(*arrays)


def loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled when it is first called; it may call other loops."""

    @functools.cache
    def machine_code() -> Callable[..., Any]:
        import numba

        # The compiler must find the other loops compiled, not as what `loop` returns.
        known = function.__globals__
        others = {
            name: known[name].machine_code()
            for name in function.__code__.co_names
            if hasattr(known.get(name), "machine_code")
        }
        own = types.FunctionType(function.__code__, {**known, **others}, function.__name__)
        own.__qualname__ = function.__qualname__
        # Division as NumPy has it: a check for 0, as Python has it, would end every fast loop.
        options: dict[str, Any] = {"nogil": True, "fastmath": FAST, "error_model": "numpy"}
        try:
            return numba.njit(own, cache=True, **options)
        except RuntimeError:  # no folder to keep it in
            return numba.njit(own, **options)

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return machine_code()(*arguments)

    call.machine_code = machine_code  # type: ignore[attr-defined]  # for the loops that call it
    return call
