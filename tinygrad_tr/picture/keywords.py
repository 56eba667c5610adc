"""What an operation was told, as the user would write it: `axis=0, keepdims`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.graph import Node
from tinygrad_tr.picture.numbers import written

LONGEST_FACT = 24
# Facts that say how a rule was called, not what the user said, or that the result's shape says.
INTERNAL = frozenset({"total", "size"})
PER_AXIS = {"stride": 1, "padding": 0, "dilation": 1}  # a number for each axis; these are usual


def keywords_of(node: Node) -> str:
    """`axis=0, keepdims`: what the operation was told, where it is not the default."""
    if not node.keywords:
        return ""
    rule = node.rule
    defaults = dict(zip(rule.by_position, rule.function.__defaults__ or (), strict=False))
    defaults |= rule.function.__kwdefaults__ or {}
    defaults |= PER_AXIS
    facts = []
    for name, value in node.keywords.items():
        if name in PER_AXIS and len(set(value)) == 1:
            (value,) = set(value)
        if value is None or value is False or isinstance(value, np.ndarray) or name in INTERNAL:
            continue
        if name not in defaults or value != defaults[name]:
            text = "" if name == "index" else f"{name}="
            facts.append(name if value is True else text + written_fact(value))
    return ", ".join(fact for fact in facts if len(fact) <= LONGEST_FACT)


def written_fact(value: Any) -> str:
    """An axis, a shape, an index as the user would write it."""
    if isinstance(value, slice):
        ends = [value.start, value.stop] + ([value.step] if value.step is not None else [])
        return ":".join("" if end is None else str(end) for end in ends)
    if isinstance(value, tuple) and any(isinstance(part, slice) for part in value):
        return ", ".join(map(written_fact, value))
    if isinstance(value, float):
        return written(value)
    return "…" if value is Ellipsis else str(value)
