"""From the two passes of a graph to its scene: what is drawn, where, and under which name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.graph import Node, Output, Variable, is_tracked, value_of
from tinygrad_tr.picture.backward import apart
from tinygrad_tr.picture.echoes import add_echoes
from tinygrad_tr.picture.folding import folding_of
from tinygrad_tr.picture.frames import Call, common
from tinygrad_tr.picture.keywords import keywords_of
from tinygrad_tr.picture.marks import Marks, mark
from tinygrad_tr.picture.naming import Names
from tinygrad_tr.picture.numbers import SUBSCRIPTS, SUPERSCRIPTS, measure
from tinygrad_tr.picture.passes import Passes, Way
from tinygrad_tr.picture.scene import Arrow, Card, Circle, Reason, Scene, short
from tinygrad_tr.picture.thumbnails import illustrate

MOST_EQUAL = 3  # so many equal gradients are written
FEWEST_ALIKE = 3  # tensors of repeated steps; fewer have a card each


def scene_of(
    ends: Sequence[Any],
    passes: Passes,
    names: Names,
    *,
    calls: Sequence[Call] = (),
    depth: int | None = None,
    unroll: bool = False,
    unused: Sequence[tuple[str, Any]] = (),
    entries: int,
    whole: bool = False,
    marks: Marks,
    images: bool = False,
) -> Scene:
    """The scene of the graph behind the ends. `unused` parameters are shown on their own.

    The `whole` scene has all modules open, no echoes, and every detail of its numbers; `images`
    adds thumbnails.
    """
    painter = Painter(ends, passes, names, calls, depth, unroll, entries, whole)
    for node in passes.nodes:
        if node.__class__ is not Output:
            painter.operation(node)
    for end in painter.ends:
        painter.card(end, -1)
    for name, leaf in unused:
        names.give(leaf, name)
        painter.unused(leaf)
    scene = painter.finished()
    mark(painter, marks)
    if images:
        illustrate(painter)
    return scene


class Painter:
    """Turns nodes and leaves into cards, circles and arrows, each once."""

    def __init__(
        self,
        ends: Sequence[Any],
        passes: Passes,
        names: Names,
        calls: Sequence[Call],
        depth: int | None,
        unroll: bool,
        entries: int,
        whole: bool,
    ) -> None:
        self.ends, self.passes, self.names = dict.fromkeys(ends), passes, names
        self.entries, self.whole = entries, whole
        operations = [node for node in passes.nodes if node.__class__ is not Output]
        calls, self.owners = apart(calls, passes.nodes)
        folding = folding_of(
            calls, operations, passes.uses, depth=depth, unroll=unroll, whole=whole
        )
        self.calls, self.boxes = folding.calls, folding.boxes
        self.scene = Scene(frames=list(folding.calls), depth=folding.depth)
        self.place = dict(zip(operations, folding.places, strict=True))
        self.homes = self.leaf_homes()
        self.cards: dict[Any, Card] = {}
        self.circles: dict[Any, Circle] = {}
        self.outputs: dict[Node, list[Node]] = {}
        self.arrows: dict[tuple[str, str], Arrow] = {}
        # The operations and boxes that use a result, other than the box that it is made in.
        self.users: dict[Node, dict[Node | int, None]] = {}
        self.using: dict[Variable, set[int]] = {}  # the boxes in which a leaf is used
        for node in passes.nodes:
            if node.__class__ is Output:
                self.outputs.setdefault(node.inputs[0], []).append(node)
            elif self.calls:
                box = self.box(node)
                for x in node.inputs:
                    if isinstance(x, Variable):
                        self.using.setdefault(x, set()).add(box)
                    elif isinstance(x, Node) and not self.is_kept(self.box(source(x)), box):
                        self.users.setdefault(x, {})[node if box < 0 else box] = None
        self.alike = self.all_alike()
        self.ends = dict.fromkeys(end for end in self.ends if not self.is_folded_away(end))
        self.unnamed = 0
        self.name_objective()

    # ------------------------------------------------------------------ what goes where

    def leaf_homes(self) -> dict[Any, int]:
        """For each leaf used, the innermost call around all its uses, where it may be drawn."""
        homes: dict[Any, int] = {}
        owned = {p for call in self.calls for p in call.parameters}
        for node, place in self.place.items():
            for x in node.inputs:
                if isinstance(x, Variable) and not (x in homes and node in self.owners):
                    home = common(self.calls, homes[x], place) if x in homes else place
                    while x not in owned and home >= 0 and self.calls[home].start > x.version[0]:
                        home = self.calls[home].around  # it was made outside
                    homes[x] = home
        return homes

    def box(self, node: Node) -> int:
        """The place of the folded call that the node is inside of, or -1."""
        place = self.place[source(node)]
        return self.boxes[place] if place >= 0 else -1

    def all_alike(self) -> dict[Any, list[Any]]:
        """For results of repeated steps that the same operations use: all of them, one card.

        So for leaves that only boxes of repeated steps use, the same boxes and alike.
        """
        groups: dict[Any, list[Any]] = {}
        for x, users in self.users.items():
            if self.repeats(self.box(source(x))) and x not in self.ends:
                groups.setdefault((self.box(source(x)), x.shape, *users), []).append(x)
        for leaf, boxes in self.using.items():
            if len(boxes) > 1 and all(map(self.repeats, boxes)) and leaf not in self.ends:
                groups.setdefault((leaf.tracked, leaf.shape, *sorted(boxes)), []).append(leaf)
        large = [group for group in groups.values() if len(group) >= FEWEST_ALIKE]
        return {x: group for group in large for x in group}

    def is_kept(self, made: int, box: int) -> bool:
        """Whether what a box makes is not drawn in a box: in itself, or in a backward pass."""
        if made < 0 or box < 0:
            return False
        return made == box or self.calls[made].order < self.calls[box].order

    def is_folded_away(self, end: Any) -> bool:
        """Whether all whose gradient this is are leaves without a card of their own."""
        whose = self.names.derivatives.get(end, ())
        homes = [self.homes.get(x, -1) for x in whose]
        return bool(whose) and all(
            x in self.alike or (home >= 0 and self.boxes[home] >= 0)
            for x, home in zip(whose, homes, strict=True)
        )

    def repeats(self, box: int) -> bool:
        return box >= 0 and self.calls[box].is_many

    # ------------------------------------------------------------------ drawing

    def operation(self, node: Node) -> None:
        """One recorded operation: its circle, its inputs, its results, and all arrows."""
        box = self.box(node)
        circle = self.circle(node, box)
        ways = self.passes.ways.get(node)
        results = self.outputs.get(node, [node])
        given = [
            None if x is None or self.is_inside(x, box) else self.input_card(node, i, box)
            for i, x in enumerate(node.inputs)
        ]
        made = [self.card(result, box) for result in results if self.is_shown(result)]
        out = short(made[0].name) if len(made) == 1 else "out"
        for i, card in enumerate(given):
            if card is None:
                continue
            way = ways[i] if ways else None
            shared = self.repeats(box) or card.copies > 1 or (box >= 0 and node in self.owners)
            arrow = self.arrow(card, circle, way, shared)
            if way is not None:
                if box >= 0:
                    way.formula = way.slope = None
                elif card.copies == 1:
                    fill_in(arrow, node, given, i, out)
                if way.contribution is not None:
                    card.parts.append(way.contribution)
        for card in made:
            if card.copies == 1 or (circle.id, card.id) not in self.arrows:
                arrow = Arrow(circle.id, card.id, card.gradient is not None)
                self.arrows[circle.id, card.id] = arrow
                self.scene.arrows.append(arrow)

    def arrow(self, card: Card, circle: Circle, way: Way | None, shared: bool) -> Arrow:
        """The arrow of a use: its own, or that of all uses of the tensor in repeated steps."""
        key = card.id, circle.id
        if shared and key in self.arrows:
            arrow = self.arrows[key]
            arrow.uses += card.copies == 1
            arrow.flows |= way is not None
        else:
            shown = way if card.copies == 1 else None  # it is different at each step
            arrow = self.arrows[key] = Arrow(card.id, circle.id, way is not None, shown)
            self.scene.arrows.append(arrow)
        return arrow

    def unused(self, leaf: Any) -> None:
        """A parameter that no operation used: in the frame of the module that has it, if open."""
        homes = [i for i, call in enumerate(self.calls) if leaf in set(call.parameters)]
        home = max(homes, key=lambda i: self.calls[i].level, default=-1)
        if home < 0 or self.boxes[home] < 0:
            self.homes[leaf] = home
            self.card(leaf, -1)

    def is_shown(self, node: Node) -> bool:
        """Whether the card of a result is drawn: always, unless it stays inside a box."""
        return self.box(source(node)) < 0 or node in self.users or node in self.ends

    def is_inside(self, x: Any, box: int) -> bool:
        """Whether an input of an operation is folded away in the same box."""
        if box < 0:
            return False
        if isinstance(x, Node):
            kept = self.is_kept(self.box(source(x)), box)
            return kept and (x not in self.cards or self.repeats(box))
        if isinstance(x, Variable):
            home = self.homes[x]
            # What only repeated steps are given, such as a word each, is theirs.
            given = self.repeats(box) and not x.tracked and self.using[x] == {box}
            return given or (home >= 0 and self.is_kept(self.boxes[home], box))
        return True

    def circle(self, node: Node, box: int) -> Circle:
        key = node if box < 0 else box
        if self.repeats(box):
            self.scene.repeated += 1
        elif box >= 0:
            self.scene.hidden += 1
        if key not in self.circles:
            name = f"o{len(self.circles)}"
            if box < 0:
                made = Circle(name, node.rule.symbol, keywords_of(node), self.place[node])
            else:
                call = self.calls[box]
                lost = sum(p not in self.passes.gradients for p in call.parameters)
                made = Circle(name, call.path or call.kind, "", call.around, call, lost)
            owner = self.owners.get(node)
            if owner is not None:
                self.tell_owner(made, owner)
            self.circles[key] = made
            self.scene.circles.append(made)
        return self.circles[key]

    def tell_owner(self, circle: Circle, owner: Node) -> None:
        """Let a circle of a backward pass know the operation that it belongs to."""
        box = self.box(owner)
        own = self.circles[owner if box < 0 else box]
        results = [x for x in self.outputs.get(owner, [owner]) if x in self.cards]
        names = ", ".join(short(self.cards[x].name) for x in results[:MOST_EQUAL])
        circle.of, circle.of_what = own.id, f"{own.symbol} → {names}" if names else own.symbol

    def input_card(self, node: Node, position: int, box: int) -> Card:
        x = node.inputs[position]
        if isinstance(x, (Node, Variable)):
            return self.card(x, box)
        key = id(x) if isinstance(x, np.ndarray) else (node, len(self.cards))
        # An unnamed value of a rule that names it, as cross_entropy its target, is called that.
        arrays = node.rule.arrays
        argument = arrays[position] if position < len(arrays) else ""
        made_up = argument if len(argument) > 1 else ""
        return self.card(x, box, key, self.place[node], made_up)

    def card(self, x: Any, box: int, key: Any = None, place: int = -1, made_up: str = "") -> Card:
        """The card of a node's result, a leaf or a plain value, made when first asked for."""
        group = self.alike.get(x) if isinstance(x, (Node, Variable)) else None
        if group is not None:
            x = group[-1]  # the same card for all of them
        key = x if key is None else key
        if key in self.cards:
            return self.cards[key]
        passes = self.passes
        if isinstance(x, Node):
            value = passes.values[x]
            place = self.place[source(x)]
            place = self.calls[box].around if box >= 0 else place
            role = "result"
        else:
            value = value_of(x)
            if isinstance(x, Variable):
                place = self.homes.get(x, -1)
            role = "leaf" if is_tracked(x) else "constant"
        gradient = passes.gradients.get(x) if isinstance(x, (Node, Variable)) else None
        of = [self.cards[y] for y in self.names.derivatives.get(key, ()) if y in self.cards]
        name = self.names.of(x) or (self.derivative_name(of) if of else "")
        made = Card(
            id=f"t{len(self.cards)}",
            name=name or made_up or self.made_up_name(x),
            own_name=bool(name),
            role="output" if isinstance(x, Node) and x in self.ends else role,
            value=measure(value, self.entries, self.whole),
            gradient=gradient,
            reason=None if gradient is not None else self.reason(x),
            frame=place,
            of=tuple(card.id for card in of),
            copies=1 if group is None else len(group),
        )
        if isinstance(x, Variable) and x in passes.changed:
            made.changed = True
            self.scene.changed.append(made.name)
        self.cards[key] = made
        self.scene.cards.append(made)
        return made

    def derivative_name(self, of: Sequence[Card]) -> str:
        """`∂J/∂v = ∂J/∂u`: the gradient that comes to several tensors is one tensor."""
        names = [f"∂{self.scene.objective}/∂{short(card.name)}" for card in of]
        return " = ".join(names[:MOST_EQUAL]) + " = …" * (len(names) > MOST_EQUAL)

    def made_up_name(self, x: Any) -> str:
        """t₁, t₂, … for what the user gave no name; nothing for a number."""
        if not isinstance(x, (Node, Variable, np.ndarray)):
            return ""
        if not isinstance(x, np.ndarray) and x in self.ends and len(self.ends) == 1:
            return "out"
        self.unnamed += 1
        return "t" + str(self.unnamed).translate(SUBSCRIPTS)

    def reason(self, x: Any) -> Reason:
        """Why a tensor has no gradient, in the terms of theme.WORDS."""
        if not isinstance(x, (Node, Variable)):
            return ("constant", "")
        if isinstance(x, Variable) and not x.tracked:
            if x.origin in ("detach", "no_grad"):
                return (x.origin, "")
            if x.origin is not None:
                return ("rule", x.origin)
            if x.dtype.kind != "f":
                return ("integer", "")
            return ("not required", "")
        if x not in self.passes.uses:
            return ("unused", "")
        return ("unreached", "")

    def name_objective(self) -> None:
        """J for one number J, Σ for the sum of all entries of what was drawn."""
        ends = [end for end in self.ends if end not in self.names.derivatives]
        value = self.passes.values.get(ends[0], None) if isinstance(ends[0], Node) else None
        shown = [self.names.of(end) or "out" for end in ends]
        if len(ends) == 1 and (value is None or np.size(value) == 1):
            self.scene.objective = short(shown[0])
        else:
            self.scene.objective = "Σ"
            self.scene.summed = shown

    def finished(self) -> Scene:
        shown = {circle.frame for circle in self.scene.circles}
        shown |= {card.frame for card in self.scene.cards}
        for i in list(shown):
            while i >= 0:
                shown.add(i)
                i = self.calls[i].around
        self.scene.open_frames = sorted(i for i in shown if i >= 0)
        if not self.whole:
            add_echoes(self.scene, apart=bool(self.owners) and not self.passes.gradients)
        return self.scene


def fill_in(arrow: Arrow, node: Node, given: Sequence[Card | None], place: int, out: str) -> None:
    """The local derivative of the arrow from the input at a place, with the tensors' names."""
    way, card = arrow.way, given[place]
    assert way is not None
    assert card is not None
    name = short(card.name)
    if given.count(card) > 1:  # a * a: the derivative by its first and by its second a
        name += f"⁽{str(given[: place + 1].count(card)).translate(SUPERSCRIPTS)}⁾"
    if way.slope is not None:
        arrow.ratio = f"∂{out}/∂{name}"
    if way.formula is not None:
        names = ["" if c is None else short(c.name) for c in given]
        arrow.carried = way.formula.carried.format(*names, out=out)
        if way.formula.slope is not None:
            arrow.slope = way.formula.slope.format(*names, out=out)
    else:
        arrow.carried = f"∂{node.rule.name}/∂{name}"
    if way.stretched:
        axes = "".join(map(str, way.stretched)).translate(SUBSCRIPTS)
        arrow.carried = f"Σ{axes} {held(arrow.carried)}"


def source(node: Node) -> Node:
    """The node that did the work: for one output of several, the node they come from."""
    return node.inputs[0] if node.__class__ is Output else node


def held(formula: str) -> str:
    """A formula of more than one factor in parentheses."""
    return f"({formula})" if " " in formula else formula
