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
MANY, BINS = 400, 24  # so many entries, and intervals of a histogram, are kept as details
BLOCK = 2**17  # entries
WHOLE = 10**6  # below, whole numbers are written out


@dataclass(slots=True)
class Details:
    """More of an array than a card shows: its first entries, and how the finite ones are spread.

    They are whole rows if a row fits. `counts` are those of equal intervals from the least to the
    greatest.
    """

    entries: tuple[float, ...]
    counts: tuple[int, ...]


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
    details: Details | None = None

    @property
    def norm(self) -> float:
        """√Σ x² of the finite entries."""
        if self.entries is not None:
            return math.hypot(*filter(math.isfinite, self.entries))
        finite = math.prod(self.shape) - self.strange
        return math.sqrt(finite) * math.hypot(self.mean, self.std) if finite else 0.0

    @property
    def size(self) -> float:
        """√mean x² of the finite entries: how large a typical one is."""
        finite = math.prod(self.shape) - self.strange
        return self.norm / math.sqrt(finite) if finite else 0.0


def measure(value: Any, entries: int = SMALL, detailed: bool = False) -> Numbers:
    """The Numbers of an array or scalar. Up to `entries` of them are kept, in C order.

    Of no more than SMALL, rows longer than WIDE are not. `detailed` Numbers have Details.
    """
    if not isinstance(value, np.ndarray):
        is_numpy = isinstance(value, np.generic)
        dtype = dtype_name(value.dtype) if is_numpy else type(value).__name__
        number = value.item() if is_numpy else value
        strange = int(not math.isfinite(number))
        return Numbers((), dtype, (number,), strange=strange, zero=number == 0)
    fits = value.size <= entries and (value.shape[-1:] <= (WIDE,) or entries > SMALL)
    kept = tuple(value.ravel().tolist()) if fits else None
    numbers = Numbers(value.shape, dtype_name(value.dtype), kept, zero=not value.any())
    is_finite = value.dtype.kind != "f" or np.isfinite(value)
    finite = value if np.all(is_finite) else value[is_finite]
    numbers.strange = value.size - finite.size
    if finite.size:
        numbers.mean, numbers.std = mean_and_std(finite.ravel())
        numbers.least, numbers.greatest = float(finite.min()), float(finite.max())
    if detailed:
        counts, _ = np.histogram(finite + 0, BINS) if finite.size else ((), ())
        row = (value.shape[-1] if value.shape else 1) or 1
        shown = value.ravel()[: MANY - MANY % row if row <= MANY else MANY]
        numbers.details = Details(tuple(shown.tolist()), tuple(int(count) for count in counts))
    return numbers


def mean_and_std(x: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Of the entries of a row, in double precision, a block after the other to save memory."""
    blocks = [x[i : i + BLOCK] for i in range(0, x.size, BLOCK)]
    mean = math.fsum(block.sum(dtype=np.float64) for block in blocks) / x.size
    squares = math.fsum(float(np.square(block - mean, dtype=np.float64).sum()) for block in blocks)
    return mean, math.sqrt(squares / x.size)


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
