"""Numbers that functions are given: whole ones, and ones within limits, or a clear error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, describe


def is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def whole(operation: str, name: str, value: Any, low: int = 1) -> int:
    """An integer of at least `low`."""
    if not is_whole(value) or value < low:
        raise unfit(operation, name, value, f"an integer ≥ {low}")
    return int(value)


def within(
    operation: str, name: str, value: Any, low: float = -math.inf, high: float = math.inf
) -> float:
    """A finite number in [low, high], as a Python float."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not (real and math.isfinite(value) and low <= value <= high):
        limits = [f"≥ {low:g}"] * (low > -math.inf) + [f"≤ {high:g}"] * (high < math.inf)
        raise unfit(operation, name, value, f"a finite number {' and '.join(limits)}".rstrip())
    return float(value)


def positive(operation: str, name: str, value: Any) -> float:
    """A finite number above 0."""
    if not within(operation, name, value) > 0:
        raise unfit(operation, name, value, "a number > 0")
    return float(value)


def unfit(operation: str, name: str, value: Any, wanted: str) -> ArgumentError:
    shown = repr(value) if np.ndim(value) == 0 else describe(value)
    return ArgumentError(
        operation, f"{name} has no such value", got=f"{name}={shown}", wanted=wanted
    )
