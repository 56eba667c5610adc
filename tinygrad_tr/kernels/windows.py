"""Windows along one axis: which places each of them holds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = Any
Places = Any  # a slice, or an array of indices


class Windows(NamedTuple):
    """Window i holds the places starts[i], starts[i] + step, ... below stops[i].

    All of them lie on the axis: `skipped` places before them would be padding.
    """

    starts: Array
    stops: Array
    step: int
    skipped: Array

    def __repr__(self) -> str:
        return f"{len(self.starts)} windows of up to {self.counts().max(initial=0)}"

    def counts(self) -> Array:
        """How many places each window holds."""
        return -((self.starts - self.stops) // self.step)


def sliding(
    n: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1, ceil: bool = False
) -> Windows:
    """Windows of `kernel` places every `stride` over an axis of n with padding on both sides.

    With `ceil`, one more that starts inside the axis or the padding before it, and ends outside.
    """
    starts = np.arange(-padding, n + padding - dilation * (kernel - 1), stride)
    if ceil and (n + 2 * padding - dilation * (kernel - 1) - 1) % stride:
        after = len(starts) * stride - padding
        starts = np.append(starts, after) if after < n else starts
    stops = np.minimum(starts + dilation * (kernel - 1) + 1, n)
    skipped = np.maximum(-(starts // dilation), 0)
    return Windows(starts + skipped * dilation, stops, dilation, skipped)


def adaptive(n: int, count: int) -> Windows:
    """So many windows of about equal length that cover an axis of n; some overlap by one."""
    i = np.arange(count)
    return Windows(i * n // count, -(-(i + 1) * n // count), 1, np.zeros(count, int))


def whole(n: int) -> Windows:
    """One window that holds a whole axis of n."""
    return adaptive(n, 1)


def taps(windows: Windows) -> list[tuple[Places, Places]]:
    """For t = 0, 1, ...: the windows whose t-th place is on the axis, and these places.

    Each is a slice where it is evenly spaced, so that taking it copies nothing.
    """
    ends = windows.skipped + windows.counts()
    found = []
    for t in range(ends.max(initial=0)):
        members = np.flatnonzero((windows.skipped <= t) & (t < ends))
        inside = windows.starts + (t - windows.skipped) * windows.step
        found.append((evenly(members), evenly(inside[members])))
    return found


def alike(windows: Windows) -> tuple[int, int, int]:
    """From which window to which all hold as many places, in equal strides; and the stride."""
    n, counts = len(windows.starts), windows.counts()
    middle = n // 2
    stride = int(windows.starts[middle] - windows.starts[middle - 1]) if n > 1 else 1
    expected = windows.starts[middle : middle + 1] + stride * (np.arange(n) - middle)
    others = np.flatnonzero((windows.starts != expected) | (counts != counts[middle : middle + 1]))
    first = others[others < middle].max(initial=-1) + 1
    return int(first), int(others[others >= middle].min(initial=n)), stride


def evenly(indices: Array) -> Places:
    """Indices that never fall, as a slice if they rise in equal steps."""
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    if len(indices) and step > 0 and (np.diff(indices) == step).all():
        return slice(indices[0], indices[-1] + 1, step)
    return indices
