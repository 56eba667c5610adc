"""Loops compiled by numba, where it is installed: `pip install 'tinygrad_tr[fast]'`.

A loop passes once over numbers over which NumPy passes ten times. It is compiled at its first
call, in about a second, and kept on disk. It runs on one thread and lets others run: threads of
numba's own would fight with those of the matrix products.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tinygrad_tr.errors import ArgumentError, MissingDependencyError

# Sums may run in another order; NaN and infinity stay what they are.
FAST = {"reassoc", "contract", "arcp", "nsz"}

# Each number is rounded as it is written, but for a product and a sum, which may round once.
EXACT = {"contract"}

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


class Kernels:
    """Which kernels compute, in the whole process: at first, the loops if they can."""

    loops = True


def use(kernels: str) -> ExitStack:
    """Compute with the loops of "numba" or with "numpy" alone, from now on in the whole process.

    `with use("numpy"):` goes back to what was, at the end. Small arrays go to NumPy either way.
    """
    if kernels not in ("numpy", "numba"):
        raise ArgumentError("use", "no such kernels", got=repr(kernels), wanted="numpy or numba")
    if kernels == "numba" and not available():
        raise MissingDependencyError(
            "use", "numba is not installed, or not for this NumPy",
            got=repr(kernels), wanted="pip install 'tinygrad_tr[fast]'",
        )  # fmt: skip
    until = ExitStack()
    until.callback(setattr, Kernels, "loops", Kernels.loops)
    Kernels.loops = kernels == "numba"
    return until


def possible(*arrays: Any) -> bool:
    """Whether a loop could take these: all float32 or all float64; None is not there."""
    dtype = arrays[0].dtype
    same = all(x is None or x.dtype == dtype for x in arrays)
    return dtype.char in "fd" and same and Kernels.loops and available()


def worthwhile(*arrays: Any) -> bool:
    """Whether a loop could and should take these: the first is in one piece, and large."""
    first = arrays[0]
    return first.size >= SMALLEST and first.flags.c_contiguous and possible(*arrays)


def jit(function: Callable[..., Any], fast: Any = FAST, **others: Any) -> Callable[..., Any]:
    """The function compiled, with other things than its module has under some names.

    What it calls must be compiled too: what has `machine_code` is taken as that.
    """
    import numba

    known = {**function.__globals__, **others}
    codes = {
        name: known[name].machine_code()
        for name in function.__code__.co_names
        if hasattr(known.get(name), "machine_code")
    }
    own = types.FunctionType(function.__code__, {**known, **codes}, function.__name__)
    own.__qualname__ = function.__qualname__
    # Division as NumPy has it: a check for 0, as Python has it, would end every fast loop.
    options: dict[str, Any] = {"nogil": True, "fastmath": fast, "error_model": "numpy"}
    try:
        return numba.njit(own, cache=True, **options)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(own, **options)


def loop(function: Callable[..., Any], fast: Any = FAST) -> Callable[..., Any]:
    """The function, compiled when it is first called; it may call other loops."""
    machine_code = functools.cache(lambda: jit(function, fast))

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        return machine_code()(*arguments)

    call.machine_code = machine_code  # type: ignore[attr-defined]  # for the loops that call it
    return call


def beside(function: Callable[..., Any], template: Callable[..., Any]) -> Callable[..., Any]:
    """The template as if it stood where the function stands, beside which its code is kept.

    So it is compiled anew when that file has changed.
    """
    place = inspect.unwrap(function).__code__
    code = template.__code__.replace(
        co_filename=place.co_filename, co_firstlineno=place.co_firstlineno
    )
    return types.FunctionType(code, template.__globals__)
