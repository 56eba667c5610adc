"""What arguments must be for a program to take them, asked in one expression.

`kind_of` says what a program depends on, for any arguments. Most calls are like the one before:
for them the same questions are written out once as the text of a function, which Python answers
in a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from tinygrad_tr.graph import Variable
from tinygrad_tr.nn.module import Parameter

PLAIN = frozenset({bool, int, float, str, bytes, type(None)})

Guard = Callable[[Any, Any], "tuple[Any, ...] | None"]


def is_dynamic(leaf: Any) -> bool:
    """Whether an argument is another in each call, rather than part of the program."""
    return isinstance(leaf, (Variable, np.ndarray, np.generic)) and not isinstance(leaf, Parameter)


def kind_of(tree: Any, found: list[Any]) -> Any:
    """What arguments must share to be run by the same program; the dynamic ones go to `found`."""
    kind = type(tree)
    if kind is tuple or kind is list:
        return (kind, *[kind_of(part, found) for part in tree])
    if kind is dict:
        return (kind, *[(name, kind_of(part, found)) for name, part in tree.items()])
    if is_dynamic(tree):
        found.append(tree)
        if isinstance(tree, Variable):
            leaf = tree.node is None
            return kind, tree.shape, tree.dtype, tree.tracked, tree._grad is None, leaf
        return kind, tree.shape, tree.dtype
    try:
        hash(tree)
    except TypeError:
        return kind, id(tree)
    return kind, tree


def guard_of(inputs: Any, keywords: Any, named: Collection[int]) -> Guard:
    """A function of arguments: the dynamic ones if they are of the same kind as these, or None.

    It may say None of arguments that `kind_of` finds alike, never the reverse. `named` has the
    ids of what else the step uses: an argument that is among it is not taken.
    """
    names: dict[str, Any] = {"named": named}
    conditions: list[str] = []
    own: list[str] = []

    def known(thing: Any) -> str:
        name = f"c{len(names)}"
        names[name] = thing
        return name

    def ask(place: str, tree: Any) -> None:
        kind = type(tree)
        if is_dynamic(tree):
            name = f"x{len(own)}"
            own.append(name)
            conditions.append(f"({name} := {place}).__class__ is {known(kind)}")
            ask_dynamic(name, tree)
            return
        conditions.append(f"{place}.__class__ is {known(kind)}")
        if kind in (tuple, list, dict):
            conditions.append(f"len({place}) == {len(tree)}")
            if kind is dict:
                conditions.append(f"tuple({place}) == {known(tuple(tree))}")
            for key in tree if kind is dict else range(len(tree)):
                ask(f"{place}[{known(key)}]", tree[key])
        else:
            conditions.append(f"{place} {'==' if kind in PLAIN else 'is'} {known(tree)}")

    def ask_dynamic(name: str, leaf: Any) -> None:
        if isinstance(leaf, Variable):
            conditions.append(f"{name}.node is None and {name}.tracked is {leaf.tracked}")
            conditions.append(f"{name}._grad is {'None' if leaf._grad is None else 'not None'}")
            name, leaf = f"{name}.value", leaf.value
        if isinstance(leaf, np.number):
            conditions.append(f"{name}.__class__ is {known(type(leaf))}")
        else:
            conditions.append(f"{name}.shape == {leaf.shape}")
            conditions.append(f"{name}.dtype == {known(leaf.dtype)}")

    ask("inputs", inputs)
    ask("keywords", keywords)
    ids = [f"id({name})" for name in own]
    if len(own) > 1:
        conditions.append(f"len({{{', '.join(ids)}}}) == {len(own)}")
    conditions += [f"{x} not in named" for x in ids if named]
    text = (
        f"def accepted(inputs, keywords):\n"
        f"    if {' and '.join(conditions)}:\n"
        f"        return ({''.join(f'{x}, ' for x in own)})\n"
    )
    exec(compile(text, "<guard>", "exec"), names)
    accepted: Guard = names.pop("accepted")
    return accepted
