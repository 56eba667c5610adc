"""How much memory the pullbacks of a rule keep alive."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from tests.cases.case import Case
from tests.leaves import leaves
from tinygrad_tr.graph import ancestors, end_of


def held_arrays(thing: Any, seen: dict[int, int]) -> dict[int, int]:
    """The bytes of the arrays that a closure keeps alive, by the memory they own."""
    if isinstance(thing, np.ndarray):
        owner = thing
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        seen[id(owner)] = owner.nbytes
    elif isinstance(thing, types.FunctionType):
        for cell in thing.__closure__ or ():
            held_arrays(cell.cell_contents, seen)
        for default in thing.__defaults__ or ():
            held_arrays(default, seen)
    elif isinstance(thing, (tuple, list)):
        for part in thing:
            held_arrays(part, seen)
    return seen


def kept_share(case: Case) -> float:
    """What the rule's pullbacks keep, as a multiple of the inputs or the output if larger."""
    inputs = case.sample()
    out = case.function(*leaves(inputs))
    held: dict[int, int] = {}
    for node in ancestors([end_of(out)]):
        if node.rule.name == case.rule:
            held_arrays(tuple(node.pullbacks), held)
    return sum(held.values()) / max(sum(x.nbytes for x in inputs), out.nbytes, 1)
