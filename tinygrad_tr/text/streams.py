"""Language models learn from text: from single sentences, or from one long stream of tokens.

A language model is called as `logits, state = model(tokens, state)`, with tokens (N, T), logits
(N, T, V) and a state that goes on where the call ended, such as nn.models.RecurrentLanguageModel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import AnomalyError, ArgumentError, DtypeError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.modes import no_grad
from tinygrad_tr.nn import Module
from tinygrad_tr.nn import functional as F
from tinygrad_tr.nn.utils import clip_grad_norm_
from tinygrad_tr.tensor import Tensor

from .tokenisers import pad

Array = np.ndarray[Any, Any]
PAST_END = -100  # the target that cross_entropy does not count


def next_tokens(sentences: Sequence[Any], end: int) -> tuple[Array, Array]:
    """Inputs and targets of single sentences, (N, T + 1) with T the longest: x<t+1> = y<t>.

    Sentences (T₁,), (T₂,) ... come without their end. A row of inputs begins with `end`, the
    targets end with it; further targets are −100, which cross_entropy does not count.
    """
    words, lengths = pad(sentences, fill=end)
    first = np.full((len(words), 1), end, np.int64)
    x, y = np.hstack([first, words]), np.hstack([words, first])
    y[np.arange(y.shape[1]) > lengths[:, None]] = PAST_END
    return x, y


def windows(ids: Any, batch_size: int, length: int) -> Iterator[tuple[Array, Array]]:
    """Inputs and targets (batch_size, ≤ length), which walk through a stream ids (T,).

    The stream is cut into batch_size rows; each window goes on in each row where the one before
    ended, and only the last one may be shorter. Every token but the first is a target once, save
    the last (T − 1) mod batch_size.
    """
    name = "windows"
    whole(name, "batch_size", batch_size)
    whole(name, "length", length)
    stream = np.asarray(value_of(ids))
    if stream.ndim != 1 or stream.dtype.kind not in "iu":
        raise DtypeError(name, "not a stream of tokens", got=describe(stream), wanted="(T,) int64")
    steps = (len(stream) - 1) // batch_size
    if steps < 1:
        raise ArgumentError(
            name, "the stream is too short", got=f"{len(stream)} tokens, {batch_size=}",
            wanted=f"at least {batch_size + 1} tokens",
        )  # fmt: skip
    x = stream[: steps * batch_size].reshape(batch_size, steps)
    y = stream[1 : steps * batch_size + 1].reshape(batch_size, steps)
    for t in range(0, steps, length):
        yield x[:, t : t + length], y[:, t : t + length]


class Learned(NamedTuple):
    """Of each window of a training: nats per token, and the gradients' norm before clipping."""

    losses: list[float]
    norms: list[float]


def fit_stream(
    model: Module,
    ids: Any,
    optimizer: Any,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    length: int = 32,
    max_norm: float = 1.0,
    schedule: Any = None,
) -> Learned:
    """Truncated backpropagation through time over a stream (T,), and how it went.

    The state is handed from window to window without its past: gradients go back `length` steps,
    what the model remembers is as old as the epoch. Gradients longer than `max_norm` are shortened
    to it; np.inf leaves them. The schedule steps once an epoch. Course 5, week 1.
    """
    whole("fit_stream", "epochs", epochs)
    learned = Learned([], [])
    for _ in range(epochs):
        state = None
        for x, y in windows(ids, batch_size, length):
            logits, state = model(x, detached(state))
            loss = token_loss(logits, y)
            if not np.isfinite(value_of(loss)):
                raise AnomalyError(
                    "fit_stream", "the loss is not finite",
                    got=f"{loss.item()} after {len(learned.losses)} steps",
                    wanted="a smaller rate, or a smaller max_norm",
                )  # fmt: skip
            optimizer.zero_grad()
            loss.backward()
            learned.norms.append(clip_grad_norm_(model.parameters(), max_norm))
            optimizer.step()
            learned.losses.append(loss.item())
        if schedule is not None:
            schedule.step()
    return learned


def token_loss(logits: Tensor, targets: Array) -> Tensor:
    """The mean cross-entropy of the targets that count: logits (N, T, V), targets (N, T)."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def stream_log_probabilities(model: Module, ids: Any, *, length: int = 256) -> Array:
    """log P(y<t+1> | y<1> ... y<t>) of every token of a stream but the first: (T − 1,) float64.

    The model is put into eval mode for it, and back. `metrics.perplexity` makes them one number.
    """
    found, state, training = [], None, model.training
    model.eval()
    with no_grad():
        for x, y in windows(ids, 1, length):
            logits, state = model(x, state)
            log_p = value_of(F.log_softmax(logits[0].astype(np.float64)))
            found.append(np.take_along_axis(log_p, y[0][:, None], axis=1)[:, 0])
    model.train(training)
    return np.concatenate(found)


def detached(state: Any) -> Any:
    """The same numbers without their past: a Tensor, or a nest of them."""
    if isinstance(state, Mapping):
        return {name: detached(part) for name, part in state.items()}
    if isinstance(state, (tuple, list)):
        parts = [detached(part) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return state.detach() if isinstance(state, Tensor) else state
