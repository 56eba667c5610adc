"""What compiling costs: how much longer the first calls of a step take than later ones.

Each measurement is a fresh process, with a folder of its own for what compilers keep: first it is
empty, as after an installation; then it holds what the first process left there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from .machine import threads
from .peers import load, title
from .processes import STARTING, fresh, start
from .report import Table
from .workloads import Workload, chosen, named

CACHES = ("NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


@dataclass(frozen=True)
class Starting:
    """Seconds by peer: with nothing compiled before, and with what an earlier process kept."""

    workload: Workload
    empty: dict[str, float]
    kept: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.workload.name, "empty": self.empty, "kept": self.kept}


def starting(names: Collection[str], peers: Collection[str]) -> list[Starting]:
    """Of the named workloads, or all."""
    found = []
    for workload in chosen(names):
        row = Starting(workload, {}, {})
        for peer in peers:
            if hasattr(load(peer), workload.program):
                row.empty[peer], row.kept[peer] = twice(workload.name, peer)
        found.append(row)
    return found


def twice(workload: str, peer: str) -> list[float]:
    """Seconds that starting costs two processes, one after the other."""
    with TemporaryDirectory() as folder:
        caches = dict.fromkeys(CACHES, folder)
        return [float(fresh("-m", __name__, workload, peer, **caches)) for _ in range(2)]


def cost(workload: Workload, peer: str) -> float:
    """Seconds that the first calls take, without what as many later ones do."""
    module = load(peer)
    module.set_threads(threads())
    step = getattr(module, workload.program)(**workload.make())
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        start(step)
        times.append(time.perf_counter() - begin)
    return max(0.0, times[0] - times[1])


def starting_table(results: Sequence[Starting]) -> Table:
    """A row per workload: the seconds of each peer."""
    peers = list(dict.fromkeys(peer for found in results for peer in found.empty))
    rows = [
        [
            found.workload.title,
            *(
                f"{found.empty[peer]:.2f} ({found.kept[peer]:.2f})" if peer in found.empty else ""
                for peer in peers
            ),
        ]
        for found in results
    ]
    return Table(
        "Starting, in seconds: with nothing compiled before (with what another process kept)",
        ["workload", *map(title, peers)],
        rows,
        f"How much longer the first {STARTING} calls take than as many later ones, in a fresh "
        "process; loading numba is part of it.",
    )


if __name__ == "__main__":
    print(cost(named(sys.argv[1]), sys.argv[2]))
