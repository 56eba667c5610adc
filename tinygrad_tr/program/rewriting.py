"""Calls written as others that do the same, and that loops can take: mean, clip, sums."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .fusion import SMALLEST, summable
from .tape import Method, Operation, Value

Rewriting = Callable[[Operation], "list[Operation]"]


def rewritten(done: Operation) -> list[Operation]:
    """The operations that stand for this one, itself if there are no plainer ones."""
    change = REWRITINGS.get(done.function)
    first = next((x for x in done.inputs if not isinstance(x, str)), None)
    arrays = isinstance(first, Value) and isinstance(done.made, Value) and first.shape is not None
    return change(done) if change is not None and arrays and done.pure else [done]


def array_like(shape: tuple[int, ...], dtype: Any) -> Value:
    """A value between two operations."""
    return Value(np.broadcast_to(np.empty((), dtype), shape))


def axes_of_sum(done: Operation) -> tuple[int, ...] | None:
    """The axes that a sum or a mean is taken over, None if it is told more than those."""
    x, *others = done.inputs
    if len(others) > 1 or done.keywords.keys() - {"axis", "keepdims"}:
        return None
    axis = others[0] if others else done.keywords.get("axis", None)
    if axis is None:
        return tuple(range(len(x.shape)))
    if not isinstance(axis, (int, tuple)):
        return None
    return tuple(n % len(x.shape) for n in (axis if isinstance(axis, tuple) else (axis,)))


def total(done: Operation) -> list[Operation]:
    """Σ x: in a loop if it is worth it, which keeps the axes that it adds up."""
    x, axes, made = done.inputs[0], axes_of_sum(done), done.made
    if not axes or x.dtype.char not in "fd" or x.dtype != made.dtype:
        return [done]
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    if kept == x.shape:
        return [shaped(done, x)]
    looped = replace(
        done, function=np.add.reduce, inputs=(x,), keywords={"axis": axes, "keepdims": True},
        made=array_like(kept, x.dtype),
    )  # fmt: skip
    if kept == made.shape:
        return [replace(looped, made=made)]
    if summable(looped):
        return [looped, shaped(done, looped.made)]
    if len(x.shape) == 2 and len(axes) == 1 and math.prod(x.shape) < SMALLEST:
        every = ones(x.shape[axes[0]], x.dtype)
        both = (x, every) if axes == (1,) else (every, x)
        return [replace(done, function=np.dot, inputs=both, keywords={})]
    return [replace(done, function=np.add.reduce, inputs=(x,), keywords={"axis": axes})]


@functools.lru_cache(maxsize=64)
def ones(n: int, dtype: Any) -> Any:
    """Ones to sum by: of few numbers, BLAS is twice as fast as NumPy."""
    return np.ones(n, dtype)


def einsum(done: Operation) -> list[Operation]:
    """Sums over rows, as some kernels write them."""
    how, *others = done.inputs
    if how != "ij->i" or len(others) != 1 or done.keywords:
        return [done]
    return total(replace(done, inputs=tuple(others), keywords={"axis": 1}))


def shaped(done: Operation, x: Value) -> Operation:
    """The result of an operation as x in another shape."""
    done.made.owned = False
    return replace(done, function=Method("reshape"), inputs=(x, done.made.shape), keywords={})


def mean(done: Operation) -> list[Operation]:
    """Σ x / n."""
    x, axes, made = done.inputs[0], axes_of_sum(done), done.made
    if not axes or x.dtype.char not in "fd" or x.dtype != made.dtype:
        return [done]
    n = math.prod(x.shape[axis] for axis in axes)
    whole = replace(done, made=made if n == 1 else array_like(made.shape, x.dtype))
    if n == 1:
        return total(whole)
    return [*total(whole), replace(done, function=np.divide, inputs=(whole.made, n), keywords={})]


def clip(done: Operation) -> list[Operation]:
    """min(max(x, low), high)."""
    if len(done.inputs) != 3 or done.keywords:
        return [done]
    x, low, high = done.inputs
    if low is None or high is None:
        return [done]
    above = array_like(done.made.shape, done.made.dtype)
    return [
        replace(done, function=np.maximum, inputs=(x, low), made=above),
        replace(done, function=np.minimum, inputs=(above, high)),
    ]


REWRITINGS: dict[Any, Rewriting] = {
    np.add.reduce: total, np.sum: total, Method("sum"): total, np.mean: mean,
    Method("mean"): mean, np.clip: clip, Method("clip"): clip, np.einsum: einsum,
}  # fmt: skip
