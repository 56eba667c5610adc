"""The machine and the threads that the numbers belong to."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def hold_threads(n: int, module: str) -> None:
    """Let every library of this process use n threads.

    They read these variables once, when they are loaded. If NumPy already is, as by
    `python -m tinygrad_tr.benchmarks`, the process becomes a fresh one of the same command.
    """
    wanted = dict.fromkeys(VARIABLES, str(n))
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    os.environ.update(wanted)
    if "numpy" in sys.modules:
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


def threads() -> int:
    """What `hold_threads` set, or else what libraries take by themselves: every core."""
    return int(os.environ.get(VARIABLES[0]) or os.cpu_count() or 1)


class Others:
    """How many cores other programs kept busy while a `with` block ran; None where unknown.

    Threads that wait for each other lose whole time slices to a program that takes a core from
    one of them, and far more than its share: PyTorch's steps have been seen to take 100 times
    as long. Source: /proc/stat, so on Linux only.
    """

    cores: float | None = None

    def __enter__(self) -> Others:
        self.start = self.now()
        return self

    def __exit__(self, *_: object) -> None:
        wall, busy, own = (after - b for after, b in zip(self.now(), self.start, strict=True))
        if busy:
            self.cores = max(0.0, busy - own) / wall

    def now(self) -> tuple[float, float, float]:
        """Seconds: of the clock, of all cores at work, and of this process."""
        try:
            words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        except OSError:
            return time.perf_counter(), 0.0, 0.0
        user, nice, system, _idle, _waiting, *interrupts = map(int, words[1:9])
        busy = user + nice + system + sum(interrupts)  # the last is what the host took
        return time.perf_counter(), busy / os.sysconf("SC_CLK_TCK"), time.process_time()


def processor() -> str:
    """The processor's name, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def facts() -> dict[str, str | int]:
    """What a reader must know to compare these numbers with others."""
    return {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "threads": threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numba": version("numba") if find_spec("numba") else "not installed",
    }
