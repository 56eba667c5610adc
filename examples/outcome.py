"""What an example reports: numbers beside what they must reach, and the files it wrote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("tinygrad-tr-demo")


@dataclass(frozen=True)
class Goal:
    """A number that was measured, and the interval in which it must lie."""

    name: str
    value: float
    at_least: float = -math.inf
    at_most: float = math.inf

    @property
    def reached(self) -> bool:
        return self.at_least <= self.value <= self.at_most

    def __str__(self) -> str:
        return f"  {'✓' if self.reached else '✗'} {self.name}: {self.value:.6g} ({self.wanted})"

    @property
    def wanted(self) -> str:
        """The interval in words."""
        middle, half = (self.at_least + self.at_most) / 2, (self.at_most - self.at_least) / 2
        if half == 0:
            return f"exactly {middle:g}"
        if half < 1e-3 * abs(middle):
            return f"{middle:.6g} ± {half:.1g}"
        low = f"at least {self.at_least:g}" if self.at_least > -math.inf else ""
        high = f"at most {self.at_most:g}" if self.at_most < math.inf else ""
        return " and ".join(filter(None, (low, high)))


@dataclass(frozen=True)
class Outcome:
    """The goals of an example and its files, of which at least one is a picture."""

    goals: Sequence[Goal]
    files: Sequence[Path]

    @property
    def reached(self) -> bool:
        return all(goal.reached for goal in self.goals)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.goals), *(f"  → {file}" for file in self.files)])
