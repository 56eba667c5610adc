"""Tables of text, for people."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> list[str]:
    """A line for each row, its columns as wide as their widest cell.

    The columns of these numbers, counted from 0, begin at the left; all others end at the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    places = [str.ljust if i in left else str.rjust for i in range(len(widths))]
    return [
        "  ".join(
            place(cell, n) for place, cell, n in zip(places, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
