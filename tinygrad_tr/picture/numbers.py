"""Numbers as a picture writes them: four significant digits, real minus signs, powers of ten."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")

SMALL, WIDE = 12, 5  # so many entries of an array are written out, so many of them in a row
WHOLE = 10**6  # below, whole numbers are written out


@dataclass(slots=True)
class Numbers:
    """What is known of an array: its entries where they are few, else their statistics.

    `mean`, `std`, `least` and `greatest` are of the finite entries; `strange` counts the others.
    """

    shape: tuple[int, ...]
    dtype: str
    entries: tuple[float, ...] | None = None
    mean: float = math.nan
    std: float = math.nan
    least: float = math.nan
    greatest: float = math.nan
    strange: int = 0
    zero: bool = False  # every entry is exactly 0


def measure(value: Any, entries: int = SMALL) -> Numbers:
    """The Numbers of an array or scalar. Up to `entries` of them are kept, in C order.

    Of no more than SMALL, rows longer than WIDE are not.
    """
    if not isinstance(value, np.ndarray):
        is_numpy = isinstance(value, np.generic)
        dtype = dtype_name(value.dtype) if is_numpy else type(value).__name__
        number = value.item() if is_numpy else value
        return Numbers((), dtype, (number,), zero=number == 0)
    fits = value.size <= entries and (value.shape[-1:] <= (WIDE,) or entries > SMALL)
    kept = tuple(value.ravel().tolist()) if fits else None
    numbers = Numbers(value.shape, dtype_name(value.dtype), kept, zero=not value.any())
    finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
    numbers.strange = value.size - finite.size
    if finite.size:
        numbers.mean = float(finite.mean(dtype=np.float64))
        numbers.std = float(finite.std(dtype=np.float64))
        numbers.least, numbers.greatest = float(finite.min()), float(finite.max())
    return numbers


@functools.cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    return dtype.name


def norm(value: Any) -> float:
    """√Σ x², in double precision; of several arrays together for a list, holes left out."""
    if isinstance(value, (list, tuple)):
        return math.hypot(*(norm(part) for part in value if part is not None))
    if not isinstance(value, np.ndarray):
        return abs(float(value))
    return float(np.linalg.norm(value.ravel().astype(np.float64, copy=False)))


def written(x: float) -> str:
    """A number with four significant digits; whole numbers below a million in full."""
    if isinstance(x, bool):
        return str(x)
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if x == 0:
        return "0"
    whole = abs(x) < WHOLE and x == int(x)
    digits, _, power = (str(int(x)) if whole else format(x, ".4g")).partition("e")
    text = digits.replace("-", "−")
    if power:
        text += "·10" + str(int(power)).translate(SUPERSCRIPTS)
    return text


def shape_written(shape: Sequence[int]) -> str:
    """`(3, 4)`, `(5,)`, as NumPy prints shapes."""
    return str(tuple(shape))


def statistics_written(numbers: Numbers) -> list[str]:
    """`0.0012 ± 0.13` and `[−0.5, 0.6]`: mean ± standard deviation, least and greatest."""
    lines = []
    if not math.isnan(numbers.mean):
        lines.append(f"{written(numbers.mean)} ± {written(numbers.std)}")
        lines.append(f"[{written(numbers.least)}, {written(numbers.greatest)}]")
    return [*lines, f"{numbers.strange} NaN/∞"] if numbers.strange else lines


def entries_written(numbers: Numbers) -> list[str]:
    """The entries as the rows of a matrix in brackets, all axes but the last flattened."""
    cells = [written(x) for x in numbers.entries or ()]
    if not cells:
        return []
    n = numbers.shape[-1] if numbers.shape else 1
    widths = [max(map(len, cells[column::n])) for column in range(n)]
    rows = [
        "  ".join(cell.rjust(w) for cell, w in zip(cells[i : i + n], widths, strict=True))
        for i in range(0, len(cells), n)
    ]
    if len(rows) == 1:
        return [f"[{rows[0]}]"]
    left, right = (a + b * (len(rows) - 2) + c for a, b, c in ("⎡⎢⎣", "⎤⎥⎦"))
    return [f"{a}{row}{b}" for a, row, b in zip(left, rows, right, strict=True)]


def count_written(n: int) -> str:
    """`4,160`."""
    return f"{n:,}"
