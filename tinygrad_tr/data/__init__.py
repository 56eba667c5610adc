"""Data for training: splits, normalisation, mini-batches, images and their augmentation.

    train, dev, test = tt.data.split((x, y), seed=0)
    for xb, yb in tt.data.DataLoader(*train, batch_size=64, shuffle=True, seed=0):
        ...

An example is a row: all arrays have as many rows as there are examples. Where the course has
columns, (features, m), the function says so.
"""

from .augmentation import (
    ColorJitter,
    Compose,
    GaussianNoise,
    RandomCrop,
    RandomHorizontalFlip,
    RandomQuarterTurn,
    RandomRotation,
    RandomVerticalFlip,
)
from .colours import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation
from .columns import flatten_images, minibatches, suggest_batch_size, unflatten_images
from .images import crop, hflip, pad, rotate, vflip
from .loader import DataLoader
from .scaling import Normalizer
from .splits import split, split_by_source

__all__ = [
    "ColorJitter", "Compose", "DataLoader", "GaussianNoise", "Normalizer", "RandomCrop",
    "RandomHorizontalFlip", "RandomQuarterTurn", "RandomRotation", "RandomVerticalFlip",
    "adjust_brightness", "adjust_contrast", "adjust_hue", "adjust_saturation", "crop",
    "flatten_images", "hflip", "minibatches", "pad", "rotate", "split", "split_by_source",
    "suggest_batch_size", "unflatten_images", "vflip",
]  # fmt: skip
