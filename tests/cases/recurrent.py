"""Rows for tinygrad_tr/rules/recurrent.py."""

import numpy as np

from tests.cases.case import Case, normal
from tinygrad_tr.rules.recurrent import gru, lstm, rnn

GOING = np.array([[True, False], [True, True], [False, True]])


def joined(outputs):
    """All outputs in one array, as a case wants it."""
    return np.concatenate([np.reshape(out, -1) for out in outputs])


def stepped(torch, step, z, states, going):
    """The outputs and last states of PyTorch's operations, step by step."""
    outputs = []
    for t in range(len(z)):
        goes = torch.tensor(going[t, :, None]) if going is not None else torch.tensor(True)
        new = step(z[t], *states)
        states = [torch.where(goes, n, old) for n, old in zip(new, states, strict=True)]
        outputs.append(torch.where(goes, states[0], 0.0))
    return torch.cat([out.reshape(-1) for out in (torch.stack(outputs), *states)])


def torch_rnn(nonlinearity, going=None):
    def function(torch, x, h, W, weight, b):
        f, z = getattr(torch, nonlinearity), x @ W.T + b
        return stepped(torch, lambda z, h: (f(z + h @ weight.T),), z, [h], going)

    return function


def torch_lstm(going=None):
    def function(torch, x, h, c, W, weight, b, projection=None):
        z = x @ W.T + b

        def step(z, h, c):
            i, f, new, o = (z + h @ weight.T).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * new.tanh()
            h = o.sigmoid() * c.tanh()
            return h if projection is None else h @ projection.T, c

        return stepped(torch, step, z, [h, c], going)

    return function


def torch_gru(going=None):
    def function(torch, x, h, W, weight, b=None, bias=None):
        z = x @ W.T if b is None else x @ W.T + b

        def step(z, h):
            s = h @ weight.T if bias is None else h @ weight.T + bias
            (zr, zu, zn), (r, u, n) = z.chunk(3, dim=1), s.chunk(3, dim=1)
            r, u = (zr + r).sigmoid(), (zu + u).sigmoid()
            return (u * h + (1 - u) * (zn + r * n).tanh(),)

        return stepped(torch, step, z, [h], going)

    return function


def ours(rule, going=None, missing=(), **facts):
    return lambda *inputs: joined(rule(*inputs, *missing, going=going, **facts))


RNN = [normal(3, 2, 1), normal(2, 2), normal(2, 1), normal(2, 2), normal(2)]
LSTM = [normal(3, 1, 1), normal(1, 2), normal(1, 2), normal(8, 1), normal(8, 2), normal(8)]
PROJECTED = [
    normal(3, 2, 1), normal(2, 1), normal(2, 2), normal(8, 1), normal(8, 1), normal(8), normal(1, 2)
]  # fmt: skip
GRU = [normal(3, 1, 1), normal(1, 2), normal(6, 1), normal(6, 2), normal(6), normal(6)]
GRUS = [normal(3, 2, 2), normal(2, 1), normal(3, 2), normal(3, 1), normal(3), normal(3)]

CASES = [
    Case("rnn", ours(rnn, nonlinearity="tanh"), RNN, torch_rnn("tanh"), keeps=8),
    Case("rnn", ours(rnn, nonlinearity="relu"), RNN, torch_rnn("relu"), label="relu", keeps=8),
    Case("rnn", ours(rnn, GOING, nonlinearity="tanh"), RNN, torch_rnn("tanh", GOING),
         label="lengths", keeps=8),
    Case("lstm", ours(lstm, missing=(None,)), LSTM, torch_lstm(), keeps=8),
    Case("lstm", ours(lstm), PROJECTED, torch_lstm(), label="projection", keeps=8),
    Case("lstm", ours(lstm, GOING), PROJECTED, torch_lstm(GOING), label="lengths", keeps=8),
    Case("gru", ours(gru), GRU, torch_gru(), keeps=8),
    Case("gru", ours(gru, GOING), GRUS, torch_gru(GOING), label="lengths", keeps=8),
    Case("gru", ours(gru, missing=(None, None)), GRU[:4], torch_gru(), label="no bias", keeps=8),
]  # fmt: skip
