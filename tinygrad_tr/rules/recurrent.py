"""Recurrent layers as single rules: all steps of a sequence at once.

What the inputs contribute to every step, z = W x + b, is one product for all of them and not part
of the rule. `going` (T, N) is None, or says at which steps which sequences go on: where one does
not, its state stands still and its output is 0. The references are the equations of the papers,
step by step, on plain rules.
"""

from __future__ import annotations

import numpy as np

from tinygrad_tr.errors import ShapeError
from tinygrad_tr.kernels import recurrence
from tinygrad_tr.rule import rule
from tinygrad_tr.rules.activations import relu, sigmoid


def require_fitting(operation, shapes, wanted, fits):
    """Refuse states and weights that are of other sizes than the gates."""
    if not fits:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ShapeError(operation, "the states and the weight do not fit", got=got, wanted=wanted)


def joint(back):
    """The gradients that `back` makes, of the inputs that need theirs."""

    def pullback(g, needs):
        return [gx if needed else None for gx, needed in zip(back(g), needs, strict=True)]

    return pullback


def over_time(z, states, step, going):
    """Step by step: the outputs (T, N, H), and the states after the last step.

    `step(zₜ, *states)` gives the new states, the first of which is the output.
    """
    outputs = []
    for t in range(len(z)):
        new = step(z[t], *states)
        if going is None:
            states = new
            outputs.append(states[0])
        else:
            goes = going[t, :, None]
            states = [np.where(goes, n, old) for n, old in zip(new, states, strict=True)]
            outputs.append(np.where(goes, states[0], 0))
    return (np.stack(outputs) if outputs else z[:, :, : states[0].shape[1]]), *states


def rnn_step(z, h, weight, nonlinearity):
    s = z + h @ weight.T
    return (relu(s) if nonlinearity == "relu" else np.tanh(s),)


def rnn_reference(z, h, weight, *, nonlinearity, going):
    return over_time(z, (h,), lambda z, h: rnn_step(z, h, weight, nonlinearity), going)


@rule(joint=True, reference=rnn_reference)
def rnn(z, h, weight, *, nonlinearity, going):
    """hₜ = f(zₜ + U hₜ₋₁), f tanh or relu: (T, N, H), (N, H), (H, H) -> all hₜ, the last h.

    Elman, Finding structure in time, 1990; course 5, week 1.
    """
    n, H = z.shape[1:]
    require_fitting(
        "rnn", {"z": z.shape, "h": h.shape, "weight": weight.shape},
        "z (T, N, H), h (N, H), weight (H, H)", (h.shape, weight.shape) == ((n, H), (H, H)),
    )  # fmt: skip
    out, back = recurrence.rnn(z, h, weight, going, nonlinearity == "relu")
    return out, joint(back)


def lstm_step(z, h, c, weight, projection):
    i, f, new, o = np.split(z + h @ weight.T, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(new)
    h = sigmoid(o) * np.tanh(c)
    return h if projection is None else h @ projection.T, c


def lstm_reference(z, h, c, weight, projection, *, going):
    return over_time(z, (h, c), lambda z, h, c: lstm_step(z, h, c, weight, projection), going)


@rule(joint=True, reference=lstm_reference)
def lstm(z, h, c, weight, projection, *, going):
    """cₜ = f cₜ₋₁ + i c̃ and hₜ = o tanh cₜ, with i, f, o = σ and c̃ = tanh of zₜ + U hₜ₋₁.

    (T, N, 4H) in the order i, f, c̃, o, (N, H), (N, H), (4H, H) -> all hₜ, the last h, the last c.
    The course calls i the update gate. A projection (P, H), unless it is None, makes h smaller,
    P (o tanh c); then h is (N, P) and U (4H, P). Hochreiter and Schmidhuber, Long short-term
    memory, 1997, with the forget gate of Gers et al., 2000; course 5, week 1.
    """
    n, H = c.shape
    P = H if projection is None else projection.shape[0]
    fits = (z.shape[1:], h.shape, weight.shape) == ((n, 4 * H), (n, P), (4 * H, P))
    require_fitting(
        "lstm", {"z": z.shape, "h": h.shape, "c": c.shape, "weight": weight.shape},
        "z (T, N, 4H), h (N, P), c (N, H), weight (4H, P)", fits,
    )  # fmt: skip
    out, back = recurrence.lstm(z, h, c, weight, projection, going)
    return out, joint(back)


def gru_step(z, h, weight, bias):
    s = h @ weight.T
    if bias is not None:
        s = s + bias
    (to_r, to_u, to_new), (r, u, new) = np.split(z, 3, axis=1), np.split(s, 3, axis=1)
    r, u = sigmoid(to_r + r), sigmoid(to_u + u)
    return (u * h + (1 - u) * np.tanh(to_new + r * new),)


def gru_reference(z, h, weight, bias, *, going):
    return over_time(z, (h,), lambda z, h: gru_step(z, h, weight, bias), going)


@rule(joint=True, reference=gru_reference)
def gru(z, h, weight, bias, *, going):
    """hₜ = u hₜ₋₁ + (1 − u) h̃, with s = U hₜ₋₁ + b, r, u = σ(z + s) and h̃ = tanh(z + r s).

    (T, N, 3H) in the order r, u, h̃, (N, H), (3H, H), (3H,) or None -> all hₜ, the last h.
    The reset gate r works on the product, as in cuDNN and PyTorch. The course's Γᵤ is 1 − u.
    Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
    """
    n, H = h.shape
    require_fitting(
        "gru", {"z": z.shape, "h": h.shape, "weight": weight.shape},
        "z (T, N, 3H), h (N, H), weight (3H, H)",
        (z.shape[1:], weight.shape) == ((n, 3 * H), (3 * H, H)),
    )  # fmt: skip
    out, back = recurrence.gru(z, h, weight, bias, going)
    return out, joint(back)


def gru_before(z, h, weight, bias, *, going):
    """The GRU whose reset gate works on the state, before the product: h̃ = tanh(z + U (r h) + b).

    As in the paper and in course 5, week 1; all else as in `gru`. A composition of plain rules.
    """
    H = h.shape[1]

    def step(z, h):
        s = z[:, : 2 * H] + h @ weight[: 2 * H].T
        if bias is not None:
            s = s + bias[: 2 * H]
        r, u = np.split(sigmoid(s), 2, axis=1)
        new = z[:, 2 * H :] + (r * h) @ weight[2 * H :].T
        if bias is not None:
            new = new + bias[2 * H :]
        return (u * h + (1 - u) * np.tanh(new),)

    return over_time(z, (h,), step, going)
