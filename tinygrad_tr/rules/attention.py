"""Attention: every query looks at every key, and takes the values where they fit."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.kernels.attention import attended
from tinygrad_tr.rule import rule
from tinygrad_tr.rules.activations import softmax
from tinygrad_tr.rules.layers import dropout
from tinygrad_tr.rules.shape import unbroadcast


def attention_weights(q, k, bias, *, where, scale):
    """softmax(q kᵀ s + b), each row over the keys: (..., L, D), (..., S, D) -> (..., L, S)."""
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * scale
    return softmax(scores if bias is None else scores + bias, where=where)


def attention_reference(q, k, v, bias, kept, *, where, scale, keep):
    weights = attention_weights(q, k, bias, where=where, scale=scale)
    return np.matmul(weights if kept is None else dropout(weights, kept, keep=keep), v)


@rule(joint=True, reference=attention_reference)
def attention(q, k, v, bias, kept, *, where, scale, keep):
    """softmax(q kᵀ s + b) v: (..., L, D), (..., S, D), (..., S, E) -> (..., L, E).

    The bias b, and `where` with it, broadcast to (..., L, S); either may be None. Where `where` is
    False a key has weight 0, and a query without any key the result 0. `kept`, (..., L, S) or
    None, are the weights that dropout leaves, divided by `keep`.
    Source: Vaswani et al., Attention is all you need, 2017; course 5, week 4.
    """
    added = bias
    if where is not None:
        hidden = np.where(where, 0, -np.inf).astype(q.dtype)
        added = hidden if bias is None else bias + hidden
    out, back = attended(q, k, v, added, kept, scale, 1 / keep if keep else 0.0)

    def joint(g, needs):
        gradients = [*back(g, needs[3]), None]
        if needs[3]:
            gradients[3] = unbroadcast(gradients[3], bias.shape)
        return [to_x if needed else None for to_x, needed in zip(gradients, needs, strict=True)]

    return out, joint
