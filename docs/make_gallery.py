"""The gallery: a picture of every system of the courses, with the program that draws it.

    python docs/make_gallery.py

The programs are the functions of docs/gallery/entries/*.py; their words are in *.toml beside them.
Written are the pictures in docs/gallery, and the pages gallery.md and gallery.tr.md.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from tinygrad_tr.picture import Picture
from tinygrad_tr.picture.engraving import engraved
from tinygrad_tr.picture.filming import STILL, Film
from tinygrad_tr.picture.theme import FONT, THEMES

DOCS = Path(__file__).parent
FOLDER = DOCS / "gallery"
SUFFIXES = {"en": "", "tr": ".tr"}  # of the files in each language
UNSAID = {("text-anchor", "start"), ("stroke", "none")}  # what an SVG means by itself

SECTIONS = {
    "course1": ("Course 1: neural networks", "1. ders: sinir ağları"),
    "course2": ("Course 2: improving networks", "2. ders: ağları iyileştirmek"),
    "course3": ("Course 3: strategy", "3. ders: strateji"),
    "course4": ("Course 4: networks that see", "4. ders: gören ağlar"),
    "course5": ("Course 5: sequences", "5. ders: diziler"),
    "faults": ("Derivatives of derivatives, and faults", "Türevin türevi ve hatalar"),
}

PREAMBLE = """\
from copy import deepcopy

import numpy as np
import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text, vision
from tinygrad_tr.nn import functional as F
"""

WORDS = {
    "en": {
        "title": "Gallery",
        "intro": "Every system of the courses that has a graph: the picture, what to look for in "
        "it, and the program that draws it. Written by `python docs/make_gallery.py`, with the "
        "programs' own lines. Each program begins with",
        "how": "Solid arrows carry values forward, dashed arrows carry gradients back; the number "
        "on a dashed arrow is the local derivative, or the gain where there are arrays. A click on "
        "a picture opens it alone; in a notebook the last line of a program shows it.",
        "other": "Türkçesi: [gallery.tr.md](gallery.tr.md)",
        "program": "Program",
        "rows": "Rows of the [courses](course.md): {0}.",
        "page": "[Step through it]({0}): a page that plays both passes; save it and open it.",
        "film": "[With a slider]({0}): save the page and open it.",
    },
    "tr": {
        "title": "Galeri",
        "intro": "Derslerdeki, grafı olan her sistem: resmi, resimde neye bakılacağı ve onu çizen "
        "program. `python docs/make_gallery.py` komutu, programların kendi satırlarıyla yazar. Her "
        "program şöyle başlar:",
        "how": "Düz oklar değerleri ileri, kesikli oklar gradyanları geri taşır; kesikli okun "
        "üzerindeki sayı yerel türevdir, dizilerde ise kazançtır. Tıklanan resim tek başına "
        "açılır; defterde (notebook) programın son satırı resmi gösterir.",
        "other": "In English: [gallery.md](gallery.md)",
        "program": "Program",
        "rows": "[Derslerin](course.tr.md) satırları: {0}.",
        "page": "[Adım adım]({0}): iki geçişi de oynatan bir sayfa; kaydedip açın.",
        "film": "[Kaydırma çubuğuyla]({0}): sayfayı kaydedip açın.",
    },
}


@dataclass(frozen=True)
class Entry:
    """One picture: its name, its program, and the words that stand with it."""

    name: str
    draws: Callable[[], Picture | Film]
    rows: list[str]
    en: str
    tr: str
    see_en: str
    see_tr: str
    page: bool = False

    @property
    def program(self) -> str:
        """The lines of the function, as one would type them."""
        _, _, body = inspect.getsource(self.draws).partition(":\n")
        lines = textwrap.dedent(body).rstrip().replace("\nreturn ", "\n")
        lines = re.sub(r"\n\n(?=(?:def|class) )", "\n\n\n", lines)
        return re.sub(r"(\n    .*)\n\n(?=\S)", r"\1\n\n\n", lines)

    def picture(self, language: str) -> Path:
        return FOLDER / f"{self.name}{SUFFIXES[language]}.svg"


def entries() -> dict[str, list[Entry]]:
    """All entries, section by section, in the order of the words."""
    found = {}
    for section in SECTIONS:
        programs = importlib.import_module(f"gallery.entries.{section}")
        words = tomllib.loads((FOLDER / "entries" / f"{section}.toml").read_text(encoding="utf-8"))
        found[section] = [Entry(name, getattr(programs, name), **w) for name, w in words.items()]
    return found


# ------------------------------------------------------------------ pictures


def draw(entry: Entry) -> None:
    """Write the pictures of an entry, in both languages."""
    drawn = entry.draws()
    for language in SUFFIXES:
        file = entry.picture(language)
        said = translated(drawn, language)
        if entry.page:
            said.save(file.with_suffix(".html"))
        if isinstance(said, Film):
            said.save(file)
        else:
            file.write_text(lean(said), encoding="utf-8")


def translated(drawn: Any, language: str) -> Any:
    """The same picture, or film, in another language."""
    drawing = replace(drawn.drawing, lang=language)
    if isinstance(drawn, Picture):
        return Picture(drawing)
    film = Film(drawing, drawn.every)
    film.frames = drawn.frames
    return film


def lean(picture: Picture) -> str:
    """A picture as SVG text of less than half the size: what is the same everywhere said once."""
    made = engraved(picture.svg())
    size = {"width": f"{made.width:g}pt", "height": f"{made.height:g}pt"}
    box = {"viewBox": f"0 0 {made.width:g} {made.height:g}", "font-family": FONT}
    sheet = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, **box})
    style = Element("style")
    style.text = STILL
    paper = Element(
        "rect",
        {"width": "100%", "height": "100%", "fill": THEMES[picture.drawing.theme].paper},
    )
    shapes = (shape for group in made.groups for shape in group)
    sheet.extend([style, paper, *made.legend, *shapes])
    for shape in sheet:
        shape.attrib = {k: v for k, v in shape.attrib.items() if (k, v) not in UNSAID}
    return ElementTree.tostring(sheet, encoding="unicode") + "\n"


# ------------------------------------------------------------------ pages


def page(language: str) -> str:
    """The whole page in "en" or "tr"."""
    words = WORDS[language]
    begin = f"{words['intro']}\n\n```python\n{PREAMBLE}```"
    parts = [f"# {words['title']}", begin, words["how"], words["other"]]
    sections = {SECTIONS[name][language == "tr"]: found for name, found in entries().items()}
    for title, found in sections.items():
        links = " · ".join(f"[{getattr(entry, language)}](#{entry.name})" for entry in found)
        parts.append(f"**{title}**\n{links}")
    for title, found in sections.items():
        parts.append(f"## {title}")
        for entry in found:
            parts += shown(entry, language)
    return "\n\n".join(parts) + "\n"


def shown(entry: Entry, language: str) -> Iterator[str]:
    """The paragraphs of an entry."""
    words, title = WORDS[language], getattr(entry, language)
    picture = entry.picture(language)
    link = picture.relative_to(DOCS).as_posix()
    yield f'<a id="{entry.name}"></a>\n\n### {title}'
    yield f"[![{title}]({link})]({link})"
    yield getattr(entry, f"see_{language}")
    said = [words["rows"].format(", ".join(entry.rows))]
    if entry.page:
        is_film = inspect.signature(entry.draws).return_annotation == "Film"
        other = picture.with_suffix(".html").relative_to(DOCS).as_posix()
        said.insert(0, words["film" if is_film else "page"].format(other))
    yield " ".join(said)
    summary = f"<details><summary>{words['program']}</summary>"
    yield f"{summary}\n\n```python\n{entry.program}\n```\n\n</details>"


def main() -> None:
    """Write everything."""
    warnings.simplefilter("ignore", RuntimeWarning)  # one of the entries takes the logarithm of 0
    for found in entries().values():
        for entry in found:
            draw(entry)
    for language, suffix in SUFFIXES.items():
        (DOCS / f"gallery{suffix}.md").write_text(page(language), encoding="utf-8")


if __name__ == "__main__":
    main()
