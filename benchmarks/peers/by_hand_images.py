"""Convolution and pooling in plain NumPy: windows side by side, and one product of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np


def windows(x: Any, k: int) -> Any:
    """(N, C, H, W) -> (N, C·k·k, H'·W'): what each tap of a k × k filter sees."""
    n, c = x.shape[:2]
    seen = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    return seen.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * k * k, -1)


def convolve(x: Any, weight: Any, bias: Any) -> tuple[Any, Any]:
    """x * W + b, and the windows."""
    columns = windows(x, weight.shape[2])
    out = weight.reshape(len(weight), -1) @ columns
    out += bias[:, None]
    side = x.shape[2] - weight.shape[2] + 1
    return out.reshape(len(x), len(weight), side, -1), columns


def to_filters(g: Any, columns: Any, weight: Any) -> tuple[Any, Any]:
    """The gradients of W and b."""
    rows = g.reshape(*g.shape[:2], -1)
    return (rows @ columns.transpose(0, 2, 1)).sum(axis=0).reshape(weight.shape), rows.sum((0, 2))


def to_picture(g: Any, weight: Any) -> Any:
    """The gradient of x: g, with a border, convolved with the turned filters."""
    k = weight.shape[2]
    framed = np.pad(g, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
    turned = weight[:, :, ::-1, ::-1].swapaxes(0, 1)
    return convolve(framed, turned, np.zeros(len(turned), g.dtype))[0]


def pool(x: Any) -> Any:
    """The largest of each 2 × 2."""
    upper, lower = x[:, :, ::2], x[:, :, 1::2]
    rows = np.maximum(upper, lower)
    return np.maximum(rows[..., ::2], rows[..., 1::2])


def unpool(g: Any, x: Any, out: Any) -> Any:
    """g at the first place of each 2 × 2 that holds the largest."""
    to_x, free = np.zeros_like(x), np.ones(out.shape, bool)
    for i in range(2):
        for j in range(2):
            here = free & (x[:, :, i::2, j::2] == out)
            to_x[:, :, i::2, j::2] = g * here
            free &= ~here
    return to_x


def conv2d(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def step() -> Any:
        framed = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        out, columns = convolve(framed, weight, bias)
        to_x = to_picture(g, weight)[:, :, 1:-1, 1:-1]
        return out, to_x, *to_filters(g, columns, weight)

    return step


def max_pool(x: Any, g: Any) -> Any:
    def step() -> Any:
        out = pool(x)
        return out, unpool(g, x, out)

    return step


LENET = {
    "conv1.weight": (6, 1, 5, 5), "conv1.bias": (6,),
    "conv2.weight": (16, 6, 5, 5), "conv2.bias": (16,),
    "fc3.weight": (120, 400), "fc3.bias": (120,),
    "fc4.weight": (84, 120), "fc4.bias": (84,),
    "output.weight": (10, 84), "output.bias": (10,),
}  # fmt: skip


class LeNet:
    """LeNet-5's parameters by name, its loss and their gradients."""

    LAYERS = ("conv1", "conv2", "fc3", "fc4", "output")

    def __init__(self, parameters: dict[str, Any]) -> None:
        self.parameters = parameters

    def of(self, layer: str) -> tuple[Any, Any]:
        return self.parameters[f"{layer}.weight"], self.parameters[f"{layer}.bias"]

    def gradients(self, x: Any, labels: Any, loss_of: Any) -> tuple[Any, dict[str, Any]]:
        found: dict[str, Any] = {}
        seen = []
        for layer in self.LAYERS[:2]:
            z, columns = convolve(x, *self.of(layer))
            a = np.maximum(z, 0)
            x = pool(a)
            seen.append((columns, a, x))
        flat = [x.reshape(len(x), -1)]
        for layer in self.LAYERS[2:]:
            W, b = self.of(layer)
            z = flat[-1] @ W.T + b
            flat.append(z if layer == "output" else np.maximum(z, 0))
        loss, g = loss_of(flat.pop(), labels)
        for i, layer in reversed(list(enumerate(self.LAYERS[2:]))):
            W, _ = self.of(layer)
            found[f"{layer}.weight"], found[f"{layer}.bias"] = g.T @ flat[i], g.sum(axis=0)
            g = g @ W
            if i:
                g *= flat[i] > 0
        g = g.reshape(x.shape)
        for layer, (columns, a, pooled) in reversed(list(zip(self.LAYERS[:2], seen, strict=True))):
            W, _ = self.of(layer)
            g = unpool(g, a, pooled) * (a > 0)
            found[f"{layer}.weight"], found[f"{layer}.bias"] = to_filters(g, columns, W)
            if layer == "conv2":
                g = to_picture(g, W)
        return loss, found
