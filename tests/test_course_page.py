"""The pages of the courses say what is there: every row, name, example and test."""

from __future__ import annotations

import ast
import operator
from pathlib import Path

import pytest

import tinygrad_tr as tt
from tests import course_table
from tinygrad_tr.examples.__main__ import names

TESTS = Path(__file__).parent
ROWS_OF_COURSE = {1: 29, 2: 31, 3: 15, 4: 33, 5: 36}
ROWS = course_table.rows()


def functions_of(file):
    """The names of the test functions of a file."""
    tree = ast.parse((TESTS / f"{file}.py").read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_of_the_courses_is_there_once_and_in_order():
    expected = [f"{c}.{row:02}" for c, n in ROWS_OF_COURSE.items() for row in range(1, n + 1)]
    assert [row.number for row in ROWS] == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_what_the_row_names_is_there(row):
    for name in row.api:
        assert operator.attrgetter(name)(tt) is not None
    assert set(row.examples) <= set(names())
    assert row.tests
    for test in row.tests:
        file, function = test.split("::")
        assert function in functions_of(file), test


def test_every_example_belongs_to_a_row():
    assert {name for row in ROWS for name in row.examples} == set(names())


@pytest.mark.parametrize("language", list(course_table.PAGES))
def test_the_page_is_up_to_date(language):
    file = course_table.PAGES[language]
    assert file.read_text(encoding="utf-8") == course_table.page(language)
