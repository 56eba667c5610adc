"""DOT text to SVG, PNG and PDF: by pygraphviz, which carries Graphviz, or by a system `dot`."""

from __future__ import annotations

import atexit
import base64
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tinygrad_tr.errors import GraphError, MissingDependencyError

DENSE = "192"  # dots per inch of a PNG, so that it stays sharp on a good screen
REFERENCE = re.compile(rb'<image xlink:href="((value|gradient)-[0-9a-f]+\.png)"')


def rendered(source: str, format_: str, images: Mapping[str, bytes]) -> bytes:
    """The picture that Graphviz lays out of DOT text, as the bytes of a file.

    `images` are the PNG files that the text refers to, by names that tell what is in them. The
    picture holds them itself.
    """
    folder = folder_of_images().name if images else ""
    for name, data in images.items():
        Path(folder, name).write_bytes(data)
    picture = laid_out(source, format_, folder)
    if format_ == "svg":  # or browsers round small letters up, and rows of numbers grow too wide
        picture = picture.replace(b"<svg ", b'<svg text-rendering="geometricPrecision" ', 1)
    return REFERENCE.sub(lambda found: embedded(found[2], images[found[1].decode()]), picture)


@functools.cache
def folder_of_images() -> tempfile.TemporaryDirectory[str]:
    """Where Graphviz finds them. It keeps files open, so they stay until Python ends."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return folder


def embedded(part: bytes, data: bytes) -> bytes:
    """An image element of SVG that holds a PNG file; enlarged, it shows its pixels as squares."""
    uri = b"data:image/png;base64," + base64.b64encode(data)
    return b'<image class="%b" style="image-rendering:pixelated" xlink:href="%b"' % (part, uri)


def laid_out(source: str, format_: str, folder: str) -> bytes:
    """What Graphviz makes of DOT text with the images of a folder."""
    try:
        import pygraphviz
    except ImportError:
        return by_program(source, format_, folder)
    sheet = pygraphviz.AGraph(string=source)
    sheet.graph_attr["imagepath"] = folder
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


def by_program(source: str, format_: str, folder: str) -> bytes:
    """The same by the `dot` of the system."""
    dot = shutil.which("dot")
    if dot is None:
        raise MissingDependencyError(
            "draw",
            "a picture needs Graphviz: run `pip install pygraphviz`, which carries it",
        )
    options = [f"-T{format_}", f"-Gimagepath={folder}"]
    options += [f"-Gdpi={DENSE}"] if format_ == "png" else []
    done = subprocess.run([dot, *options], input=source.encode(), capture_output=True)
    if done.returncode:
        raise GraphError("draw", "dot failed", got=done.stderr.decode(errors="replace").strip())
    return done.stdout
