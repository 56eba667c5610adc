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
from .peers import PEERS, load, title
from .report import Table
from .timing import Step, ratio, show
from .workloads import Workload, chosen, named

WITHOUT_MEMORY = {"scalar", "chain-10", "mlp-64", "logistic", "hvp"}  # worth speaking of
IMPORT_ROUNDS = 7
MEMORY_STEPS = 3
STARTING = 3  # calls: a compiler may record two before it builds
MIB, PAGE = 2**20, 2**12

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""


def fresh(*arguments: str, **variables: str) -> str:
    """What a new Python process prints, with these variables in its environment.

    It may keep compiled modules: what was installed has them, and a checkout should.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= variables
    command = [sys.executable, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return done.stdout


# --------------------------------------------------------------------------- imports


def import_times(rounds: int = IMPORT_ROUNDS) -> dict[str, list[float]]:
    """Seconds that `import` takes for each installed package, in turn, each in its own process."""
    packages = dict.fromkeys(peer.package for peer in PEERS.values())
    modules = [package for package in packages if find_spec(package)]
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
    wanted = [w for w in chosen(names) if names or w.name not in WITHOUT_MEMORY]
    return [grown(workload, peers) for workload in wanted]


def grown(workload: Workload, peers: Collection[str]) -> Growth:
    """In a fresh process for every peer that has the workload."""
    able = [peer for peer in peers if hasattr(load(peer), workload.program)]
    return Growth(workload, {peer: growth_in_fresh_process(workload.name, peer) for peer in able})


def growth_in_fresh_process(workload: str, peer: str) -> int:
    return int(fresh("-m", __name__, workload, peer))


def growth(workload: Workload, peer: str) -> int:
    """Bytes by which the process is larger, at the peak of a step, than before the first one.

    What a step keeps for the next counts: an optimizer's averages, a compiled step's buffers.
    What is done once does not: what the peer loads at first use, it loads for a step of another
    build, and the first calls, in which compilers compile, are over when the peak begins.
    """
    module = load(peer)
    module.set_threads(threads())
    build = getattr(module, workload.program)
    start(build(**workload.make()))
    step = build(**workload.make())
    settle()
    before = resident("VmRSS")
    start(step)
    settle()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    for _ in range(MEMORY_STEPS):
        step()
    return resident("VmHWM") - before


def start(step: Step) -> None:
    """The first calls, in which things are loaded, recorded and compiled."""
    for _ in range(STARTING):
        step()


def settle() -> None:
    """Free what is dead, and return it to the system: a step would not seem to need it."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)


def resident(which: str) -> int:
    """Bytes of memory that Linux counts for this process: now (VmRSS), or at its peak (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(which))
    return int(line.split()[1]) * 1024


def share(found: Growth, peer: str, against: str) -> str:
    """A peer's bytes in those of the reference, which should be more than a few pages."""
    if peer not in found.by_peer:
        return ""
    return f"{found.by_peer[peer] / max(found.by_peer[against], PAGE):.2f}"


def memory_table(grown: Sequence[Growth], against: str) -> Table:
    """A row per workload: the reference's MiB, and each peer's as a ratio to it."""
    others = list(dict.fromkeys(peer for found in grown for peer in found.by_peer))
    others.remove(against)
    rows = [
        [
            found.workload.title,
            f"{found.by_peer[against] / MIB:.1f}",
            *(share(found, peer, against) for peer in others),
        ]
        for found in grown
    ]
    return Table(
        "Peak memory of a step, above its data and parameters, in a fresh process",
        ["workload", f"{title(against)}, MiB", *map(title, others)],
        rows,
        "Below 1 is smaller. What a step keeps for the next counts, what compiling takes does not.",
    )


if __name__ == "__main__":
    print(growth(named(sys.argv[1]), sys.argv[2]))
