"""Sheets: the inside of each module as a scene of its own, to be opened where its box stands.

On the sheet of a module stand its own operations and tensors, a box for each module inside, and
an echo for each tensor that comes from outside or goes there. A tensor has its card on the sheet
of the innermost module that holds all who make or use it. So every sheet is small, all of them
together are as large as the graph, and none changes when another is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tinygrad_tr.picture.frames import Call, common
from tinygrad_tr.picture.passes import Way
from tinygrad_tr.picture.scene import Arrow, Card, Circle, Echo, Scene, short

OUTSIDE = -1  # the frame that holds what is in no module
LOST = ("unreached", "unused")  # why a parameter has no gradient although it should


def sheets_of(scene: Scene) -> dict[int, Scene]:
    """The sheet of each open frame of a whole scene, and of what is around them all."""
    cutter = Cutter(scene)
    for card in scene.cards:
        cutter.card(card)
    for circle in scene.circles:
        cutter.circle(circle)
    for arrow in scene.arrows:
        cutter.arrow(arrow)
    return cutter.sheets


class Cutter:
    """Puts each part of a whole scene on its sheet."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.calls = scene, scene.frames
        self.sheets = {
            frame: Scene(frames=scene.frames, objective=scene.objective)
            for frame in (OUTSIDE, *scene.open_frames)
        }
        self.places = {circle.id: circle.frame for circle in scene.circles}
        self.homes = self.card_homes()
        self.cards = {card.id: card for card in scene.cards}
        self.echoes: dict[tuple[int, str], Echo] = {}
        self.lost = self.without_gradient()
        for frame in scene.open_frames:
            around = self.calls[frame].around
            self.sheets[around].circles.append(self.box(frame))

    def card_homes(self) -> dict[str, int]:
        """For each card the innermost frame around all that make or use it."""
        homes = {card.id: card.frame for card in self.scene.cards}
        for arrow in self.scene.arrows:
            card, circle = ends(arrow)
            homes[card] = common(self.calls, homes[card], self.places[circle])
        homes |= {card.id: OUTSIDE for card in self.scene.cards if card.role == "output"}
        return homes

    def without_gradient(self) -> dict[int, int]:
        """How many parameters in each frame got no gradient."""
        lost = dict.fromkeys(self.sheets, 0)
        for card in self.scene.cards:
            if card.role == "leaf" and card.reason and card.reason[0] in LOST:
                for frame in self.around(self.homes[card.id]):
                    lost[frame] += 1
        return lost

    def around(self, frame: int) -> Iterator[int]:
        """The frame, the one around it, and so on to the outermost."""
        while frame != OUTSIDE:
            yield frame
            frame = self.calls[frame].around
        yield OUTSIDE

    def box(self, frame: int) -> Circle:
        call: Call = self.calls[frame]
        return Circle(box_id(frame), call.path or call.kind, "", OUTSIDE, call, self.lost[frame])

    # ------------------------------------------------------------------ putting things down

    def card(self, card: Card) -> None:
        self.sheets[self.homes[card.id]].cards.append(replace(card, frame=OUTSIDE))

    def circle(self, circle: Circle) -> None:
        self.sheets[circle.frame].circles.append(replace(circle, frame=OUTSIDE))

    def arrow(self, arrow: Arrow) -> None:
        """An arrow on each sheet between that of the operation and that of the tensor."""
        card, circle = ends(arrow)
        home, made_or_used = self.homes[card], circle
        for frame in self.around(self.places[circle]):
            here = card if frame == home else self.echo(frame, card)
            self.sheets[frame].arrows.append(
                between(arrow, here, made_or_used, whole=made_or_used == circle)
            )
            if frame == home:
                break
            made_or_used = box_id(frame)

    def echo(self, frame: int, card: str) -> str:
        key = frame, card
        if key not in self.echoes:
            whole, name = self.cards[card], f"e{len(self.echoes)}"
            echo = Echo(name, short(whole.name), OUTSIDE, card, whole.value)
            self.echoes[key] = echo
            self.sheets[frame].echoes.append(echo)
        return self.echoes[key].id


def box_id(frame: int) -> str:
    """What the box of a frame is called on the sheet around it."""
    return f"m{frame}"


def ends(arrow: Arrow) -> tuple[str, str]:
    """The card and the circle at the ends of an arrow of a whole scene."""
    return (arrow.tail, arrow.head) if arrow.tail[0] == "t" else (arrow.head, arrow.tail)


def between(arrow: Arrow, card: str, circle: str, *, whole: bool) -> Arrow:
    """The arrow with other ends; at a box it says what arrives, but not by which formula."""
    tail, head = (card, circle) if arrow.tail[0] == "t" else (circle, card)
    if whole:
        return replace(arrow, tail=tail, head=head)
    way = arrow.way and Way(None, None, arrow.way.gain, (), arrow.way.contribution)
    return Arrow(tail, head, arrow.flows, way, uses=arrow.uses)
