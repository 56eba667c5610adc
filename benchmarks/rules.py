"""Every rule of the registry: nanoseconds per call, beside the same NumPy code by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_tr as tt
import tinygrad_tr.nn  # its layers have rules of their own
from tinygrad_tr.rule import Rule, rules

from .report import Table
from .samples import call
from .timing import Ratio, Step, interleave, ratio

SMALL, SIZES = 1, (1_000, 1_000_000)
BY_HAND, FORWARD, BACKWARD = "by hand", "forward", "backward"


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


def untimed() -> list[str]:
    """The rules that no sample says how to call."""
    return sorted(made.name for made in rules.values() if call(made, SMALL) is None)


def measure(
    sizes: Sequence[int] = (SMALL, *SIZES), names: Collection[str] = (), *, seconds: float
) -> list[Timed]:
    """Time every rule, or those named, at each size; only elementwise ones at a single number."""
    wanted = [
        (made, n)
        for made in sorted(rules.values(), key=lambda made: made.name)
        for n in sizes
        if (not names or made.name in names)
        and (n > SMALL or made.elementwise)
        and call(made, SMALL) is not None
    ]
    return [timed(made, n, seconds / len(wanted)) for made, n in wanted]


def timed(made: Rule[...], n: int, seconds: float) -> Timed:
    return Timed(made.name, n, interleave(steps(made, n), seconds, rested=False))


def steps(made: Rule[...], n: int) -> dict[str, Step]:
    """By hand is NumPy's elementwise function; where NumPy has none, the rule's own NumPy code."""
    sample = call(made, n)
    assert sample is not None
    arrays, facts = sample
    leaves = [as_leaf(x) for x in arrays]
    by_hand = made.numpy if isinstance(made.numpy, np.ufunc) else made.function
    found: dict[str, Step] = {
        BY_HAND: lambda: by_hand(*arrays, **facts),
        FORWARD: lambda: made(*leaves, **facts),
    }
    out = next((part for part in parts(found[FORWARD]()) if is_recorded(part)), None)
    if out is None:
        return found  # a step function: there is no way back
    seed = np.ones(out.shape, out.dtype)

    def backward() -> None:
        for x in leaves:
            if isinstance(x, tt.Tensor):
                x.grad = None
        out.backward(seed, retain_graph=True)

    return {**found, BACKWARD: backward}


def as_leaf(x: Any) -> Any:
    """Arrays as Tensors, of which those of floats ask for a gradient; all else as it is."""
    if not isinstance(x, np.ndarray):
        return x
    return tt.Tensor(x, requires_grad=x.dtype.kind == "f")


def parts(out: Any) -> Iterator[Any]:
    """The outputs of a rule, of which there may be several."""
    yield from out if isinstance(out, tuple) else (out,)


def is_recorded(out: Any) -> bool:
    return isinstance(out, tt.Tensor) and out.requires_grad


def rules_tables(results: Sequence[Timed]) -> list[Table]:
    """One table of elementwise rules and one of all others, and who is in neither."""
    elementwise = [found for found in results if rules[found.rule].elementwise]
    others = [found for found in results if not rules[found.rule].elementwise]
    about = "one call, recorded and swept back, as ratios to NumPy's call by hand"
    note = "Backward is a whole `backward()` from one operation to its leaves."
    if untimed():
        note += f" Not timed, for want of a sample: {', '.join(untimed())}."
    named = [(f"Elementwise rules: {about}", elementwise), (f"All other rules: {about}", others)]
    return [rules_table(title, found, note) for title, found in named if found]


def rules_table(title: str, results: Sequence[Timed], note: str = "") -> Table:
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
            row += [
                f"{price[way].minimum:.2f}" if way in price else "" for way in (FORWARD, BACKWARD)
            ]
        rows.append(row)
    return Table(title, columns, rows, note)
