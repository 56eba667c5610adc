"""One row of the table of proof, and the ways to make its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """How one rule is called, on what, and what else computes the same.

    rule      the name of the rule that the row proves
    function  called with Tensors or float64 arrays; it must use that rule
    inputs    one maker `rng -> array` per argument; arrays of floats are differentiated
    torch     `(torch, *tensors) -> tensor`: the same in PyTorch, where it has it
    value     the same in plain NumPy, where PyTorch has not
    label     tells rows of one rule apart
    oracle_gradient  False where PyTorch's convention at the sample differs (say why beside it)
    keeps     how many times the input's bytes the pullback may hold, at most
    tags      what a check must know: "fixed dtype", "fixed shape", "padding"
    """

    rule: str
    function: Callable[..., Any]
    inputs: Sequence[Callable[[np.random.Generator], Any]]
    torch: Callable[..., Any] | None = None
    value: Callable[..., Any] | None = None
    label: str = ""
    oracle_gradient: bool = True
    keeps: float = 2.0
    tags: frozenset[str] = field(default_factory=frozenset)

    @property
    def id(self) -> str:
        return f"{self.rule}-{self.label}" if self.label else self.rule

    def sample(self, seed: int = 0) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [make(rng) for make in self.inputs]


def normal(*shape: int) -> Callable[[np.random.Generator], Any]:
    """Standard normal numbers."""
    return lambda rng: rng.standard_normal(shape)


def uniform(low: float, high: float, *shape: int) -> Callable[[np.random.Generator], Any]:
    """Numbers in [low, high)."""
    return lambda rng: rng.uniform(low, high, shape)


def apart(*shape: int) -> Callable[[np.random.Generator], Any]:
    """Distinct numbers at least 0.1 from each other and from 0: no kink within a difference."""

    def make(rng: np.random.Generator) -> Any:
        n = int(np.prod(shape, dtype=np.int64))
        grid = 0.1 * (np.arange(n) - n // 2) + 0.05
        return rng.permutation(grid).reshape(shape)

    return make


def fixed(value: Any) -> Callable[[np.random.Generator], Any]:
    """This very value: an index, a mask, a kink."""
    return lambda rng: np.array(value)
