"""The peers: a module each, with the workloads' programs written as its own users would.

A module has `array(x)`, which turns what a step returns into NumPy's; `set_threads(n)`; and a
function for each program it can run. That takes the workload's data by keyword and returns
the step: a function without arguments that does the work once and returns what it computed,
the loss first. Each peer keeps its own parameters, and a training step changes them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from importlib.util import find_spec
from typing import Any

OURS, BY_HAND = "ours", "by hand"

PACKAGES = {
    OURS: "tinygrad_tr",
    BY_HAND: "numpy",
    "torch": "torch",
    "jax": "jax",
    "autograd": "autograd",
    "micrograd": "micrograd",
}
"""What must be installed for a peer."""

MODULES = {
    OURS: "ours",
    BY_HAND: "by_hand",
    "torch": "torch_eager",
    "jax": "jax_jit",
    "autograd": "hips_autograd",
    "micrograd": "micrograd_scalars",
}

TITLES = {OURS: "tinygrad_tr", BY_HAND: "NumPy by hand", "torch": "PyTorch", "jax": "jax.jit"}


def title(peer: str) -> str:
    """What a table calls a peer."""
    return TITLES.get(peer, peer)


def installed() -> list[str]:
    """The peers that can run here."""
    return [peer for peer, package in PACKAGES.items() if find_spec(package) is not None]


def reference() -> str:
    """What ratios are to, unless one is named: PyTorch, or the ceiling where it is missing."""
    return "torch" if "torch" in installed() else BY_HAND


def load(peer: str) -> Any:
    """The module of a peer; imports what it needs."""
    return importlib.import_module(f".{MODULES[peer]}", __name__)


def versions(peers: list[str]) -> dict[str, str]:
    """The installed version of each peer's package."""
    return {peer: importlib.metadata.version(PACKAGES[peer]) for peer in peers}
