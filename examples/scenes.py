"""Scenes that detectors learn from: several objects of three classes on a dark ground.

The colours say nothing, unless asked to: an object is told by its shape alone. The same seed gives
the same scenes.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.examples.datasets import FIGURES

Array = np.ndarray[Any, Any]

CLASSES = ("disc", "square", "triangle")
CELLS = 3  # a detector with a grid of 3 × 3 cells can be asked for all objects of a scene
COLOURS = np.array(list(permutations((0.4, 0.7, 1.0))), np.float32)


class Scenes(NamedTuple):
    """What is seen, and what is there: of m scenes, the i-th with nᵢ objects.

    A box is (x1, y1, x2, y2), its left, upper, right and lower edge in units of the picture:
    (0, 0) is the upper left corner and (1, 1) the lower right one. It goes round the pixels that
    its object has, even where another object hides them.
    """

    pictures: Array  # (m, 3, size, size) float32, about 0 to 1
    boxes: list[Array]  # of (nᵢ, 4) float64
    classes: list[Array]  # of (nᵢ,) integers, 0 to 2
    labels: Array  # (m, size, size) integers: 0 the ground, else class + 1


def scenes(
    m: int,
    size: int = 24,
    most: int = 3,
    crossing: bool = False,
    scale: float = 1.0,
    noise: float = 0.05,
    colours: Array | None = None,
    seed: int = 0,
) -> Scenes:
    """1 to `most` (at most 6) objects in each of m scenes, half of them tall and half of them wide.

    The boxes of a scene do not overlap, and their midpoints are in different cells; but with
    `crossing` a tall and a wide one can share a cell, the later one in front. At `scale` 1 they
    are about half as long as the picture, and a quarter as broad. With `colours` (3, 3), one for
    each class, they do say something.
    """
    rng = np.random.default_rng(seed)
    pictures = np.empty((m, 3, size, size), np.float32)
    pictures[:] = rng.uniform(0, 0.3, (m, 3, 1, 1))
    labels = np.zeros((m, size, size), np.int64)
    boxes, classes = [], []
    for picture, label_map in zip(pictures, labels, strict=True):
        placed: list[Array] = []
        names = []
        for colour in rng.permutation(COLOURS)[: rng.integers(1, most + 1)]:
            name = int(rng.integers(len(CLASSES)))
            near = placed[-1] if crossing and placed and rng.random() < 0.5 else None
            mask, box = place(rng, name, size, scale, near)
            if all(apart(box, other, crossing) for other in placed):
                shown = colour if colours is None else colours[name]
                picture[:, mask] = shown[:, None]
                label_map[mask] = name + 1
                placed.append(box)
                names.append(name)
        boxes.append(np.array(placed))
        classes.append(np.array(names))
    pictures += noise * rng.standard_normal(pictures.shape, np.float32)
    return Scenes(pictures, boxes, classes, labels)


def place(
    rng: np.random.Generator, name: int, size: int, scale: float, near: Array | None
) -> tuple[Array, Array]:
    """An object somewhere, or across another one: its pixels (size, size), and its box (4,)."""
    radii = scale * size * np.array([rng.uniform(0.2, 0.28), rng.uniform(0.12, 0.15)])
    tall = rng.random() < 0.5 if near is None else not is_tall(near)
    down, right = radii if tall else radii[::-1]
    low, high = np.array([right, down]), size - np.array([right, down])
    centre = rng.uniform(low, high)
    if near is not None:
        jitter = scale * size * rng.uniform(-0.08, 0.08, 2)
        centre = np.clip(size * (near[:2] + near[2:]) / 2 + jitter, low, high)
    x, y = centre
    axis = np.arange(size) + 0.5
    mask = FIGURES[CLASSES[name]]((axis[:, None] - y) / down, (axis - x) / right)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return mask, np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / size


def apart(box: Array, other: Array, crossing: bool) -> bool:
    """Whether a detector can be asked for both."""
    if cell_of(box) == cell_of(other):
        return crossing and is_tall(box) != is_tall(other)
    return bool((box[:2] >= other[2:]).any() or (box[2:] <= other[:2]).any())


def is_tall(box: Array) -> bool:
    return bool(box[3] - box[1] > box[2] - box[0])


def cell_of(box: Array) -> tuple[int, int]:
    """The row and column of the cell that has the midpoint."""
    x, y = (CELLS * (box[:2] + box[2:]) / 2).astype(int)
    return y, x
