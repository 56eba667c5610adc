"""Symbols: arrays that write down what is done to them.

While a step is being recorded, its Tensors hold Symbols. A Symbol has its array, so that shapes,
dtypes and numbers are those of a real run, and it answers NumPy's protocols: what NumPy makes of
it is computed and written on the tape. What would look at its numbers is asked of the trace.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygrad_tr.graph import Variable

from .tape import Method, Value, leaves, mapped

if TYPE_CHECKING:
    from .tracing import Trace

# What NumPy's functions do to an array that they are given, instead of making another.
CHANGING = frozenset({
    np.copyto, np.put, np.put_along_axis, np.place, np.putmask, np.fill_diagonal,
})  # fmt: skip

# What they say of an array that is the same in every run.
FACTS = frozenset({np.ndim, np.shape, np.size, np.result_type, np.can_cast, np.iscomplexobj})

METHODS = frozenset({
    "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "compress", "copy", "cumprod",
    "cumsum", "diagonal", "dot", "flatten", "max", "mean", "min", "nonzero", "prod", "ravel",
    "repeat", "reshape", "round", "searchsorted", "squeeze", "std", "sum", "swapaxes", "take",
    "trace", "transpose", "var", "view",
})  # fmt: skip


class Untraceable(Exception):  # noqa: N818  caught here, never seen by a user
    """Something that the tape has no word for: the rule is then written down as one call."""


class Symbol(NDArrayOperatorsMixin):
    """An array that is known now, and the value that it will be in every run."""

    __slots__ = ("array", "record", "value")

    def __init__(self, trace: Trace, array: Any, value: Value) -> None:
        self.record, self.array, self.value = trace, array, value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(isinstance(x, Variable) for x in inputs):
            return NotImplemented  # the Tensor's turn: it records
        if method == "at":
            raise self.record.unknown(f"{ufunc.__name__}.at")
        (target,) = keywords.pop("out", (None,))
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        made = self.record.call(function, inputs, keywords)
        return made if target is None else overwritten(target, made)

    def __array_function__(self, function: Any, types: Any, inputs: Any, keywords: Any) -> Any:
        if any(isinstance(x, Variable) for x in leaves((inputs, keywords))):
            return NotImplemented
        if function in FACTS:
            return function(*mapped(inputs, array_of), **mapped(keywords, array_of))
        if function in CHANGING or keywords.get("out") is not None:
            raise self.record.unknown(function.__name__)
        return self.record.call(function, inputs, keywords)

    def __array_namespace__(self, **_: Any) -> Any:
        return np

    # ------------------------------------------------------------------ as arrays have it

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def size(self) -> int:
        return self.array.size

    @property
    def itemsize(self) -> int:
        return self.array.itemsize

    @property
    def flags(self) -> Any:
        return self.array.flags

    @property
    def T(self) -> Any:  # noqa: N802  NumPy's name
        return self.transpose()

    @property
    def mT(self) -> Any:  # noqa: N802
        return np.swapaxes(self, -1, -2)

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(name)
        return lambda *inputs, **keywords: self.record.call(Method(name), (self, *inputs), keywords)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple) and not index:
            return self  # x[()] turns 0-d arrays into numbers, which Symbols need not be
        return self.record.call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, new: Any) -> None:
        overwritten(self, self.record.call(with_item, (self, index, new), {}))

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    # ------------------------------------------------------------------ asking for numbers

    def __bool__(self) -> bool:
        return self.record.decide(self)

    def __float__(self) -> float:
        raise self.record.looked_at("float()")

    def __int__(self) -> int:
        raise self.record.looked_at("int()")

    def __index__(self) -> int:
        raise self.record.looked_at("an index")

    def item(self) -> Any:
        raise self.record.looked_at("item()")

    def tolist(self) -> Any:
        raise self.record.looked_at("tolist()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise self.record.looked_at("np.asarray()")

    def __repr__(self) -> str:
        return repr(self.array)

    def __format__(self, how: str) -> str:
        return format(self.array, how)  # an error may show numbers


def overwritten(target: Any, made: Any) -> Any:
    """What `out=` and `+=` leave in a Symbol: another value, where nobody sees the old one."""
    alone = isinstance(target, Symbol) and target.value.owned and not target.value.viewed
    if not (alone and target.shape == made.shape):
        raise made.record.unknown("an operation with out=")
    if made.dtype != target.dtype:
        made = made.astype(target.dtype)
    target.array, target.value = made.array, made.value
    return target


def with_item(x: Any, index: Any, new: Any) -> Any:
    """x with x[index] = new, in new memory."""
    out = np.array(x)
    out[index] = new
    return out


def array_of(leaf: Any) -> Any:
    """The array of a Symbol, everything else as it is."""
    return leaf.array if isinstance(leaf, Symbol) else leaf


def value_of(leaf: Any) -> Any:
    """The value of a Symbol, everything else as it is."""
    return leaf.value if isinstance(leaf, Symbol) else leaf
