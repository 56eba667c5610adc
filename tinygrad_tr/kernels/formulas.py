"""Formulas that change arrays where they are, number by number: with NumPy, or compiled.

A formula is written once, as on paper, with an index:

    @formula
    def average(i, v, x, beta, rest):
        v[i] *= beta
        v[i] += rest * x[i]

NumPy takes all places at once: i is `...`. A compiled loop takes one after the other, and so
reads and writes every array once. The arguments are arrays of one shape, then numbers, all of one
dtype. An array may be None; what the formula does only `if v is not None` is then left out. The
two ways agree to rounding: a loop may round a product and a sum at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.threads import cores, in_parts, share

Arguments = tuple[Any, ...]
Formula = Callable[..., Any]

# NumPy takes this many numbers at a time: few enough that the arrays of a formula stay in the
# cache from one pass to the next, many enough that threads seldom wait for each other.
BLOCK = 1 << 18


def formula(function: Formula) -> Formula:
    """The function itself, which compiled formulas and loops can now call as well."""
    code = functools.cache(lambda: compiled.jit(function, compiled.EXACT))
    function.machine_code = code  # type: ignore[attr-defined]
    return function


def run(function: Formula, changes: Sequence[Arguments], least: int = compiled.SMALLEST) -> None:
    """function(i, *arguments) at all places of the arrays, for each of the arguments.

    The arrays are flat and in one piece; the first of the arguments is one. A loop is worth
    loading the compiler from `least` numbers on.
    """
    firsts = [arguments[0] for arguments in changes]
    if sum([p.size for p in firsts]) >= least and loops_take(firsts):
        change = loop_of(function)
        for arguments in changes:
            share(change, arguments[0].size, arguments[0].size, arguments)
        return
    large = []
    for arguments in changes:
        if arguments[0].size > BLOCK:
            large.append(arguments)
        else:
            function(..., *arguments)
    if large:
        context = copy_context()  # threads start in an empty one; this brings along np.errstate
        threads = cores()

        def work(first: int, last: int) -> None:
            for arguments in large:
                begin, end = (arguments[0].size * k // threads for k in (first, last))
                context.copy().run(by_blocks, function, cut(arguments, begin, end))

        in_parts(threads, work)


def loops_take(arrays: Sequence[Any]) -> bool:
    """Whether each array could go to a loop."""
    return all(compiled.possible(p) for p in {p.dtype: p for p in arrays}.values())


def by_blocks(function: Formula, arguments: Arguments) -> None:
    """The formula with NumPy, for as many places at a time as the cache holds."""
    for begin in range(0, arguments[0].size, BLOCK):
        function(..., *cut(arguments, begin, begin + BLOCK))


def cut(arguments: Arguments, begin: int, end: int) -> Arguments:
    """The arguments for the places from begin to end."""
    return tuple(a[begin:end] if isinstance(a, np.ndarray) else a for a in arguments)


# ------------------------------------------------------------------ compiled


@functools.cache
def loop_of(function: Formula) -> Callable[..., None]:
    """The compiled loop of a formula over the places from first to last, all rounded alike."""
    at = compiled.jit(compiled.beside(function, at_place), compiled.EXACT, chosen=function)
    return compiled.jit(compiled.beside(function, at_places), compiled.EXACT, at_place=at)


def chosen(i: int, *arguments: Any) -> None:
    """Stands for the formula in the two that follow."""


def at_place(i: int, arguments: Arguments) -> None:
    # Unpacked in the loop itself, the arguments would keep it from taking several places at once.
    chosen(i, *arguments)


def at_places(arguments: Arguments, first: int, last: int) -> None:
    # Signed, they would be looked at for whether they count from the end.
    for i in range(np.uint64(first), np.uint64(last)):
        at_place(i, arguments)
