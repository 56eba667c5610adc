"""Pooling: the largest, the mean or the p-norm of each window; arguments checked, windows laid.

x is (N, C, *) or one example without N; sizes are a number for all axes or one for each. The
stride is the kernel's size unless given, so that windows do not overlap. Course 4, week 1.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import is_whole, positive, whole
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.graph import value_of
from tinygrad_tr.kernels.windows import Windows, adaptive, sliding
from tinygrad_tr.rules import pooling as rules
from tinygrad_tr.rules.indexing import integers, require_inside, setitem
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array
from .convolution import LETTERS, PerAxis, per_axis

Output = int | Sequence[int | None] | None


def max_pool1d(
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """(N, C, W) -> (N, C, W'); see max_pool2d."""
    return largest(
        "max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool2d(
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest of each window: (N, C, H, W) -> (N, C, H', W').

    H' = ⌊(H + 2p − d(k − 1) − 1)/s⌋ + 1, or ⌈·⌉ with `ceil_mode`, if that window begins inside.
    What is padded never wins, and NaN always does. Of equal numbers the first, row by row, gets
    the gradient. With `return_indices` also where they were, counted in each (H, W).
    """
    return largest(
        "max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def max_pool3d(
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """(N, C, D, H, W) -> (N, C, D', H', W'); see max_pool2d."""
    return largest(
        "max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def avg_pool1d(
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """(N, C, W) -> (N, C, W'); see avg_pool2d."""
    return mean("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window: (N, C, H, W) -> (N, C, H', W'), sizes as for max_pool2d.

    The padding counts as zeros, or with `count_include_pad=False` not at all;
    `divisor_override` divides the sum by another number.
    """
    return mean(
        "avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def avg_pool3d(
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """(N, C, D, H, W) -> (N, C, D', H', W'); see avg_pool2d."""
    return mean(
        "avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def lp_pool1d(
    x: Tensor,
    norm_type: float,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(N, C, W) -> (N, C, W'); see lp_pool2d."""
    return norm("lp_pool1d", 1, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    x: Tensor,
    norm_type: float,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ xᵖ)^(1/p) of each window, p = norm_type: (N, C, H, W) -> (N, C, H', W').

    As in PyTorch, without absolute values: for odd p a negative sum gives NaN. For p = ∞ it is
    max |x|. A window that `ceil_mode` lets reach outside counts as if its mean went on there.
    Where the sum is 0, so is the gradient.
    """
    return norm("lp_pool2d", 2, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    x: Tensor,
    norm_type: float,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(N, C, D, H, W) -> (N, C, D', H', W'); see lp_pool2d."""
    return norm("lp_pool3d", 3, x, norm_type, kernel_size, stride, ceil_mode)


def adaptive_max_pool1d(x: Tensor, output_size: Output, return_indices: bool = False) -> Any:
    """(N, C, W) -> (N, C, output_size); see adaptive_avg_pool2d."""
    return largest_of(x, shares("adaptive_max_pool1d", 1, x, output_size), return_indices)


def adaptive_max_pool2d(x: Tensor, output_size: Output, return_indices: bool = False) -> Any:
    """The largest of windows that cover x: see adaptive_avg_pool2d."""
    return largest_of(x, shares("adaptive_max_pool2d", 2, x, output_size), return_indices)


def adaptive_max_pool3d(x: Tensor, output_size: Output, return_indices: bool = False) -> Any:
    """(N, C, D, H, W) -> (N, C, *output_size); see adaptive_avg_pool2d."""
    return largest_of(x, shares("adaptive_max_pool3d", 3, x, output_size), return_indices)


def adaptive_avg_pool1d(x: Tensor, output_size: Output) -> Tensor:
    """(N, C, W) -> (N, C, output_size); see adaptive_avg_pool2d."""
    return mean_of(x, shares("adaptive_avg_pool1d", 1, x, output_size))


def adaptive_avg_pool2d(x: Tensor, output_size: Output) -> Tensor:
    """The mean of windows that cover x: (N, C, H, W) -> (N, C, *output_size).

    Window i of H' goes from ⌊i H/H'⌋ to ⌈(i + 1) H/H'⌉, so that some overlap where H' does not
    divide H; None keeps an axis as it is. Size 1 is the mean of each channel.
    """
    return mean_of(x, shares("adaptive_avg_pool2d", 2, x, output_size))


def adaptive_avg_pool3d(x: Tensor, output_size: Output) -> Tensor:
    """(N, C, D, H, W) -> (N, C, *output_size); see adaptive_avg_pool2d."""
    return mean_of(x, shares("adaptive_avg_pool3d", 3, x, output_size))


def max_unpool1d(
    x: Tensor,
    indices: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """(N, C, W') -> (N, C, W); see max_unpool2d."""
    return put_back("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    x: Tensor,
    indices: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros with x at the indices that max_pool2d gave: (N, C, H', W') -> (N, C, H, W).

    H = (H' − 1)s − 2p + k, or what `output_size` says, less than a stride away from that. Where
    two numbers have one index, the last is written. Zeiler and Fergus, arXiv 1311.2901.
    """
    return put_back("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    x: Tensor,
    indices: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """(N, C, D', H', W') -> (N, C, D, H, W); see max_unpool2d."""
    return put_back("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size)


# ------------------------------------------------------------------ for any number of axes


def largest(
    operation: str,
    axes: int,
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    dilation: PerAxis,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    windows, _ = laid(operation, axes, x, kernel_size, stride, padding, dilation, ceil_mode)
    return largest_of(x, windows, return_indices)


def largest_of(x: Tensor, windows: list[Windows], return_indices: bool) -> Any:
    if not return_indices:
        return rules.max_pool(x, windows=windows)
    _, places = rules.largest(value_of(x), windows)
    found = rules.pick(x, places=places, axes=len(windows))
    return found, Tensor(places.astype(np.int64))


def mean(
    operation: str,
    axes: int,
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None = None,
) -> Tensor:
    windows, sizes = laid(operation, axes, x, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None:
        divisor: Any = whole(operation, "divisor_override", divisor_override)
    else:
        divisor = product(sizes if count_include_pad else [w.counts() for w in windows], x.dtype)
    return rules.avg_pool(x, windows=windows, divisor=divisor)


def mean_of(x: Tensor, windows: list[Windows]) -> Tensor:
    if all(len(w.starts) == 1 for w in windows):
        return np.mean(x, axis=tuple(range(-len(windows), 0)), keepdims=True)
    divisor = product([w.counts() for w in windows], x.dtype)
    return rules.avg_pool(x, windows=windows, divisor=divisor)


def norm(
    operation: str,
    axes: int,
    x: Tensor,
    norm_type: float,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    ceil_mode: bool,
) -> Tensor:
    windows, sizes = laid(operation, axes, x, kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == math.inf:
        return rules.max_pool(np.abs(x), windows=windows)
    p = positive(operation, "norm_type", norm_type)
    places = math.prod(per_axis(operation, "kernel_size", kernel_size, axes))
    total = rules.avg_pool(x**p, windows=windows, divisor=product(sizes, x.dtype)) * places
    zero: Any = total == 0
    out: Any = np.where(zero, 0, np.where(zero, 1, total) ** (1 / p))
    return out


def put_back(
    operation: str,
    axes: int,
    x: Tensor,
    indices: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    output_size: Sequence[int] | None,
) -> Tensor:
    require_planes(operation, axes, x)
    places = integers(operation, indices)
    if places.shape != x.shape:
        raise ShapeError(
            operation, "there must be one index for each number",
            got=f"x {x.shape}, indices {places.shape}", wanted="what max_pool returned, both",
        )  # fmt: skip
    kernel = per_axis(operation, "kernel_size", kernel_size, axes)
    steps = kernel if stride is None else per_axis(operation, "stride", stride, axes)
    around = per_axis(operation, "padding", padding, axes, low=0)
    usual = [
        (n - 1) * s - 2 * p + k
        for n, k, s, p in zip(x.shape[-axes:], kernel, steps, around, strict=True)
    ]
    size = usual if output_size is None else list(output_size)[-axes:]
    near = [abs(n - m) < s for n, m, s in zip(size, usual, steps, strict=False)]
    if near != [True] * axes or min(size) < 1:
        raise ShapeError(
            operation, "no such output size", got=f"{output_size=}, x {x.shape}, {kernel_size=}",
            wanted=f"{usual}, each less than a stride away",
        )  # fmt: skip
    planes = math.prod(x.shape[:-axes])
    require_inside(operation, places, math.prod(size), -1, negative=False)
    rows, flat = np.arange(planes)[:, None], places.reshape(planes, -1)
    zeros = np.zeros((planes, math.prod(size)), x.dtype)
    out: Tensor = setitem(zeros, x.reshape(flat.shape), index=(rows, flat))
    return out.reshape(*x.shape[:-axes], *size)


# ------------------------------------------------------------------ windows


def laid(
    operation: str,
    axes: int,
    x: Tensor,
    kernel_size: PerAxis,
    stride: PerAxis | None,
    padding: PerAxis,
    dilation: PerAxis,
    ceil_mode: bool,
) -> tuple[list[Windows], list[Any]]:
    """The windows along each axis, and how many places each has with the padding."""
    require_planes(operation, axes, x)
    kernel = per_axis(operation, "kernel_size", kernel_size, axes)
    steps = kernel if stride is None else per_axis(operation, "stride", stride, axes)
    around = per_axis(operation, "padding", padding, axes, low=0)
    gaps = per_axis(operation, "dilation", dilation, axes)
    lengths = x.shape[-axes:]
    if any(
        n + 2 * p < d * (k - 1) + 1
        for n, p, d, k in zip(lengths, around, gaps, kernel, strict=True)
    ):
        raise ShapeError(
            operation, "the window is larger than the padded x",
            got=f"x {x.shape}, {kernel_size=}, {padding=}, {dilation=}",
            wanted="x + padding at least dilation · (kernel − 1) + 1 long on every axis",
        )  # fmt: skip
    windows, sizes = [], []
    for n, k, s, p, d in zip(lengths, kernel, steps, around, gaps, strict=True):
        windows.append(sliding(n, k, s, p, d, ceil_mode))
        begins = s * np.arange(len(windows[-1].starts)) - p
        sizes.append(np.minimum(begins + k, n + p) - begins)
    too_wide = any(2 * p > k for p, k in zip(around, kernel, strict=True))
    if too_wide or any(w.counts().min() < 1 for w in windows):
        raise ArgumentError(
            operation, "a window would hold nothing but padding",
            got=f"x {x.shape}, {kernel_size=}, {padding=}, {dilation=}",
            wanted="padding of at most half the kernel",
        )  # fmt: skip
    return windows, sizes


def shares(operation: str, axes: int, x: Tensor, output_size: Output) -> list[Windows]:
    """So many windows along each axis that cover it."""
    require_planes(operation, axes, x)
    lengths = x.shape[-axes:]
    one_for_all = output_size is None or is_whole(output_size)
    wanted: Any = (output_size,) * axes if one_for_all else output_size
    if not isinstance(wanted, Sequence) or len(wanted) != axes:
        raise ArgumentError(
            operation, "there must be a size for each axis", got=f"{output_size=}",
            wanted=f"a number, or {axes} of them",
        )  # fmt: skip
    counts = [
        n if m is None else whole(operation, "output_size", m)
        for n, m in zip(lengths, wanted, strict=True)
    ]
    return [adaptive(n, m) for n, m in zip(lengths, counts, strict=True)]


def product(counts: Sequence[Any], dtype: Any) -> Any:
    """How many numbers each window holds: one number where all hold as many."""
    if all((n == n[0]).all() for n in counts):
        return math.prod(int(n[0]) for n in counts)
    return functools.reduce(np.multiply, np.ix_(*counts)).astype(dtype)


def require_planes(operation: str, axes: int, x: Tensor) -> None:
    require_float_array(operation, x)
    if x.ndim not in (axes + 1, axes + 2) or 0 in x.shape[-axes:]:
        places = ", ".join(LETTERS[-axes:])
        raise ShapeError(
            operation, "x does not have the axes to pool", got=f"{x.shape}",
            wanted=f"(N, C, {places}), or (C, {places}) for one example, {places} ≥ 1",
        )  # fmt: skip
