"""The house: which way imports run, what is installed, what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_tr as tt

ROOT = Path(__file__).parent.parent

# Each room may import from itself and from what stands before it.
FLOORS = ["errors", "kernels", "engine", "nn", "optim", "shop", "benchmarks", "examples"]


def floor_of(module):
    """The floor that a module of the package belongs to."""
    parts = module.split(".")
    if parts[0] != "tinygrad_tr" or len(parts) < 2:
        return None
    if parts[1] in FLOORS:
        return parts[1]
    shop = {
        "cli", "data", "files", "metrics", "picture", "program", "project", "text", "train",
        "vision",
    }  # fmt: skip
    return "shop" if parts[1] in shop else "engine"


def imports_of(file, package):
    """The absolute names of what a file imports at its top level."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                base = ".".join([*parents[: len(parents) - node.level + 1], base]).strip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def files():
    for folder in ("tinygrad_tr", "nn", "optim", "benchmarks", "examples"):
        for file in (ROOT / folder).rglob("*.py"):
            relative = file.relative_to(ROOT)
            if folder == "tinygrad_tr" and relative.parts[1] in FLOORS[3:]:
                continue  # a link to the folder at the top
            package = ".".join(relative.parent.parts)
            yield file, package if folder == "tinygrad_tr" else f"tinygrad_tr.{package}"


@pytest.mark.parametrize(("file", "package"), list(files()), ids=lambda v: str(v)[-40:])
def test_imports_run_one_way(file, package):
    own = floor_of(f"{package}.{file.stem}")
    for module in imports_of(file, package):
        other = floor_of(module)
        if other is not None and own is not None:
            assert FLOORS.index(other) <= FLOORS.index(own), f"{own} imports {module}"


def in_fresh_process(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    ).stdout.strip()


def test_nn_and_optim_are_never_modules_of_their_own():
    code = (
        "import sys, tinygrad_tr as tt; tt.nn, tt.optim, tt.data, tt.draw\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('nn', 'optim', 'benchmarks')])"
    )
    assert in_fresh_process(code) == "[]"


def test_importing_the_engine_imports_numpy_and_little_else():
    code = (
        "import sys, numpy; before = set(sys.modules); import tinygrad_tr\n"
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before} - {'tinygrad_tr'}))"
    )
    few = {"_heapq", "_queue", "heapq", "queue", "threading"}
    assert set(ast.literal_eval(in_fresh_process(code))) <= few


def test_every_name_of_the_door_is_there():
    for name in (*tt.__all__, "nn", "optim", "data", "draw"):
        assert getattr(tt, name) is not None
        assert name in dir(tt)


def test_public_functions_have_documentation():
    missing = [n for n in tt.__all__ if callable(getattr(tt, n)) and not getattr(tt, n).__doc__]
    assert missing == []


def test_rooms_stay_small():
    for file, _ in files():
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= 500, f"{file.relative_to(ROOT)} has {lines} lines: more than one room?"


def test_the_project_speaks_of_itself_alone():
    done = subprocess.run(
        ["git", "ls-files", "-z"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        pytest.skip("not a checkout")
    for name in filter(None, done.stdout.split("\0")):
        file = ROOT / name
        if file.is_file() and file.suffix in (".py", ".md", ".toml", ".json", ".svg"):
            text = file.read_text(encoding="utf-8")
            assert "/work" + "/" not in text, name
            assert "/tmp" + "/" not in text, name
