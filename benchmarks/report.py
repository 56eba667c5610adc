"""Tables: as text, with rich where it is installed, and as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

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
