"""Other sizes: interpolation, pixels from channels and back, windows as columns and back.

x is (N, C, *). Sizes and factors are a number for all axes or one for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import positive, whole
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rules import unfolding as rules
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array
from .convolution import PerAxis, Sizes, per_axis, with_batch
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

Array = Any

# How many axes each mode is for, and how many neighbours of each it weighs.
MODES = {
    "nearest": ((1, 2, 3), 1), "nearest-exact": ((1, 2, 3), 1), "linear": ((1,), 2),
    "bilinear": ((2,), 2), "trilinear": ((3,), 2), "bicubic": ((2,), 4), "area": ((1, 2, 3), 0),
}  # fmt: skip


def interpolate(
    x: Tensor,
    size: PerAxis | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """x at more or fewer places: (N, C, *) -> (N, C, *size), or ⌊length · scale_factor⌋.

    "nearest" takes one number, "linear", "bilinear" and "trilinear" weigh two along each of one,
    two or three axes, "bicubic" four, and "area" is the mean of what falls together. The numbers
    lie in the middle of pixels, or with `align_corners` the outermost on the outermost.
    """
    require_float_array("interpolate", x)
    axes = x.ndim - 2
    if mode not in MODES or axes not in MODES[mode][0]:
        fitting = [name for name, (several, _) in MODES.items() if axes in several]
        raise ArgumentError(
            "interpolate", "no such mode for x", got=f"{mode=}, x {x.shape}",
            wanted=" or ".join(fitting) or "x (N, C, W), (N, C, H, W) or (N, C, D, H, W)",
        )  # fmt: skip
    neighbours = MODES[mode][1]
    if align_corners is not None and neighbours < 2:
        raise ArgumentError(
            "interpolate", "only the linear and cubic modes align corners", got=f"{mode=}",
            wanted="align_corners=None",
        )  # fmt: skip
    sizes, factors = sizes_of(x.shape[2:], size, scale_factor)
    if mode == "area":
        pool: Any = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[axes - 1]
        return pool(x, sizes)
    for axis, (m, factor) in enumerate(zip(sizes, factors, strict=True), 2):
        n = x.shape[axis]
        if neighbours == 1:
            half = 0.5 if mode == "nearest-exact" else 0.0
            places = np.minimum(((np.arange(m) + half) * (1 / factor)).astype(np.int64), n - 1)
            x = np.take(x, places, axis=axis)
        elif m != n or factor != 1:
            x = weighed(x, axis, *around(n, m, factor, bool(align_corners), neighbours))
    return x


def sizes_of(
    lengths: Sizes, size: PerAxis | None, scale_factor: float | Sequence[float] | None
) -> tuple[Sizes, list[float]]:
    """The new lengths, and by how much each grows."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            "interpolate", "size and scale_factor are two ways to say one thing",
            got=f"{size=}, {scale_factor=}", wanted="one of them",
        )  # fmt: skip
    if size is not None:
        sizes = per_axis("interpolate", "size", size, len(lengths))
        return sizes, [m / n for m, n in zip(sizes, lengths, strict=True)]
    given: Any = scale_factor
    factors = list(given) if isinstance(given, Sequence) else [given] * len(lengths)
    if len(factors) != len(lengths):
        raise ArgumentError(
            "interpolate", "there must be a factor for each axis", got=f"{scale_factor=}",
            wanted=f"a number, or {len(lengths)} of them",
        )  # fmt: skip
    factors = [positive("interpolate", "scale_factor", factor) for factor in factors]
    sizes = tuple(math.floor(n * factor) for n, factor in zip(lengths, factors, strict=True))
    if min(sizes) < 1:
        raise ShapeError(
            "interpolate", "nothing would be left", got=f"lengths {lengths}, {scale_factor=}",
            wanted="larger factors",
        )  # fmt: skip
    return sizes, factors


def around(
    n: int, m: int, factor: float, align_corners: bool, neighbours: int
) -> tuple[Array, Array]:
    """The neighbours of each of m places among n numbers, and their weights: both (·, m)."""
    if align_corners:
        at = np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)
    else:
        at = (np.arange(m) + 0.5) / factor - 0.5
    if neighbours == 2:
        at = np.clip(at, 0, n - 1)
        first = np.floor(at)
        t = at - first
        places, weights = np.stack([first, first + 1]), np.stack([1 - t, t])
    else:
        first = np.floor(at)
        distances = np.abs(at - first + np.array([[1], [0], [-1], [-2]]))
        places, weights = first + np.array([[-1], [0], [1], [2]]), cubic(distances)
    return np.clip(places, 0, n - 1).astype(np.int64), weights


def cubic(d: Array, a: float = -0.75) -> Array:
    """Keys' kernel at distance d: exact for squares where a is −1/2; PyTorch's a is −3/4."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = a * (((d - 5) * d + 8) * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def weighed(x: Tensor, axis: int, places: Array, weights: Array) -> Tensor:
    """Σ w · x at the places along an axis. What has no weight may be NaN."""
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    terms = [
        np.take(x, where, axis=axis) * w.astype(x.dtype).reshape(shape)
        for where, w in zip(places, weights, strict=True)
        if w.any()
    ]
    total: Tensor = sum(terms[1:], terms[0])
    return total


# ------------------------------------------------------------------ pixels and channels


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Channels to pixels: (..., C r², H, W) -> (..., C, H r, W r). arXiv 1609.05158."""
    r = whole("pixel_shuffle", "upscale_factor", upscale_factor)
    *batch, channels, height, width = picture("pixel_shuffle", x)
    if channels % (r * r):
        raise ShapeError(
            "pixel_shuffle", "the channels do not divide into pixels", got=f"x {x.shape}, {r=}",
            wanted=f"a multiple of {r * r} channels",
        )  # fmt: skip
    parts = x.reshape(*batch, channels // (r * r), r, r, height, width)
    n = len(batch)
    moved = parts.transpose(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return moved.reshape(*batch, channels // (r * r), height * r, width * r)


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Pixels to channels: (..., C, H r, W r) -> (..., C r², H, W)."""
    r = whole("pixel_unshuffle", "downscale_factor", downscale_factor)
    *batch, channels, height, width = picture("pixel_unshuffle", x)
    if height % r or width % r:
        raise ShapeError(
            "pixel_unshuffle", "the picture does not divide into blocks", got=f"x {x.shape}, {r=}",
            wanted=f"height and width multiples of {r}",
        )  # fmt: skip
    parts = x.reshape(*batch, channels, height // r, r, width // r, r)
    n = len(batch)
    moved = parts.transpose(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return moved.reshape(*batch, channels * r * r, height // r, width // r)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """The channels of all groups in turn: (N, C, *) -> (N, C, *). arXiv 1707.01083."""
    whole("channel_shuffle", "groups", groups)
    if x.ndim < 3 or x.shape[1] % groups:
        raise ShapeError(
            "channel_shuffle", "the channels do not divide into the groups",
            got=f"x {x.shape}, {groups=}", wanted="(N, C, *) with C a multiple of groups",
        )  # fmt: skip
    n, channels, *size = x.shape
    parts = x.reshape(n, groups, channels // groups, *size)
    return parts.swapaxes(1, 2).reshape(x.shape)


def picture(operation: str, x: Tensor) -> tuple[int, ...]:
    """The shape of x (..., C, H, W)."""
    if x.ndim < 3:
        raise ShapeError(operation, "x is no picture", got=f"x {x.shape}", wanted="(..., C, H, W)")
    return x.shape


# ------------------------------------------------------------------ windows and columns


def unfold(
    x: Tensor,
    kernel_size: PerAxis,
    dilation: PerAxis = 1,
    padding: PerAxis = 0,
    stride: PerAxis = 1,
) -> Tensor:
    """The windows of x as columns: (N, C, H, W) -> (N, C · k_H · k_W, windows)."""
    x, single = with_batch("unfold", 2, x)
    facts = facts_of("unfold", kernel_size, dilation, padding, stride)
    positions = positions_of("unfold", x.shape[2:], **facts)
    taps = x.shape[1] * math.prod(facts["kernel"])
    out: Tensor = rules.unfold(x, positions=positions, **facts)
    out = out.reshape(len(x), taps, math.prod(positions))
    return out[0] if single else out


def fold(
    x: Tensor,
    output_size: PerAxis,
    kernel_size: PerAxis,
    dilation: PerAxis = 1,
    padding: PerAxis = 0,
    stride: PerAxis = 1,
) -> Tensor:
    """The sum of columns, each in its window's place: the adjoint of unfold, not its inverse.

    (N, C · k_H · k_W, windows) -> (N, C, *output_size).
    """
    require_float_array("fold", x)
    size = per_axis("fold", "output_size", output_size, 2)
    facts = facts_of("fold", kernel_size, dilation, padding, stride)
    kernel = facts.pop("kernel")
    positions = positions_of("fold", size, kernel, **facts)
    taps = math.prod(kernel)
    single = x.ndim == 2
    x = x[None] if single else x
    if x.ndim != 3 or x.shape[1] % taps or x.shape[2] != math.prod(positions):
        raise ShapeError(
            "fold", "the columns do not fit the windows", got=f"x {x.shape}",
            wanted=f"(N, C · {taps}, {math.prod(positions)})",
        )  # fmt: skip
    columns = x.reshape(len(x), x.shape[1] // taps, *kernel, *positions)
    out: Tensor = rules.fold(columns, size=size, **facts)
    return out[0] if single else out


def facts_of(
    operation: str, kernel_size: PerAxis, dilation: PerAxis, padding: PerAxis, stride: PerAxis
) -> dict[str, Sizes]:
    return {
        "kernel": per_axis(operation, "kernel_size", kernel_size, 2),
        "dilation": per_axis(operation, "dilation", dilation, 2),
        "padding": per_axis(operation, "padding", padding, 2, low=0),
        "stride": per_axis(operation, "stride", stride, 2),
    }


def positions_of(
    operation: str, lengths: Sizes, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes
) -> Sizes:
    """How many windows there are along each axis."""
    positions = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(lengths, kernel, dilation, padding, stride, strict=True)
    )
    if min(positions) < 1:
        raise ShapeError(
            operation, "the window is larger than the padded picture",
            got=f"{lengths} with kernel {kernel}, {padding=}, {dilation=}",
            wanted="padding, or a smaller kernel",
        )  # fmt: skip
    return positions
