"""Distances and similarities of vectors, and the losses that pull and push vectors by them.

A vector is the last axis, (..., D), unless `dim` names another. The derivative of a distance of
0 is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_tr.arguments import within
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rules.arithmetic import where
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array, require_positive, require_reduction, value_of

Operand = Any  # a Tensor, or what NumPy makes an array of
Distance = Callable[[Any, Any], Any]  # (N, D), (N, D) -> (N,)


def squared_distance(x1: Operand, x2: Operand) -> Tensor:
    """Σ (x1 − x2)² over the last axis: (..., D), (..., D) -> (...). Course 4, week 4."""
    require_same_vectors("squared_distance", x1=x1, x2=x2)
    d = x1 - x2
    return np.sum(d * d, axis=-1)


def pairwise_distance(
    x1: Operand, x2: Operand, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """‖x1 − x2 + eps‖ₚ over the last axis: (..., D), (..., D) -> (...).

    As in PyTorch `eps` is added to each difference: with it no distance is quite 0.
    """
    require_same_vectors("pairwise_distance", x1=x1, x2=x2)
    return np.linalg.vector_norm(x1 - x2 + eps, axis=-1, keepdims=keepdim, ord=p)


def cdist(x1: Operand, x2: Operand, p: float = 2.0) -> Tensor:
    """‖x1ᵢ − x2ⱼ‖ₚ for every i and j: (..., n, D), (..., m, D) -> (..., n, m).

    Of the differences themselves: nothing cancels, and equal vectors are exactly 0 apart.
    """
    for name, x in (("x1", x1), ("x2", x2)):
        require_float_array("cdist", x)
        if x.ndim < 2 or x.shape[-1] != x1.shape[-1] or x.shape[:-2] != x1.shape[:-2]:
            raise ShapeError(
                "cdist", f"{name} is no list of such vectors", got=f"{x1.shape} and {x2.shape}",
                wanted="(..., n, D) and (..., m, D)",
            )  # fmt: skip
    differences = np.expand_dims(x1, -2) - np.expand_dims(x2, -3)
    return np.linalg.vector_norm(differences, axis=-1, ord=p)


def pdist(x: Operand, p: float = 2.0) -> Tensor:
    """‖xᵢ − xⱼ‖ₚ for all i < j, in the order 01, 02, ... 12, ...: (N, D) -> (N(N−1)/2,)."""
    require_float_array("pdist", x)
    if x.ndim != 2:
        raise ShapeError("pdist", "no list of vectors", got=f"{x.shape}", wanted="(N, D)")
    i, j = np.triu_indices(len(x), k=1)
    return np.linalg.vector_norm(x[i] - x[j], axis=-1, ord=p)


def normalize(x: Operand, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(‖x‖ₚ, eps) along the axis: vectors of length 1, and 0 stays 0."""
    require_float_array("normalize", x)
    require_positive("normalize", "eps", eps)
    length = np.linalg.vector_norm(x, axis=dim, keepdims=True, ord=p)
    return x / np.clip(length, eps, None)


def cosine_similarity(x1: Operand, x2: Operand, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along the axis, in [−1, 1].

    Axes of length 1 broadcast: x1[:, None], x2[None] and dim=2 give all pairs.
    """
    for x in (x1, x2):
        require_float_array("cosine_similarity", x)
    if x1.ndim != x2.ndim or x1.shape[dim] != x2.shape[dim]:
        raise ShapeError(
            "cosine_similarity", "not vectors of one length", got=f"{x1.shape} and {x2.shape}",
            wanted=f"as many axes, and one length along {dim=}",
        )  # fmt: skip
    return np.sum(normalize(x1, dim=dim, eps=eps) * normalize(x2, dim=dim, eps=eps), axis=dim)


def cosine_embedding_loss(
    input1: Operand, input2: Operand, target: Operand, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 − cos where the target is 1, max(cos − margin, 0) where it is −1.

    Two lists of vectors (N, D) and N targets, or two vectors and one target.
    """
    name = "cosine_embedding_loss"
    reduce = require_reduction(name, reduction)
    within(name, "margin", margin, -1, 1)
    require_same_vectors(name, input1=input1, input2=input2)
    y = value_of(target)
    if y.shape != input1.shape[:-1]:
        raise ShapeError(
            name, "each pair has one target", got=f"vectors {input1.shape}, target {y.shape}",
            wanted=f"target {input1.shape[:-1]}",
        )  # fmt: skip
    if not (same := y == 1)[y != -1].all():
        raise ArgumentError(
            name, "a target is neither 1 nor -1", got=f"{np.unique(y).tolist()}",
            wanted="1 for vectors that belong together, -1 for others; of bools, 2 * same - 1",
        )  # fmt: skip
    cos = cosine_similarity(input1, input2, dim=-1, eps=1e-6)  # PyTorch's: √1e-12
    return reduce(where(same, 1 - cos, np.clip(cos - margin, 0, None)))


def triplet_margin_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(d(A, P) − d(A, N) + margin, 0), with d the `pairwise_distance`: (N, D) three times.

    `swap` takes min(d(A, N), d(P, N)) for d(A, N) (Balntas et al. 2016). The course has d², and
    no mean but a sum: `triplet_margin_with_distance_loss` with `squared_distance`.
    """
    d = partial(pairwise_distance, p=p, eps=eps)
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=d, margin=margin, swap=swap,
        reduction=reduction,
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    *,
    distance_function: Distance | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(d(A, P) − d(A, N) + margin, 0) for any distance d, which is `pairwise_distance` if None.

    The loss of FaceNet (arXiv 1503.03832) is that of `squared_distance`, margin 0.2, and "sum".
    """
    name = "triplet_margin_loss"
    reduce = require_reduction(name, reduction)
    require_positive(name, "margin", margin)
    require_same_vectors(name, anchor=anchor, positive=positive, negative=negative)
    d = pairwise_distance if distance_function is None else distance_function
    to_negative = d(anchor, negative)
    if swap:
        to_negative = np.minimum(to_negative, d(positive, negative))
    return reduce(np.clip(d(anchor, positive) - to_negative + margin, 0, None))


def require_same_vectors(operation: str, **vectors: Operand) -> None:
    """Refuse arrays whose shapes differ, though they may broadcast, and numbers without axes."""
    for x in vectors.values():
        require_float_array(operation, x)
    if len({x.shape for x in vectors.values()}) > 1 or any(x.ndim == 0 for x in vectors.values()):
        raise ShapeError(
            operation, f"{', '.join(vectors)} are not equally many vectors of one length",
            got=" and ".join(str(x.shape) for x in vectors.values()),
            wanted="one shape (..., D); cdist compares all with all",
        )  # fmt: skip
