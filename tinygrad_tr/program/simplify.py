"""A tape made shorter: constants, repetitions, and what nobody needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .effects import constant_of
from .elementary import CHOICES, FUNCTIONS, LOGIC, SIGNS
from .tape import Method, Operation, Value, mapped

ELEMENTWISE = frozenset({*FUNCTIONS, *CHOICES, *SIGNS, *LOGIC})


def simplified(
    operations: Sequence[Operation], results: Iterable[Value]
) -> tuple[list[Operation], dict[Value, Value]]:
    """The operations that the results and the impure ones need, each once.

    Also says which values became which: a result may be another's.
    """
    became: dict[Value, Value] = {}
    constants: dict[Value, Any] = {}
    seen: dict[Any, Operation] = {}
    kept: list[Operation] = []

    def now(leaf: Any) -> Any:
        return became.get(leaf, leaf) if is_value(leaf) else leaf

    for old in operations:
        inputs, keywords = mapped(old.inputs, now), mapped(old.keywords, now)
        if is_elementwise(old):
            inputs = tuple(as_number(constants.get(x, x) if is_value(x) else x) for x in inputs)
        done = replace(old, inputs=inputs, keywords=keywords)
        same = same_value(done)
        if same is not None:
            became[done.outputs[0]] = same
            continue
        if is_constant(done, constants):
            known = mapped((inputs, keywords), lambda x: constants[x] if is_value(x) else x)
            array = constants[done.made] = done.function(*known[0], **known[1])
            done = Operation(constant_of, (array,), {}, done.made)
        key = key_of(done) if done.pure else None
        if key is not None and key in seen:
            became.update(zip(done.outputs, seen[key].outputs, strict=True))
            continue
        if key is not None:
            seen[key] = done
        kept.append(done)
    return needed(kept, {now(value) for value in results}), became


def is_value(x: Any) -> bool:
    return isinstance(x, Value)


def is_constant(done: Operation, constants: Mapping[Value, Any]) -> bool:
    """Whether the operation makes an array from constants alone."""
    is_array = is_value(done.made) and done.made.dtype is not None
    return done.pure and is_array and constants.keys() >= set(done.reads)


def is_elementwise(done: Operation) -> bool:
    """Whether each number of the result is made from those in its place alone."""
    if not done.pure or len(done.outputs) != 1 or done.made is not done.outputs[0]:
        return False
    if isinstance(done.function, Method):
        return done.function.__name__ == "astype" and len(done.inputs) == 2
    return done.function in ELEMENTWISE and not done.keywords


def as_number(x: Any) -> Any:
    """An array of which all numbers are the same, as that number."""
    if isinstance(x, np.ndarray) and x.size and (x == x.flat[0]).all():
        return x.flat[0]
    return x


def same_value(done: Operation) -> Value | None:
    """What an operation only hands on: x · 1."""
    if done.function is not np.multiply or done.keywords:
        return None
    for x, one in (done.inputs, done.inputs[::-1]):
        plain = isinstance(x, Value) and not isinstance(one, Value) and not np.ndim(one)
        if plain and one == 1:
            (out,) = done.outputs
            if (x.shape, x.dtype) == (out.shape, out.dtype):
                return x
    return None


def key_of(done: Operation) -> Any:
    """What two calls have in common if they must give the same; None if it cannot be told."""
    try:
        key = (done.function, frozen(done.inputs), frozen(done.keywords))
        hash(key)
    except TypeError:
        return None
    return key


def frozen(tree: Any) -> Any:
    """A tree of arguments as something that can be looked up: arrays by identity."""
    if isinstance(tree, (tuple, list)):
        return (type(tree), *map(frozen, tree))
    if isinstance(tree, dict):
        return tuple((name, frozen(part)) for name, part in tree.items())
    if isinstance(tree, slice):
        return (slice, tree.start, tree.stop, tree.step)
    if isinstance(tree, (Value, np.ndarray)):
        return id(tree)
    return type(tree), tree


def needed(operations: Sequence[Operation], results: Iterable[Value]) -> list[Operation]:
    """Those that are not pure, and all that they and the results are made from."""
    wanted, kept = set(results), []
    for done in reversed(operations):
        if not done.pure or not wanted.isdisjoint(done.outputs):
            wanted.update(done.reads)
            kept.append(done)
    return kept[::-1]


def with_constants(operations: Sequence[Operation]) -> list[Operation]:
    """The operations with the arrays among their arguments made by operations of their own."""
    made: dict[int, Value] = {}
    found: list[Operation] = []

    def named(leaf: Any) -> Any:
        if not (isinstance(leaf, np.ndarray) and leaf.ndim):
            return leaf
        if id(leaf) not in made:
            made[id(leaf)] = Value(leaf, owned=False)
            found.append(Operation(constant_of, (leaf,), {}, made[id(leaf)]))
        return made[id(leaf)]

    for done in operations:
        if is_elementwise(done):
            done = replace(done, inputs=tuple(map(named, done.inputs)))
        found.append(done)
    return found
