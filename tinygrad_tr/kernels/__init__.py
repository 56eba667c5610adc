"""Numerics on plain arrays, where NumPy has no function of its own. No Tensor comes here."""
