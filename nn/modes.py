"""Training or evaluation for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .module import Module


@contextmanager
def same_modes(model: Module) -> Iterator[None]:
    """Afterwards each module is in training or evaluation as it was before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Inside, every module is in evaluation; afterwards each as it was."""
    with same_modes(model):
        model.eval()
        yield
