"""A network that says of each word whether it is part of a name, and its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim, text
from tinygrad_tr.examples.sentences import Tagged
from tinygrad_tr.nn import functional as F
from tinygrad_tr.tensor import Tensor

Array = np.ndarray[Any, Any]
BATCH = 32


class Tagger(nn.Module):
    """Numbers of words (N, T) and lengths (N,) to z (N, T): σ(z) is how likely each is a name.

    `recurrent` is an nn.RNN, GRU or LSTM with batch_first, in one direction or both.
    """

    def __init__(self, embedding: nn.Embedding, recurrent: Any) -> None:
        self.embedding, self.recurrent = embedding, recurrent
        directions = 2 if recurrent.bidirectional else 1
        self.head = nn.Linear(directions * recurrent.hidden_size, 1)

    def forward(self, words: Array, lengths: Array | None = None) -> Tensor:
        a, _ = self.recurrent(self.embedding(words), lengths=lengths)
        return self.head(a)[..., 0]


def encoded(vocab: text.Vocab, sentences: Sequence[Tagged]) -> tuple[Array, Array]:
    """Numbers of words (N, T), and the lengths (N,)."""
    return text.pad([vocab.encode(sentence.words) for sentence in sentences])


def learn(
    model: nn.Module, vocab: text.Vocab, sentences: Sequence[Tagged], steps: int,
    rate: float = 0.01, seed: int = 0,
) -> list[float]:  # fmt: skip
    """Adam on batches of sentences; the losses, each the mean over the words."""
    words, lengths = encoded(vocab, sentences)
    labels, _ = text.pad([sentence.labels for sentence in sentences])
    rng = np.random.default_rng(seed)
    optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)

    def loss() -> Tensor:
        rows = rng.choice(len(words), min(BATCH, len(words)), replace=False)
        inside = np.arange(words.shape[1]) < lengths[rows, None]
        z = model(words[rows], lengths[rows])
        return F.binary_cross_entropy_with_logits(z[inside], labels[rows][inside].astype(z.dtype))

    return [optimizer.minimize(loss).item() for _ in range(steps)]


def probabilities(model: nn.Module, vocab: text.Vocab, sentences: Sequence[Tagged]) -> Array:
    """How likely each word is a name: (N, T)."""
    with tt.no_grad():
        return F.sigmoid(model(*encoded(vocab, sentences))).numpy()
