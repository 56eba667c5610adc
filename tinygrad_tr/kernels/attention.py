"""softmax(q kᵀ s + b) v for every head, and the way back, in place on one matrix of scores each.

With e = exp(scores − their largest) and t = Σ e of each row, the weights are a = e/t. They are
never written down: t divides the results, (L, D), instead. On the way back, with ga = g vᵀ,

    to v       aᵀ g
    to scores  a (ga − Σ a ga), where Σ a ga = g · out, again (L, D) instead of (L, S)

Source of the second: Dao et al., FlashAttention, 2022 (arXiv 2205.14135).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.kernels.compiled import SMALLEST
from tinygrad_tr.kernels.threads import in_parts

Array = Any
Back = Callable[[Array, bool], tuple[Array, Array, Array, Array | None]]

# OpenBLAS gives products with more multiply-adds to all processors by itself. Shared head by head
# instead, those of so many take half the time, with the softmax; larger ones a little more.
SHARED_BY_BLAS = 1 << 18


def attended(
    q: Array, k: Array, v: Array, bias: Array | None, kept: Array | None, scale: float, boost: float
) -> tuple[Array, Back]:
    """(..., L, D), (..., S, D), (..., S, E) -> (..., L, E), and the way back to q, k, v, scores.

    The bias broadcasts to the scores (..., L, S); where it is −∞ the weight is 0, and a row that
    is −∞ throughout has the result 0. `kept` are the weights that dropout left,
    and `boost` what these are multiplied by. The result lies in memory in the order of q, so that
    heads need no copying to be joined.
    """
    out = laid_out_as(q, (*q.shape[:-1], v.shape[-1]))
    e = np.empty((*q.shape[:-1], k.shape[-2]), q.dtype)
    t = np.empty((*q.shape[:-1], 1), q.dtype)
    wide_bias = None if bias is None else np.broadcast_to(bias, e.shape)

    def forward(some: Any) -> None:
        scores = np.matmul(q[some] * scale, k[some].mT, out=e[some])
        if wide_bias is not None:
            scores += wide_bias[some]
        largest = np.maximum.reduce(scores, axis=-1, keepdims=True, initial=-np.inf)
        largest[np.isneginf(largest)] = 0
        scores -= largest
        np.exp(scores, out=scores)
        np.einsum("...ij->...i", scores, out=t[some][..., 0])
        t[some][t[some] == 0] = 1
        weights = scores if kept is None else scores * kept[some]
        np.matmul(weights, v[some], out=out[some])
        out[some] *= boost / t[some]

    def back(g: Array, biased: bool) -> tuple[Array, Array, Array, Array | None]:
        to_q, to_k, to_v = (laid_out_as(x, x.shape) for x in (q, k, v))
        to_scores = np.empty_like(e) if biased else None

        def backward(some: Any) -> None:
            share = g[some] / t[some]
            mean = np.einsum("...i,...i->...", share, out[some])[..., None]
            share *= boost
            weights = e[some] if kept is None else e[some] * kept[some]
            np.matmul(weights.mT, share, out=to_v[some])
            slopes = np.matmul(share, v[some].mT)
            if kept is not None:
                slopes *= kept[some]
            slopes -= mean
            slopes *= e[some]
            if to_scores is not None:
                to_scores[some] = slopes
            slopes *= scale
            np.matmul(slopes, k[some], out=to_q[some])
            np.matmul(slopes.mT, q[some], out=to_k[some])

        shared(backward)
        return to_q, to_k, to_v, to_scores

    def shared(work: Callable[[Any], None]) -> None:
        product = math.prod((*e.shape[-2:], q.shape[-1]))
        if e.ndim > 2 and e.size >= SMALLEST and product <= SHARED_BY_BLAS:
            in_parts(len(e), lambda *part: work(slice(*part)))
        else:
            work(...)

    shared(forward)
    return out, back


def laid_out_as(x: Array, shape: tuple[int, ...]) -> Array:
    """An empty array whose axes lie in memory in the order of those of x."""
    return np.empty_like(x, shape=shape)
