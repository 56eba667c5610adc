"""Pictures of graphs: how a number was made (forward), and how its gradient got here (backward).

The way of a picture: `passes` evaluates the graph again, `painter` turns it into a `scene` of
plain data, `dot` writes that as DOT text, `render` has it laid out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from tinygrad_tr.errors import ArgumentError, GraphError, TinygradError
from tinygrad_tr.picture.backward import recorded
from tinygrad_tr.picture.colors import QUANTITIES
from tinygrad_tr.picture.comparing import comparison
from tinygrad_tr.picture.drawing import ENTRIES, Drawing
from tinygrad_tr.picture.health import Finding
from tinygrad_tr.picture.naming import users_frame
from tinygrad_tr.picture.page import page_of
from tinygrad_tr.picture.report import Report, diagnose_gradients
from tinygrad_tr.picture.subject import subject_of
from tinygrad_tr.picture.theme import THEMES, WORDS, choose

__all__ = ["Finding", "Picture", "Report", "diagnose_gradients", "draw"]

MOST_LAID_OUT = 2000  # nodes; beyond, Graphviz takes minutes and nobody could read it
DIRECTIONS = ("LR", "RL", "TB", "BT")
SUFFIXES = {".svg": "svg", ".png": "png", ".pdf": "pdf"}


class Picture:
    """A drawn graph. A notebook shows it; `save` writes it; `source` is its DOT text.

    Images are not in the DOT text, which would need files for them.
    """

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.scene = drawing.scene()
        self.lines = list(drawing.lines(self.scene))

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
        """Write the picture under exactly this name; .svg, .png, .pdf, .html or .dot decides how.

        .html is a page that plays both passes, operation by operation. Folders are made.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            data = self.laid_out(SUFFIXES[suffix])
        elif suffix == ".html":
            data = page_of(self.drawing).encode()
        elif suffix == ".dot":
            data = self.source.encode()
        else:
            raise ArgumentError(
                "Picture.save", f"unknown kind of file {suffix!r}", got=repr(str(path)),
                wanted="a name that ends in .svg, .png, .pdf, .html or .dot",
            )  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def compare(self, other: Picture) -> Picture:
        """This picture, and on it how far the numbers and gradients of another run are from it.

        The difference is ‖a − b‖/(‖a‖ + ‖b‖), from 0 to 1. Both graphs must consist of the same
        operations; otherwise a GraphError says where they part.
        """
        return Picture(comparison(self.drawing, other.drawing))

    def laid_out(self, format_: str) -> bytes:
        if self.scene.size > MOST_LAID_OUT:
            raise GraphError(
                "draw", "the graph is too large to be laid out", got=f"{self.scene.size:,} nodes",
                wanted=f"at most {MOST_LAID_OUT:,}: without unroll=True and depth= it is folded; "
                "the DOT text is in .source and .save('name.dot')",
            )  # fmt: skip
        return self.drawing.laid_out(self.scene, format_)

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
    color: Literal["grad", "gain", "magnitude"] | None = None,
    check: bool = False,
    images: bool = False,
    rankdir: Literal["LR", "RL", "TB", "BT"] | None = None,
    theme: Literal["light", "dark"] = "light",
    lang: Literal["en", "tr"] = "en",
) -> Picture:
    """The picture of the graph that made a Tensor, several Tensors, or the output of a module.

    `draw(model, x)` calls the model, with `loss` applied to its output if given, and frames
    what each module did; `depth` is how many levels of modules are open. Unless `unroll`, of five
    and more steps of a loop the first and the last are drawn, and a box for the others; in a large
    graph so are loops of plain operations, of three and more blocks alike the first, and of what is
    still too long the ends. `passes` "backward" draws the operations that compute the gradients,
    beside those of the forward pass. Graphs go from left to right, modules from top to bottom,
    unless `rankdir` says otherwise. `color` shows the norm of each tensor's gradient, each
    operation's gain or each tensor's root mean square on a logarithmic scale; `check` puts central
    differences beside the gradients; `images` adds weights, filters, feature maps and maps of
    attention as small images. What `diagnose_gradients` finds is written at its place.
    Nothing is changed by drawing: it may be done before backward(), after it, and after the graph
    was freed.
    """
    if rankdir is None:
        rankdir = "TB" if hasattr(what, "named_modules") else "LR"
    for option, value, known in (
        ("passes", passes, ("both", "forward", "backward")), ("values", values, ENTRIES),
        ("color", color, (*QUANTITIES, None)), ("rankdir", rankdir, DIRECTIONS),
        ("theme", theme, THEMES), ("lang", lang, WORDS),
    ):  # fmt: skip
        choose(option, value, known)
    frame = users_frame(sys._getframe(1))
    subject = subject_of("draw", what, inputs, loss, names, params, frame)
    if passes == "backward":
        subject, passes = recorded(subject), "forward"
    return Picture(
        Drawing(
            *subject, passes, depth, unroll, values, rankdir, theme, lang, color, check,
            images,
        )
    )  # fmt: skip
