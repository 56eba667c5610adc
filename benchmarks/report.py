"""What is shown: tables as text, with rich where it is installed, and as Markdown; sections."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinygrad_tr.tables import aligned


@dataclass(frozen=True)
class Table:
    """A heading, columns of which the first `words` hold words, and what to know to read it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: int = 1

    def __str__(self) -> str:
        """Plain text, columns aligned."""
        lines = [self.columns, *self.rows]
        rule = ["─" * max(map(len, column)) for column in zip(*lines, strict=True)]
        body = aligned([self.columns, rule, *self.rows], left=range(self.words))
        return "\n".join([self.title, *body, *([self.note] if self.note else [])])

    def markdown(self) -> str:
        """A section of a page."""
        rule = ["---" if i < self.words else "--:" for i in range(len(self.columns))]
        lines = [f"| {' | '.join(line)} |" for line in [self.columns, rule, *self.rows]]
        note = [self.note, ""] if self.note else []
        return "\n".join([f"## {self.title}", "", *lines, "", *note])

    def show(self) -> None:
        """Print it, as nicely as the terminal allows."""
        if find_spec("rich") is None or not sys.stdout.isatty():
            print(self)
            return
        from rich.console import Console
        from rich.table import Table as RichTable

        drawn = RichTable(title=self.title, caption=self.note, title_justify="left")
        for i, column in enumerate(self.columns):
            drawn.add_column(column, justify="left" if i < self.words else "right")
        for row in self.rows:
            drawn.add_row(*row)
        Console().print(drawn)


@dataclass(frozen=True)
class Section:
    """What was measured together: its tables, its measurements, and perhaps how it is drawn."""

    name: str
    tables: Sequence[Table]
    measured: Any
    plot: Callable[[], Any] | None = None

    @property
    def data(self) -> Any:
        """The measurements as JSON has them."""
        if isinstance(self.measured, list):
            return [found.as_json() for found in self.measured]
        return self.measured

    def markdown(self, picture: Path | None = None) -> str:
        """Its part of a page; the picture stands under the first heading."""
        first, *others = [table.markdown() for table in self.tables]
        if picture:
            heading, rest = first.split("\n\n", 1)
            first = f"{heading}\n\n![{self.name}]({picture.name})\n\n{rest}"
        return "\n".join([first, *others])
