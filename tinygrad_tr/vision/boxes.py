"""Boxes round objects: two ways to write them, how far they overlap, and which of many to keep.

A box is its corners (x1, y1, x2, y2), x to the right and y down, with x1 ≤ x2 and y1 ≤ y2, in
pixels or in units of the picture. Several are (n, 4); none are (0, 4), or an empty list.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.arguments import within
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.graph import Variable, value_of

Array = np.ndarray[Any, Any]
Boxes = Any  # (n, 4): an array, a Tensor or a list

# ------------------------------------------------------------------ two ways to write them


def corners_to_centres(boxes: Boxes) -> Any:
    """(x1, y1, x2, y2) -> the midpoint and the sides, (x, y, width, height): (n, 4) -> (n, 4)."""
    corners = boxes_of("corners_to_centres", boxes)
    low, high = corners[:, :2], corners[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def centres_to_corners(boxes: Boxes) -> Any:
    """(x, y, width, height) -> (x1, y1, x2, y2): (n, 4) -> (n, 4). No side is negative."""
    name = "centres_to_corners"
    centres = rows_of_four(name, boxes)
    sides = value_of(centres)[:, 2:]
    if (sides < 0).any():
        raise ArgumentError(
            name, "a box has a negative side",
            got=f"width and height {sides[(sides < 0).any(axis=1)][0].tolist()}", wanted="≥ 0",
        )  # fmt: skip
    middle, half = centres[:, :2], centres[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def clip_boxes(boxes: Boxes, width: float = 1.0, height: float = 1.0) -> Any:
    """The part of each box that lies within the picture: (n, 4) -> (n, 4).

    A box that lies outside becomes a line or a point on the border, of area 0.
    """
    corners = boxes_of("clip_boxes", boxes)
    width, height = (
        within("clip_boxes", "width", width, 0),
        within("clip_boxes", "height", height, 0),
    )
    ends = np.array([width, height, width, height], value_of(corners).dtype)
    return np.clip(corners, 0, ends)


# ------------------------------------------------------------------ areas


def box_area(boxes: Boxes) -> Any:
    """(x2 − x1)(y2 − y1): (n, 4) -> (n,)."""
    corners = boxes_of("box_area", boxes)
    return (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])


def iou(boxes: Boxes, others: Boxes) -> Any:
    """Intersection over union, area(A ∩ B) / area(A ∪ B): (n, 4), (m, 4) -> each with each (n, m).

    From 0 (apart) to 1 (equal); 0 where both areas are 0. A detection counts as right from 0.5
    on. Differentiable if the boxes are Tensors. Course 4, week 3.
    """
    A, B = boxes_of("iou", boxes), boxes_of("iou", others)
    low = np.maximum(A[:, None, :2], B[None, :, :2])
    high = np.minimum(A[:, None, 2:], B[None, :, 2:])
    sides = np.maximum(high - low, 0)
    both = sides[..., 0] * sides[..., 1]
    either = box_area(A)[:, None] + box_area(B) - both
    return both / np.where(value_of(either) > 0, either, 1)


# ------------------------------------------------------------------ which to keep


def nms(
    boxes: Boxes,
    scores: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.6,
    classes: Any = None,
) -> Array:
    """Non-max suppression: the rows of the boxes to keep, the highest score first.

    Boxes with a score ≤ score_threshold are discarded (−np.inf: none). Then, while boxes remain:
    the one of the highest score is kept, and the others that overlap it with
    IoU ≥ iou_threshold are discarded; with `classes`, (n,) integers, only those of its own class.
    Of equal scores the box further left goes first, then the one further up, so that the result
    does not depend on the order of the rows. torchvision's discards IoU > iou_threshold, and no
    low scores. Course 4, week 3.
    """
    corners = np.asarray(value_of(boxes_of("nms", boxes)))
    p = scores_of("nms", scores, len(corners))
    labels = np.zeros(len(p), int) if classes is None else classes_of("nms", classes, len(p))
    iou_threshold = within("nms", "iou_threshold", iou_threshold, 0, 1)
    if np.isnan(score_threshold):
        raise ArgumentError("nms", "score_threshold is not a number", got="nan", wanted="a number")
    rest = falling(corners, p, labels)
    rest = rest[p[rest] > score_threshold]
    kept = []
    while rest.size:
        best, rest = rest[0], rest[1:]
        kept.append(best)
        overlap = iou(corners[best : best + 1], corners[rest])[0] >= iou_threshold
        rest = rest[~(overlap & (labels[rest] == labels[best]))]
    return np.array(kept, dtype=np.int64)


def falling(corners: Array, scores: Array, classes: Array) -> Array:
    """The rows by falling score; equal ones by their places and classes."""
    return np.lexsort((classes, *corners.T[::-1], -scores))


# ------------------------------------------------------------------ checks


def boxes_of(operation: str, boxes: Boxes) -> Any:
    """Corners (n, 4) with x1 ≤ x2 and y1 ≤ y2, an array or a Tensor of floats."""
    corners = rows_of_four(operation, boxes)
    values = value_of(corners)
    turned = (values[:, :2] > values[:, 2:]).any(axis=1)
    if turned.any():
        row = np.flatnonzero(turned)[0]
        raise ArgumentError(
            operation, "a box ends before it begins", got=f"{values[row].tolist()} in row {row}",
            wanted="(x1, y1, x2, y2) with x1 ≤ x2 and y1 ≤ y2; "
            "centres_to_corners takes (x, y, width, height)",
        )  # fmt: skip
    return corners


def rows_of_four(operation: str, boxes: Boxes) -> Any:
    """(n, 4) finite floats, an array or a Tensor. Integers become float64."""
    values = np.asarray(value_of(boxes))
    if values.shape == (0,):
        return np.zeros((0, 4))
    if values.ndim != 2 or values.shape[1] != 4:
        raise ShapeError(operation, "not a list of boxes", got=f"{values.shape}", wanted="(n, 4)")
    if values.dtype.kind not in "fiu":
        raise DtypeError(operation, "not numbers", got=describe(values), wanted="floats (n, 4)")
    require_finite(operation, "a box", values)
    if values.dtype.kind != "f":
        return values.astype(np.float64)
    return boxes if isinstance(boxes, Variable) else values


def scores_of(operation: str, scores: Any, n: int) -> Array:
    """One finite number for each box, (n,) floats."""
    p = np.asarray(value_of(scores))
    if p.shape != (n,):
        raise ShapeError(
            operation, "each box has one score", got=f"{p.shape}, {n} boxes", wanted=f"({n},)"
        )
    if p.dtype.kind not in "fiu":
        raise DtypeError(operation, "scores are numbers", got=describe(p), wanted=f"floats ({n},)")
    require_finite(operation, "a score", p)
    return p if p.dtype.kind == "f" else p.astype(np.float64)


def classes_of(operation: str, classes: Any, n: int) -> Array:
    """One class number ≥ 0 for each box, (n,)."""
    labels = np.asarray(value_of(classes))
    if labels.shape != (n,):
        raise ShapeError(
            operation, "each box has one class", got=f"{labels.shape}, {n} boxes", wanted=f"({n},)"
        )
    if n and labels.dtype.kind not in "iu":
        raise DtypeError(
            operation, "classes are integers", got=describe(labels), wanted=f"integers ({n},)"
        )
    if (labels < 0).any():
        raise ArgumentError(operation, "no such class", got=f"{labels.min()}", wanted="≥ 0")
    return labels.astype(np.int64)


def require_finite(operation: str, what: str, values: Array) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        raise ArgumentError(
            operation, f"{what} is not finite",
            got=f"{values[~finite][0]} in row {np.argwhere(~finite)[0][0]}",
            wanted="finite numbers",
        )  # fmt: skip
