"""DOT text to SVG, PNG and PDF: by pygraphviz, which carries Graphviz, or by a system `dot`."""

from __future__ import annotations

import shutil
import subprocess

from tinygrad_tr.errors import GraphError, MissingDependencyError

DENSE = "192"  # dots per inch of a PNG, so that it stays sharp on a good screen


def rendered(source: str, format_: str) -> bytes:
    """The picture that Graphviz lays out of DOT text, as the bytes of a file."""
    try:
        import pygraphviz
    except ImportError:
        return by_program(source, format_)
    sheet = pygraphviz.AGraph(string=source)
    if format_ == "png":
        sheet.graph_attr["dpi"] = DENSE
    sheet.layout(prog="dot")
    picture: bytes = sheet.draw(format=format_)
    return picture


def by_program(source: str, format_: str) -> bytes:
    """The same by the `dot` of the system."""
    dot = shutil.which("dot")
    if dot is None:
        raise MissingDependencyError(
            "draw",
            "a picture needs Graphviz: run `pip install pygraphviz`, which carries it",
        )
    options = [f"-T{format_}"] + ([f"-Gdpi={DENSE}"] if format_ == "png" else [])
    done = subprocess.run([dot, *options], input=source.encode(), capture_output=True)
    if done.returncode:
        raise GraphError("draw", "dot failed", got=done.stderr.decode(errors="replace").strip())
    return done.stdout
