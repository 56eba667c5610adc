"""Pictures of graphs: how a number was made (forward), and how its gradient got here (backward).

The way of a picture: `passes` evaluates the graph again, `painter` turns it into a `scene` of
plain data, `dot` writes that as DOT text, `render` has it laid out.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from tinygrad_tr.errors import ArgumentError, DtypeError, GraphError, TinygradError, describe
from tinygrad_tr.graph import Variable, end_of
from tinygrad_tr.picture.dot import Writer
from tinygrad_tr.picture.frames import Call, call_watched
from tinygrad_tr.picture.naming import Names, names_for, users_frame
from tinygrad_tr.picture.numbers import SMALL
from tinygrad_tr.picture.painter import scene_of
from tinygrad_tr.picture.passes import evaluate
from tinygrad_tr.picture.render import rendered
from tinygrad_tr.picture.scene import Scene
from tinygrad_tr.picture.theme import THEMES, WORDS, choose

__all__ = ["Picture", "draw"]

MOST_LAID_OUT = 2000  # nodes; beyond, Graphviz takes minutes and nobody could read it
ENTRIES = {"auto": SMALL, "none": 1, "stats": 1, "full": 10_000}
DIRECTIONS = ("LR", "RL", "TB", "BT")
SUFFIXES = {".svg": "svg", ".png": "png", ".pdf": "pdf"}


class Picture:
    """A drawn graph. A notebook shows it; `save` writes it; `source` is its DOT text."""

    def __init__(self, scene: Scene, lines: Sequence[str]) -> None:
        self.scene = scene
        self.lines = lines

    @property
    def source(self) -> str:
        """The DOT text."""
        return "".join(["digraph {\n", *self.lines, "}\n"])

    @property
    def digraph(self) -> Any:
        """The same as a `graphviz.Digraph`."""
        import graphviz

        return graphviz.Digraph(body=list(self.lines))

    def svg(self) -> str:
        """The picture as the text of an SVG file."""
        return self.laid_out("svg").decode()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture under exactly this name; .svg, .png, .pdf or .dot decides how.

        Folders are made.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix != ".dot" and suffix not in SUFFIXES:
            raise ArgumentError(
                "Picture.save", f"unknown kind of file {suffix!r}", got=repr(str(path)),
                wanted="a name that ends in .svg, .png, .pdf or .dot",
            )  # fmt: skip
        is_text = suffix == ".dot"
        data = self.source.encode() if is_text else self.laid_out(SUFFIXES[suffix])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def laid_out(self, format_: str) -> bytes:
        if self.scene.size > MOST_LAID_OUT:
            raise GraphError(
                "draw", "the graph is too large to be laid out", got=f"{self.scene.size:,} nodes",
                wanted=f"at most {MOST_LAID_OUT:,}: draw(model, x, depth=...) folds modules; "
                "the DOT text is in .source and .save('name.dot')",
            )  # fmt: skip
        return rendered(self.source, format_)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """SVG for a notebook; the reason in words where there can be none."""
        try:
            return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except TinygradError as error:
            return {"text/plain": f"{self!r}\n{error}"}

    def __repr__(self) -> str:
        scene = self.scene
        return f"<Picture of {len(scene.cards)} tensors and {len(scene.circles)} operations>"


def draw(
    what: Any,
    *inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    passes: Literal["both", "forward", "backward"] = "both",
    depth: int | None = None,
    unroll: bool = False,
    names: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    values: Literal["auto", "none", "stats", "full"] = "auto",
    rankdir: Literal["LR", "RL", "TB", "BT"] | None = None,
    theme: Literal["light", "dark"] = "light",
    lang: Literal["en", "tr"] = "en",
) -> Picture:
    """The picture of the graph that made a Tensor, several Tensors, or the output of a module.

    `draw(model, x)` calls the model, with `loss` applied to its output if given, and frames
    what each module did; `depth` is how many levels of modules are open. Of five and more equal
    steps, each with a call of the same module, only the first and the last are drawn unless
    `unroll`, and a box for the others. Graphs go from left to right, modules from top to bottom,
    unless `rankdir` says otherwise. Nothing is changed by drawing: it may be done before
    backward(), after it, and after the graph was freed.
    """
    if rankdir is None:
        rankdir = "TB" if hasattr(what, "named_modules") else "LR"
    for option, value, known in (
        ("passes", passes, ("both", "forward", "backward")), ("values", values, ENTRIES),
        ("rankdir", rankdir, DIRECTIONS), ("theme", theme, THEMES), ("lang", lang, WORDS),
    ):  # fmt: skip
        choose(option, value, known)
    is_module = hasattr(what, "named_modules")
    parameters = dict(what.named_parameters()) if is_module else dict(params or {})
    found = names_for((names, params, parameters), users_frame(sys._getframe(1)))
    calls: Sequence[Call] = ()
    unused: list[tuple[str, Any]] = []
    if is_module:
        what, calls = framed(what, inputs, loss, found)
    elif inputs or loss is not None:
        raise DtypeError(
            "draw", "only a module takes inputs and a loss", got=describe(what),
            wanted="draw(tensor), draw([tensor, ...]) or draw(model, x)",
        )  # fmt: skip
    ends = ends_of(what)
    evaluated = evaluate(ends, backward=passes != "forward", entries=ENTRIES[values])
    for name, parameter in parameters.items():
        if parameter not in evaluated.uses and end_of(parameter) not in dict.fromkeys(ends):
            unused.append((name, parameter))
    scene = scene_of(
        ends, evaluated, found, calls=calls, depth=depth, unroll=unroll, unused=unused,
        entries=ENTRIES[values],
    )  # fmt: skip
    writer = Writer(
        scene, THEMES[theme], WORDS[lang],
        passes=passes, numbers=values != "none", rankdir=rankdir,
    )  # fmt: skip
    return Picture(scene, list(writer.lines()))


def framed(
    model: Any, inputs: Sequence[Any], loss: Callable[[Any], Any] | None, names: Names
) -> tuple[Any, Sequence[Call]]:
    """The output of a module, the calls that made it, and names for its inputs."""
    for path, parameter in model.named_parameters():
        names.give(parameter, path)
    for path, buffer in model.named_buffers():
        names.give(buffer, path)
    arguments = [n for n in inspect.signature(model.forward).parameters if n != "self"]
    for name, x in zip(arguments, inputs, strict=False):
        if getattr(x, "name", None) is None:
            names.give(x, name)
    output, calls = call_watched(model, inputs, loss)
    if loss is not None:
        names.give(output, "loss")
    return output, calls


def ends_of(what: Any) -> list[Any]:
    """The nodes and leaves that are drawn: of one Tensor, or of each in a list or tuple."""
    tensors = list(what) if isinstance(what, (list, tuple)) else [what]
    if not tensors or not all(isinstance(t, Variable) for t in tensors):
        raise DtypeError(
            "draw", "nothing to draw but Tensors", got=describe(what),
            wanted="a Tensor, a list of Tensors, or a module and its inputs",
        )  # fmt: skip
    return [end_of(t) for t in tensors]
