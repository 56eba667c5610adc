"""The target of a detector that looks once: a vector for each cell of a grid, and back again.

A cell describes the object whose midpoint it has, by y = [p_c, bx, by, bh, bw, c1, c2, ...]:
whether there is one; its midpoint, from (0, 0) in the upper left corner of the cell to (1, 1) in
the lower right one; its height and width in cells, which may exceed 1; and its class, one-hot.
A cell without an object is all zeros. Boxes are corners in units of the picture, 0 to 1.

With anchors a cell has several such vectors side by side, and so room for objects of different
shape. Source: You Only Look Once, Redmon et al. 2015; course 4, week 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.arguments import whole, within
from tinygrad_tr.errors import ArgumentError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.rules.activations import logistic

from .boxes import Array, Boxes, boxes_of, centres_to_corners, classes_of, corners_to_centres, iou

Shapes = Any  # (anchors, 2): height and width in cells of each anchor


class Detections(NamedTuple):
    """What was found in one picture: boxes (n, 4), scores p_c (n,) and classes (n,)."""

    boxes: Array
    scores: Array
    classes: Array


def yolo_encode(
    boxes: Boxes, classes: Any, grid: int = 3, num_classes: int = 3, anchors: Shapes = None
) -> Array:
    """The target of one picture: boxes (n, 4), classes (n,) -> (grid, grid, 5 + num_classes).

    With `anchors`, shapes (height, width) in cells, it is (grid, grid, A·(5 + num_classes)): an
    object goes to the anchor whose shape is most like its own, by IoU. Two objects that want the
    same place are an error, for one of them would be lost.
    """
    name = "yolo_encode"
    x, y, width, height = placed_in_picture(name, boxes).T
    grid, num_classes = whole(name, "grid", grid), whole(name, "num_classes", num_classes)
    labels = classes_of(name, classes, len(x))
    if (labels >= num_classes).any():
        raise ArgumentError(
            name, "no such class", got=f"{labels.max()}", wanted=f"0 to {num_classes - 1}"
        )
    row, column = (np.minimum((grid * c).astype(int), grid - 1) for c in (y, x))
    shapes = np.ones((1, 2)) if anchors is None else anchors_of(name, anchors)
    anchor = most_alike(np.stack([height, width], axis=1) * grid, shapes)
    require_own_places(name, row, column, anchor)
    target = np.zeros((grid, grid, len(shapes), 5 + num_classes))
    place = np.stack(
        [np.ones(len(x)), grid * x - column, grid * y - row, grid * height, grid * width]
    )
    target[row, column, anchor, :5] = place.T
    target[row, column, anchor, 5 + labels] = 1
    return target.reshape(grid, grid, -1)


def yolo_decode(
    y: Any, num_classes: int = 3, score_threshold: float = 0.6, logits: bool = False
) -> Detections:
    """The objects with p_c > score_threshold: (grid, grid, A·(5 + num_classes)) -> Detections.

    Row by row of the grid, and within a cell anchor by anchor. With `logits` the first of each
    vector is z, and p_c = σ(z). The same object may be found by several cells: see `nms`.
    """
    name = "yolo_decode"
    values = np.asarray(value_of(y))
    length = 5 + whole(name, "num_classes", num_classes)
    if values.ndim != 3 or values.shape[0] != values.shape[1] or values.shape[2] % length:
        raise ShapeError(
            name, "not the vectors of a grid", got=f"{values.shape}",
            wanted=f"(grid, grid, {length}·anchors), of one picture",
        )  # fmt: skip
    grid = len(values)
    vectors = values.reshape(grid, grid, -1, length)
    p = logistic(vectors[..., 0]) if logits else vectors[..., 0]
    if np.isnan(p).any():
        raise ArgumentError(name, "p_c is not a number", got="nan", wanted="finite numbers")
    row, column, anchor = np.nonzero(p > within(name, "score_threshold", score_threshold, 0))
    found = vectors[row, column, anchor]
    bx, by, bh, bw = found[:, 1:5].T
    centres = np.stack([column + bx, row + by, bw, bh], axis=1) / grid
    boxes = centres_to_corners(centres)
    return Detections(boxes, p[row, column, anchor], found[:, 5:].argmax(axis=1))


def most_alike(shapes: Array, anchors: Array) -> Array:
    """The anchor of the highest IoU with each shape, both put on the same corner: (n,)."""
    return np.asarray(iou(from_corner(shapes), from_corner(anchors))).argmax(axis=1)


def from_corner(shapes: Array) -> Array:
    """(height, width) as boxes (0, 0, width, height)."""
    return np.concatenate([np.zeros_like(shapes), shapes[:, ::-1]], axis=1)


# ------------------------------------------------------------------ checks


def placed_in_picture(operation: str, boxes: Boxes) -> Array:
    """(x, y, width, height) of boxes whose midpoints lie in the picture."""
    centres = np.asarray(corners_to_centres(value_of(boxes_of(operation, boxes))))
    outside = ((centres[:, :2] < 0) | (centres[:, :2] >= 1)).any(axis=1)
    if outside.any():
        row = np.flatnonzero(outside)[0]
        raise ArgumentError(
            operation, "no cell has the midpoint of a box",
            got=f"midpoint {centres[row, :2].tolist()} in row {row}",
            wanted="0 ≤ x, y < 1, in units of the picture: pixels / size",
        )  # fmt: skip
    return centres


def anchors_of(operation: str, anchors: Shapes) -> Array:
    """(A, 2) heights and widths above 0."""
    shapes = np.asarray(value_of(anchors))
    if shapes.ndim != 2 or shapes.shape[1] != 2 or not len(shapes):
        raise ShapeError(operation, "no list of shapes", got=describe(shapes), wanted="(A, 2)")
    if shapes.dtype.kind not in "fiu" or not (np.isfinite(shapes) & (shapes > 0)).all():
        raise ArgumentError(
            operation, "a shape without area", got=f"{shapes.tolist()}",
            wanted="(height, width) in cells, both > 0",
        )  # fmt: skip
    return shapes.astype(np.float64)


def require_own_places(operation: str, row: Array, column: Array, anchor: Array) -> None:
    """Refuse two objects in one cell and anchor."""
    taken: dict[tuple[int, int, int], int] = {}
    for i, place in enumerate(zip(row.tolist(), column.tolist(), anchor.tolist(), strict=True)):
        if place in taken:
            raise ArgumentError(
                operation, "two objects want the same place",
                got="objects {} and {}, cell in row {} and column {}, anchor {}".format(
                    taken[place], i, *place
                ),
                wanted="one object for each cell and anchor: a finer grid, or more anchors",
            )  # fmt: skip
        taken[place] = i
