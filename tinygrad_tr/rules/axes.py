"""Which axes a reduction takes away, and what is left."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_tr.errors import ArgumentError, ShapeError


def axes_of(shape, axis, operation):
    """The reduced axes as a tuple of non-negative integers."""
    if axis is None:
        return tuple(range(len(shape)))
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    found = tuple(a + len(shape) if a < 0 else a for a in axes)
    if any(not 0 <= a < len(shape) for a in found) or len(set(found)) < len(found):
        raise ShapeError(
            operation,
            "no such axis" if len(set(found)) == len(found) else "an axis is named twice",
            got=f"shape {shape}, axis={axis}",
            wanted=f"axes from {-len(shape)} to {len(shape) - 1}" if shape else "axis=None",
        )
    return found


def axis_of(shape, axis, operation):
    """One axis as a non-negative integer."""
    if not isinstance(axis, (int, np.integer)):
        raise ArgumentError(operation, "one axis is needed", got=f"{axis=}", wanted="an integer")
    return axes_of(shape, axis, operation)[0]


def kept(shape, axes):
    """The shape with the reduced axes kept as 1."""
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def count(shape, axes):
    """How many numbers go into one."""
    return math.prod(shape[a] for a in axes)


def freedom(shape, axes, ddof, correction, operation):
    """n − ddof, at least 1. `correction` is the array-API name of `ddof`."""
    if correction is not None and ddof:
        raise ArgumentError(
            operation, "ddof and correction are one thing", got=f"{ddof=}, {correction=}",
            wanted="only one of them",
        )  # fmt: skip
    lost = ddof if correction is None else correction
    free = count(shape, axes) - lost
    if free <= 0:
        raise ArgumentError(
            operation, "not enough numbers", got=f"shape {shape}, ddof={lost}",
            wanted="more numbers along the axis than ddof",
        )  # fmt: skip
    return free
