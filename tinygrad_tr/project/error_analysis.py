"""Error analysis: what kinds of mistakes there are, and what removing each of them is worth."""

from __future__ import annotations

import csv
import os
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tinygrad_tr.arguments import whole, within
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.tables import aligned


def ceiling(error: float, count: int, of: int) -> float:
    """error · (1 − count/of): what is left if the mistakes of one category all vanish.

    `count` of `of` mistakes that were looked at are of the category. Course 3, week 2.
    """
    error = within("ceiling", "error", error, low=0)
    of, count = whole("ceiling", "of", of), whole("ceiling", "count", count, 0)
    if count > of:
        raise ArgumentError(
            "ceiling", "more mistakes of one category than there are", got=f"{count=}, {of=}",
            wanted="count ≤ of",
        )  # fmt: skip
    return error * (of - count) / of


class ErrorTable:
    """Mistakes, and which categories each of them belongs to, several or none.

        found = ErrorTable(["Dog", "Great cat", "Blurry"])
        found.add(1, ["Dog"], "Pitbull")
        found.totals()       # {"Dog": 1.0, "Great cat": 0.0, "Blurry": 0.0}
        found.ceilings(0.10)  # the error that is left when a category is gone

    "Incorrect label" can be such a category: its ceiling is the error without those examples'
    mistakes. Printed, it is a table. Course 3, week 2.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        self.tags = tuple(tags)
        if isinstance(tags, str) or not self.tags or len(set(self.tags)) < len(self.tags):
            raise ArgumentError(
                "ErrorTable", "the categories need different names", got=repr(tags),
                wanted="a list of texts, such as ['Dog', 'Blurry']",
            )  # fmt: skip
        self.rows: dict[Any, tuple[frozenset[str], str]] = {}

    def add(self, example: Hashable, tags: Iterable[str] = (), comment: str = "") -> None:
        """Take in a mistake: which example it is, its categories, and what there is to say."""
        own = frozenset([tags] if isinstance(tags, str) else tags)
        if unknown := sorted(own - set(self.tags)):
            raise ArgumentError(
                "ErrorTable.add", f"unknown categories: {', '.join(map(repr, unknown))}",
                got=f"example {example!r}", wanted=", ".join(map(repr, self.tags)),
            )  # fmt: skip
        if example in self.rows:
            raise ArgumentError(
                "ErrorTable.add", "this example is in the table already", got=repr(example),
                wanted="each mistake once, with all its categories",
            )  # fmt: skip
        self.rows[example] = own, comment

    def __len__(self) -> int:
        """The number of mistakes."""
        return len(self.rows)

    def counts(self) -> dict[str, int]:
        """How many mistakes each category has."""
        return {tag: sum(tag in own for own, _ in self.rows.values()) for tag in self.tags}

    def totals(self) -> dict[str, float]:
        """The share of mistakes in each category; they overlap, and need not add up to 1."""
        self.require_rows("ErrorTable.totals")
        return {tag: n / len(self) for tag, n in self.counts().items()}

    def best(self) -> str:
        """The category with the largest share, the first one of several."""
        totals = self.totals()
        return max(totals, key=totals.__getitem__)

    def ceilings(self, error: float) -> dict[str, float]:
        """For each category, what is left of the error if its mistakes all vanish."""
        self.require_rows("ErrorTable.ceilings")
        return {tag: ceiling(error, n, len(self)) for tag, n in self.counts().items()}

    def require_rows(self, operation: str) -> None:
        if not self.rows:
            raise ArgumentError(operation, "there are no mistakes yet", wanted="add(...) before")

    def cells(self, tick: str) -> list[list[str]]:
        """The head, and a row for each mistake."""
        rows = [
            [str(example), *(tick if tag in own else "" for tag in self.tags), comment]
            for example, (own, comment) in self.rows.items()
        ]
        return [["example", *self.tags, "comment"], *rows]

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the table for a spreadsheet, 1 for each category of a mistake."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(self.cells("1"))
        return file

    def __str__(self) -> str:
        shares = [f"{share:.0%}" for share in self.totals().values()] if self.rows else []
        last = [["share", *shares, ""]] if shares else []
        rows = [*self.cells("✓"), *last]
        return "\n".join(aligned(rows, left=(0, len(rows[0]) - 1)))
