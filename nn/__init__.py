"""Layers, losses and models, under PyTorch's names."""

from .module import Module, Parameter, watch_calls

__all__ = ["Module", "Parameter", "watch_calls"]
