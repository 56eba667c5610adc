"""What the pages say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import rules_table

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "README.tr.md"]


def code_blocks(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_the_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}  # where a user types it
    blocks = code_blocks(page)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_the_page_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    targets = [a or b for a, b in links if not (a or b).startswith("http")]
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_the_table_of_rules_is_up_to_date():
    rules_table.register_all()
    assert rules_table.PAGE.read_text(encoding="utf-8") == rules_table.page()


def test_both_readmes_show_the_same_code():
    strip = re.compile(r"#.*")
    english, turkish = ([strip.sub("", b).split() for b in code_blocks(page)] for page in PAGES)
    assert english == turkish
