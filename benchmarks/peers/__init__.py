"""The peers: a module each, with the workloads' programs written as its own users would.

A module has `array(x)`, which turns what a step returns into NumPy's; `set_threads(n)`; and a
function for each program it can run. That takes the workload's data by keyword and returns
the step: a function without arguments that does the work once and returns what it computed,
the loss first. Each peer keeps its own parameters, and a training step changes them.

Some modules hold no program of their own: they make each step of another peer into a faster
or slower one, by compiling it or by other kernels.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

OURS, NUMPY_ALONE, COMPILED, BY_HAND = "ours", "ours-numpy", "ours-compiled", "by-hand"


def nothing() -> str:
    return ""


def no_numba() -> str:
    """Without numba, ours is NumPy alone already."""
    from tinygrad_tr.kernels import compiled

    return "" if compiled.available() else "numba"


def no_compiler() -> str:
    """What torch.compile translates to is C++."""
    found = map(shutil.which, ("c++", "g++", "clang++"))
    return "" if any(found) else "a C++ compiler"


@dataclass(frozen=True)
class Peer:
    """One column of the tables.

    title    what the tables call it
    package  what must be installed for it
    module   the file of its programs
    lacks    names what else it needs and does not find here
    patient  it compiles for minutes, and so runs only when it is asked for
    """

    title: str
    package: str
    module: str
    lacks: Callable[[], str] = nothing
    patient: bool = False


PEERS = {
    OURS: Peer("tinygrad_tr", "tinygrad_tr", "ours"),
    NUMPY_ALONE: Peer("with NumPy alone", "tinygrad_tr", "ours_numpy", no_numba),
    COMPILED: Peer("tt.compile", "tinygrad_tr", "ours_compiled"),
    BY_HAND: Peer("NumPy by hand", "numpy", "by_hand"),
    "torch": Peer("PyTorch", "torch", "torch_eager"),
    "torch-fused": Peer("PyTorch, fused", "torch", "torch_fused"),
    "torch-compiled": Peer("torch.compile", "torch", "torch_compiled", no_compiler, patient=True),
    "jax": Peer("jax.jit", "jax", "jax_jit"),
    "autograd": Peer("HIPS autograd", "autograd", "hips_autograd"),
    "mygrad": Peer("MyGrad", "mygrad", "mygrad_tensors"),
    "micrograd": Peer("micrograd", "micrograd", "micrograd_scalars"),
}

OWN = (OURS, NUMPY_ALONE, COMPILED)
"""Ours in all its ways."""


def title(peer: str) -> str:
    """What a table calls a peer."""
    return PEERS[peer].title


def missing(peer: str) -> str:
    """What a peer needs and does not find here; nothing if it can run."""
    known = PEERS[peer]
    return known.package if find_spec(known.package) is None else known.lacks()


def installed() -> list[str]:
    """The peers that can run here."""
    return [peer for peer in PEERS if not missing(peer)]


def prompt() -> list[str]:
    """Those of them that start within seconds: whom to time if nobody is named."""
    return [peer for peer in installed() if not PEERS[peer].patient]


def reference() -> str:
    """What ratios are to, unless one is named: PyTorch, or the ceiling where it is missing."""
    return BY_HAND if missing("torch") else "torch"


def load(peer: str) -> Any:
    """The module of a peer; imports what it needs."""
    return importlib.import_module(f".{PEERS[peer].module}", __name__)


def versions(peers: list[str]) -> dict[str, str]:
    """The installed version of every package that the peers need."""
    packages = dict.fromkeys(PEERS[peer].package for peer in peers)
    return {package: importlib.metadata.version(package) for package in packages}
