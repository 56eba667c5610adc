"""What is drawn, and how: enough to paint it, and to paint it again in another form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_tr.graph import end_of
from tinygrad_tr.picture.check import checks
from tinygrad_tr.picture.dot import Writer
from tinygrad_tr.picture.frames import Call
from tinygrad_tr.picture.health import find
from tinygrad_tr.picture.images import files_of
from tinygrad_tr.picture.marks import Marks
from tinygrad_tr.picture.naming import Names
from tinygrad_tr.picture.numbers import SMALL
from tinygrad_tr.picture.painter import scene_of
from tinygrad_tr.picture.passes import Passes, evaluate
from tinygrad_tr.picture.render import rendered
from tinygrad_tr.picture.scene import Scene
from tinygrad_tr.picture.theme import THEMES, WORDS

ENTRIES = {"auto": SMALL, "none": 1, "stats": 1, "full": 10_000}  # so many numbers are written


@dataclass(frozen=True, eq=False)
class Drawing:
    """The graph behind `ends` (nodes and leaves), its names, and the options of `draw`."""

    ends: Sequence[Any]
    names: Names
    calls: Sequence[Call]
    parameters: Mapping[str, Any]
    passes: str
    depth: int | None
    unroll: bool
    values: str
    rankdir: str
    theme: str
    lang: str
    color: str | None = None
    check: bool = False
    images: bool = False

    def scene(self, *, whole: bool = False) -> Scene:
        """The graph evaluated and painted; `whole` opens all modules and keeps every detail."""
        entries = ENTRIES[self.values]
        evaluated = evaluate(
            self.ends, backward=self.passes != "forward", entries=entries, detailed=whole,
            inner=self.inner,
        )  # fmt: skip
        drawn = dict.fromkeys(self.ends)
        unused = [
            (name, parameter)
            for name, parameter in self.parameters.items()
            if parameter not in evaluated.uses and end_of(parameter) not in drawn
        ]
        return scene_of(
            self.ends, evaluated, self.names, calls=self.calls, depth=self.depth,
            unroll=self.unroll, unused=unused, entries=entries, whole=whole,
            marks=self.marks(evaluated), images=self.images,
        )  # fmt: skip

    @property
    def inner(self) -> bool:
        """Whether the gradients of results are needed whole."""
        return self.images

    def marks(self, evaluated: Passes) -> Marks:
        """What is found in the evaluated graph, and how it is coloured."""
        found = find(self.ends, evaluated, self.names, calls=self.calls, parameters=self.parameters)
        checked = checks(self.ends, evaluated) if self.check else {}
        return Marks(found, checked, self.color)

    def lines(self, scene: Scene, *, legend: bool = True, images: bool = False) -> Iterator[str]:
        """The DOT statements of a scene, between the braces of the digraph.

        With `images` they refer to files, which `laid_out` makes.
        """
        writer = Writer(
            scene, THEMES[self.theme], WORDS[self.lang], passes=self.passes,
            numbers=self.values != "none", rankdir=self.rankdir, legend=legend,
            images=images,
        )  # fmt: skip
        return writer.lines()

    def laid_out(self, scene: Scene, format_: str, *, legend: bool = True) -> bytes:
        """A scene as the bytes of an SVG, PNG or PDF file, its images within."""
        lines = self.lines(scene, legend=legend, images=self.images)
        source = "".join(["digraph {\n", *lines, "}\n"])
        return rendered(source, format_, files_of(scene, self.theme) if self.images else {})
