"""DOT text to SVG, PNG and PDF: by pygraphviz, which carries Graphviz, or by a system `dot`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

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
    with without_font_warnings():
        sheet.layout(prog="dot")
        picture: bytes = sheet.draw(format=format_)
    return picture


@contextmanager
def without_font_warnings() -> Iterator[None]:
    """Hold back what Fontconfig says on stderr; all else is passed on when the block ends.

    The libraries in pygraphviz's wheel are older than many systems' font configuration, and
    would complain of its newer words at every first picture.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        outside = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(outside, 2)
            os.close(outside)
            held.seek(0)
            for line in held:
                if not line.startswith(b"Fontconfig warning"):
                    os.write(2, line)


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
