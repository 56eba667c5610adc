"""The networks of the benchmarks in JAX: functions of parameters, which they name as ours.

A network is called with `p`, which gives the parameter of a name and a shape, and with its input.
Images are (N, H, W, C) inside, for which XLA has its faster convolutions; filters stay ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, nn

from ..workloads import parameters_of

Network = Callable[[Callable[..., Any], Any], Any]


def initial(network: Network, x: Any) -> dict[str, Any]:
    """The numbers that every peer gives the network, found by a walk through it."""
    shapes: dict[str, Any] = {}

    def note(name: str, *shape: int) -> Any:
        shapes[name] = shape
        return jnp.zeros(shape)

    jax.eval_shape(partial(network, note), x)
    return jax.tree.map(jnp.asarray, parameters_of(shapes))


def apply(network: Network, parameters: dict[str, Any], x: Any) -> Any:
    return network(lambda name, *shape: parameters[name], x)


# --------------------------------------------------------------------------- layers


def linear(p: Any, name: str, x: Any, features: int) -> Any:
    W = p(f"{name}.weight", features, x.shape[-1])
    return x @ W.T + p(f"{name}.bias", features)


def conv(
    p: Any, name: str, x: Any, filters: int, k: int, *, stride: int = 1, padding: int = 0,
    groups: int = 1, bias: bool = False,
) -> Any:  # fmt: skip
    W = p(f"{name}.weight", filters, x.shape[3] // groups, k, k)
    z = lax.conv_general_dilated(
        x, W, (stride, stride), [(padding, padding)] * 2,
        feature_group_count=groups, dimension_numbers=("NHWC", "OIHW", "NHWC"),
    )  # fmt: skip
    return z + p(f"{name}.bias", filters) if bias else z


def conv_transpose(p: Any, name: str, x: Any, filters: int) -> Any:
    """2 × 2 with stride 2: each number becomes a square."""
    n, h, w, c = x.shape
    W = p(f"{name}.weight", c, filters, 2, 2)
    squares = jnp.einsum("nhwc,cokl->nhkwlo", x, W).reshape(n, 2 * h, 2 * w, filters)
    return squares + p(f"{name}.bias", filters)


def normalized(x: Any, axes: Any) -> Any:
    mean = x.mean(axes, keepdims=True)
    return (x - mean) * lax.rsqrt(jnp.square(x - mean).mean(axes, keepdims=True) + 1e-5)


def batch_norm(p: Any, name: str, x: Any) -> Any:
    """Without the averages that only evaluation needs."""
    channels = x.shape[3]
    weight, bias = p(f"{name}.weight", channels), p(f"{name}.bias", channels)
    return normalized(x, (0, 1, 2)) * weight + bias


def layer_norm(p: Any, name: str, x: Any) -> Any:
    features = x.shape[-1]
    return normalized(x, -1) * p(f"{name}.weight", features) + p(f"{name}.bias", features)


def max_pool(x: Any) -> Any:
    """2 × 2, as XLA does it faster than by its windows."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def channels_last(x: Any) -> Any:
    return jnp.moveaxis(x, 1, 3)


# --------------------------------------------------------------------------- images


def lenet(p: Any, x: Any) -> Any:
    x = max_pool(nn.relu(conv(p, "conv1", channels_last(x), 6, 5, bias=True)))
    x = max_pool(nn.relu(conv(p, "conv2", x, 16, 5, bias=True)))
    flat = jnp.moveaxis(x, 3, 1).reshape(len(x), -1)
    x = nn.relu(linear(p, "fc3", flat, 120))
    return linear(p, "output", nn.relu(linear(p, "fc4", x, 84)), 10)


def residual(p: Any, name: str, x: Any, channels: int, stride: int) -> Any:
    z = conv(p, f"{name}.conv1", x, channels, 3, stride=stride, padding=1)
    z = nn.relu(batch_norm(p, f"{name}.bn1", z))
    z = batch_norm(p, f"{name}.bn2", conv(p, f"{name}.conv2", z, channels, 3, padding=1))
    if stride > 1:
        x = conv(p, f"{name}.downsample.0", x, channels, 1, stride=stride)
        x = batch_norm(p, f"{name}.downsample.1", x)
    return nn.relu(z + x)


def resnet20(p: Any, x: Any) -> Any:
    x = nn.relu(batch_norm(p, "bn1", conv(p, "conv1", channels_last(x), 16, 3, padding=1)))
    for stage, channels in ((1, 16), (2, 32), (3, 64)):
        for i in range(3):
            stride = 2 if stage > 1 and i == 0 else 1
            x = residual(p, f"layer{stage}.{i}", x, channels, stride)
    return linear(p, "fc", x.mean((1, 2)), 10)


def inverted_residual(p: Any, name: str, x: Any) -> Any:
    channels, hidden = x.shape[3], 6 * x.shape[3]
    z = conv(p, f"{name}.conv.0.0", x, hidden, 1)
    z = nn.relu6(batch_norm(p, f"{name}.conv.0.1", z))
    z = conv(p, f"{name}.conv.1.0", z, hidden, 3, padding=1, groups=hidden)
    z = nn.relu6(batch_norm(p, f"{name}.conv.1.1", z))
    return x + batch_norm(p, f"{name}.conv.3", conv(p, f"{name}.conv.2", z, channels, 1))


def inverted_residuals(p: Any, x: Any) -> Any:
    x = channels_last(x)
    for i in range(3):
        x = inverted_residual(p, f"{i}", x)
    return linear(p, "5", x.mean((1, 2)), 10)


def twice(p: Any, name: str, x: Any, channels: int) -> Any:
    for i in range(2):
        x = conv(p, f"{name}.{i}.0", x, channels, 3, padding=1)
        x = nn.relu(batch_norm(p, f"{name}.{i}.1", x))
    return x


def unet(p: Any, x: Any) -> Any:
    """Two levels down and up, from 8 channels."""
    first = twice(p, "encoder.0", channels_last(x), 8)
    second = twice(p, "encoder.1", max_pool(first), 16)
    x = twice(p, "bottom", max_pool(second), 32)
    for i, (skip, channels) in enumerate([(second, 16), (first, 8)]):
        up = conv_transpose(p, f"up.{i}", x, channels)
        x = twice(p, f"decoder.{i}", jnp.concatenate([skip, up], 3), channels)
    return conv(p, "head", x, 4, 1, bias=True)


# --------------------------------------------------------------------------- sequences


def language_model(p: Any, tokens: Any, body: Network, vocabulary: int, width: int) -> Any:
    """Tokens (N, T) to logits (N·T, V)."""
    x = body(p, p("table.weight", vocabulary, width)[tokens])
    return linear(p, "head", x, vocabulary).reshape(-1, vocabulary)


def gates(p: Any, x: Any, n: int, hidden: int) -> tuple[Any, Any, Any]:
    """Of n gates, the inputs' part for all steps (T, N, n·hidden), and what h is taken by."""
    W = p("body.weight_ih_l0", n * hidden, x.shape[2])
    U = p("body.weight_hh_l0", n * hidden, hidden)
    inputs = x.swapaxes(0, 1) @ W.T + p("body.bias_ih_l0", n * hidden)
    return inputs, U, p("body.bias_hh_l0", n * hidden)


def lstm(p: Any, x: Any, hidden: int) -> Any:
    inputs, U, bias = gates(p, x, 4, hidden)

    def cell(state: Any, z: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(z + h @ U.T, 4, axis=1)
        c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(g)
        h = nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros((len(x), hidden))
    return lax.scan(cell, (start, start), inputs + bias)[1].swapaxes(0, 1)


def gru(p: Any, x: Any, hidden: int) -> Any:
    inputs, U, bias = gates(p, x, 3, hidden)

    def cell(h: Any, z: Any) -> Any:
        xr, xz, xn = jnp.split(z, 3, axis=1)
        hr, hz, hn = jnp.split(h @ U.T + bias, 3, axis=1)
        update = nn.sigmoid(xz + hz)
        h = (1 - update) * jnp.tanh(xn + nn.sigmoid(xr + hr) * hn) + update * h
        return h, h

    return lax.scan(cell, jnp.zeros((len(x), hidden)), inputs)[1].swapaxes(0, 1)


def attention(p: Any, name: str, x: Any, heads: int) -> Any:
    n, t, features = x.shape
    W = p(f"{name}.in_proj_weight", 3 * features, features)
    b = p(f"{name}.in_proj_bias", 3 * features)
    q, k, v = ((x @ W.T + b).reshape(n, t, 3, heads, -1)[:, :, i] for i in range(3))
    mixed = nn.dot_product_attention(q, k, v, is_causal=True)
    return linear(p, f"{name}.out_proj", mixed.reshape(n, t, features), features)


def blocks(p: Any, x: Any, heads: int, layers: int, inner: int) -> Any:
    """Positions, and layers of a transformer in which no step looks ahead."""
    features = x.shape[2]
    x = x + p("body.positions", *x.shape[1:])
    for i in range(layers):
        name = f"body.layers.{i}"
        x = layer_norm(p, f"{name}.norm1", x + attention(p, f"{name}.self_attn", x, heads))
        z = nn.relu(linear(p, f"{name}.linear1", x, inner))
        x = layer_norm(p, f"{name}.norm2", x + linear(p, f"{name}.linear2", z, features))
    return x
