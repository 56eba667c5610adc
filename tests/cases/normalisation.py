"""Rows for tinygrad_tr/rules/normalisation.py."""

import numpy as np

from tests.cases.case import Case, normal
from tinygrad_tr.rules.normalisation import normalize, normalize_with_moments


def row(label, axes, shapes, torch, centred=True):
    """A norm of the torch function named, over these axes."""
    return Case(
        "normalize",
        lambda x, *affine: normalize(
            x, *(*affine, None, None)[:2], axes=axes, eps=1e-5, centred=centred
        ),
        [normal(*shape) for shape in shapes],
        torch,
        label=label,
        keeps=2.0,
    )


def with_moments(x, *affine):
    outputs = normalize_with_moments(x, *(*affine, None, None)[:2], axes=(0, 2), eps=1e-5)
    return np.concatenate([np.reshape(out, -1) for out in outputs])


def batch_with_moments(torch, x, *affine):
    mean, variance = x.mean((0, 2)), x.var((0, 2), unbiased=False)
    return torch.cat([out.reshape(-1) for out in (batch(torch, x, *affine), mean, variance)])


def batch(torch, x, *affine):
    flat = [p.reshape(-1) for p in affine]
    return torch.nn.functional.batch_norm(x, None, None, *flat, training=True)


def layer(torch, x, *affine):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], *affine)


def group(torch, x, weight, bias):
    n, groups, members, length = x.shape
    whole = torch.nn.functional.group_norm(
        x.reshape(n, groups * members, length), groups, weight.reshape(-1), bias.reshape(-1)
    )
    return whole.reshape(x.shape)


CASES = [
    row("batch (N, C)", (0,), [(6, 4), (4,), (4,)], batch),
    row("batch (N, C, H, W)", (0, 2, 3), [(3, 2, 4, 2), (2, 1, 1), (2, 1, 1)], batch),
    row("without weight", (0,), [(6, 4)], batch),
    row("layer", (1,), [(4, 6), (6,), (6,)], layer),
    row("layer, no bias", (1,), [(4, 6), (6,)], layer),
    row("group", (2, 3), [(2, 3, 2, 4), (3, 2, 1), (3, 2, 1)], group),
    row("instance", (2,), [(2, 3, 5)],
        lambda torch, x: torch.nn.functional.instance_norm(x)),
    row("rms", (1,), [(4, 6), (6,)],
        lambda torch, x, w: torch.nn.functional.rms_norm(x, (6,), w, 1e-5), centred=False),
    Case("normalize_with_moments", with_moments,
         [normal(3, 2, 4), normal(2, 1), normal(2, 1)], batch_with_moments),
    Case("normalize_with_moments", with_moments, [normal(3, 2, 4)], batch_with_moments,
         label="without weight"),
]  # fmt: skip
