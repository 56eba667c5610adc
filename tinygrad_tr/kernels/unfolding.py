"""Windows of an array side by side, and back: the sum of what windows hold, in their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = Any
Sizes = tuple[int, ...]


def spans_of(
    positions: Sequence[int], kernel: Sequence[int], stride: Sizes, dilation: Sizes
) -> Sizes:
    """How far the windows reach along each axis."""
    return tuple(
        (m - 1) * s + (k - 1) * d + 1 if m else 0
        for m, k, s, d in zip(positions, kernel, stride, dilation, strict=True)
    )


def windows_of(
    x: Array, positions: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Array:
    """A view (N, C, *positions, *kernel) of x, or of x with zeros around it where it is needed."""
    spans = spans_of(positions, kernel, stride, dilation)
    after = [max(0, span - p - n) for span, p, n in zip(spans, padding, x.shape[2:], strict=True)]
    if any(padding) or any(after):
        x = np.pad(x, ((0, 0), (0, 0), *zip(padding, after, strict=True)))
    steps = x.strides[2:]
    return np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[:2], *positions, *kernel),
        (
            *x.strides[:2],
            *(step * s for step, s in zip(steps, stride, strict=True)),
            *(step * d for step, d in zip(steps, dilation, strict=True)),
        ),
    )


def unfold(
    x: Array, *, kernel: Sizes, positions: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Array:
    """Each window's numbers: (N, C, *S) -> (N, C, *kernel, *positions)."""
    windows = windows_of(x, positions, kernel, stride, padding, dilation)
    axes = len(kernel)
    order = (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    return np.ascontiguousarray(windows.transpose(order))


def fold(columns: Array, *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    """The sum of windows in their places: (N, C, *kernel, *positions) -> (N, C, *size)."""
    axes = len(size)
    kernel, positions = columns.shape[2 : 2 + axes], columns.shape[2 + axes :]
    framed, written = frame(columns, size, positions, kernel, stride, padding, dilation)
    for tap in np.ndindex(kernel):
        written[(..., *tap)] += columns[:, :, *tap]
    return framed


def frame(
    like: Array, size: Sizes, positions: Sizes, kernel: Sizes,
    stride: Sizes, padding: Sizes, dilation: Sizes, channels: int | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Zeros (N, C, *size), and their windows, of which some may reach into a border.

    Of one tap no two windows hold the same place.
    """
    spans = spans_of(positions, kernel, stride, dilation)
    whole = map(max, spans, (n + p for n, p in zip(size, padding, strict=True)))
    zeros = np.zeros((len(like), channels or like.shape[1], *whole), like.dtype)
    windows = windows_of(zeros, positions, kernel, stride, (0,) * len(size), dilation)
    inner = tuple(slice(p, p + n) for n, p in zip(size, padding, strict=True))
    return zeros[:, :, *inner], windows
