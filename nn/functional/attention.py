"""Attention as functions: queries (..., L, E) look at keys (..., S, E) and take of their values.

A mask broadcasts to (..., L, S). Of booleans, True means that the query may look at the key, as in
PyTorch; floats are added to the scores. A query that may look at no key at all has the weights 0
and the result 0, and nothing is NaN, forward or backward.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_tr.arguments import within
from tinygrad_tr.creation import random_mask
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.rules import attention
from tinygrad_tr.rules.activations import require_mask
from tinygrad_tr.tensor import Tensor

from ..checks import require_float_array, require_probability, value_of

Array = np.ndarray[Any, Any]
Operand = Any  # a Tensor, or what NumPy makes an array of


def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """softmax(Q Kᵀ/√E) V: (..., L, E), (..., S, E), (..., S, Ev) -> (..., L, Ev).

    `scale` replaces 1/√E. With `is_causal` query i looks at keys 0 to i only, within what the mask
    allows. Dropout thins the weights out; it knows no evaluation, as in PyTorch.
    Source: arXiv 1706.03762; course 5, week 4.
    """
    name = "scaled_dot_product_attention"
    require_probability(name, "dropout_p", dropout_p)
    require_values(name, key, value)
    shape = scores_shape(name, query, key)
    bias, where = masks(name, attn_mask, is_causal, shape, query.dtype)
    kept = None
    if dropout_p > 0:
        kept = random_mask(shape, 1 - dropout_p, generator)
    q, k, v = same_stacks(query, key, value)
    scale = scale_of(name, scale, query)
    return attention.attention(q, k, v, bias, kept, where=where, scale=scale, keep=1 - dropout_p)


def attention_weights(
    query: Operand,
    key: Operand,
    attn_mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(Q Kᵀ/√E), how much each query takes of each value, in rows that sum to 1.

    (..., L, E), (..., S, E) -> (..., L, S). For a picture of what a model looks at; the arguments
    are those of `scaled_dot_product_attention`.
    """
    name = "attention_weights"
    shape = scores_shape(name, query, key)
    bias, where = masks(name, attn_mask, is_causal, shape, query.dtype)
    return attention.attention_weights(
        query, key, bias, where=where, scale=scale_of(name, scale, query)
    )


def causal_mask(length: int, keys: int | None = None, past: int = 0) -> Array:
    """True where a query may look: (length, keys), query i at keys 0 to past + i."""
    return np.tri(length, length + past if keys is None else keys, past, dtype=bool)


# ------------------------------------------------------------------ what is allowed


def masks(
    operation: str, mask: Any, is_causal: bool, shape: tuple[int, ...], dtype: Any
) -> tuple[Any, Array | None]:
    """What is added to the scores, and where a query may look at a key; None for neither."""
    where = causal_mask(*shape[-2:]) if is_causal else None
    if mask is None:
        return None, where
    values = value_of(mask)
    if values.dtype == bool:
        require_mask(operation, "the mask", values, shape)
        return None, values if where is None else values & where
    if values.dtype != dtype:
        raise DtypeError(
            operation, "a mask is of booleans, or of the scores' dtype", got=describe(values),
            wanted=f"True where a query may look at a key, or {dtype} numbers to be added",
        )  # fmt: skip
    hidden = np.isneginf(values)
    require_mask(operation, "the mask", hidden, shape)
    if hidden.any():
        where = ~hidden if where is None else where & ~hidden
    return mask if isinstance(mask, Tensor) else values, where


def scale_of(operation: str, scale: float | None, query: Any) -> float:
    return 1 / math.sqrt(query.shape[-1]) if scale is None else within(operation, "scale", scale)


# ------------------------------------------------------------------ shapes


def scores_shape(operation: str, query: Any, key: Any) -> tuple[int, ...]:
    """(..., L, S) of queries (..., L, E) and keys (..., S, E)."""
    for x in (query, key):
        require_float_array(operation, x)
    require_same_dtype(operation, query, key)
    fits = query.ndim > 1 < key.ndim and query.shape[-1] == key.shape[-1]
    try:
        stacks = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    except ValueError:
        fits = False
    if not fits or query.shape[-1] == 0:
        raise ShapeError(
            operation, "the keys do not fit the queries",
            got=f"query {query.shape}, key {key.shape}", wanted="(..., L, E) and (..., S, E)",
        )  # fmt: skip
    if key.shape[-2] == 0:
        raise ArgumentError(
            operation, "there is no key to look at", got=f"key {key.shape}",
            wanted="(..., S, E) with S ≥ 1",
        )  # fmt: skip
    return (*stacks, query.shape[-2], key.shape[-2])


def require_same_dtype(operation: str, x: Any, y: Any) -> None:
    if x.dtype != y.dtype:
        raise DtypeError(
            operation, "queries, keys and values have one dtype", got=f"{x.dtype} and {y.dtype}",
            wanted="one of them for all: t.astype(...)",
        )  # fmt: skip


def require_values(operation: str, key: Any, value: Any) -> None:
    """Refuse keys without values, and values without keys."""
    require_float_array(operation, value)
    require_same_dtype(operation, key, value)
    if value.ndim < 2 or value.shape[:-1] != key.shape[:-1]:
        raise ShapeError(
            operation, "each key has one value", got=f"key {key.shape}, value {value.shape}",
            wanted="(..., S, E) and (..., S, Ev)",
        )  # fmt: skip


def same_stacks(*inputs: Any) -> list[Any]:
    """The inputs with the same axes before the last two, stretched where they were 1 or missing."""
    stacks = np.broadcast_shapes(*(x.shape[:-2] for x in inputs))
    return [
        x if x.shape[:-2] == stacks else np.broadcast_to(x, (*stacks, *x.shape[-2:]))
        for x in inputs
    ]
