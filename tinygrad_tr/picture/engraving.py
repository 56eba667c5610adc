"""Graphviz's SVG of a sheet, made ready for a page: lean, with its parts told apart.

Every node says which card, circle, box or echo it is, every arrow what it joins; coordinates
begin at the upper left corner, and fonts are left to the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tinygrad_tr.picture.theme import MONO

SPACE = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}"
PAIR = re.compile(r"(-?[\d.]+),(-?[\d.]+)")
MOVED = re.compile(r"translate\((-?[\d.]+) (-?[\d.]+)\)")
TAIL_HEAD = re.compile(r"^(\w+)(?::\w+)*->(\w+)")
SHAPES = {SPACE + name for name in ("path", "polygon", "polyline", "ellipse", "text", "image")}
KEPT = frozenset([
    "cx", "cy", "d", "fill", "fill-opacity", "font-size", "font-style", "font-weight", "points",
    "gradientUnits", "height", "href", "id", "offset", "rx", "ry", "stroke", "stroke-dasharray",
    "stroke-width", "style", "text-anchor", "width", "x", "x1", "x2", "y", "y1", "y2",
])  # fmt: skip

Rectangle = tuple[float, float, float, float]  # left, top, width, height


@dataclass(slots=True)
class Engraving:
    """The groups of a sheet in the order of drawing, its legend, and where its boxes are."""

    width: float
    height: float
    groups: list[Element] = field(default_factory=list)
    legend: list[Element] = field(default_factory=list)
    boxes: dict[str, Rectangle] = field(default_factory=dict)

    @property
    def svg(self) -> str:
        """All of it as text."""
        sheet = Element("svg")
        sheet.extend(self.groups)
        return ElementTree.tostring(sheet, encoding="unicode", short_empty_elements=False)


def engraved(svg: str) -> Engraving:
    """The sheet of an SVG text by Graphviz."""
    root = ElementTree.fromstring(svg)
    graph = root.find(f"{SPACE}g")
    assert graph is not None
    moved = MOVED.search(graph.get("transform", ""))
    assert moved is not None
    dx, dy = map(float, moved.groups())
    _, _, width, height = map(float, root.get("viewBox", "").split())
    made = Engraving(width, height)
    gradients = [gradient for defined in graph.findall(f"{SPACE}defs") for gradient in defined]
    shapes = list(filter(is_shown, graph))[1:]  # the first is the paper
    made.legend += [placed(shape, dx, dy) for shape in (*gradients, *shapes)]
    for group in graph.findall(f"{SPACE}g"):
        title = group.findtext(f"{SPACE}title", "")
        joined = TAIL_HEAD.match(title)
        told = {"data-tail": joined[1], "data-head": joined[2]} if joined else {"data-id": title}
        shown = Element("g", {"class": group.get("class", ""), **told})
        shown.extend(placed(shape, dx, dy) for shape in group.iter() if is_shown(shape))
        made.groups.append(shown)
        if title[0] == "m" and not joined:
            made.boxes[title] = around(shape for shape in shown if shape.tag == "polygon")
    return made


def is_shown(element: Element) -> bool:
    """Whether it is a shape, or a text that says something."""
    blank = element.tag == SPACE + "text" and not (element.text or "").strip()
    return element.tag in SHAPES and not blank


def placed(shape: Element, dx: float, dy: float) -> Element:
    """A shape moved, without what the page says once for all."""
    known = {name.removeprefix(LINK): value for name, value in shape.attrib.items()}
    found = {name: value for name, value in known.items() if name in KEPT}
    for name in ("points", "d"):
        if name in found:
            found[name] = PAIR.sub(
                lambda pair: f"{tenths(pair[1], dx)},{tenths(pair[2], dy)}", found[name]
            )
    for names, by in ((("x", "cx", "x1", "x2"), dx), (("y", "cy", "y1", "y2"), dy)):
        for name in names:
            if name in found:
                found[name] = tenths(found[name], by)
    if shape.get("font-family") == MONO:
        found["class"] = "mono"
    elif shape.tag == SPACE + "image":
        found["class"] = shape.get("class", "")
    made = Element(shape.tag.removeprefix(SPACE), found)
    made.text = shape.text
    made.extend(placed(stop, dx, dy) for stop in shape)
    return made


def tenths(text: str, more: float) -> str:
    """The number that a text says, and more, to one decimal place."""
    return f"{round(float(text) + more, 1):g}"


def around(shapes: Iterable[Element]) -> Rectangle:
    """The rectangle around shapes; of a curve, around the points that it is made with."""
    points = [point for shape in shapes for point in points_of(shape)]
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


def points_of(shape: Element) -> list[tuple[float, float]]:
    """The points of a line or polygon; of an ellipse or image two corners; where a text stands."""
    if shape.tag == "ellipse":
        x, y, rx, ry = (float(shape.get(name, 0)) for name in ("cx", "cy", "rx", "ry"))
        return [(x - rx, y - ry), (x + rx, y + ry)]
    if shape.tag == "image":
        x, y, width, height = (
            float(shape.get(name, "0").removesuffix("px")) for name in ("x", "y", "width", "height")
        )
        return [(x, y), (x + width, y + height)]
    if shape.tag == "text":
        return [(float(shape.get("x", 0)), float(shape.get("y", 0)))]
    pairs = PAIR.findall(shape.get("d") or shape.get("points") or "")
    return [(float(x), float(y)) for x, y in pairs]
