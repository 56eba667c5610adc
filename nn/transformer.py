"""The transformer of arXiv 1706.03762: its blocks, stacks of them, and both stacks together.

Sequences are (T, N, d_model), or (N, T, d_model) with `batch_first`, or without a batch
(T, d_model). Masks are those of `MultiheadAttention`: True forbids. With `is_causal` no position
looks at a later one, with or without a mask. Course 5, week 4.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.operands import Defaults
from tinygrad_tr.tensor import Tensor

from . import functional as F
from . import init
from .attention import MultiheadAttention
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalisation import LayerNorm

Generator = np.random.Generator | None
Activation = str | Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}


class Block(Module):
    """What encoder and decoder blocks share: attention, a feed-forward network, and norms.

    Each part f is added to what goes into it: x + f(LayerNorm(x)) with `norm_first`, else, as in
    the paper, LayerNorm(x + f(x)). The first trains deep stacks without a warm-up.
    """

    attentions: int  # and one feed-forward network more

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        made: dict[str, Any] = {"generator": generator, "dtype": dtype}
        attention = {"dropout": dropout, "bias": bias, "batch_first": batch_first} | made
        self.self_attn = MultiheadAttention(d_model, nhead, **attention)
        if self.attentions == 2:
            self.multihead_attn = MultiheadAttention(d_model, nhead, **attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        for i in range(1, self.attentions + 2):
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype))
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = activation_named(type(self).__name__, activation)

    def added(self, i: int, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        """x and what its i-th part makes of it."""
        norm, dropout = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
        if self.norm_first:
            return x + dropout(part(norm(x)))
        out: Tensor = norm(x + dropout(part(x)))
        return out

    def feed_forward(self, x: Tensor) -> Tensor:
        """W₂ relu(W₁ x), at each position alone."""
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(Block):
    __doc__ = f"Self-attention, then feed-forward: (T, N, d_model) -> the same. {Block.__doc__}"
    attentions = 1

    def forward(
        self,
        src: Tensor,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        def look(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, src_key_padding_mask, need_weights=False, attn_mask=src_mask,
                is_causal=is_causal,
            )[0]  # fmt: skip

        return self.added(2, self.added(1, src, look), self.feed_forward)


class TransformerDecoderLayer(Block):
    __doc__ = f"""Self-attention, attention to the encoder's output `memory`, then feed-forward.

    (T, N, d_model), (S, N, d_model) -> (T, N, d_model). {Block.__doc__}"""
    attentions = 2

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def look(x: Tensor) -> Tensor:
            return self.self_attn(
                x, x, x, tgt_key_padding_mask, need_weights=False, attn_mask=tgt_mask,
                is_causal=tgt_is_causal,
            )[0]  # fmt: skip

        def look_at_memory(x: Tensor) -> Tensor:
            return self.multihead_attn(
                x, memory, memory, memory_key_padding_mask, need_weights=False,
                attn_mask=memory_mask, is_causal=memory_is_causal,
            )[0]  # fmt: skip

        x = self.added(2, self.added(1, tgt, look), look_at_memory)
        return self.added(3, x, self.feed_forward)


class TransformerEncoder(Module):
    """`num_layers` copies of an encoder block, one after the other, and a norm if one is given.

    As in PyTorch the copies start with the same numbers.
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = copies("TransformerEncoder", encoder_layer, num_layers)
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """`num_layers` copies of a decoder block, one after the other, and a norm if one is given.

    As in PyTorch the copies start with the same numbers.
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = copies("TransformerDecoder", decoder_layer, num_layers)
        self.norm = norm

    def forward(self, tgt: Tensor, memory: Tensor, *masks: Any, **options: Any) -> Tensor:
        """The masks and options are those of `TransformerDecoderLayer`."""
        for layer in self.layers:
            tgt = layer(tgt, memory, *masks, **options)
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Encoder and decoder: src (S, N, d_model), tgt (T, N, d_model) -> (T, N, d_model).

    Both end with a norm; all matrices start as Glorot's. Embeddings, positions, and the product
    that makes logits of the result are the user's.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        facts = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps,
                 batch_first, norm_first, bias)  # fmt: skip
        made: dict[str, Any] = {"generator": generator, "dtype": dtype}

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        self.encoder = custom_encoder or TransformerEncoder(
            TransformerEncoderLayer(*facts, **made), num_encoder_layers, norm()
        )
        self.decoder = custom_decoder or TransformerDecoder(
            TransformerDecoderLayer(*facts, **made), num_decoder_layers, norm()
        )
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator = None) -> None:
        """Draw all matrices afresh."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter, generator=generator)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool = False,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        out: Tensor = self.decoder(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal,
        )  # fmt: skip
        return out

    @staticmethod
    def generate_square_subsequent_mask(sz: int, *, dtype: Any = None) -> Tensor:
        """(sz, sz), −∞ for later positions, else 0: an attn_mask, as `is_causal` makes itself."""
        where = F.causal_mask(whole("generate_square_subsequent_mask", "sz", sz))
        return Tensor(np.where(where, 0, -np.inf).astype(dtype or Defaults.dtype))


def activation_named(operation: str, activation: Activation) -> Callable[[Tensor], Tensor]:
    """The function of that name, or the function itself."""
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ArgumentError(
            operation, "unknown activation", got=repr(activation),
            wanted=f"{' or '.join(ACTIVATIONS)}, or a function",
        )  # fmt: skip
    return ACTIVATIONS[activation]


def copies(operation: str, layer: Module, n: int) -> list[Any]:
    """n modules that are equal and share nothing."""
    whole(operation, "num_layers", n)
    return [copy.deepcopy(layer) for _ in range(n)]
