"""Which operation of the forward pass each recorded operation of a backward pass belongs to.

Nobody asks in the course of training; a picture of a recorded gradient does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from tinygrad_tr.graph import Node, Variable, next_stamp

Steps = list[tuple[int, int]]  # what is recorded from a stamp on belongs to the node of a stamp

NOBODY = 0  # what is recorded for the pass as a whole

trails: WeakKeyDictionary[Node, Steps] = WeakKeyDictionary()
"""By the nodes of gradients: the steps of the pass that made them. The last is its end."""


class Trail(dict[Node, Any]):
    """The readings of the nodes, for a sweep that is recorded: it notes which is taken when."""

    def __init__(self) -> None:
        self.steps: Steps = [(next_stamp(), NOBODY)]

    def __getitem__(self, node: Node) -> Any:
        self.steps.append((next_stamp(), node.stamp))
        return dict.__getitem__(self, node)  # faster than by super()

    def end(self, gradients: Iterable[Any]) -> None:
        """Let the gradients know their steps."""
        self.steps.append((next_stamp(), NOBODY))
        for g in gradients:
            if isinstance(g, Variable) and g.node is not None:
                trails[g.node] = self.steps
