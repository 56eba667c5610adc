"""What a picture writes beside a tensor or an operation: what was found, what was checked.

And the ground behind it, whose colour stands for a number, with the bar that explains it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from tinygrad_tr.picture.advice import SIGNS, brief
from tinygrad_tr.picture.check import Check
from tinygrad_tr.picture.colors import Scale, ink_on
from tinygrad_tr.picture.escaping import clipped, escaped
from tinygrad_tr.picture.health import Finding
from tinygrad_tr.picture.numbers import SUPERSCRIPTS, Numbers, entries_written, written
from tinygrad_tr.picture.scene import Card, Circle
from tinygrad_tr.picture.theme import Theme

BARE = 'BORDER="0" CELLBORDER="0" CELLSPACING="0"'
MOST = 3  # findings written at one place
FEW = 4  # entries written in a row
SIZE = 9.5  # points
INTERVAL, HIGH, PARTS = 60, 9, 4  # of a scale's bar: points from tick to tick; its gradients


def toned(theme: Theme, scale: Scale | None, tone: float | None) -> Theme:
    """The theme on a ground that stands for a number: all ink there is black or white."""
    if scale is None or not tone or math.isnan(tone):
        return theme
    color = scale.color(tone, theme.name)
    ink = ink_on(color)
    return replace(
        theme, card=color, operation=color, ink=ink, faint=ink, backward=ink, alarm=ink, good=ink
    )


def is_wrong(notes: Sequence[Finding], check: Check | None = None) -> bool:
    """Whether a place is to be framed in red."""
    return any(note.severity == "error" for note in notes) or (
        check is not None and not check.agrees
    )


def severities(parts: Sequence[Card | Circle]) -> list[str]:
    """Those of the findings in a picture, the worst first."""
    found = {note.severity for part in parts for note in part.notes}
    return [severity for severity in SIGNS if severity in found]


def note_lines(notes: Sequence[Finding], theme: Theme, words: dict[str, str]) -> list[str]:
    """A line for each finding, the worst first; equal ones in a box are counted."""
    inks = {"error": theme.alarm, "warning": theme.ink, "note": theme.faint}
    alike: dict[str, list[Finding]] = {}
    for note in notes:
        alike.setdefault(f"{SIGNS[note.severity]} {brief(note, words['lang'])}", []).append(note)
    lines = []
    for text, (note, *more) in list(alike.items())[:MOST]:
        said = escaped(f"{text} × {1 + len(more)}" if more else text)
        if note.severity == "error":
            said = f"<B>{said}</B>"
        lines.append(font(said, inks[note.severity]))
        if "given" in note.facts:
            details = (str(note.facts["given"]), in_short(note.line))
            lines += [font(escaped(clipped(text)), theme.faint) for text in details if text]
    if len(alike) > MOST:
        lines.append(font(words["more found"].format(len(alike) - MOST), theme.faint))
    return lines


def in_short(line: str) -> str:
    """`train.py:12: loss = …`: a source line without the folders of its file."""
    file, colon, rest = line.partition(":")
    if len(file) == 1 and rest[:1] in ("\\", "/"):  # C:\…
        file, colon, rest = rest.partition(":")
    return file.replace("\\", "/").rpartition("/")[2] + colon + rest


def check_lines(check: Check | None, theme: Theme, words: dict[str, str]) -> list[str]:
    """`✓ differences 6`, or `✗` with what the differences are and the gradient says."""
    if check is None:
        return []
    sign, color = ("✓", theme.good) if check.agrees else ("✗", theme.alarm)
    text = f"{sign} {words['differences']}"
    fits = check.analytic is None and len(check.numeric.entries or range(FEW + 1)) <= FEW
    if fits or not check.agrees:
        text += f" {in_a_row(check.numeric)}"
    said = escaped(text)
    lines = [font(said if check.agrees else f"<B>{said}</B>", color)]
    if not check.agrees and check.analytic is not None:
        lines.append(font(escaped(words["claimed"].format(in_a_row(check.analytic))), color))
    return lines


def tone_line(tone: float | None, scale: Scale | None, words: dict[str, str]) -> list[str]:
    """`‖gradient‖ = 0.05`: the number that the colour of a folded module stands for."""
    if scale is None or tone is None:
        return []
    return [escaped(words[f"tone {scale.quantity}"].format(written(tone)))]


def in_a_row(numbers: Numbers) -> str:
    """A few numbers in one line."""
    texts = [written(x) for x in numbers.entries or ()]
    if numbers.shape == ():
        return texts[0]
    if len(texts) <= FEW:
        return f"[{', '.join(texts)}]"
    return " ".join(entries_written(numbers)[:1]) + " …"


def font(text: str, color: str, size: float = SIZE) -> str:
    return f'<FONT COLOR="{color}" POINT-SIZE="{size}">{text}</FONT>'


def scale_bar(scale: Scale, theme: Theme, words: dict[str, str]) -> str:
    """The colours from end to end, numbers beneath them, as a table."""
    ticks = scale.ticks()
    length = INTERVAL * (len(ticks) - 1)
    stops = [scale.at(i / PARTS, theme.name) for i in range(PARTS + 1)]
    part = f'<TD WIDTH="{length // PARTS}" HEIGHT="{HIGH}" BGCOLOR="{{}}:{{}}"></TD>'
    parts = [part.format(*pair) for pair in itertools.pairwise(stops)]
    texts = []
    for i, tick in enumerate(ticks):
        at_end = i in (0, len(ticks) - 1)
        width = INTERVAL // 2 if at_end else INTERVAL
        align = ("RIGHT" if i else "LEFT") if at_end else "CENTER"
        number = font(tick_written(tick, scale.quantity), theme.faint, 8.5)
        texts.append(f'<TD WIDTH="{width}" ALIGN="{align}">{number}</TD>')
    name = font(escaped(words[f"scale {scale.quantity}"]), theme.faint, 8.5)
    # Where two parts meet, the ground shines through.
    bar = f'<TABLE {BARE} CELLPADDING="0" BGCOLOR="{stops[PARTS // 2]}"><TR>{"".join(parts)}</TR>'
    numbers = f'<TABLE {BARE} CELLPADDING="1"><TR>{"".join(texts)}</TR></TABLE>'
    rows = (name, f"{bar}</TABLE>", numbers)
    inside = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f'<TABLE {BARE} CELLPADDING="1">{inside}</TABLE>'


def tick_written(tick: float, quantity: str) -> str:
    """`10⁻³`, or `×0.5` for gains."""
    if quantity == "gain":
        return f"×{written(tick)}"
    power = round(math.log10(tick))
    return written(tick) if power in (0, 1) else "10" + str(power).translate(SUPERSCRIPTS)
