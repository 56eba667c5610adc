"""How fast tinygrad_tr is beside its peers: `python -m benchmarks`.

    python -m benchmarks                             every workload, for every peer installed
    python -m benchmarks --peers all                 also those that compile for minutes
    python -m benchmarks --only scalar lenet --against jax
    python -m benchmarks --rules                     ns per call, for every rule
    python -m benchmarks --scaling                   time and memory against the size
    python -m benchmarks --imports --memory --first-call         in fresh processes
    python -m benchmarks --write docs/benchmarks.md  all of it, as a page with its plots
    python -m benchmarks.vectorisation               what a loop costs (course 1, week 2)

A workload is data (`workloads.py`), and a peer a module with a function of the workload's
program for it (`peers/`), which returns a step to be timed. Before that, the steps of all peers
must compute the same numbers. They are timed in turn, round after round, so that whatever
disturbs the machine disturbs them alike; ours is timed twice, and the ratio of the two says
what a difference must exceed to mean anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Table

__all__ = ["quick"]


def quick(seconds: float = 5.0) -> Table:
    """The main workloads against PyTorch if it is installed, else NumPy by hand: `print` it.

    In the process and with the threads that there are; starting peers comes on top.
    """
    from .compare import QUICK, compare, comparison_table  # NumPy must not load before the CLI

    return comparison_table(compare(QUICK, seconds=seconds))
