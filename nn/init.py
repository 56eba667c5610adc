"""Initial values, under PyTorch's names. Each function fills a Tensor in place and returns it.

    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

A weight is (out, in, ...): fan_in = in · receptive field, fan_out = out · receptive field.
Course 2, week 1 calls √(1/fan_in) "Xavier"; the literature gives that to LeCun, √(2/fan_in) to
He, and √(2/(fan_in + fan_out)) to Glorot and Bengio, whose first name is Xavier.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.tensor import Tensor

Generator = np.random.Generator | None

# How much each nonlinearity shrinks the standard deviation, as PyTorch has it.
GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor for weights before the nonlinearity; `param` is leaky_relu's slope (0.01)."""
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise ArgumentError(
            "calculate_gain", "unknown nonlinearity", got=repr(nonlinearity),
            wanted=", ".join([*GAINS, "leaky_relu"]),
        )  # fmt: skip
    return GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs an output sums, and how many outputs an input feeds."""
    if tensor.ndim < 2:
        raise ShapeError(
            "init", "a fan needs at least two axes", got=f"{tensor.shape}", wanted="(out, in, ...)"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def fan_of(tensor: Tensor, mode: str) -> int:
    modes = {"fan_in": 0, "fan_out": 1}
    if mode not in modes:
        raise ArgumentError("init", "unknown mode", got=repr(mode), wanted="'fan_in' or 'fan_out'")
    return fans(tensor)[modes[mode]]


def filled(tensor: Tensor, values: Any) -> Tensor:
    """The Tensor with the values, in its own dtype."""
    return tensor.assign(np.broadcast_to(values, tensor.shape).astype(tensor.dtype)[()])


# ------------------------------------------------------------------ constants


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One number everywhere."""
    return filled(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    return filled(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return filled(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, (n, m)."""
    if tensor.ndim != 2:
        raise ShapeError("eye_", "no matrix", got=f"{tensor.shape}", wanted="(n, m)")
    return filled(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


# ------------------------------------------------------------------ plain distributions


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator = None) -> Tensor:
    """Uniform in [a, b)."""
    return filled(tensor, generator_or_default(generator).uniform(a, b, tensor.shape))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator = None
) -> Tensor:
    """Normal."""
    return filled(tensor, generator_or_default(generator).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator = None,
) -> Tensor:
    """Normal, drawn again wherever outside [a, b]."""
    low, high = (a - mean) / std, (b - mean) / std
    inside = 0.5 * (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
    if inside < 0.01:  # each redraw would keep less than one number in a hundred
        raise ArgumentError(
            "trunc_normal_", "the interval holds almost nothing of the distribution",
            got=f"mean={mean}, std={std}, [{a}, {b}]", wanted="an interval nearer to the mean",
        )  # fmt: skip
    draw = generator_or_default(generator).normal
    values = draw(mean, std, tensor.shape)
    while (outside := (values < a) | (values > b)).any():
        values = np.where(outside, draw(mean, std, tensor.shape), values)
    return filled(tensor, values)


# ------------------------------------------------------------------ scaled by the fans


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """U(±gain √(6/(fan_in + fan_out))). Source: Glorot and Bengio 2010."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """N(0, gain² · 2/(fan_in + fan_out)). Source: Glorot and Bengio 2010."""
    return normal_(tensor, 0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """U(±gain √(3/fan)), with leaky_relu's slope a in the gain. Source: arXiv 1502.01852."""
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / fan_of(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator = None,
) -> Tensor:
    """N(0, gain²/fan), with leaky_relu's slope a in the gain. Source: arXiv 1502.01852."""
    std = calculate_gain(nonlinearity, a) / math.sqrt(fan_of(tensor, mode))
    return normal_(tensor, 0, std, generator)


def he_(tensor: Tensor, generator: Generator = None) -> Tensor:
    """N(0, 2/fan_in), for relu: kaiming_normal_ with its defaults. Course 2, week 1."""
    return kaiming_normal_(tensor, generator=generator)


def lecun_(tensor: Tensor, generator: Generator = None) -> Tensor:
    """N(0, 1/fan_in), for tanh and selu. Source: LeCun et al. 1998; the lecture's "Xavier"."""
    return kaiming_normal_(tensor, nonlinearity="linear", generator=generator)


glorot_uniform_, glorot_normal_ = xavier_uniform_, xavier_normal_


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator = None) -> Tensor:
    """gain · a random matrix with orthonormal rows or columns, (n, ...) seen as (n, rest).

    From the QR decomposition of a normal matrix, uniform over all of them. arXiv 1312.6120.
    """
    if tensor.ndim < 2:
        raise ShapeError("orthogonal_", "no matrix", got=f"{tensor.shape}", wanted="(n, m, ...)")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    draw = generator_or_default(generator).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(draw)
    q = q * np.sign(np.diag(r))  # without it the distribution is not uniform
    return filled(tensor, gain * (q.T if rows < columns else q).reshape(tensor.shape))
