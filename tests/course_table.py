"""The page that maps every row of the courses to the library: docs/course.md, and in Turkish.

    python -m tests.course_table          # writes both pages from docs/course/*.toml

A row names what a user calls, the examples that show it, and the tests that hold its numbers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"

HEADS = {
    "en": {
        "title": "The courses, row by row",
        "intro": "Every technique of the courses: what to call, a program that shows it, and the "
        "tests that hold its formulas and numbers. Written by `python -m tests.course_table` from "
        "`docs/course/`; a test fails when a name, an example or a test is not there.\n\n"
        "Run an example with `python -m tinygrad_tr.examples NAME`.",
        "other": "Türkçesi: [course.tr.md](course.tr.md)",
        "columns": ("row", "technique", "what to call", "examples", "tests"),
        "week": "Course {course}, week {week}",
    },
    "tr": {
        "title": "Dersler, satır satır",
        "intro": "Derslerdeki her teknik: hangi işlevin çağrılacağı, onu gösteren program ve "
        "formüllerini, sayılarını sınayan testler. `python -m tests.course_table` komutu "
        "`docs/course/` içindekilerden yazar; bir ad, örnek ya da test yoksa bir test başarısız "
        "olur.\n\nBir örneği çalıştırmak için: `python -m tinygrad_tr.examples AD`.",
        "other": "In English: [course.md](course.md)",
        "columns": ("satır", "teknik", "çağrılacak olan", "örnekler", "testler"),
        "week": "{course}. ders, {week}. hafta",
    },
}
PAGES = {"en": DOCS / "course.md", "tr": DOCS / "course.tr.md"}


@dataclass(frozen=True)
class Row:
    """One technique: its number, its place, its words in both languages, and where it is."""

    number: str
    week: int
    en: str
    tr: str
    tests: tuple[str, ...]
    api: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    note_en: str = ""
    note_tr: str = ""

    @property
    def course(self) -> int:
        return int(self.number.split(".")[0])


def rows() -> list[Row]:
    """All rows, course by course."""
    found = []
    for file in sorted((DOCS / "course").glob("*.toml")):
        for number, facts in tomllib.loads(file.read_text(encoding="utf-8")).items():
            lists = {key: tuple(facts.get(key, ())) for key in ("api", "examples", "tests")}
            found.append(Row(number, **{**facts, **lists}))
    return found


def page(language: str) -> str:
    """The whole page in "en" or "tr"."""
    head: dict[str, Any] = HEADS[language]
    parts = [f"# {head['title']}", head["intro"], head["other"]]
    columns = head["columns"]
    table = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    by_week: dict[tuple[int, int], list[Row]] = {}
    for row in rows():
        by_week.setdefault((row.course, row.week), []).append(row)
    for (course, week), members in sorted(by_week.items()):
        parts.append(f"## {head['week'].format(course=course, week=week)}")
        parts.append("\n".join([*table, *(line(row, language) for row in members)]))
    return "\n\n".join(parts) + "\n"


def line(row: Row, language: str) -> str:
    """A row of the table."""
    note = getattr(row, f"note_{language}")
    words = getattr(row, language) + (f"<br>*{note}*" if note else "")
    cells = [
        row.number,
        words,
        " ".join(f"`{name}`" for name in row.api),
        links((name, f"../examples/{name}.py") for name in row.examples),
        links((file, f"../tests/{file}.py") for file in dict.fromkeys(
            test.split("::")[0] for test in row.tests)),
    ]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def links(targets: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"[{name}]({target})" for name, target in targets)


def main() -> None:
    for language, file in PAGES.items():
        file.write_text(page(language), encoding="utf-8")


if __name__ == "__main__":
    main()
