"""The steps of both passes in the order of execution, each with its formula filled in.

Forward, `u = b × c = 3 × 2 = 6`; backward, the chain rule: `∂J/∂b = ∂J/∂u · ∂u/∂b = 3 · 2 = 6`,
and where paths meet, the sum so far.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tinygrad_tr.picture.numbers import Numbers, entries_written, statistics_written, written
from tinygrad_tr.picture.scene import Arrow, Card, Circle, Scene, short

INFIX = frozenset("+−×/@<>≤≥=≠") | {"**", "//", "%"}
G = re.compile(r"(?<!\w)gᵀ?(?!\w)")
FEW = 6  # so many entries of an array are written in a line


Uses = dict[str, list[Arrow]]  # the arrows at an operation


@dataclass(slots=True)
class Arrival:
    """What a step of the backward pass brings to a tensor.

    `rows` are those of a small matrix, which no line of text can show; `so_far` is the sum with
    what came before, where several uses add up.
    """

    card: str
    formula: str
    rows: list[str]
    so_far: str
    last: bool  # nothing more comes


@dataclass(slots=True)
class Step:
    """One operation in one pass: the cards it reads and makes, and how.

    The formula of a backward step says what g is, where arrivals name it. The first step of the
    backward pass has no operation: the gradient of the end is 1.
    """

    backward: bool
    circle: str
    reads: list[str]
    makes: list[str]
    formula: str = ""
    rows: list[str] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)


def steps_of(scene: Scene, passes: str) -> list[Step]:
    """All steps of a whole scene: forward, then backward."""
    given: Uses = {circle.id: [] for circle in scene.circles}
    made: Uses = {circle.id: [] for circle in scene.circles}
    for arrow in scene.arrows:
        if arrow.head in given:
            given[arrow.head].append(arrow)
        else:
            made[arrow.tail].append(arrow)
    cards = {card.id: card for card in scene.cards}
    steps: list[Step] = []
    if passes != "backward":
        for circle in scene.circles:
            read = [cards[arrow.tail] for arrow in given[circle.id]]
            results = [cards[arrow.head] for arrow in made[circle.id]]
            steps.append(forward(circle, read, results))
    if passes != "forward":
        steps += [seed(scene, card) for card in scene.cards if card.role == "output"]
        steps += backward(scene, given, made, cards)
    return steps


# ------------------------------------------------------------------ forward


def forward(circle: Circle, given: Sequence[Card], made: Sequence[Card]) -> Step:
    """`u = b × c = 3 × 2 = 6`."""
    parts = [", ".join(short(card.name) for card in made), applied(circle, map(named, given))]
    numbers = [number(card.value) for card in given]
    if given and all(numbers):
        parts.append(applied(circle, numbers))
    step = Step(False, circle.id, [card.id for card in given], [card.id for card in made])
    if len(made) == 1:
        step.rows = rows(made[0].value)
        parts.append("" if step.rows else brief(made[0].value))
    step.formula = equation(parts)
    return step


def applied(circle: Circle, inputs: Iterable[str]) -> str:
    """`b × c`, or `tanh(x)`, or `sum(x, axis=0)`."""
    inputs = list(inputs)
    if circle.symbol in INFIX and len(inputs) == 2:
        return f" {circle.symbol} ".join(map(held, inputs))
    facts = [circle.facts] if circle.facts else []
    return f"{circle.symbol}({', '.join([*inputs, *facts])})"


def named(card: Card) -> str:
    return short(card.name) or number(card.value)


# ------------------------------------------------------------------ backward


def seed(scene: Scene, end: Card) -> Step:
    """`∂J/∂J = 1`: where the backward pass begins."""
    target = f"∂{scene.objective}/∂{short(end.name)}"
    known = "" if end.gradient is None else brief(end.gradient)
    return Step(True, "", [], [end.id], equation([target, known]))


def backward(scene: Scene, given: Uses, made: Uses, cards: Mapping[str, Card]) -> Iterator[Step]:
    """The chain rule at each operation that a gradient flows through, the last one first."""
    coming = Counter(arrow.tail for arrow in scene.arrows if arrow.head in given and arrow.flows)
    sums: dict[str, str] = {}
    for circle in reversed(scene.circles):
        flowing = [arrow for arrow in given[circle.id] if arrow.flows]
        results = [cards[arrow.head] for arrow in made[circle.id]]
        step = Step(
            True,
            circle.id,
            [card.id for card in results if card.gradient is not None],
            list(dict.fromkeys(arrow.tail for arrow in flowing)),
        )
        for arrow in flowing:
            coming[arrow.tail] -= 1
            arrived = arrival(scene.objective, arrow, cards[arrow.tail], results)
            arrived.last = not coming[arrow.tail]
            if arrow.way is not None and arrow.way.so_far is not None:
                arrived.so_far = added(sums, arrow)
            step.arrivals.append(arrived)
        if len(results) == 1 and any(
            not arrow.ratio and G.search(arrow.carried) for arrow in flowing
        ):
            step.formula = f"g = ∂{scene.objective}/∂{short(results[0].name)}"
        if flowing:
            yield step


def arrival(top: str, arrow: Arrow, card: Card, results: Sequence[Card]) -> Arrival:
    """`∂J/∂b = ∂J/∂u · ∂u/∂b = 3 · 2 = 6`, or `∂J/∂W = xᵀ @ g` and its numbers.

    Where several uses add up, it says += instead of the first =.
    """
    way, arrived = arrow.way, card.gradient
    target = f"∂{top}/∂{short(card.name)}"
    parts = []
    if way is not None and way.contribution is not None:
        arrived = way.contribution
    if way is not None and way.slope is not None and arrow.ratio and len(results) == 1:
        g = number(results[0].gradient)
        before = f"∂{top}/∂{short(results[0].name)}"
        if arrow.ratio != target:  # at the end itself the chain has one link
            parts.append(f"{before} · {arrow.ratio}")
            parts.append(f"{held(g)} · {held(written(way.slope))}" if g else "")
    else:
        parts.append(arrow.carried)
    shown = rows(arrived)
    parts.append("" if arrived is None or shown else brief(arrived))
    is_part = way is not None and way.contribution is not None
    text = f"{target} += {equation(parts)}" if is_part else equation([target, *parts])
    return Arrival(card.id, text, shown, "", False)


def added(sums: dict[str, str], arrow: Arrow) -> str:
    """`5 + 2 = 7`: the sum so far, what comes to it, and the sum with it."""
    assert arrow.way is not None
    assert arrow.way.contribution is not None
    assert arrow.way.so_far is not None
    before, total = sums.get(arrow.tail), brief(arrow.way.so_far)
    sums[arrow.tail] = total
    more = number(arrow.way.contribution)
    return f"{before} + {held(more)} = {total}" if before and more else total


# ------------------------------------------------------------------ numbers


def number(numbers: Numbers | None) -> str:
    """An array of one number, written; nothing for others."""
    if numbers is None or numbers.entries is None or numbers.shape != ():
        return ""
    return written(numbers.entries[0])


def held(text: str) -> str:
    """A negative number in parentheses."""
    return f"({text})" if text.startswith("−") else text


def equation(parts: Iterable[str]) -> str:
    """The parts that say something, each once, with = between."""
    return " = ".join(dict.fromkeys(part for part in parts if part))


def rows(numbers: Numbers | None) -> list[str]:
    """The rows of a small array that has several."""
    if numbers is None or numbers.entries is None:
        return []
    lines = entries_written(numbers)
    return lines if len(lines) > 1 else []


def brief(numbers: Numbers) -> str:
    """A number, a short row of numbers, or mean ± standard deviation."""
    if numbers.shape == () and numbers.entries is not None:
        return number(numbers)
    if numbers.entries is not None and len(numbers.entries) <= FEW:
        return " ".join(entries_written(numbers))
    return statistics_written(numbers)[0] if numbers.entries != () else "[]"
