"""Measuring steps against each other: calibrated, interleaved, and compared as ratios."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

Step = Callable[[], Any]

ROUNDS = 11
FEWEST_ROUNDS = 3
SHORTEST = 0.002  # seconds: a measurement below it would time the clock and the scheduler
NAP, LONGEST_REST = 0.004, 0.3  # seconds
WARMING = 10  # for so many calls that are timed, one before them is not
LONG = 1.0  # seconds: a step that takes them warms itself


@dataclass(frozen=True)
class Under:
    """A step that runs under a condition, which many calls enter once, off the clock."""

    condition: Callable[[], AbstractContextManager[Any]]
    step: Step

    def __call__(self) -> Any:
        with self.condition():
            return self.step()


@dataclass(frozen=True)
class Ratio:
    """How many times the reference's time a peer takes.

    minimum  of the fastest measurements: what the code costs, undisturbed
    median   over the rounds, each of which compares neighbours in time
    """

    minimum: float
    median: float


def ratio(times: Sequence[float], reference: Sequence[float]) -> Ratio:
    """Compare two rows of measurements, one of each per round."""
    paired = [ours / theirs for ours, theirs in zip(times, reference, strict=True)]
    return Ratio(min(times) / min(reference), statistics.median(paired))


def show(found: Ratio) -> str:
    return f"{found.minimum:.2f} ({found.median:.2f})"


def interleave(
    steps: Mapping[str, Step], seconds: float, *, rested: bool = True
) -> dict[str, list[float]]:
    """Seconds per call of each step: one measurement of each in every round, in turn.

    `seconds` is the budget of all together; slow steps get fewer rounds, but three at least.
    The first place goes round, and each measurement begins when the threads of the step before
    are at rest, which steps of one thread need not wait for.
    """
    names = list(steps)
    rest = until_quiet if rested else float
    with quiet_collector():
        costs, rests = {}, []
        for name in names:
            costs[name] = burnt_in(steps[name])
            rests.append(rest())
        rounds = rounds_within(seconds, sum(rests), list(costs.values()))
        share = (seconds / rounds - sum(rests)) / len(names)
        calls = {name: calls_within(share, costs[name]) for name in names}
        times: dict[str, list[float]] = {name: [] for name in names}
        end = time.perf_counter() + seconds
        for i in range(rounds):
            if i >= FEWEST_ROUNDS and time.perf_counter() > end:
                break  # something slowed them all down after the calls were counted
            for name in names[i % len(names) :] + names[: i % len(names)]:
                gc.collect()  # what a peer leaves in cycles is cleared off the clock
                rest()
                if costs[name] < LONG:
                    measured(steps[name], 1 + calls[name] // WARMING)
                times[name].append(measured(steps[name], calls[name]))
    return times


def rounds_within(seconds: float, rests: float, costs: Sequence[float]) -> int:
    """As many rounds as the budget allows, if a measurement is as short as it may be."""
    one = rests + sum(max(2 * cost, SHORTEST) for cost in costs)
    return max(FEWEST_ROUNDS, min(ROUNDS, int(seconds / one)))


def calls_within(seconds: float, cost: float) -> int:
    """How many calls one measurement repeats, in the time that those before it leave."""
    affordable = int(seconds / cost * WARMING / (WARMING + 1)) - 1
    return max(1, math.ceil(SHORTEST / cost), affordable)


def until_quiet() -> float:
    """Sleep until no thread of this process is running, and say how long that took.

    OpenBLAS's threads spin for 0.1 s after their work, OpenMP's for some milliseconds: they
    would take a core away from the next peer, and its threads would wait for it.
    """
    start = time.perf_counter()
    while (slept := time.perf_counter() - start) < LONGEST_REST:
        busy = time.process_time()
        time.sleep(NAP)
        if time.process_time() - busy < NAP / 10:
            break
    return slept


def burnt_in(step: Step) -> float:
    """Seconds per call after the first calls, in which caches fill and compilers compile."""
    step()
    step()
    calls = 1
    while (cost := measured(step, calls)) * calls < SHORTEST / 2:
        calls *= 2
    return cost


def measured(step: Step, calls: int) -> float:
    """Seconds per call, over so many calls."""
    if isinstance(step, Under):
        with step.condition():
            return measured(step.step, calls)
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - start) / calls


@contextmanager
def quiet_collector() -> Iterator[None]:
    """The garbage collector off, and all that is alive out of its sight."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()
