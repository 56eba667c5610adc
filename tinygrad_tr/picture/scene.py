"""The scene: what a picture shows, as plain data. How it looks is decided elsewhere.

Tensors and operations are the cards and circles; an arrow stands for one use of a tensor by an
operation, or for the result of one. The backward pass runs along the same arrows, the other
way: what it carries is on the arrow too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygrad_tr.picture.check import Check
from tinygrad_tr.picture.colors import Scale
from tinygrad_tr.picture.frames import Call
from tinygrad_tr.picture.health import Finding
from tinygrad_tr.picture.numbers import Numbers
from tinygrad_tr.picture.passes import Way
from tinygrad_tr.picture.thumbnails import Thumbnail

Reason = tuple[str, str]  # a key of theme.WORDS and what stands in its place {0}


@dataclass(slots=True, eq=False)
class Card:
    """A tensor. `gradient` is None where there is none, and then `reason` says why."""

    id: str
    name: str
    own_name: bool  # given by the user, not made up here
    role: str  # "leaf", "result", "output", "constant"
    value: Numbers
    gradient: Numbers | None
    reason: Reason | None
    frame: int
    changed: bool = False
    parts: list[Numbers] = field(default_factory=list)  # the gradient's summands, if several
    of: tuple[str, ...] = ()  # the cards whose gradient this is
    copies: int = 1  # so many tensors of repeated steps, of which this is the last
    tone: float | None = None  # what Scene.scale measures: the norm of the gradient, or the size
    notes: list[Finding] = field(default_factory=list)  # what was found at this tensor
    check: Check | None = None
    image: Thumbnail | None = None  # of the value
    gradient_image: Thumbnail | None = None


@dataclass(slots=True)
class Circle:
    """An operation, or a module folded into one box."""

    id: str
    symbol: str
    facts: str
    frame: int
    module: Call | None = None
    without_gradient: int = 0  # parameters folded away that got none
    of: str = ""  # the circle of the forward pass that this one of the backward pass belongs to
    of_what: str = ""  # it and its results, such as × → u
    tone: float | None = None  # what Scene.scale measures: the gain
    notes: list[Finding] = field(default_factory=list)  # what was found here, or inside the box
    line: str = ""  # the user's source line, where it was recorded
    image: Thumbnail | None = None  # of the weights of attention, or of a folded layer


@dataclass(slots=True)
class Echo:
    """The name of a tensor beside an operation that uses it far from its card."""

    id: str
    name: str
    frame: int
    card: str  # its id
    value: Numbers


@dataclass(slots=True)
class Arrow:
    """From a tensor to an operation that uses it, or from an operation to its result.

    `way` describes the backward pass along it; `flows` says whether there is one. Only the
    `uses` of one tensor by repeated steps, or of all their results, share an arrow.
    """

    tail: str
    head: str
    flows: bool
    way: Way | None = None
    slope: str = ""  # the formula of the local derivative, names filled in
    carried: str = ""  # what the pullback makes of g, names filled in
    ratio: str = ""  # ∂v/∂u, where both are one number
    uses: int = 1


@dataclass(slots=True)
class Scene:
    """All that is in a picture, in the order of recording."""

    cards: list[Card] = field(default_factory=list)
    circles: list[Circle] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)
    frames: list[Call] = field(default_factory=list)
    open_frames: list[int] = field(default_factory=list)
    objective: str = ""  # what is differentiated: J, or Σ for a sum of entries
    summed: list[str] = field(default_factory=list)  # the names behind Σ
    changed: list[str] = field(default_factory=list)
    depth: int = 0  # so many levels of modules are open, unless all are
    hidden: int = 0  # nodes inside folded modules
    repeated: int = 0  # nodes inside boxes of steps, blocks and chains
    scale: Scale | None = None  # of the tones, if there are any
    findings: list[Finding] = field(default_factory=list)  # the worst first

    @property
    def parts(self) -> list[Card | Circle]:
        """All tensors and operations."""
        return [*self.cards, *self.circles]

    @property
    def size(self) -> int:
        return len(self.cards) + len(self.circles) + len(self.echoes)


def short(name: str) -> str:
    """`weight` of `layers.0.weight`: its frame says the rest."""
    return name.rpartition(".")[2] or name
