"""Data for training: splits, normalisation, and mini-batches.

    train, dev, test = tt.data.split((x, y), seed=0)
    for xb, yb in tt.data.DataLoader(*train, batch_size=64, shuffle=True, seed=0):
        ...

An example is a row: all arrays have as many rows as there are examples.
"""

from .loader import DataLoader
from .scaling import Normalizer
from .splits import split

__all__ = ["DataLoader", "Normalizer", "split"]
