"""How good a detector is: which of its boxes are right, and what that says at every threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import within
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.graph import value_of

from .boxes import Array, boxes_of, classes_of, falling, iou, scores_of

Found = Sequence[tuple[Any, Any, Any]]  # of each picture: boxes (n, 4), scores (n,), classes (n,)
Truth = Sequence[tuple[Any, Any]]  # of each picture: boxes (n, 4), classes (n,)


def mean_average_precision(detections: Found, truths: Truth, iou_threshold: float = 0.5) -> float:
    """mAP, the mean of average_precisions over the classes that there are in the truth."""
    return float(np.mean(list(average_precisions(detections, truths, iou_threshold).values())))


def average_precisions(
    detections: Found, truths: Truth, iou_threshold: float = 0.5
) -> dict[int, float]:
    """The average precision of each class in the truth: the area under its precision over recall.

    Of each picture `detections` has (boxes, scores, classes), as `yolo_decode` gives them, and
    `truths` (boxes, classes). Taken by falling score, a detection is right if the object of its
    class that it overlaps most has IoU ≥ iou_threshold with it and was not found before: a
    second box on the same object is wrong. Precision at a recall is the best at that recall or
    a higher one. As PASCAL VOC has it since 2010 (all points, not eleven).
    """
    name = "average_precisions"
    scores, classes, hits = judged(name, detections, truths, iou_threshold)
    there = np.concatenate([classes_of(name, c, len(value_of(c))) for _, c in truths])
    if not there.size:
        raise ArgumentError(
            name, "there are no objects to find", got=f"{len(truths)} pictures without any",
            wanted="at least one box in the truth",
        )  # fmt: skip
    order = np.argsort(-scores, kind="stable")
    classes, hits = classes[order], hits[order]
    return {
        int(c): area_under(hits[classes == c], int(n))
        for c, n in zip(*np.unique(there, return_counts=True), strict=True)
    }


def detection_precision_recall(
    detections: Found, truths: Truth, iou_threshold: float = 0.5
) -> tuple[float, float]:
    """How many of the detections are right, and how many of the objects are found.

    A detection is right as in `average_precisions`. Without a detection the precision is NaN,
    and without an object the recall.
    """
    hits = judged("detection_precision_recall", detections, truths, iou_threshold)[2]
    right, objects = int(hits.sum()), sum(len(value_of(c)) for _, c in truths)
    return (
        right / len(hits) if len(hits) else float("nan"),
        right / objects if objects else float("nan"),
    )


def judged(
    operation: str, detections: Found, truths: Truth, iou_threshold: float
) -> tuple[Array, Array, Array]:
    """Of all detections of all pictures their scores, classes and whether they are right."""
    threshold = within(operation, "iou_threshold", iou_threshold, 0, 1)
    if len(detections) != len(truths) or not len(truths):
        raise ShapeError(
            operation, "not of the same pictures",
            got=f"detections of {len(detections)} pictures, truths of {len(truths)}",
            wanted="one of each for every picture",
        )  # fmt: skip
    parts = []
    for (boxes, scores, classes), (true_boxes, true_classes) in zip(
        detections, truths, strict=True
    ):
        found = np.asarray(value_of(boxes_of(operation, boxes)))
        objects = np.asarray(value_of(boxes_of(operation, true_boxes)))
        p = scores_of(operation, scores, len(found))
        labels = classes_of(operation, classes, len(found))
        truth = classes_of(operation, true_classes, len(objects))
        order = falling(found, p, labels)
        overlaps = iou(found[order], objects) * (labels[order, None] == truth)
        parts.append((p[order], labels[order], right(overlaps, threshold)))
    scores, classes, hits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return scores, classes, hits


def right(overlaps: Array, threshold: float) -> Array:
    """Which detections are right, the best first: IoU with each object (n, objects) -> (n,)."""
    hits = np.zeros(len(overlaps), bool)
    if not overlaps.size:
        return hits
    most = overlaps.max(axis=1)
    candidates = np.flatnonzero((most >= threshold) & (most > 0))
    _, first = np.unique(overlaps.argmax(axis=1)[candidates], return_index=True)
    hits[candidates[first]] = True
    return hits


def area_under(hits: Array, objects: int) -> float:
    """∫ max precision at recall ≥ r dr over 0 ≤ r ≤ 1, of detections by falling score."""
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_here[hits].sum() / objects)
