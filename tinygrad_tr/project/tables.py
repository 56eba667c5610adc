"""Rows of text as a table."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], *, comment: bool = False) -> str:
    """Columns of one width: the first begins at the left, and the last too if it is a comment."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    places = [str.ljust, *[str.rjust] * (len(widths) - 1)]
    if comment:
        places[-1] = str.ljust
    lines = (
        "  ".join(
            place(text, width) for place, text, width in zip(places, row, widths, strict=True)
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
