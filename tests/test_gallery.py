"""The gallery: both pages show the same pictures, and the programs on them draw these pictures."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.course_table import rows
from tests.pictures import texts

DOCS = Path(__file__).parent.parent / "docs"
PAGES = {"en": "gallery.md", "tr": "gallery.tr.md"}
SMALL = ["lecture", "nudge", "broadcasting", "pooling", "embedding", "detached"]


def text(language):
    return (DOCS / PAGES[language]).read_text(encoding="utf-8")


def names(language):
    return re.findall(r'<a id="(\w+)"></a>', text(language))


def programs(language):
    """What each program's lines on the page are, after those that all begin with."""
    first, *others = re.findall(r"```python\n(.*?)```", text(language), flags=re.DOTALL)
    return first, dict(zip(names(language), others, strict=True))


@pytest.fixture
def gallery(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    yield __import__("make_gallery")
    for name in [name for name in sys.modules if name.partition(".")[0] == "gallery"]:
        del sys.modules[name]
    del sys.modules["make_gallery"]


def test_both_pages_show_the_same_entries_and_programs():
    assert names("en") == names("tr")
    assert len(set(names("en"))) == len(names("en")) > 40
    assert programs("en") == programs("tr")


@pytest.mark.parametrize("language", PAGES)
def test_every_file_of_the_folder_is_on_the_page_and_every_link_leads_to_a_file(language):
    links = set(re.findall(r"\]\((gallery/[^)]+)\)", text(language)))
    files = [*(DOCS / "gallery").glob("*.svg"), *(DOCS / "gallery").glob("*.html")]
    own = [file for file in files if (".tr" in file.suffixes) == (language == "tr")]
    assert links == {file.relative_to(DOCS).as_posix() for file in own}
    linked = set(re.findall(r"\]\(#(\w+)\)", text(language)))
    assert linked == set(names(language))


def test_the_rows_are_rows_of_the_courses():
    known = {row.number for row in rows()}
    found = re.findall(r"\b\d\.\d\d\b", " ".join(re.findall(r"^.*course\.md.*$", text("en"), re.M)))
    assert found
    assert set(found) <= known


def test_the_pages_are_what_the_command_writes(gallery):
    for language in PAGES:
        assert gallery.page(language) == text(language)


@pytest.mark.parametrize("name", SMALL)
def test_the_program_on_the_page_draws_the_picture_of_the_page(name):
    first, others = programs("en")
    *lines, last = ast.parse(first + others[name]).body
    namespace = {"__name__": "__main__"}
    exec(compile(ast.Module(lines, []), name, "exec"), namespace)
    picture = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
    file = ElementTree.parse(DOCS / "gallery" / f"{name}.svg")
    shown = [e.text for e in file.iter() if e.tag.endswith("}text") and e.text.strip()]
    assert sorted(shown) == sorted(t for t in texts(picture) if t.strip())
