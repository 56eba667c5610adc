"""What the page's script knows of a graph, as JSON takes it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from tinygrad_tr.picture.advice import SIGNS, sentence
from tinygrad_tr.picture.badges import tick_written
from tinygrad_tr.picture.colors import ink_on, scale_of
from tinygrad_tr.picture.engraving import Engraving
from tinygrad_tr.picture.health import Finding
from tinygrad_tr.picture.marks import norm_of, size_of
from tinygrad_tr.picture.numbers import (
    Numbers,
    entries_written,
    shape_written,
    statistics_written,
    written,
)
from tinygrad_tr.picture.scene import Card, Circle, Scene, short
from tinygrad_tr.picture.sheets import OUTSIDE
from tinygrad_tr.picture.steps import steps_of

Facts = dict[str, Any]
Words = Mapping[str, str]

STOPS = 12  # colours of a scale's bar


def facts_of(
    scene: Scene,
    sheets: Mapping[int, Scene],
    engravings: Mapping[int, Engraving],
    passes: str,
    words: Words,
) -> Facts:
    """Everything about a whole scene, whose circles have their gains as tones."""
    calls = scene.frames
    homes = {
        part.id: frame
        for frame, sheet in sheets.items()
        for part in sheet.parts
        if frame != OUTSIDE
    }
    return {
        "words": dict(words),
        "opened": [frame for frame in scene.open_frames if calls[frame].level < scene.depth],
        "frames": {
            frame: {"title": title_of_frame(scene, frame, words), "around": calls[frame].around}
            for frame in scene.open_frames
        },
        "sheets": {
            frame: {
                "width": made.width,
                "height": made.height,
                "boxes": {box.removeprefix("m"): place for box, place in made.boxes.items()},
            }
            for frame, made in engravings.items()
        },
        "echoes": {echo.id: echo.card for sheet in sheets.values() for echo in sheet.echoes},
        "homes": homes,
        "cards": {card.id: card_facts(scene, card, words) for card in scene.cards},
        "circles": circles_facts(scene, words),
        "steps": [asdict(step) for step in steps_of(scene, passes)],
        "findings": findings(scene, words),
        "colors": colors(scene, words),
    }


def title_of_frame(scene: Scene, frame: int, words: Words) -> str:
    return "" if frame == OUTSIDE else " · ".join(scene.frames[frame].title(dict(words)))


def card_facts(scene: Scene, card: Card, words: Words) -> Facts:
    """A tensor: what it is, its value, and its gradient or why it has none."""
    gradient = None
    if card.gradient is not None:
        name = f"∂{scene.objective}/∂{short(card.name)}"
        gradient = {**number_facts(card.gradient), "name": name}
    told = [] if not card.changed else [f"⚠ {words['changed']}"]
    if card.check is not None:
        sign = "✓" if card.check.agrees else "✗"
        told.append(f"{sign} {words['differences']} {number_facts(card.check.numeric)['text']}")
    return {
        "name": card.name,
        "shape": shape_written(card.value.shape),
        "dtype": card.value.dtype,
        "role": card.role,
        "reason": "" if card.reason is None else words[card.reason[0]].format(card.reason[1]),
        "notes": [*told, *notes(card.notes, words)],
        "value": number_facts(card.value),
        "gradient": gradient,
        "of": list(card.of),
    }


def circles_facts(scene: Scene, words: Words) -> dict[str, Facts]:
    """The operations: what they take and make, where they were called, what was found there."""
    made: dict[str, Facts] = {}
    for circle in scene.circles:
        made[circle.id] = {
            "title": " ".join(text for text in (circle.symbol, circle.facts) if text),
            "reads": [],
            "makes": [],
            "module": title_of_frame(scene, circle.frame, words),
            "line": circle.line,
            "notes": notes(circle.notes, words),
            "of": circle.of,
        }
    for arrow in scene.arrows:
        if arrow.head not in made:
            made[arrow.tail]["makes"].append(arrow.head)
        elif arrow.tail not in made[arrow.head]["reads"]:
            made[arrow.head]["reads"].append(arrow.tail)
    return made


def notes(found: Iterable[Finding], words: Words) -> list[str]:
    return [f"{SIGNS[note.severity]} {sentence(note, words['lang'])}" for note in found]


def findings(scene: Scene, words: Words) -> list[Facts]:
    """All that was found, the worst first, and where."""
    places = [(note, part) for part in scene.parts for note in part.notes]
    places.sort(key=lambda place: place[0].rank)
    return [
        {"text": text, "name": named(part), "id": part.id}
        for note, part in places
        for text in notes([note], words)
    ]


def named(part: Card | Circle) -> str:
    return part.name if isinstance(part, Card) else part.symbol


def number_facts(numbers: Numbers) -> Facts:
    """An array in words: a short text, its statistics, its entries as rows, its histogram."""
    details = numbers.details
    statistics = statistics_written(numbers)
    text = statistics[0] if statistics else ""
    rows: Sequence[str] = ()
    if numbers.shape == () and numbers.entries is not None:
        text = written(numbers.entries[0])
        rows = [text]
    elif details is not None and details.entries:
        row, n = numbers.shape[-1], len(details.entries)
        whole = (n // row, row) if row <= n else (n,)
        rows = entries_written(replace(numbers, entries=details.entries, shape=whole))
        if n < math.prod(numbers.shape):
            rows = [*rows, "…"]
    return {
        "text": text,
        "statistics": "  ".join(statistics),
        "rows": list(rows),
        "counts": [] if details is None else list(details.counts),
    }


# ------------------------------------------------------------------ colours


def colors(scene: Scene, words: Words) -> dict[str, Facts]:
    """For each quantity its scale, and the colour of each part that has it, light and dark."""
    tones = {
        "grad": {card.id: norm_of(card.gradient) for card in scene.cards},
        "gain": {circle.id: circle.tone for circle in scene.circles},
        "magnitude": {card.id: size_of(card.value) for card in scene.cards},
        "difference": {card.id: card.tone for card in scene.cards},
    }
    return {
        quantity: made
        for quantity, numbers in tones.items()
        if (made := color_facts(quantity, numbers, words)) is not None
    }


def color_facts(quantity: str, tones: Mapping[str, float | None], words: Words) -> Facts | None:
    scale = scale_of(quantity, tones.values())
    if scale is None:
        return None

    def both(place: float) -> list[str]:
        shades = [scale.at(place, theme) for theme in ("light", "dark")]
        return [*shades, *map(ink_on, shades)]

    ticks = [(scale.place(tick), tick_written(tick, quantity)) for tick in scale.ticks()]
    return {
        "name": words[f"scale {quantity}"],
        "bar": [both(i / STOPS) for i in range(STOPS + 1)],
        "ticks": [[round(place, 4), text] for place, text in ticks],
        "parts": {id_: both(scale.place(tone)) for id_, tone in tones.items() if tone},
    }
