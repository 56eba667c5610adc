"""Numerics on plain arrays, where NumPy has no function of its own. No Tensor comes here."""

from tinygrad_tr.kernels.compiled import use

__all__ = ["use"]
