"""Every elementwise rule of the registry: nanoseconds per call, beside NumPy's call by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_tr as tt
import tinygrad_tr.nn  # its layers have rules of their own
from tinygrad_tr.rule import Rule, rules

from .report import Table
from .timing import Ratio, interleave, ratio

SIZES = (1, 1_000, 1_000_000)
BY_HAND, FORWARD, BACKWARD = "by hand", "forward", "backward"

# Where a function is not defined on (0, 1), where all others are.
RANGES = {"arccosh": (1.1, 1.9)}
CONDITIONS = {"condition", "mask"}  # arguments that are booleans
FACTS = {"dropout": {"keep": 0.9}}  # keywords without which a rule cannot be called


@dataclass(frozen=True)
class Timed:
    """One rule at one size: seconds per call by hand, recorded, and swept back, by round."""

    rule: str
    n: int
    times: dict[str, list[float]]

    @property
    def price(self) -> dict[str, Ratio]:
        """Forward and backward in NumPy's time by hand."""
        return {
            name: ratio(times, self.times[BY_HAND])
            for name, times in self.times.items()
            if name != BY_HAND
        }

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "n": self.n, "seconds_per_call": self.times}


def elementwise() -> list[Rule[...]]:
    """The elementwise rules that have a derivative, by name."""
    found = [made for made in rules.values() if made.elementwise and made.arrays]
    return sorted(filter(is_differentiable, found), key=lambda made: made.name)


def is_differentiable(made: Rule[...]) -> bool:
    out = made(*map(as_leaf, operands(made, 1)), **FACTS.get(made.name, {}))
    return isinstance(out, tt.Tensor) and out.requires_grad


def as_leaf(x: Any) -> Any:
    return tt.Tensor(x, requires_grad=x.dtype.kind == "f")


def operands(made: Rule[...], n: int) -> list[Any]:
    """An array of n numbers for each argument, inside the rule's domain."""
    rng = np.random.default_rng(0)
    low, high = RANGES.get(made.name, (0.1, 0.9))
    return [
        rng.random(n) < 0.5 if name in CONDITIONS else rng.uniform(low, high, n).astype(np.float32)
        for name in made.arrays
    ]


def measure(
    sizes: Sequence[int] = SIZES, names: Collection[str] = (), *, seconds: float
) -> list[Timed]:
    """Time the elementwise rules, or those named, at each size."""
    wanted = [made for made in elementwise() if not names or made.name in names]
    share = seconds / (len(wanted) * len(sizes))
    return [timed(made, n, share) for made in wanted for n in sizes]


def timed(made: Rule[...], n: int, seconds: float) -> Timed:
    """By hand is the NumPy function itself; where NumPy has none, the rule's own NumPy code."""
    arrays = operands(made, n)
    leaves = list(map(as_leaf, arrays))
    facts = FACTS.get(made.name, {})
    by_hand = made.numpy if isinstance(made.numpy, np.ufunc) else made.function
    out = made(*leaves, **facts)
    seed = np.ones(n, np.float32)

    def backward() -> None:
        for x in leaves:
            x.grad = None
        out.backward(seed, retain_graph=True)

    steps = {
        BY_HAND: lambda: by_hand(*arrays, **facts),
        FORWARD: lambda: made(*leaves, **facts),
        BACKWARD: backward,
    }
    return Timed(made.name, n, interleave(steps, seconds, rested=False))


def rules_table(results: Sequence[Timed]) -> Table:
    """A row per rule: NumPy's ns, and forward and backward in them, at each size."""
    sizes = sorted({found.n for found in results})
    columns = ["rule"]
    for n in sizes:
        columns += [f"n = {n:,}: NumPy, ns", "forward", "backward"]
    by_rule: dict[str, dict[int, Timed]] = {}
    for found in results:
        by_rule.setdefault(found.rule, {})[found.n] = found
    rows = []
    for name, found_at in by_rule.items():
        row = [name]
        for n in sizes:
            price = found_at[n].price
            row.append(f"{1e9 * min(found_at[n].times[BY_HAND]):,.0f}")
            row += [f"{price[way].minimum:.2f}" for way in (FORWARD, BACKWARD)]
        rows.append(row)
    return Table(
        "Elementwise rules: one call, recorded and swept back, as ratios to NumPy's call by hand",
        columns,
        rows,
        "Backward is a whole `backward()` from one operation to its leaves.",
    )
