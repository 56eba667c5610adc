"""Recurrent layers in compiled loops: eight sequences at a time, over all their steps.

The product with the recurrent weight is `add_eight`'s: its rows stay in the second cache from one
step to the next, which a library's product of small matrices, called once for each step, does not
know. What is kept for the way back is what kernels/recurrence.py keeps. All numbers are float32,
the constants too: with Python's, the loops would compute in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.row_loops import add_eight

Array = Any

GROUP = 8  # sequences at a time

# tanh x = x p(x²)/q(x²) within 2e-7 up to the border, beyond which float32 has 1. The lowest power
# comes first. Source: Eigen's generic_fast_tanh_float.
P = tuple(map(np.float32, (
    4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8,
    -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16,
)))  # fmt: skip
Q = tuple(map(np.float32, (
    4.89352518554385e-3, 2.26843463243900e-3, 1.18534705686654e-4, 1.19825839466702e-6,
)))  # fmt: skip
BORDER, ZERO, HALF, ONE = map(np.float32, (7.90531110763549805, 0, 0.5, 1))


@compiled.loop
def rational(x: Any) -> Any:
    """tanh x. NaN stays NaN."""
    x = BORDER if x > BORDER else x
    x = -BORDER if x < -BORDER else x
    t = x * x
    p = P[6]
    p = p * t + P[5]
    p = p * t + P[4]
    p = p * t + P[3]
    p = p * t + P[2]
    p = p * t + P[1]
    p = p * t + P[0]
    q = Q[3]
    q = q * t + Q[2]
    q = q * t + Q[1]
    q = q * t + Q[0]
    return x * p / q


@compiled.loop
def tanh_row(x: Array, out: Array) -> None:
    for j in range(len(x)):
        out[j] = rational(x[j])


@compiled.loop
def sigmoid_row(x: Array, out: Array) -> None:
    for j in range(len(x)):
        out[j] = HALF + HALF * rational(HALF * x[j])


@compiled.loop
def copy_row(x: Array, out: Array) -> None:
    for j in range(len(x)):
        out[j] = x[j]


# ------------------------------------------------------------------ forward
#
# `rows` are those of [W U]ᵀ, first the D of the inputs, up to a multiple of four, then the H of the
# states, and `taps` say where in memory they begin. `xh` (8, as many) is what they are multiplied
# with, [x h], and `s` (8, kH) the sums: scratch. x is (T, N, D).


@compiled.loop
def begin(states: Array, low: int, rows: int, offset: int, xh: Array) -> None:
    """The first states of a group, where `xh` has its states."""
    xh[:] = 0
    for i in range(rows):
        copy_row(states[0, low + i], xh[i, offset:])


@compiled.loop
def rnn_steps(
    x: Array, rows: Array, taps: Array, b: Array, going: Array, relu: bool, states: Array,
    xh: Array, s: Array, first: int, last: int,
) -> None:  # fmt: skip
    """Groups first to last of eight."""
    (steps, N, D), H = x.shape, len(b)
    flat, offset = rows.ravel(), D + -D % 4
    for group in range(first, last):
        low = GROUP * group
        count = min(GROUP, N - low)
        begin(states, low, count, offset, xh)
        for t in range(steps):
            for i in range(count):
                copy_row(x[t, low + i], xh[i])
                copy_row(b, s[i])
            add_eight(s, flat, taps, xh, H)
            for i in range(count):
                n = low + i
                new = states[t + 1, n]
                if going.size and not going[t, n]:
                    copy_row(states[t, n], new)
                elif relu:
                    for j in range(H):
                        new[j] = s[i, j] if s[i, j] > ZERO else ZERO
                else:
                    tanh_row(s[i, :H], new)
                copy_row(new, xh[i, offset:])


@compiled.loop
def lstm_steps(
    x: Array, rows: Array, taps: Array, b: Array, going: Array,
    states: Array, cells: Array, gates: Array, curved: Array,
    xh: Array, s: Array, first: int, last: int,
) -> None:  # fmt: skip
    (steps, N, D), width = x.shape, len(b)
    H, flat, offset = width // 4, rows.ravel(), D + -D % 4
    for group in range(first, last):
        low = GROUP * group
        count = min(GROUP, N - low)
        begin(states, low, count, offset, xh)
        for t in range(steps):
            for i in range(count):
                copy_row(x[t, low + i], xh[i])
                copy_row(b, s[i])
            add_eight(s, flat, taps, xh, width)
            for i in range(count):
                n = low + i
                new, cell, old, tanh = states[t + 1, n], cells[t + 1, n], cells[t, n], curved[t, n]
                gate = gates[t, n]
                sigmoid_row(s[i, : 2 * H], gate[: 2 * H])
                tanh_row(s[i, 2 * H : 3 * H], gate[2 * H : 3 * H])
                sigmoid_row(s[i, 3 * H : width], gate[3 * H :])
                if going.size and not going[t, n]:
                    copy_row(old, cell)
                    copy_row(states[t, n], new)
                    tanh[:] = 0
                else:
                    for j in range(H):
                        cell[j] = gate[H + j] * old[j] + gate[j] * gate[2 * H + j]
                    tanh_row(cell, tanh)
                    for j in range(H):
                        new[j] = gate[3 * H + j] * tanh[j]
                copy_row(new, xh[i, offset:])


@compiled.loop
def gru_steps(
    x: Array, rows: Array, taps: Array, b: Array, b_inner: Array, going: Array,
    states: Array, gates: Array, inner: Array, xh: Array, s: Array, first: int, last: int,
) -> None:  # fmt: skip
    """The columns of the rows are those of r, u, the inputs' part of h̃ and the states' part."""
    (steps, N, D), H = x.shape, len(b_inner)
    flat, offset = rows.ravel(), D + -D % 4
    for group in range(first, last):
        low = GROUP * group
        count = min(GROUP, N - low)
        begin(states, low, count, offset, xh)
        for t in range(steps):
            for i in range(count):
                copy_row(x[t, low + i], xh[i])
                copy_row(b, s[i])
                copy_row(b_inner, s[i, 3 * H :])
            add_eight(s, flat, taps, xh, 4 * H)
            for i in range(count):
                n = low + i
                new, old, gate, row, kept = (
                    states[t + 1, n], states[t, n], gates[t, n], s[i], inner[t, n]
                )  # fmt: skip
                sigmoid_row(row[: 2 * H], gate[: 2 * H])
                copy_row(row[3 * H : 4 * H], kept)
                for j in range(H):
                    row[j] = row[2 * H + j] + gate[j] * kept[j]
                tanh_row(row[:H], gate[2 * H :])
                if going.size and not going[t, n]:
                    copy_row(old, new)
                else:
                    for j in range(H):
                        u = gate[H + j]
                        new[j] = u * old[j] + (ONE - u) * gate[2 * H + j]
                copy_row(new, xh[i, offset:])


# ------------------------------------------------------------------ and back
#
# `rows` are those of [W U], and what they are multiplied with, the gradients of z: `d` (8, kH) and,
# for the sums, `s` (8, D up to a multiple of four, then H) are scratch.


@compiled.loop
def rnn_back(
    g: Array, rows: Array, taps: Array, going: Array, relu: bool,
    states: Array, to_x: Array, to_z: Array, to_h: Array,
    d: Array, s: Array, first: int, last: int,
) -> None:  # fmt: skip
    """Groups first to last. to_h (N, H) comes as the gradient of the last state."""
    (steps, N, H), D = to_z.shape, to_x.shape[2]
    flat, offset = rows.ravel(), D + -D % 4
    for group in range(first, last):
        low = GROUP * group
        count = min(GROUP, N - low)
        d[:] = 0
        for t in range(steps - 1, -1, -1):
            s[:] = 0
            for i in range(count):
                n = low + i
                made, back, given, new = to_z[t, n], to_h[n], g[t, n], states[t + 1, n]
                if going.size and not going[t, n]:
                    made[:] = 0
                    copy_row(back, s[i, offset:])
                elif relu:
                    for j in range(H):
                        made[j] = back[j] + given[j] if new[j] > ZERO else ZERO
                else:
                    for j in range(H):
                        made[j] = (back[j] + given[j]) * (ONE - new[j] * new[j])
                copy_row(made, d[i])
            add_eight(s, flat, taps, d, offset + H)
            for i in range(count):
                n = low + i
                copy_row(s[i, :D], to_x[t, n])
                copy_row(s[i, offset : offset + H], to_h[n])


@compiled.loop
def lstm_back(
    g: Array, rows: Array, taps: Array, going: Array,
    cells: Array, gates: Array, curved: Array,
    to_x: Array, to_z: Array, to_h: Array, to_c: Array,
    d: Array, s: Array, first: int, last: int,
) -> None:  # fmt: skip
    (steps, N, width), D = to_z.shape, to_x.shape[2]
    H, flat, offset = width // 4, rows.ravel(), D + -D % 4
    for group in range(first, last):
        low = GROUP * group
        count = min(GROUP, N - low)
        d[:] = 0
        for t in range(steps - 1, -1, -1):
            s[:] = 0
            for i in range(count):
                n = low + i
                made, back, back_c, given = to_z[t, n], to_h[n], to_c[n], g[t, n]
                gate, tanh, old = gates[t, n], curved[t, n], cells[t, n]
                if going.size and not going[t, n]:
                    made[:] = 0
                    copy_row(back, s[i, offset:])
                else:
                    for j in range(H):
                        through, o = back[j] + given[j], gate[3 * H + j]
                        made[3 * H + j] = through * tanh[j] * o * (ONE - o)
                        back_c[j] += through * o * (ONE - tanh[j] * tanh[j])
                    for j in range(H):
                        a, new = gate[j], gate[2 * H + j]
                        made[j] = back_c[j] * new * a * (ONE - a)
                        made[2 * H + j] = back_c[j] * a * (ONE - new * new)
                    for j in range(H):
                        f = gate[H + j]
                        made[H + j] = back_c[j] * old[j] * f * (ONE - f)
                        back_c[j] *= f
                copy_row(made, d[i])
            add_eight(s, flat, taps, d, offset + H)
            for i in range(count):
                n = low + i
                copy_row(s[i, :D], to_x[t, n])
                copy_row(s[i, offset : offset + H], to_h[n])


@compiled.loop
def gru_back(
    g: Array, rows: Array, taps: Array, going: Array,
    states: Array, gates: Array, inner: Array,
    to_x: Array, to_z: Array, to_s: Array, to_h: Array,
    d: Array, s: Array, first: int, last: int,
) -> None:  # fmt: skip
    """to_s is the gradient of U h + b."""
    (steps, N, width), D = to_z.shape, to_x.shape[2]
    H, flat, offset = width // 3, rows.ravel(), D + -D % 4
    for group in range(first, last):
        low = GROUP * group
        count = min(GROUP, N - low)
        d[:] = 0
        for t in range(steps - 1, -1, -1):
            s[:] = 0
            for i in range(count):
                n = low + i
                made, inside, back, given = to_z[t, n], to_s[t, n], to_h[n], g[t, n]
                gate, old, kept, row = gates[t, n], states[t, n], inner[t, n], s[i, offset:]
                if going.size and not going[t, n]:
                    made[:] = 0
                    inside[:] = 0
                    copy_row(back, row)
                else:
                    for j in range(H):
                        through, u, new = back[j] + given[j], gate[H + j], gate[2 * H + j]
                        row[j] = through * u
                        made[H + j] = through * (old[j] - new) * u * (ONE - u)
                        made[2 * H + j] = through * (ONE - u) * (ONE - new * new)
                    for j in range(H):
                        r, to_new = gate[j], made[2 * H + j]
                        made[j] = to_new * kept[j] * r * (ONE - r)
                        inside[2 * H + j] = to_new * r
                    for j in range(2 * H):
                        inside[j] = made[j]
                copy_row(made, d[i])
                copy_row(inside[2 * H :], d[i, 3 * H :])
            add_eight(s, flat, taps, d, offset + H)
            for i in range(count):
                n = low + i
                copy_row(s[i, :D], to_x[t, n])
                copy_row(s[i, offset : offset + H], to_h[n])
