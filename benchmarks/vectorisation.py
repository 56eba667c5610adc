"""What it costs to write a loop: `python -m benchmarks.vectorisation`. Course 1, week 2.

A dot product of 1,000,000 elements by a Python loop and by `np.dot`, which lets the processor
work on many numbers with one instruction (SIMD); then one iteration of logistic regression by
the course's loops, by its vectorised equations, and by autograd. One thread. The results must
agree before they are timed; that the loop takes at least 20 times as long is reported, not
demanded: a machine may differ.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr.nn import by_hand
from tinygrad_tr.nn import functional as F

from . import machine
from .compare import DisagreementError, distance
from .report import Table
from .timing import Ratio, interleave, ratio, show

LOOP = "loop"
TOLERANCE = 1e-9  # how far the results may differ, relative to the largest number
FEATURES = 64  # of logistic regression
CLAIM = 20.0  # how many times as long a loop should take
Way = Callable[[], Sequence[Any]]  # one of several ways to compute the same numbers


@dataclass(frozen=True)
class Timed:
    """One computation: seconds per call of each way and round, and how far they differ."""

    title: str
    times: Mapping[str, Sequence[float]]
    difference: float

    @property
    def gains(self) -> dict[str, Ratio]:
        """How many times as long the loop takes as each other way."""
        loop = self.times[LOOP]
        return {way: ratio(loop, times) for way, times in self.times.items() if way != LOOP}


def dot_by_loop(w: Any, x: Any, b: float) -> float:
    """z = Σ wⱼxⱼ + b, one product after the other."""
    z = 0.0
    for j in range(len(x)):
        z += w[j] * x[j]
    return z + b


def dot_product(elements: int) -> dict[str, Way]:
    """z = wᵀx + b of so many elements."""
    rng = np.random.default_rng(0)
    w, x, b = rng.random(elements), rng.random(elements), 0.5
    return {
        LOOP: lambda: (dot_by_loop(w, x, b),),
        "np.dot": lambda: (np.dot(w, x) + b,),
    }


def logistic_iteration(examples: int) -> dict[str, Way]:
    """J, dw and db of logistic regression."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((FEATURES, examples)), rng.integers(0, 2, (1, examples)) * 1.0
    w, b = 0.1 * rng.standard_normal((FEATURES, 1)), 0.1

    def autograd() -> Sequence[Any]:
        w_leaf, b_leaf = tt.Tensor(w, requires_grad=True), tt.Tensor([[b]], dtype=np.float64)
        b_leaf.requires_grad = True
        J = F.binary_cross_entropy_with_logits(w_leaf.T @ X + b_leaf, Y)
        return J.numpy(), *(g.numpy() for g in tt.grad(J, [w_leaf, b_leaf]))

    return {
        LOOP: lambda: by_hand.logistic_loop(w, b, X, Y),
        "vectorised": lambda: by_hand.logistic_vectorised(w, b, X, Y),
        "autograd": autograd,
    }


def timed(title: str, ways: Mapping[str, Way], seconds: float) -> Timed:
    """Time all ways in turn, after checking that they compute the same."""
    computed = {way: [np.asarray(out) for out in step()] for way, step in ways.items()}
    difference = max(
        distance(got, wanted)
        for outputs in computed.values()
        for got, wanted in zip(outputs, computed[LOOP], strict=True)
    )
    if not difference < TOLERANCE:
        raise DisagreementError(f"{title}: the results differ by {difference:.1e}")
    return Timed(title, interleave(ways, seconds, rested=False), difference)


def measure(elements: int = 1_000_000, examples: int = 500, seconds: float = 10.0) -> list[Timed]:
    """Both computations, in so many seconds together."""
    return [
        timed(f"dot product of {elements:,} elements", dot_product(elements), seconds / 2),
        timed(
            f"logistic regression, {FEATURES} features, {examples} examples",
            logistic_iteration(examples),
            seconds / 2,
        ),
    ]


def gains_table(results: Sequence[Timed]) -> Table:
    """A row for each way, with what the loop takes as a multiple of it."""
    rows = []
    for result in results:
        for way, times in result.times.items():
            gain = result.gains.get(way)
            shown = "" if gain is None else show(gain)
            difference = "" if gain is None else f"{result.difference:.0e}"
            rows.append([result.title, way, f"{1e3 * min(times):.4g}", shown, difference])
    smallest = min(gain.minimum for result in results for gain in result.gains.values())
    kept = "holds" if smallest >= CLAIM else "does not hold"
    note = (
        f"That a loop takes at least {CLAIM:g} times as long {kept} here: {smallest:.0f} or more."
    )
    columns = ["computation", "way", "ms", "loop / this: minimum (median)", "difference"]
    return Table("Vectorisation", columns, rows, note, words=2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    words = argparse.ArgumentParser("python -m benchmarks.vectorisation", description=__doc__)
    words.add_argument("--elements", type=int, default=1_000_000, help="of the dot product")
    words.add_argument("--examples", type=int, default=500, help="of logistic regression")
    words.add_argument("--seconds", type=float, default=10.0, help="for everything together")
    asked = words.parse_args(arguments)
    gains_table(measure(asked.elements, asked.examples, asked.seconds)).show()


if __name__ == "__main__":
    machine.hold_threads(1, f"{__package__}.vectorisation")
    main(sys.argv[1:])
