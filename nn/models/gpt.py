"""A causal language model: every word is predicted from those before it. GPT-2's layers and names.

    model = GPT(len(vocab), max_len=128, d_model=64, nhead=4, num_layers=2)
    loss = F.cross_entropy(np.moveaxis(model(ids[:, :-1]), -1, 1), ids[:, 1:])
    sentence = tt.text.sample(model.step, start, end=0, max_length=50)

To write the next word, the keys and values of all words before it are needed, which never change
again: the cache. With it a word costs one position of the network, without it all of them.
Radford et al., Language models are unsupervised multitask learners, 2019; course 5, week 4.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_tr.errors import ShapeError
from tinygrad_tr.rules.joining import concatenate, split
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from .. import init
from ..dropout import Dropout
from ..embedding import Embedding
from ..linear import Linear
from ..module import Module
from ..normalisation import LayerNorm

KeysAndValues = tuple[Tensor, Tensor]  # (N, heads, positions, d_model/heads) each
Cache = tuple[KeysAndValues, ...]  # of each block
Generator = np.random.Generator | None


class CausalSelfAttention(Module):
    """Each position looks at itself and those before it: (N, T, d_model) -> the same."""

    def __init__(self, d_model: int, nhead: int, dropout: float, generator: Generator) -> None:
        if d_model % nhead:
            raise ShapeError(
                "GPT", "the heads do not share the features equally", got=f"{d_model=}, {nhead=}",
                wanted="d_model a multiple of nhead",
            )  # fmt: skip
        self.nhead, self.dropout = nhead, dropout
        self.c_attn = Linear(d_model, 3 * d_model, generator=generator)
        self.c_proj = Linear(d_model, d_model, generator=generator)
        self.resid_dropout = Dropout(dropout)

    def forward(self, x: Tensor, past: KeysAndValues | None = None) -> tuple[Tensor, KeysAndValues]:
        """x (N, T, d_model) after `past`, and past with the keys and values of x."""
        N, T, d_model = x.shape
        heads = (N, T, self.nhead, d_model // self.nhead)
        q, k, v = (
            part.reshape(heads).transpose(0, 2, 1, 3) for part in split(self.c_attn(x), 3, axis=-1)
        )
        if past is not None:
            k, v = (concatenate(both, axis=2) for both in zip(past, (k, v), strict=True))
        where = None if T == 1 else F.causal_mask(T, k.shape[2], k.shape[2] - T)
        dropout = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, where, dropout)
        joined = out.transpose(0, 2, 1, 3).reshape(x.shape)
        return self.resid_dropout(self.c_proj(joined)), (k, v)


class FeedForward(Module):
    """W₂ gelu(W₁ x) with four times as many features between: (..., d_model) -> the same."""

    def __init__(self, d_model: int, dropout: float, generator: Generator) -> None:
        self.c_fc = Linear(d_model, 4 * d_model, generator=generator)
        self.c_proj = Linear(4 * d_model, d_model, generator=generator)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


class GPTBlock(Module):
    """x + attention(norm(x)), and to that its feed-forward(norm(·))."""

    def __init__(self, d_model: int, nhead: int, dropout: float, generator: Generator) -> None:
        self.ln_1 = LayerNorm(d_model)
        self.attn = CausalSelfAttention(d_model, nhead, dropout, generator)
        self.ln_2 = LayerNorm(d_model)
        self.mlp = FeedForward(d_model, dropout, generator)

    def forward(self, x: Tensor, past: KeysAndValues | None = None) -> tuple[Tensor, KeysAndValues]:
        looked, present = self.attn(self.ln_1(x), past)
        x = x + looked
        return x + self.mlp(self.ln_2(x)), present


class GPT(Module):
    """Token ids (N, T) to logits of each next token (N, T, vocab_size); T ≤ max_len.

    The sizes are those of the smallest GPT-2, 124 million parameters. The product that makes the
    logits is that with the table of words itself. Weights start normal with the standard deviation
    `initializer_range`, which suits the large, and small networks better if larger; those that add
    to the sum of all blocks with one smaller by √(2 num_layers).
    """

    def __init__(
        self,
        vocab_size: int = 50257,
        max_len: int = 1024,
        d_model: int = 768,
        nhead: int = 12,
        num_layers: int = 12,
        dropout: float = 0.1,
        *,
        initializer_range: float = 0.02,
        generator: Generator = None,
    ) -> None:
        self.max_len, self.initializer_range = max_len, initializer_range
        self.wte = Embedding(vocab_size, d_model, generator=generator)
        self.wpe = Embedding(max_len, d_model, generator=generator)
        self.drop = Dropout(dropout)
        self.h = [GPTBlock(d_model, nhead, dropout, generator) for _ in range(num_layers)]
        self.ln_f = LayerNorm(d_model)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator = None) -> None:
        """Draw all weights afresh; the biases become 0."""
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                shrink = math.sqrt(2 * len(self.h)) if name.endswith("c_proj.weight") else 1
                std = self.initializer_range / shrink
                init.normal_(parameter, std=std, generator=generator)
            elif ".c_" in name:
                init.zeros_(parameter)

    def forward(self, ids: Any) -> Tensor:
        return self.extended(ids)[0]

    def extended(self, ids: Any, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """The logits of ids (N, T) that follow what is in the cache, and the cache with them."""
        past = [None] * len(self.h) if cache is None else cache
        start = 0 if cache is None else cache[0][0].shape[2]
        shape = np.shape(ids)
        if len(shape) != 2 or not 1 <= shape[1] <= self.max_len - start:
            raise ShapeError(
                "GPT", "the ids do not fit", got=f"{shape} after {start} positions",
                wanted=f"(N, T), of at least 1 and at most {self.max_len} positions in all",
            )  # fmt: skip
        positions = np.arange(start, start + shape[1])
        x = self.drop(self.wte(ids) + self.wpe(positions))
        presents = []
        for block, own in zip(self.h, past, strict=True):
            x, present = block(x, own)
            presents.append(present)
        return F.linear(self.ln_f(x), self.wte.weight), tuple(presents)

    def step(self, tokens: Any, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """The logits (M, vocab_size) that follow one more token each, (M,), and the cache.

        What `tt.text.greedy`, `sample` and `beam_search` ask for. After a prompt (T,) they go on
        from `state=model.extended(prompt[None, :-1])[1]` with its last token.
        """
        logits, cache = self.extended(np.asarray(tokens)[:, None], cache)
        return logits[:, 0], cache


def gpt2_state_dict(state: Mapping[str, Any]) -> dict[str, Any]:
    """A GPT-2 checkpoint of Hugging Face as what `GPT.load_state_dict` takes.

    There the products are x W instead of x Wᵀ; masks and the second copy of the table go.
    """
    renamed = {name.removeprefix("transformer."): np.asarray(x) for name, x in state.items()}
    return {
        name: x.T if ".c_" in name and name.endswith("weight") else x
        for name, x in renamed.items()
        if not name.endswith((".attn.bias", ".attn.masked_bias", "lm_head.weight"))
    }
