"""A film: one graph in the course of a training, every frame on the same layout.

Each frame evaluates the recorded graph again from its leaves, as they are then; so it shows what
the training changed, and nothing else. Colours stand on one scale for all frames.
"""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tinygrad_tr.errors import ArgumentError, StateError
from tinygrad_tr.picture import draw
from tinygrad_tr.picture.colors import scale_of
from tinygrad_tr.picture.drawing import Drawing
from tinygrad_tr.picture.engraving import Engraving, around, engraved
from tinygrad_tr.picture.numbers import Numbers, written
from tinygrad_tr.picture.page import filled
from tinygrad_tr.picture.scene import Scene
from tinygrad_tr.picture.theme import FONT, MONO, THEMES

HEAD, CURVE, LEAST = 44, 150, 420  # height of the title, width of the curve, width of a film
SECONDS, PAUSE = 0.25, 8  # a frame is shown so long, the last one for so many frames


@dataclass(frozen=True, slots=True)
class Frame:
    """The graph at one time."""

    title: str
    scene: Scene
    height: float | None  # of the curve: what is differentiated, where it is one number


class Film:
    """The film of one graph. Call it after each step, or give it to `train.fit(callbacks=[film])`.

    Of the calls every so many take a frame, the first one too. `save` writes it.
    """

    def __init__(self, drawing: Drawing, every: int) -> None:
        self.drawing, self.every = drawing, every
        self.calls = 0
        self.frames: list[Frame] = []

    def __call__(self, history: Any = None) -> None:
        """Take a frame, if it is time for one. The argument, that of callbacks, is not read."""
        if self.calls % self.every == 0:
            self.shoot(str(self.calls))
        self.calls += 1

    def shoot(self, title: str = "") -> None:
        """Take a frame now, under this title."""
        scene = self.drawing.scene()
        scene.changed = []  # that the leaves change is what the film is about
        for card in scene.cards:
            card.changed = False
            card.notes = [note for note in card.notes if note.kind != "held before"]
        ends = [card.value for card in scene.cards if card.role == "output"]
        self.frames.append(Frame(title, scene, number(ends[0]) if len(ends) == 1 else None))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the film under exactly this name: .html with a slider, or .svg that plays itself.

        Folders are made.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in (".html", ".svg"):
            raise ArgumentError(
                "Film.save", f"unknown kind of file {suffix!r}", got=repr(str(path)),
                wanted="a name that ends in .html or .svg",
            )  # fmt: skip
        if not self.frames:
            raise StateError("Film.save", "no frame was taken", wanted="film() after each step")
        sheet = self.developed(plays=suffix == ".svg")
        text = ElementTree.tostring(sheet, encoding="unicode", short_empty_elements=False)
        if suffix == ".html":
            text = page(text, self)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def developed(self, *, plays: bool) -> Element:
        """All frames in one SVG: what never changes once, then what each of them shows."""
        drawing, scenes = self.drawing, [frame.scene for frame in self.frames]
        if drawing.color is not None:
            tones = [part.tone for scene in scenes for part in scene.parts]
            for scene in scenes:
                scene.scale = scale_of(drawing.color, tones)
        prints = [engraved(drawing.laid_out(scene, "svg").decode()) for scene in scenes]
        still = max(prints, key=lambda sheet: sheet.width * sheet.height)
        width, height = max(still.width, LEAST), still.height + HEAD
        theme = THEMES[drawing.theme]
        sheet = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {width:g} {height:g}",
                "font-family": FONT,
            },
        )
        style = Element("style")
        style.text = playing(len(prints)) if plays else STILL
        paper = Element("rect", {"width": "100%", "height": "100%", "fill": theme.paper})
        sheet.extend([style, paper])
        moved = {"transform": f"translate({(width - still.width) / 2:g} {HEAD})"}
        lines = Element("g", moved)
        lines.extend([*unchanging(still), *still.legend])
        sheet.append(lines)
        sheet.append(self.curve(width))
        for i, (frame, made) in enumerate(zip(self.frames, prints, strict=True)):
            shown = Element("g", {"class": "frame", "style": f"--at: {i}"})
            inner = Element("g", moved)
            inner.extend(changing(made, still))
            shown.extend([self.headline(frame, width), *self.dot(i, width), inner])
            sheet.append(shown)
        return sheet

    # ------------------------------------------------------------------ the title and the curve

    def headline(self, frame: Frame, width: float) -> Element:
        """`12   loss = 0.6931`."""
        top = frame.scene.objective
        known = "" if frame.height is None else f"{top} = {written(frame.height)}"
        theme = THEMES[self.drawing.theme]
        size = min(HEAD / 2, max(13, width / 60))
        made = Element("text", {"x": "14", "y": "29", "font-size": f"{size:g}", "fill": theme.ink})
        made.text = "   ".join(part for part in (frame.title, known) if part)
        return made

    def places(self, width: float) -> list[tuple[float, float]]:
        """Where the points of the curve are; none if there is no number to draw."""
        heights = [frame.height for frame in self.frames]
        if len(heights) < 2 or any(h is None or not abs(h) < float("inf") for h in heights):
            return []
        known = [h for h in heights if h is not None]
        low, high = min(known), max(known)
        step = CURVE / (len(known) - 1)
        return [
            (width - CURVE - 14 + i * step, 36 - 28 * (h - low) / ((high - low) or 1))
            for i, h in enumerate(known)
        ]

    def curve(self, width: float) -> Element:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in self.places(width))
        line = {"points": points, "fill": "none", "stroke": THEMES[self.drawing.theme].faint}
        return Element("polyline", line)

    def dot(self, i: int, width: float) -> list[Element]:
        places = self.places(width)
        if not places:
            return []
        x, y = places[i]
        theme = THEMES[self.drawing.theme]
        return [
            Element(
                "circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3.5", "fill": theme.backward}
            )
        ]


def film(what: Any, *inputs: Any, every: int = 1, color: Any = "grad", **options: Any) -> Film:
    """A film of the graph that `draw` would draw, with its arguments.

    `film()` takes a frame at every `every`-th call:

        film = tt.film(model, x, loss=loss, every=10)
        for _ in range(200):
            ...
            film()
        film.save("training.html")
    """
    if not isinstance(every, int) or every < 1:
        raise ArgumentError("film", "every how many calls?", got=repr(every), wanted="1, 2, ...")
    return Film(draw(what, *inputs, color=color, **options).drawing, every)


def number(numbers: Numbers) -> float | None:
    """The number of an array that has only one."""
    is_one = numbers.entries is not None and len(numbers.entries) == 1
    return float(numbers.entries[0]) if is_one and numbers.entries else None


# ------------------------------------------------------------------ frames on one layout


def unchanging(still: Engraving) -> list[Element]:
    """The frames of modules, and all lines without their labels."""
    made = []
    for group in still.groups:
        kind = group.get("class", "").split()[0]
        if kind != "node":
            kept = deepcopy(group)
            for label in labels(kept) if kind == "edge" else ():
                kept.remove(label)
            made.append(kept)
    return made


def changing(made: Engraving, still: Engraving) -> list[Element]:
    """The nodes and the labels of one frame, where those of the still picture are."""
    moved = []
    for group, place in zip(made.groups, still.groups, strict=True):
        kind = group.get("class", "").split()[0]
        if kind not in ("node", "edge"):
            continue
        is_node = kind == "node"
        shown = list(group) if is_node else labels(group)
        there = list(place) if is_node else labels(place)
        if shown:
            x, y = middle(there or [line for line in place if line.tag == "path"])
            own_x, own_y = middle(shown)
            group = Element("g", {"transform": f"translate({x - own_x:.1f} {y - own_y:.1f})"})
            group.extend(shown)
            moved.append(group)
    return moved


def labels(edge: Element) -> list[Element]:
    """The text of an arrow and the ground behind it: neither its line nor its head."""
    return [
        part
        for part in edge
        if part.tag == "text" or (part.tag == "polygon" and part.get("fill-opacity"))
    ]


def middle(shapes: Sequence[Element]) -> tuple[float, float]:
    x, y, width, height = around(shapes)
    return x + width / 2, y + height / 2


# ------------------------------------------------------------------ how it plays

STILL = (
    "text { white-space: pre; text-rendering: geometricPrecision } "
    f".mono {{ font-family: {MONO} }}"
)


def playing(frames: int) -> str:
    """The style by which an SVG plays itself, or shows its end to those who want no motion."""
    seconds = SECONDS * (frames + PAUSE)
    share, rest = 100 / (frames + PAUSE), 100 * (1 + PAUSE) / (frames + PAUSE)
    return (
        f"{STILL} .frame {{ visibility: hidden; animation: show {seconds:g}s step-end infinite; "
        f"animation-delay: calc(var(--at) * {SECONDS}s) }} "
        f".frame:last-of-type {{ animation-name: rest }} "
        f"@keyframes show {{ 0% {{ visibility: visible }} {share:.4g}% {{ visibility: hidden }} }} "
        f"@keyframes rest {{ 0% {{ visibility: visible }} {rest:.4g}% {{ visibility: hidden }} }} "
        "@media (prefers-reduced-motion: reduce) { .frame { animation: none } "
        ".frame:last-of-type { visibility: visible } }"
    )


def page(svg: str, film: Film) -> str:
    """The HTML text with a slider."""
    title = html.escape(film.frames[0].scene.objective)
    return filled("film.html", ["player.js", "film.js"], film.drawing, title=title, film=svg)
