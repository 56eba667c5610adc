"""A tape: what a step did to its arrays, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_tr.kernels.scattering import Rows


class Value:
    """Something that an operation made, most often an array: its shape and dtype are known.

    `owned` says that it lies in memory of its own, rather than in that of what it was made from;
    `viewed`, that others lie in its memory.
    """

    __slots__ = ("dtype", "owned", "shape", "viewed")
    shape: Any  # None for what is no array
    dtype: Any

    def __init__(self, made: Any, owned: bool = True) -> None:
        self.shape = getattr(made, "shape", None)
        self.dtype = getattr(made, "dtype", None)
        self.owned, self.viewed = owned, False

    @property
    def nbytes(self) -> int:
        """0 for what is no array."""
        if self.shape is None or self.dtype is None:
            return 0
        return int(np.prod(self.shape, dtype=np.int64)) * int(self.dtype.itemsize)

    def __repr__(self) -> str:
        return "object" if self.dtype is None else f"{self.dtype}{list(self.shape or ())}"


@dataclass(eq=False, slots=True)
class Operation:
    """One call: a function, what it was called with, and what it made.

    Arguments and results are trees of tuples, lists and dicts with Values in them; everything
    else in the arguments is a constant of the program. Unless `pure`, the call does something
    beside making values: it keeps its place among the others of its kind. A `barrier` may change
    arrays that others read: nothing is moved across it.
    """

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    keywords: dict[str, Any]
    made: Any
    pure: bool = True
    barrier: bool = False
    line: str = ""  # where the user called it
    quiet: bool = False  # inside np.errstate, which keeps NumPy from warning
    reads: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reads = list(dict.fromkeys(values_in((self.inputs, self.keywords))))
        self.outputs = list(values_in((self.made,)))

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", self.function))


class Method:
    """The method of an array by its name: NumPy's numbers have the same ones as its arrays."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, x: Any, *inputs: Any, **keywords: Any) -> Any:
        return getattr(x, self.__name__)(*inputs, **keywords)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Method) and other.__name__ == self.__name__

    def __hash__(self) -> int:
        return hash(self.__name__)


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with `change` of each leaf."""
    if isinstance(tree, tuple):
        parts = [mapped(part, change) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if isinstance(tree, list):
        return [mapped(part, change) for part in tree]
    if isinstance(tree, dict):
        return {key: mapped(part, change) for key, part in tree.items()}
    if isinstance(tree, Rows):
        return Rows(mapped(tree.parts, change), tree.shape)
    return change(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """The leaves of a tree, in order."""
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from leaves(part)
    elif isinstance(tree, dict):
        for part in tree.values():
            yield from leaves(part)
    elif isinstance(tree, Rows):
        yield from leaves(tree.parts)
    else:
        yield tree


def values_in(tree: Any) -> Iterator[Value]:
    return (leaf for leaf in leaves(tree) if isinstance(leaf, Value))
