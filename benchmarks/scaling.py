"""How time and memory grow with the number of operations, the batch and the sequence."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import machine
from .compare import build, checked
from .peers import load, title
from .processes import MIB, PAGE, grown
from .report import Table
from .timing import interleave
from .workloads import CURVES, Curve


@dataclass(frozen=True)
class Growing:
    """One curve: what a step takes at each size, by peer; memory only where it is known."""

    curve: Curve
    seconds: dict[str, list[float]]
    bytes: dict[str, list[float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.curve.name,
            "sizes": list(self.curve.sizes),
            "seconds": self.seconds,
            "bytes": self.bytes,
            "exponents": {
                what: {peer: exponent(self.curve.sizes, row) for peer, row in rows.items()}
                for what, rows in (("seconds", self.seconds), ("bytes", self.bytes))
            },
        }


def measure(
    peers: Collection[str],
    *,
    seconds: float,
    curves: Sequence[Curve] = tuple(CURVES),
    memory: bool = True,
) -> list[Growing]:
    """All curves for the peers; `memory` is of fresh processes, and takes the longest."""
    modules = {peer: load(peer) for peer in peers}
    for module in modules.values():
        module.set_threads(machine.threads())
    share = seconds / sum(len(curve.sizes) for curve in curves)
    return [measured(curve, modules, share, memory=memory) for curve in curves]


def measured(curve: Curve, modules: dict[str, Any], seconds: float, *, memory: bool) -> Growing:
    able = {peer: m for peer, m in modules.items() if hasattr(m, curve.program)}
    checked(curve.at(curve.sizes[0]), able)
    found = Growing(curve, {peer: [] for peer in able})
    for size in curve.sizes:
        workload = curve.at(size)
        times = interleave({peer: build(workload, m) for peer, m in able.items()}, seconds)
        for peer, row in times.items():
            found.seconds[peer].append(min(row))
        if memory:
            for peer, number in grown(workload, able).by_peer.items():
                found.bytes.setdefault(peer, []).append(max(number, PAGE))
    return found


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """The slope of log value over log size, fitted to the larger half of the sizes.

    That is where what does not grow, such as the call of a function, no longer counts.
    """
    half = min(len(sizes) // 2, len(sizes) - 2)
    logs = [[math.log(number) for number in row[half:]] for row in (sizes, values)]
    return statistics.linear_regression(*logs).slope


def scaling_table(results: Sequence[Growing]) -> Table:
    """Rows of sizes, and after each curve its exponents."""
    peers = list(dict.fromkeys(peer for found in results for peer in found.seconds))
    rows = []
    for found in results:
        columns: list[tuple[Sequence[float] | None, float]] = []
        for values, unit in ((found.seconds, 1e3), (found.bytes, 1 / MIB)):
            columns += [(values.get(peer), unit) for peer in peers]
        sizes = found.curve.sizes
        for i, size in enumerate(sizes):
            cells = [f"{unit * row[i]:.4g}" if row else "" for row, unit in columns]
            rows.append([found.curve.title, f"{size:,}", *cells])
        slopes = [f"{exponent(sizes, row):.2f}" if row else "" for row, _ in columns]
        rows.append([found.curve.title, "exponent", *slopes])
    return Table(
        "Scaling: a step's time, and its peak of memory",
        ["of", "size", *(f"{title(peer)}, {unit}" for unit in ("ms", "MiB") for peer in peers)],
        rows,
        "The exponent is that of a power of the size, fitted to the larger half of the sizes: "
        "1.00 is linear.",
    )
