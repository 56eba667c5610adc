"""A classifier at every place of a larger picture: window by window, or all at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import DtypeError, ShapeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.nn import Conv2d, Linear

Array = np.ndarray[Any, Any]


def sliding_windows(pictures: Any, size: int, stride: int = 1) -> Array:
    """Every window of size × size: (N, C, H, W) -> (N, rows, columns, C, size, size).

    rows = ⌊(H − size)/stride⌋ + 1, and so on. A view: nothing is copied. Course 4, week 3.
    """
    name = "sliding_windows"
    x = np.asarray(value_of(pictures))
    size, stride = whole(name, "size", size), whole(name, "stride", stride)
    if x.dtype.kind != "f":
        raise DtypeError(
            name, "pictures are floats", got=describe(x), wanted="images.astype(np.float32) / 255"
        )
    if x.ndim != 4 or min(x.shape[2:]) < size:
        raise ShapeError(
            name, "no window fits", got=f"{x.shape}, {size=}",
            wanted=f"(N, C, H, W) with H and W ≥ {size}",
        )  # fmt: skip
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
    return np.moveaxis(windows[:, :, ::stride, ::stride], 1, 3)


def fc_to_conv(linear: Linear, shape: tuple[int, int, int]) -> Conv2d:
    """The dense layer as a convolution: each of its rows as a filter of the size of its input.

    `shape` (C, h, w) is what was flattened for the layer, with C·h·w = in_features. On a map of
    h × w the numbers are the layer's; on a larger one they are its numbers at every place.
    The parameters are copies, in the layer's dtype. Source: OverFeat, Sermanet et al. 2014;
    course 4, week 3.
    """
    name = "fc_to_conv"
    if not isinstance(linear, Linear):
        raise DtypeError(name, "not a dense layer", got=describe(linear), wanted="a Linear")
    if len(shape) != 3 or math.prod(shape) != linear.in_features:
        raise ShapeError(
            name, "not the shape that was flattened for the layer",
            got=f"{shape}, {linear.in_features} features", wanted="(C, h, w) with C·h·w features",
        )  # fmt: skip
    C, h, w = (whole(name, "shape", n) for n in shape)
    weight, bias = linear.weight.numpy(), linear.bias
    layer = Conv2d(C, linear.out_features, (h, w), bias=bias is not None, dtype=weight.dtype)
    layer.weight.assign(weight.reshape(-1, C, h, w))
    if layer.bias is not None and bias is not None:
        layer.bias.assign(bias.numpy())
    return layer
