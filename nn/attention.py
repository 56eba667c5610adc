"""Attention with several heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, describe
from tinygrad_tr.rules.joining import concatenate, split
from tinygrad_tr.rules.shape import reshape
from tinygrad_tr.tensor import Tensor

from . import functional as F
from . import init
from .checks import require_float_array, require_probability, value_of
from .linear import Linear, empty
from .module import Module, Parameter

Generator = np.random.Generator | None


class MultiheadAttention(Module):
    """concat(head₁, ..., head_h) Wᵒ with headᵢ = attention(Q Wᵢᑫ, K Wᵢᵏ, V Wᵢᵛ).

    query (L, N, E), key (S, N, kdim) and value (S, N, vdim) -> (L, N, E), and the weights: the
    heads' mean (N, L, S), or with `average_attn_weights=False` (N, heads, L, S); without
    `need_weights` None, which is faster. With `batch_first` N comes before L and S; without a
    batch there is no N. The h heads work side by side, on E/h of the E features each.

    key_padding_mask (N, S): True is padding, at which no query looks. attn_mask (L, S), or
    (N·heads, L, S): True is forbidden. Floats are added to the scores in both places. With
    `is_causal` query i looks at keys 0 to i, with or without an attn_mask. A query that may look
    at no key gets nothing of any: its result is the bias of `out_proj`.

    `add_bias_kv` and `add_zero_attn` append to every sequence a learned key and value, and one of
    zeros. The products for q, k and v lie above each other in `in_proj_weight`, unless kdim or
    vdim is not E. They start as Glorot's, the biases 0. arXiv 1706.03762; course 5, week 4.
    """

    in_proj_weight: Parameter | None  # (3E, E)
    q_proj_weight: Parameter | None  # (E, E)
    k_proj_weight: Parameter | None  # (E, kdim)
    v_proj_weight: Parameter | None  # (E, vdim)
    in_proj_bias: Parameter | None  # (3E,)
    bias_k: Parameter | None  # (1, 1, E)
    bias_v: Parameter | None  # (1, 1, E)

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        name = "MultiheadAttention"
        self.embed_dim = E = whole(name, "embed_dim", embed_dim)
        self.num_heads = whole(name, "num_heads", num_heads)
        if E % num_heads:
            raise ArgumentError(
                name, "the heads do not share the features equally",
                got=f"{embed_dim=}, {num_heads=}", wanted="embed_dim a multiple of num_heads",
            )  # fmt: skip
        require_probability(name, "dropout", dropout)
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self.kdim, self.vdim = kdim or E, vdim or E
        together = self.kdim == self.vdim == E
        self.in_proj_weight = empty(3 * E, E, dtype=dtype) if together else None
        self.q_proj_weight = None if together else empty(E, E, dtype=dtype)
        self.k_proj_weight = None if together else empty(E, self.kdim, dtype=dtype)
        self.v_proj_weight = None if together else empty(E, self.vdim, dtype=dtype)
        self.in_proj_bias = empty(3 * E, dtype=dtype) if bias else None
        self.out_proj = Linear(E, E, bias, generator=generator, dtype=dtype)
        self.bias_k = empty(1, 1, E, dtype=dtype) if add_bias_kv else None
        self.bias_v = empty(1, 1, E, dtype=dtype) if add_bias_kv else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator = None) -> None:
        """Draw all weights afresh; the biases become 0."""
        self.out_proj.reset_parameters(generator)
        for weight in self.projections():
            if weight is not None:
                init.xavier_uniform_(weight, generator=generator)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra, generator=generator)

    def projections(self) -> list[Parameter | None]:
        """`in_proj_weight`, and the three that stand for it if key or value have other sizes."""
        return [self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        self.require_shapes(query, key, value)
        q, k, v = (self.in_heads(x) for x in self.projected(query, key, value))
        shape = (*q.shape[:-1], k.shape[-2])
        mask = self.mask_of(attn_mask, key_padding_mask, is_causal, shape, q.dtype)
        k, v, mask = self.lengthened(k, v, mask)
        dropout = self.dropout if self.training else 0.0
        if not need_weights:
            out = F.scaled_dot_product_attention(q, k, v, mask, dropout)
            return self.out_proj(self.joined(out, query.shape)), None
        weights = F.dropout(F.attention_weights(q, k, mask), dropout)
        out = self.out_proj(self.joined(weights @ v, query.shape))
        if average_attn_weights:
            weights = weights.mean(axis=1)
        return out, weights if query.ndim == 3 else weights[0]

    # ------------------------------------------------------------------ queries, keys, values

    def projected(self, query: Tensor, key: Tensor, value: Tensor) -> Sequence[Tensor]:
        """q, k and v, in as few products as can be."""
        E, W, b = self.embed_dim, self.in_proj_weight, self.in_proj_bias
        if W is not None and query is key is value:
            return split(F.linear(query, W, b), 3, axis=-1)
        if W is not None and key is value:
            first, rest = split(W, [E])
            b_first, b_rest = (None, None) if b is None else split(b, [E])
            k_and_v = split(F.linear(key, rest, b_rest), 2, axis=-1)
            return [F.linear(query, first, b_first), *k_and_v]
        weights: Any = self.projections()[1:] if W is None else split(W, 3)
        biases = [None] * 3 if b is None else split(b, 3)
        return list(map(F.linear, (query, key, value), weights, biases))

    def in_heads(self, x: Tensor) -> Tensor:
        """(L, N, E), (N, L, E) with batch_first, or (L, E) -> (N, heads, L, E/heads)."""
        heads = x.reshape((*x.shape[:-1], self.num_heads, -1))
        if x.ndim == 2:
            return heads.transpose(1, 0, 2)[None]
        return heads.transpose((0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))

    def joined(self, out: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(N, heads, L, E/heads) -> the shape of the query."""
        if len(shape) == 2:
            return out[0].transpose(1, 0, 2).reshape(shape)
        return out.transpose((0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3)).reshape(shape)

    def lengthened(self, k: Tensor, v: Tensor, mask: Any) -> tuple[Tensor, Tensor, Any]:
        """Keys, values and mask with what is appended to every sequence."""
        N, heads, _, size = k.shape
        extra: list[Any] = []
        if self.bias_k is not None:
            learned = [reshape(b, (1, heads, 1, size)) for b in (self.bias_k, self.bias_v)]
            extra.append([np.broadcast_to(b, (N, heads, 1, size)) for b in learned])
        if self.add_zero_attn:
            extra.append([np.zeros((N, heads, 1, size), k.dtype)] * 2)
        for more_k, more_v in extra:
            k, v = concatenate([k, more_k], axis=2), concatenate([v, more_v], axis=2)
            if mask is not None:  # True, or nothing to add
                seen = np.full((*mask.shape[:-1], 1), mask.dtype == bool, mask.dtype)
                mask = concatenate([mask, seen], axis=-1)
        return k, v, mask

    # ------------------------------------------------------------------ masks and checks

    def mask_of(
        self, attn_mask: Any, padding: Any, is_causal: bool, shape: tuple[int, ...], dtype: Any
    ) -> Any:
        """All masks as one for `scaled_dot_product_attention`, True where a query may look."""
        N, heads, L, S = shape
        found = []
        if attn_mask is not None:
            own = mask_in("attn_mask", attn_mask, dtype, (L, S), (N * heads, L, S))
            found.append(own if own.ndim == 2 else reshape(own, shape))
        if padding is not None:
            own = mask_in("key_padding_mask", padding, dtype, (N, S), *[(S,)] * (N == 1))
            found.append(reshape(own, (N, 1, 1, S)))
        where: Any = F.causal_mask(L, S) if is_causal else None
        added: Any = None
        for mask in found:
            if mask.dtype == bool:
                where = ~mask if where is None else where & ~mask
            else:
                added = mask if added is None else added + mask
        if added is None or where is None:
            return where if added is None else added
        return added + np.where(where, 0, -np.inf).astype(dtype)

    def require_shapes(self, query: Any, key: Any, value: Any) -> None:
        """Refuse what would not fit the products, or belongs to another batch."""
        for x in (query, key, value):
            require_float_array("MultiheadAttention", x)
        batch = 0 if self.batch_first else 1
        fits = query.ndim == key.ndim == value.ndim and query.ndim in (2, 3)
        sizes = self.embed_dim, self.kdim, self.vdim
        fits = fits and (query.shape[-1], key.shape[-1], value.shape[-1]) == sizes
        fits = fits and key.shape[:-1] == value.shape[:-1]
        if not fits or (query.ndim == 3 and query.shape[batch] != key.shape[batch]):
            order = "(N, {}, {})" if self.batch_first else "({}, N, {})"
            wanted = [order.format(n, size) for n, size in zip("LSS", sizes, strict=True)]
            raise ShapeError(
                "MultiheadAttention", "query, key and value do not fit",
                got=f"{query.shape}, {key.shape}, {value.shape}",
                wanted=f"{', '.join(wanted)}, or without N",
            )  # fmt: skip

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


def mask_in(name: str, mask: Any, dtype: Any, *shapes: tuple[int, ...]) -> Any:
    """A mask that has one of the shapes, of booleans or of numbers to be added."""
    values = value_of(mask)
    if values.dtype not in (bool, dtype):
        raise DtypeError(
            "MultiheadAttention", f"{name} is of booleans, or of the scores' dtype",
            got=describe(values), wanted=f"True where not to look, or {dtype} numbers to be added",
        )  # fmt: skip
    if values.shape not in shapes:
        raise ShapeError(
            "MultiheadAttention", f"{name} does not fit", got=f"{values.shape}",
            wanted=" or ".join(map(str, shapes)),
        )  # fmt: skip
    return values if values.dtype == bool else mask
