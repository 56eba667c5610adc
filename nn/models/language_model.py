"""A recurrent language model. Mikolov et al. 2010; course 5, week 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.graph import value_of
from tinygrad_tr.tensor import Tensor

from .. import init
from ..dropout import Dropout
from ..embedding import Embedding
from ..linear import Linear
from ..module import Module
from ..recurrent import GRU


class RecurrentLanguageModel(Module):
    """P(y<t+1> | y<1> ... y<t>) for every t at once: tokens (N, T) -> logits (N, T, V).

    Embedding, recurrent layers, and a linear layer back to the vocabulary of V tokens. The call
    also returns the last state, (layers, N, H) or a pair of them for an LSTM, from which the next
    call goes on; None is the state before the first token. With `tie_weights` the embedding's
    table is the linear layer's matrix too (arXiv 1608.05859), which wants embedding_dim =
    hidden_size. `layer` is nn.RNN, nn.GRU or nn.LSTM.

        logits, state = model(tokens)
        tt.text.sample(model.step, first, end=0, max_length=20, state_axis=model.state_axis)
    """

    state_axis: ClassVar[int] = 1  # where the states have the sentences

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int = 1,
        layer: Callable[..., Module] = GRU,
        dropout: float = 0.0,
        tie_weights: bool = False,
        *,
        generator: np.random.Generator | None = None,
    ) -> None:
        if tie_weights and embedding_dim != hidden_size:
            raise ArgumentError(
                "RecurrentLanguageModel", "the tied table has one width",
                got=f"{embedding_dim=}, {hidden_size=}", wanted="equal ones, or tie_weights=False",
            )  # fmt: skip
        self.encoder = Embedding(num_embeddings, embedding_dim, generator=generator)
        self.dropout = Dropout(dropout)
        self.rnn = layer(
            embedding_dim, hidden_size, num_layers, batch_first=True,
            dropout=dropout if num_layers > 1 else 0.0, generator=generator,
        )  # fmt: skip
        self.decoder = Linear(hidden_size, num_embeddings, generator=generator)
        if tie_weights:
            init.uniform_(self.encoder.weight, -0.1, 0.1, generator)  # logits want small numbers
            self.decoder.weight = self.encoder.weight

    def forward(self, tokens: Any, state: Any = None) -> tuple[Tensor, Any]:
        y, state = self.rnn(self.dropout(self.encoder(tokens)), state)
        return self.decoder(self.dropout(y)), state

    def step(self, tokens: Any, state: Any = None) -> tuple[Tensor, Any]:
        """One token further: tokens (N,) -> logits (N, V), and the state after it."""
        logits, state = self(value_of(tokens)[:, None], state)
        return logits[:, 0], state
