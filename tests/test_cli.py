"""The shell's commands, as a user types them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_tr as tt
from tinygrad_tr.cli import main


def test_draw_writes_the_file_it_is_given(tmp_path, capsys):
    file = tmp_path / "j.dot"
    assert main(["draw", "3*(a + b*c)", "a=5", "b=3", "c=2", "-o", str(file)]) == 0
    assert capsys.readouterr().out.strip() == str(file)
    text = file.read_text(encoding="utf-8")
    for number in ("33", "11", "6", "9"):
        assert number in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["draw", "a +", "a=1"], "a +"),
        (["draw", "a*b", "a=1"], "b"),
        (["draw", "a", "a"], "NAME=VALUE"),
        (["draw", "__import__('os')", "a=1"], "draw"),
        (["draw", "a", "a=1", "-o", "j.gif"], ".svg"),
    ],
)
def test_bad_input_ends_with_a_message_and_2(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("tinygrad-tr: ")
    assert words in message
    assert list(tmp_path.iterdir()) == []


def test_the_demo_writes_everything_it_says(tmp_path, capsys):
    assert main(["demo", "-o", str(tmp_path), "--seconds", "0.2"]) == 0
    out = capsys.readouterr().out
    assert "dJ/dv = 3   dJ/da = 3   dJ/du = 3   dJ/db = 6   dJ/dc = 9" in out
    accuracy = float(out.split("test accuracy ")[1].split("%")[0])
    assert accuracy >= 97
    written = [Path(line.split("→ ")[1]) for line in out.splitlines() if line.startswith("  → ")]
    names = {file.name for file in written}
    assert {
        "graph.svg",
        "graph.png",
        "graph.html",
        "digits-loss.png",
        "digits-confusion.png",
    } <= names
    assert {"digits-step.svg", "digits-step.png"} <= names
    for file in written:
        assert file.stat().st_size > 1000, file


def test_the_version_is_the_packages():
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_tr.cli", "--version"], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["tinygrad_tr", tt.__version__]
