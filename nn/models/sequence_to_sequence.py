"""A sequence in, another out, of another length: three models that are called in the same way.

    logits = model(x, before, lengths)  # (N, T_y, V): teacher forcing
    loss = F.cross_entropy(np.moveaxis(logits, -1, 1), y)

x (N, T_x) are the source's tokens, of which `lengths` (N,) are no padding. y (N, T_y) are the
target's, with the end token last; `before` are the same one step later, with a first token, often
the end again, in front: so each token is predicted from the right ones before it
(`tt.text.next_tokens` makes both). To translate, what was said itself comes back in:

    first = np.full(len(x), end)
    state = model.encode(x, lengths)
    tt.text.greedy(model.step, first, end=end, max_length=20, state=state,
                   state_axis=model.state_axis)

`beam_search` and `sample` are called alike. Course 5, weeks 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from tinygrad_tr.graph import value_of
from tinygrad_tr.rules.joining import concatenate, stack
from tinygrad_tr.tensor import Tensor

from .. import functional as F
from ..embedding import Embedding
from ..linear import Linear
from ..module import Module
from ..positions import SinusoidalPositions
from ..recurrent import GRU, GRUCell
from ..transformer import Transformer
from ..utils.rnn import going, require_lengths

Array = np.ndarray[Any, Any]
Generator = np.random.Generator | None


class EncoderDecoder(Module):
    """A language model that begins with what an encoder makes of x, instead of with zeros.

    `decoder(tokens, state)` gives logits (N, T_y, V) and a state, as `RecurrentLanguageModel`
    does. `encoder(x)`, or `encoder(x, lengths)`, gives its first state: `RecurrentEncoder` that of
    a sentence, a convolutional network that of a picture. That one state must hold all of x.
    Sutskever et al., arXiv 1409.3215; Cho et al., arXiv 1406.1078; course 5, week 3.
    """

    encoder: Module
    decoder: Any  # a module that has `step` and `state_axis` too

    def __init__(self, encoder: Module, decoder: Module) -> None:
        self.encoder, self.decoder = encoder, decoder

    @property
    def state_axis(self) -> Any:
        return self.decoder.state_axis

    def encode(self, x: Any, lengths: Any = None) -> Any:
        """The decoder's first state."""
        return self.encoder(x) if lengths is None else self.encoder(x, lengths)

    def step(self, tokens: Any, state: Any) -> tuple[Tensor, Any]:
        """One token further: tokens (N,) -> logits (N, V), and the state after it."""
        out: tuple[Tensor, Any] = self.decoder.step(tokens, state)
        return out

    def forward(self, x: Any, tokens: Any, lengths: Any = None) -> Tensor:
        logits: Tensor = self.decoder(tokens, self.encode(x, lengths))[0]
        return logits


class RecurrentEncoder(Module):
    """Tokens (N, T) to the last state of recurrent layers, (layers, N, H); of an LSTM a pair.

    `layer` is nn.RNN, nn.GRU or nn.LSTM; a decoder of the same kind and size goes on from there.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int = 1,
        layer: Callable[..., Module] = GRU,
        *,
        generator: Generator = None,
    ) -> None:
        self.embedding = Embedding(num_embeddings, embedding_dim, generator=generator)
        self.rnn = layer(
            embedding_dim, hidden_size, num_layers, batch_first=True, generator=generator
        )

    def forward(self, tokens: Any, lengths: Any = None) -> Any:
        return self.rnn(self.embedding(tokens), lengths=lengths)[1]


# ------------------------------------------------------------------ attention


class AdditiveAttention(Module):
    """c = Σ αₜ' aₜ' with α = softmax(e) and eₜ' = v · tanh(W s + U aₜ' + b), a small network.

    s (N, H), keys U a (N, T, A) from `keys`, and a (N, T, D) -> c (N, D) and α (N, T). Where
    `inside` (N, T) is False there is padding, of which α is 0.
    Bahdanau et al., arXiv 1409.0473; course 5, week 3.
    """

    def __init__(
        self, state_size: int, input_size: int, size: int, *, generator: Generator = None
    ) -> None:
        self.W = Linear(state_size, size, generator=generator)
        self.U = Linear(input_size, size, bias=False, generator=generator)
        self.v = Linear(size, 1, bias=False, generator=generator)

    def keys(self, a: Tensor) -> Tensor:
        """U a, which is the same for all s: (N, T, D) -> (N, T, A)."""
        return self.U(a)

    def forward(
        self, s: Tensor, keys: Tensor, a: Tensor, inside: Array | None = None
    ) -> tuple[Tensor, Tensor]:
        e: Any = self.v(np.tanh(self.W(s)[:, None] + keys))[..., 0]
        if inside is not None:
            e = np.where(inside, e, -np.inf)
        alpha = F.softmax(e)
        return (alpha[:, None] @ a)[:, 0], alpha


class Reading(NamedTuple):
    """What `AttentionEncoderDecoder` knows between two tokens; the N sentences come first."""

    s: Tensor  # (N, H), the decoder's state
    keys: Tensor  # (N, T_x, A)
    annotations: Tensor  # (N, T_x, 2H): a<t'>, both directions of the encoder
    inside: Array | None  # (N, T_x): False is padding


class AttentionEncoderDecoder(Module):
    """Before each token that it says, the decoder looks again at all of the source.

        a<t'>    = (forward GRU, backward GRU)               annotations of the source
        α<t,t'>  = softmax of a small network of s<t-1> and a<t'>
        c<t>     = Σ_t' α<t,t'> a<t'>                        the context
        s<t>     = GRU(s<t-1>, (y<t-1>, c<t>))
        ŷ<t>     = softmax(W (s<t>, c<t>) + b)

    It costs T_x · T_y weights, which `attention_map` returns. s<0> is tanh(W a + b) of the
    backward direction's a<1>. Bahdanau et al., arXiv 1409.0473; course 5, week 3.
    """

    state_axis: ClassVar[int] = 0

    def __init__(
        self,
        num_source: int,
        num_target: int,
        embedding_dim: int,
        hidden_size: int,
        attention_size: int | None = None,
        *,
        generator: Generator = None,
    ) -> None:
        E, H = embedding_dim, hidden_size
        self.source = Embedding(num_source, E, generator=generator)
        self.encoder = GRU(E, H, batch_first=True, bidirectional=True, generator=generator)
        self.first = Linear(H, H, generator=generator)
        self.attention = AdditiveAttention(H, 2 * H, attention_size or H, generator=generator)
        self.target = Embedding(num_target, E, generator=generator)
        self.decoder = GRUCell(E + 2 * H, H, generator=generator)
        self.out = Linear(3 * H, num_target, generator=generator)

    def encode(self, x: Any, lengths: Any = None) -> Reading:
        """The annotations of x, read in both directions, and the decoder's first state."""
        inside = inside_of("AttentionEncoderDecoder", x, lengths)
        annotations, (_, backward) = self.encoder(self.source(x), lengths=lengths)
        s = np.tanh(self.first(backward))
        return Reading(s, self.attention.keys(annotations), annotations, inside)

    def decode(self, tokens: Any, state: Reading) -> tuple[Tensor, Tensor, Reading]:
        """Logits (N, T_y, V) after each of the tokens, α (N, T_y, T_x), and the last state."""
        words, (s, *source) = self.target(tokens), state
        said, weights = [], []
        for t in range(words.shape[1]):
            context, alpha = self.attention(s, *source)
            s = self.decoder(concatenate([words[:, t], context], axis=1), s)
            said.append(concatenate([s, context], axis=1))
            weights.append(alpha)
        logits = self.out(stack(said, axis=1))
        return logits, stack(weights, axis=1), state._replace(s=s)

    def attention_map(self, x: Any, tokens: Any, lengths: Any = None) -> Tensor:
        """α<t,t'>, how much token t of the target looks at token t' of x: (N, T_y, T_x)."""
        return self.decode(tokens, self.encode(x, lengths))[1]

    def step(self, tokens: Any, state: Reading) -> tuple[Tensor, Reading]:
        """One token further: tokens (N,) -> logits (N, V), and the state after it."""
        logits, _, state = self.decode(value_of(tokens)[:, None], state)
        return logits[:, 0], state

    def forward(self, x: Any, tokens: Any, lengths: Any = None) -> Tensor:
        return self.decode(tokens, self.encode(x, lengths))[0]


# ------------------------------------------------------------------ transformer


class Prefix(NamedTuple):
    """What `TransformerEncoderDecoder` knows between two tokens; the N sentences come first."""

    memory: Tensor  # (N, T_x, d_model), the encoder's output
    padding: Array | None  # (N, T_x): True is padding
    said: Array  # (N, t), the tokens so far


class TransformerEncoderDecoder(Module):
    """nn.Transformer with what it leaves to its user: embeddings, positions, and logits.

    Nothing is recurrent, so that in training all positions of the target are computed side by
    side; each sees those before it and the whole source. `step` computes those before it again.
    Norms come first, which trains without a warm-up. arXiv 1706.03762; course 5, week 4.
    """

    state_axis: ClassVar[int] = 0

    def __init__(
        self,
        num_source: int,
        num_target: int,
        d_model: int,
        nhead: int,
        num_layers: int = 2,
        dim_feedforward: int | None = None,
        dropout: float = 0.1,
        max_len: int = 512,
        *,
        generator: Generator = None,
    ) -> None:
        self.source = Embedding(num_source, d_model, generator=generator)
        self.target = Embedding(num_target, d_model, generator=generator)
        self.positions = SinusoidalPositions(d_model, max_len)
        self.transformer = Transformer(
            d_model, nhead, num_layers, num_layers, dim_feedforward or 4 * d_model, dropout,
            batch_first=True, norm_first=True, generator=generator,
        )  # fmt: skip
        self.out = Linear(d_model, num_target, generator=generator)

    def encode(self, x: Any, lengths: Any = None) -> Prefix:
        """The source as the encoder sees it, and a target of which nothing is said yet."""
        inside = inside_of("TransformerEncoderDecoder", x, lengths)
        padding = None if inside is None else ~inside
        memory = self.transformer.encoder(
            self.positions(self.source(x)), src_key_padding_mask=padding
        )
        return Prefix(memory, padding, np.empty((len(memory), 0), np.int64))

    def decode(self, tokens: Any, state: Prefix) -> Tensor:
        """Logits (N, T_y, V) after each of the tokens (N, T_y), the first ones of a target."""
        read = self.transformer.decoder(
            self.positions(self.target(tokens)), state.memory, tgt_is_causal=True,
            memory_key_padding_mask=state.padding,
        )  # fmt: skip
        return self.out(read)

    def step(self, tokens: Any, state: Prefix) -> tuple[Tensor, Prefix]:
        """One token further: tokens (N,) -> logits (N, V), and the state after it."""
        said = np.column_stack([state.said, value_of(tokens)])
        return self.decode(said, state)[:, -1], state._replace(said=said)

    def forward(self, x: Any, tokens: Any, lengths: Any = None) -> Tensor:
        return self.decode(tokens, self.encode(x, lengths))


def inside_of(operation: str, x: Any, lengths: Any) -> Array | None:
    """(N, T): whether a token of x (N, T) is none of the padding; None if there is none."""
    if lengths is None:
        return None
    n, steps = np.shape(x)
    return going(require_lengths(operation, lengths, n, steps, low=1), steps).T
