"""What was found in a graph, put where it belongs on its scene: notes, checks and tones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinygrad_tr.graph import Node, Variable
from tinygrad_tr.picture.check import Check
from tinygrad_tr.picture.colors import scale_of
from tinygrad_tr.picture.health import Finding, gain_of, worst_first
from tinygrad_tr.picture.numbers import Numbers
from tinygrad_tr.picture.scene import Arrow, Card, Circle, Scene

if TYPE_CHECKING:
    from tinygrad_tr.picture.painter import Painter


@dataclass(frozen=True)
class Marks:
    """Findings and checks by node and leaf, and the quantity that is shown by colours.

    `tones` has the numbers of a quantity that the scene does not know itself.
    """

    findings: Mapping[Any, Sequence[Finding]] = field(default_factory=dict)
    checks: Mapping[Any, Check] = field(default_factory=dict)
    color: str | None = None
    tones: Mapping[Any, float] = field(default_factory=dict)


def mark(painter: Painter, marks: Marks) -> None:
    """Put the marks on the cards and circles of a painted scene."""
    scene = painter.scene
    scene.findings = worst_first(marks.findings)
    for x, findings in marks.findings.items():
        place = card_of(painter, x) or circle_of(painter, x)
        if place is not None:
            place.notes += findings
    for part in scene.parts:
        part.notes.sort(key=lambda finding: finding.rank)
    for x, check in marks.checks.items():
        card = painter.cards.get(x)
        if card is not None and card.copies == 1:
            card.check = check
    for node, circle in painter.circles.items():
        if isinstance(node, Node):
            circle.line = node.line or ""
    for x, number in marks.tones.items():
        card = painter.cards.get(x)
        if card is not None:
            card.tone = number
    if marks.color is not None:
        tone(painter, marks.color)


def card_of(painter: Painter, x: Any) -> Card | None:
    """The card of a leaf, if it is drawn on its own."""
    card = painter.cards.get(x) if isinstance(x, Variable) else None
    return card if card is not None and card.copies == 1 else None


def circle_of(painter: Painter, x: Any) -> Circle | None:
    """The circle of an operation, or the box in which it, or a leaf, is folded away."""
    if isinstance(x, Node):
        box = painter.box(x)
        return painter.circles.get(x if box < 0 else box)
    home = painter.homes[x] if x in painter.homes else home_of(painter, x)
    return painter.circles.get(painter.boxes[home]) if home >= 0 else None


def home_of(painter: Painter, leaf: Any) -> int:
    """The place of the outermost call whose module has a parameter that nothing used, or -1."""
    calls = enumerate(painter.calls)
    return next((i for i, call in calls if any(p is leaf for p in call.parameters)), -1)


# ------------------------------------------------------------------ tones


def tone(painter: Painter, color: str) -> None:
    """Give cards or circles the number that their colour stands for, and the scene its scale."""
    scene = painter.scene
    if color == "gain":
        ends = ends_of_arrows(scene)
        for key, circle in painter.circles.items():
            is_node = isinstance(key, Node)
            circle.tone = gain_of(key, painter.passes) if is_node else gain_through(circle, ends)
    elif color in ("grad", "magnitude"):
        for card in scene.cards:
            if card.copies == 1:
                card.tone = norm_of(card.gradient) if color == "grad" else size_of(card.value)
    if color == "grad":
        for circle in scene.circles:
            circle.tone = gradient_inside(painter, circle)
    scene.scale = scale_of(color, [part.tone for part in scene.parts])


def norm_of(gradient: Numbers | None) -> float | None:
    return None if gradient is None or gradient.strange else gradient.norm


def size_of(value: Numbers) -> float | None:
    return value.size if value.dtype.startswith("float") and not value.strange else None


def gradient_inside(painter: Painter, circle: Circle) -> float | None:
    """The norm of the gradients of all parameters in a folded module together."""
    if circle.module is None:
        return None
    gradients = (painter.passes.gradients.get(p) for p in circle.module.parameters)
    norms = [norm_of(gradient) for gradient in gradients if gradient is not None]
    return math.hypot(*(n for n in norms if n is not None)) if norms else None


Ends = dict[str, tuple[list[Card], list[Card]]]  # by circle: the cards before and behind it


def ends_of_arrows(scene: Scene) -> Ends:
    """For each circle, the cards of the results that it is given and of those it makes."""
    cards = {card.id: card for card in scene.cards}
    cards |= {echo.id: cards[echo.card] for echo in scene.echoes}
    ends: Ends = {circle.id: ([], []) for circle in scene.circles}
    for arrow in scene.arrows:
        add_end(ends, cards, arrow)
    return ends


def add_end(ends: Ends, cards: Mapping[str, Card], arrow: Arrow) -> None:
    if arrow.head in ends and arrow.flows:
        ends[arrow.head][0].append(cards[arrow.tail])
    elif arrow.tail in ends and arrow.flows:
        ends[arrow.tail][1].append(cards[arrow.head])


def gain_through(circle: Circle, ends: Ends) -> float | None:
    """The gain of a folded module with one input and one output of its own, each used once."""
    before, behind = ends[circle.id]
    results = [card for card in before if card.role == "result" and not card.parts]
    if len(results) != 1 or len(behind) != 1 or behind[0].copies > 1 or results[0].copies > 1:
        return None
    entering, leaving = norm_of(behind[0].gradient), norm_of(results[0].gradient)
    return leaving / entering if entering and leaving is not None else None
