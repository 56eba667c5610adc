"""What only a fresh process can tell: the time of an import, and the peak memory of a step."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .machine import threads
from .peers import PACKAGES, load, title
from .report import Table
from .timing import ratio, show
from .workloads import WORKLOADS, Workload, chosen

MEMORY_WORKLOADS = (
    "chain-1M", "mlp-784", "mlp-1024", "logistic", "adam", "resnet", "unet", "lstm", "transformer",
)  # fmt: skip
IMPORT_ROUNDS = 7
MEMORY_STEPS = 3
MIB = 2**20

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""


def fresh(*arguments: str) -> str:
    """What a new Python process prints.

    It may keep compiled modules: what was installed has them, and a checkout should.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return done.stdout


# --------------------------------------------------------------------------- imports


def import_times(rounds: int = IMPORT_ROUNDS) -> dict[str, list[float]]:
    """Seconds that `import` takes for each installed package, in turn, each in its own process."""
    modules = [module for module in dict.fromkeys(PACKAGES.values()) if find_spec(module)]
    times: dict[str, list[float]] = {module: [] for module in modules}
    for module in modules:
        fresh("-c", IMPORT.format(module=module))  # from then on its files are in memory
    for _ in range(rounds):
        for module in modules:
            times[module].append(float(fresh("-c", IMPORT.format(module=module))))
    return times


def import_table(times: dict[str, list[float]]) -> Table:
    """A row per package, NumPy's own import being the unit."""
    found = {name: ratio(row, times["numpy"]) for name, row in times.items()}
    rows = [
        [f"import {name}", f"{1e3 * min(times[name]):.0f}", show(found[name])]
        for name in sorted(found, key=lambda name: found[name].minimum)
    ]
    return Table(
        "Time of an import in a fresh process",
        ["", "ms", "ratio to NumPy: minimum (median)"],
        rows,
        "What a package imports is counted too: NumPy is part of tinygrad_tr's time.",
    )


# --------------------------------------------------------------------------- memory


@dataclass(frozen=True)
class Growth:
    """How far the peak of a training step rose above data and parameters, in bytes by peer."""

    workload: Workload
    by_peer: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.workload.name, "bytes": self.by_peer}


def memory(names: Collection[str], peers: Collection[str]) -> list[Growth]:
    """Of the named workloads, or those that need memory worth speaking of; Linux only."""
    found = []
    for workload in chosen(names or MEMORY_WORKLOADS):
        able = [peer for peer in peers if hasattr(load(peer), workload.program)]
        found.append(
            Growth(workload, {peer: growth_in_fresh_process(workload.name, peer) for peer in able})
        )
    return found


def growth_in_fresh_process(workload: str, peer: str) -> int:
    return int(fresh("-m", __name__, workload, peer))


def growth(workload: Workload, peer: str) -> int:
    """Bytes that the process's resident memory rose by, at its peak, in a few steps."""
    module = load(peer)
    module.set_threads(threads())
    for other in WORKLOADS:  # what the peer loads on first use is not the step's memory
        if other.name not in MEMORY_WORKLOADS and hasattr(module, other.program):
            getattr(module, other.program)(**other.make())()
    step = getattr(module, workload.program)(**workload.make())
    gc.collect()
    give_back()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    before = resident("VmRSS")
    for _ in range(MEMORY_STEPS):
        step()
    return resident("VmHWM") - before


def give_back() -> None:
    """Return what was freed to the system: a step would use it again, and not seem to grow."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


def resident(which: str) -> int:
    """Bytes of memory that Linux counts for this process: now (VmRSS), or at its peak (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(which))
    return int(line.split()[1]) * 1024


def memory_table(grown: Sequence[Growth], against: str) -> Table:
    """A row per workload: the reference's MiB, and each peer's as a ratio to it."""
    others = list(dict.fromkeys(peer for found in grown for peer in found.by_peer))
    others.remove(against)
    rows = [
        [
            found.workload.title,
            f"{found.by_peer[against] / MIB:.1f}",
            *(
                f"{found.by_peer[peer] / max(found.by_peer[against], 1):.2f}"
                if peer in found.by_peer
                else ""
                for peer in others
            ),
        ]
        for found in grown
    ]
    return Table(
        "Peak memory of a step, above its data and parameters, in a fresh process",
        ["workload", f"{title(against)}, MiB", *map(title, others)],
        rows,
        "Below 1 is smaller.",
    )


if __name__ == "__main__":
    (asked,) = chosen([sys.argv[1]])
    print(growth(asked, sys.argv[2]))
