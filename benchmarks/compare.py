"""Workloads × peers: that they compute the same, then how long each takes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import machine
from .peers import BY_HAND, OURS, OWN, PEERS, load, reference, title
from .report import Table
from .timing import Ratio, Step, interleave, ratio, show
from .workloads import Workload, chosen

CONTROL = "ours again"  # the same as ours, built and timed once more
QUIET = 0.15  # of a core for all other programs together
CHECKED_STEPS = 3  # the update of the first step shows in the loss of the second
QUICK = ("scalar", "chain-10", "mlp-64", "mlp-784", "cross-entropy")


class DisagreementError(AssertionError):
    """Two peers computed different numbers: a comparison of their times would mean nothing."""


@dataclass(frozen=True)
class Result:
    """The measurements of one workload: seconds per call, by peer and round."""

    workload: Workload
    against: str
    times: Mapping[str, Sequence[float]]
    others: float | None = None  # cores that other programs kept busy meanwhile

    @property
    def disturbed(self) -> bool:
        """Whether another program took so much that steps of several threads mean little."""
        return self.others is not None and self.others > QUIET

    @property
    def ratios(self) -> dict[str, Ratio]:
        """Each peer's time in that of the reference."""
        return {
            peer: ratio(times, self.times[self.against])
            for peer, times in self.times.items()
            if peer not in (self.against, CONTROL)
        }

    @property
    def best(self) -> tuple[str, Ratio]:
        """The fastest of the others' engines; the reference itself if none is faster."""
        others = {p: r for p, r in self.ratios.items() if p not in (*OWN, BY_HAND)}
        others[self.against] = Ratio(1.0, 1.0)
        return min(others.items(), key=lambda found: found[1].minimum)

    @property
    def control(self) -> Ratio:
        """Ours against ours: what the ratio of two equal things looks like here."""
        return ratio(self.times[CONTROL], self.times[OURS])

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.workload.name,
            "title": self.workload.title,
            "against": self.against,
            "seconds_per_call": {peer: list(times) for peer, times in self.times.items()},
            "ratios": {peer: vars(found) for peer, found in self.ratios.items()},
            "best": self.best[0],
            "control": vars(self.control),
            "cores_busy_with_others": self.others,
        }


def compare(
    names: Collection[str] = (),
    *,
    seconds: float,
    against: str | None = None,
    peers: Collection[str] | None = None,
) -> list[Result]:
    """Time the named workloads for the peers, `seconds` for all of them together."""
    against = against or reference()
    wanted = [OURS, BY_HAND, against] if peers is None else [OURS, against, *peers]
    modules = {peer: load(peer) for peer in dict.fromkeys(wanted)}
    for module in modules.values():
        module.set_threads(machine.threads())
    workloads = [w for w in chosen(names) if hasattr(modules[against], w.program)]
    return [run(w, modules, against, seconds / len(workloads)) for w in workloads]


def run(workload: Workload, modules: Mapping[str, Any], against: str, seconds: float) -> Result:
    able = {peer: m for peer, m in modules.items() if hasattr(m, workload.program)}
    steps = checked(workload, able)
    steps[CONTROL] = build(workload, able[OURS])
    with machine.Others() as others:
        times = interleave(steps, seconds)
    return Result(workload, against, times, others.cores)


def build(workload: Workload, module: Any) -> Step:
    """A peer's step of the workload, with data of its own."""
    step: Step = getattr(module, workload.program)(**workload.make())
    return step


def checked(workload: Workload, modules: Mapping[str, Any]) -> dict[str, Step]:
    """Every peer's step; raise if any number of the first few differs from NumPy's by hand."""
    steps = {peer: build(workload, module) for peer, module in modules.items()}
    computed = {peer: outputs(step, modules[peer].array) for peer, step in steps.items()}
    witness = BY_HAND if BY_HAND in computed else next(iter(computed))
    for peer, arrays in computed.items():
        for i, (got, wanted) in enumerate(zip(arrays, computed[witness], strict=True)):
            error = distance(got, wanted)
            if not error <= workload.tolerance:
                raise DisagreementError(
                    f"{workload.name}: output {i} of {peer} differs from that of {witness} by "
                    f"{error:.1e} of its largest number; {workload.tolerance:.0e} is allowed"
                )
    return steps


def outputs(step: Step, array: Callable[[Any], Any]) -> list[Any]:
    """All that a peer's first steps return, as copies in float64."""
    return [np.array(array(out), np.float64) for _ in range(CHECKED_STEPS) for out in step()]


def distance(got: Any, wanted: Any) -> float:
    """The largest difference relative to the largest number; infinite if the sizes differ."""
    if got.size != wanted.size:
        return float("inf")
    largest = np.abs(wanted).max() or 1.0
    return float(np.abs(got.reshape(wanted.shape) - wanted).max() / largest)


def comparison_tables(results: Sequence[Result]) -> list[Table]:
    """Ours in all its ways beside the reference; and the other peers, if there are any."""
    others = [p for p in timed_peers(results) if p not in (*OWN, BY_HAND)]
    tables = [comparison_table(results)]
    if others:
        columns = ["workload", *map(title, others)]
        rows = [[named(r), *(cell(r, peer) for peer in others)] for r in results]
        against = title(results[0].against)
        tables.append(Table(f"The other peers, as a ratio to {against}'s time", columns, rows))
    return tables


def comparison_table(results: Sequence[Result]) -> Table:
    """A row per workload: the reference's time, and in it ours, the ceiling, and the best peer."""
    against = results[0].against
    peers = timed_peers(results)
    shown = [p for p in peers if p in (*OWN, BY_HAND)]
    best = len(shown) < len(peers)
    columns = ["workload", f"{title(against)}, ms", *map(title, shown)]
    rows = []
    for result in results:
        fastest = f"{1e3 * min(result.times[against]):.4g}"
        row = [named(result), fastest, *(cell(result, peer) for peer in shown)]
        if best:
            peer, found = result.best
            row.append(f"{found.minimum:.2f} {title(peer)}")
        rows.append([*row, show(result.control)])
    note = (
        f"Below 1 is faster. The last column compares ours with itself: the noise. "
        f"{machine.threads()} threads, float32."
    )
    if any(result.disturbed for result in results):
        note += (
            " * Another program was at work: peers of several threads suffer most from that,"
            " so measure again on a quiet machine."
        )
    return Table(
        f"Forward, backward and update, as a ratio to {title(against)}'s time: minimum (median)",
        [*columns, *(["best peer"] if best else []), "ours / ours"],
        rows,
        note,
    )


def timed_peers(results: Sequence[Result]) -> list[str]:
    """All that have a ratio in some row, in the order of the listing."""
    found = {peer for result in results for peer in result.ratios}
    return [peer for peer in PEERS if peer in found]


def named(result: Result) -> str:
    return result.workload.title + (" *" if result.disturbed else "")


def cell(result: Result, peer: str) -> str:
    return show(result.ratios[peer]) if peer in result.ratios else ""
