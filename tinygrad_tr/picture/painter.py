"""From the two passes of a graph to its scene: what is drawn, where, and under which name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.graph import Node, Output, Variable, is_tracked, value_of
from tinygrad_tr.picture.frames import Call, common, folded, innermost
from tinygrad_tr.picture.naming import Names
from tinygrad_tr.picture.numbers import SUBSCRIPTS, SUPERSCRIPTS, measure
from tinygrad_tr.picture.passes import Passes, Way
from tinygrad_tr.picture.repeats import FEWEST, with_repeats
from tinygrad_tr.picture.scene import Arrow, Card, Circle, Echo, Reason, Scene, short

COMFORTABLE = 150  # more nodes than this are folded into modules, unless depth= is given
LONGEST_FACT = 24
# Arrows that pass many operations cost Graphviz minutes and the reader the thread. Where all
# together pass more than IN_ALL, a use further than FAR begins at an echo of its tensor.
FAR, IN_ALL = 12, 400
# Facts that say how a rule was called, not what the user said, or that the result's shape says.
INTERNAL = frozenset({"total", "size"})
PER_AXIS = {"stride": 1, "padding": 0, "dilation": 1}  # a number for each axis; these are usual


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
) -> Scene:
    """The scene of the graph behind the ends. `unused` parameters are shown on their own."""
    painter = Painter(ends, passes, names, calls, depth, unroll, entries)
    for node in passes.nodes:
        if node.__class__ is not Output:
            painter.operation(node)
    for end in ends:
        painter.card(end, -1)
    for name, leaf in unused:
        names.give(leaf, name)
        painter.unused(leaf)
    return painter.finished()


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
    ) -> None:
        self.ends, self.passes, self.names = dict.fromkeys(ends), passes, names
        self.entries = entries
        operations = [node for node in passes.nodes if node.__class__ is not Output]
        stamps = [node.stamp for node in operations]
        places = innermost(calls, stamps)
        if calls and not unroll:
            calls = with_repeats(calls, operations, places)
            places = innermost(calls, stamps)
        self.calls = calls
        self.scene = Scene(frames=list(calls))
        self.place = dict(zip(operations, places, strict=True))
        self.boxes = folded(calls, self.deepest(places) if depth is None else depth)
        self.homes = self.leaf_homes()
        self.cards: dict[Any, Card] = {}
        self.circles: dict[Any, Circle] = {}
        self.outputs: dict[Node, list[Node]] = {}
        self.arrows: dict[tuple[str, str], Arrow] = {}
        self.users: dict[Node, list[Node]] = {}  # outside of the box that a result is made in
        self.using: dict[Variable, set[int]] = {}  # the boxes in which a leaf is used
        for node in passes.nodes:
            if node.__class__ is Output:
                self.outputs.setdefault(node.inputs[0], []).append(node)
            elif calls:
                box = self.box(node)
                for x in node.inputs:
                    if isinstance(x, Variable):
                        self.using.setdefault(x, set()).add(box)
                    elif isinstance(x, Node) and self.box(source(x)) != box:
                        self.users.setdefault(x, []).append(node)
        self.alike = self.results_alike()
        self.unnamed = 0
        self.name_objective()

    # ------------------------------------------------------------------ what goes where

    def deepest(self, places: Sequence[int]) -> int:
        """The depth that shows as much as is comfortable, at least the first level."""
        depth = 1 + max((call.level for call in self.calls), default=0)
        while depth > 1 and 2 * self.drawn_at(depth, places) > COMFORTABLE:
            depth -= 1
        return depth

    def drawn_at(self, depth: int, places: Sequence[int]) -> int:
        """How many operations and boxes there are at a depth; results are as many again."""
        boxes = folded(self.calls, depth)
        found = [boxes[place] if place >= 0 else -1 for place in places]
        return found.count(-1) + len(set(found) - {-1})

    def leaf_homes(self) -> dict[Any, int]:
        """For each leaf used, the innermost call around all its uses, where it may be drawn."""
        homes: dict[Any, int] = {}
        owned = {p for call in self.calls for p in call.parameters}
        for node, place in self.place.items():
            for x in node.inputs:
                if isinstance(x, Variable):
                    home = common(self.calls, homes[x], place) if x in homes else place
                    while x not in owned and home >= 0 and self.calls[home].start > x.version[0]:
                        home = self.calls[home].around  # it was made outside
                    homes[x] = home
        return homes

    def box(self, node: Node) -> int:
        """The place of the folded call that the node is inside of, or -1."""
        place = self.place[node]
        return self.boxes[place] if place >= 0 else -1

    def results_alike(self) -> dict[Node, list[Node]]:
        """For results of repeated steps that the same operations use: all of them, one card."""
        groups: dict[Any, list[Node]] = {}
        for x, users in self.users.items():
            if self.repeats(self.box(source(x))) and x not in self.ends:
                groups.setdefault((self.box(source(x)), *users), []).append(x)
        large = [group for group in groups.values() if len(group) > FEWEST - 3]
        return {x: group for group in large for x in group}

    def repeats(self, box: int) -> bool:
        return box >= 0 and self.calls[box].repeats

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
            arrow = self.arrow(card, circle, way, shared=self.repeats(box) or card.copies > 1)
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
            made_here = self.box(source(x)) == box
            return made_here and (x not in self.cards or self.repeats(box))
        if isinstance(x, Variable):
            home = self.homes[x]
            # What only repeated steps are given, such as a word each, is theirs.
            given = self.repeats(box) and not x.tracked and self.using[x] == {box}
            return given or (home >= 0 and self.boxes[home] == box)
        return True

    def circle(self, node: Node, box: int) -> Circle:
        key = node if box < 0 else box
        if box >= 0:
            self.scene.hidden += 1
        if key not in self.circles:
            name = f"o{len(self.circles)}"
            if box < 0:
                made = Circle(name, node.rule.symbol, facts_of(node), self.place[node])
            else:
                call = self.calls[box]
                lost = sum(p not in self.passes.gradients for p in call.parameters)
                made = Circle(name, call.path or call.kind, "", call.around, call, lost)
            self.circles[key] = made
            self.scene.circles.append(made)
        return self.circles[key]

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
        group = self.alike.get(x) if isinstance(x, Node) else None
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
        name = self.names.of(x)
        made = Card(
            id=f"t{len(self.cards)}",
            name=name or made_up or self.made_up_name(x),
            own_name=name is not None,
            role="output" if isinstance(x, Node) and x in self.ends else role,
            value=measure(value, self.entries),
            gradient=gradient,
            reason=None if gradient is not None else self.reason(x),
            frame=place,
            copies=1 if group is None else len(group),
        )
        if isinstance(x, Variable) and x in passes.changed:
            made.changed = True
            self.scene.changed.append(made.name)
        self.cards[key] = made
        self.scene.cards.append(made)
        return made

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
        ends = list(self.ends)
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
        add_echoes(self.scene)
        return self.scene


def add_echoes(scene: Scene) -> None:
    """Let the far uses of tensors begin at echoes, if there are too many of them."""
    at = {circle.id: i for i, circle in enumerate(scene.circles)}
    first: dict[str, int] = {}  # where the card of a tensor stands
    for arrow in scene.arrows:
        card, circle = (arrow.tail, arrow.head) if arrow.head in at else (arrow.head, arrow.tail)
        first.setdefault(card, at[circle])
    uses = [arrow for arrow in scene.arrows if arrow.head in at]
    if sum(at[arrow.head] - first[arrow.tail] for arrow in uses) <= IN_ALL:
        return
    cards = {card.id: card for card in scene.cards}
    echoes: dict[tuple[str, str], Echo] = {}
    for arrow in uses:
        if at[arrow.head] - first[arrow.tail] > FAR:
            key = arrow.tail, arrow.head
            if key not in echoes:
                name, frame = cards[arrow.tail].name, scene.circles[at[arrow.head]].frame
                echoes[key] = Echo(f"e{len(echoes)}", name, frame)
            arrow.tail = echoes[key].id
    scene.echoes += echoes.values()


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


def facts_of(node: Node) -> str:
    """`axis=0, keepdims`: what the operation was told, where it is not the default."""
    if not node.keywords:
        return ""
    rule = node.rule
    defaults = dict(zip(rule.by_position, rule.function.__defaults__ or (), strict=False))
    defaults |= rule.function.__kwdefaults__ or {}
    defaults |= PER_AXIS
    facts = []
    for name, value in node.keywords.items():
        if name in PER_AXIS and len(set(value)) == 1:
            (value,) = set(value)
        if value is None or value is False or isinstance(value, np.ndarray) or name in INTERNAL:
            continue
        if name not in defaults or value != defaults[name]:
            text = "" if name == "index" else f"{name}="
            facts.append(name if value is True else text + written_fact(value))
    return ", ".join(fact for fact in facts if len(fact) <= LONGEST_FACT)


def written_fact(value: Any) -> str:
    """An axis, a shape, an index as the user would write it."""
    if isinstance(value, slice):
        ends = [value.start, value.stop] + ([value.step] if value.step is not None else [])
        return ":".join("" if end is None else str(end) for end in ends)
    if isinstance(value, tuple) and any(isinstance(part, slice) for part in value):
        return ", ".join(map(written_fact, value))
    return "…" if value is Ellipsis else str(value)
