"""Recurrent layers in compiled loops: eight sequences at a time, over all their steps.

The products are those of kernels/tiles.py. The rows of the recurrent weight stay in the second
cache from one step to the next, which a library's product of small matrices, called once for each
step, does not know. What is kept for the way back is what kernels/recurrence.py keeps. All numbers
are float32, the constants too: with Python's, the loops would compute in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels.tiles import add_products

Array = Any
Rows = Any  # the rows of a matrix, one after the other, and where each begins: two arrays

GROUP = 8  # sequences at a time
BLOCK = 256  # rows of a product that stay in the second cache

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


@compiled.loop
def fill(rows: Array, row: Array) -> None:
    for i in range(len(rows)):
        copy_row(row, rows[i])


@compiled.loop
def hand_out(s: Array, rows: Array, low: int) -> None:
    """The rows of s, as wide as those, to the rows of a group."""
    for i in range(min(GROUP, len(rows) - low)):
        copy_row(s[i, : rows.shape[1]], rows[low + i])


@compiled.loop
def add(s: Array, x: Array, t: int, low: int, weight: Rows) -> None:
    """s (8, M) += x[t, low : low + 8] · weight: (T, N, K), (K, M). Past the end, rows repeat."""
    _, N, K = x.shape
    places = np.empty(GROUP, np.int64)
    for i in range(GROUP):
        places[i] = (t * N + min(low + i, N - 1)) * K
    add_products(s, x.ravel(), places, weight[0], weight[1], None, s.shape[1])


# ------------------------------------------------------------------ forward, groups first to last
#
# x is (T, N, D), W and U are the rows of the transposed weights, and `s` (8, kH) is scratch, for
# the sums.


@compiled.loop
def rnn_steps(
    x: Array, W: Rows, U: Rows, b: Array, going: Array, relu: bool, states: Array,
    s: Array, first: int, last: int,
) -> None:  # fmt: skip
    (steps, N, _), H = x.shape, states.shape[2]
    for low in range(GROUP * first, min(GROUP * last, N), GROUP):
        for t in range(steps):
            fill(s, b)
            add(s, x, t, low, W)
            add(s, states, t, low, U)
            for i in range(min(GROUP, N - low)):
                n, row = low + i, s[i]
                new = states[t + 1, n]
                if going.size and not going[t, n]:
                    copy_row(states[t, n], new)
                elif relu:
                    for j in range(H):
                        new[j] = row[j] if row[j] > ZERO else ZERO
                else:
                    tanh_row(row[:H], new)


@compiled.loop
def lstm_steps(
    x: Array, W: Rows, U: Rows, b: Array, going: Array,
    states: Array, cells: Array, gates: Array, curved: Array, s: Array, first: int, last: int,
) -> None:  # fmt: skip
    (steps, N, _), H = x.shape, states.shape[2]
    for low in range(GROUP * first, min(GROUP * last, N), GROUP):
        for t in range(steps):
            fill(s, b)
            add(s, x, t, low, W)
            add(s, states, t, low, U)
            for i in range(min(GROUP, N - low)):
                n, row = low + i, s[i]
                new, cell, old, tanh = states[t + 1, n], cells[t + 1, n], cells[t, n], curved[t, n]
                gate = gates[t, n]
                sigmoid_row(row[: 2 * H], gate)
                tanh_row(row[2 * H : 3 * H], gate[2 * H :])
                sigmoid_row(row[3 * H : 4 * H], gate[3 * H :])
                if going.size and not going[t, n]:
                    copy_row(old, cell)
                    copy_row(states[t, n], new)
                    tanh[:] = 0
                else:
                    for j in range(H):
                        cell[j] = gate[H + j] * old[j] + gate[j] * gate[2 * H + j]
                    for j in range(H):
                        tanh[j] = rational(cell[j])
                        new[j] = gate[3 * H + j] * tanh[j]


@compiled.loop
def gru_steps(
    x: Array, W: Rows, U: Rows, b: Array, b_state: Array, going: Array,
    states: Array, gates: Array, inner: Array, s: Array, z: Array, first: int, last: int,
) -> None:  # fmt: skip
    """z (8, 3H), for the sums of the inputs, is scratch too."""
    (steps, N, _), H = x.shape, states.shape[2]
    for low in range(GROUP * first, min(GROUP * last, N), GROUP):
        for t in range(steps):
            fill(z, b)
            fill(s, b_state)
            add(z, x, t, low, W)
            add(s, states, t, low, U)
            for i in range(min(GROUP, N - low)):
                n, made, row = low + i, z[i], s[i]
                new, old, gate, kept = states[t + 1, n], states[t, n], gates[t, n], inner[t, n]
                for j in range(2 * H):
                    gate[j] = HALF + HALF * rational(HALF * (made[j] + row[j]))
                for j in range(H):
                    kept[j] = row[2 * H + j]
                    gate[2 * H + j] = rational(made[2 * H + j] + gate[j] * kept[j])
                if going.size and not going[t, n]:
                    copy_row(old, new)
                else:
                    for j in range(H):
                        u = gate[H + j]
                        new[j] = u * old[j] + (ONE - u) * gate[2 * H + j]


# ------------------------------------------------------------------ and back
#
# W and U are the rows of the weights, and to_h (N, H) comes as the gradient of the last states.
# `s` (8, H) and `sx` (8, D) are scratch.


@compiled.loop
def to_inputs(to_z: Array, t: int, low: int, W: Rows, s: Array, to_x: Array) -> None:
    """to_x[t] = to_z[t] W for a group."""
    s[:] = 0
    add(s, to_z, t, low, W)
    hand_out(s, to_x[t], low)


@compiled.loop
def rnn_back(
    g: Array, W: Rows, U: Rows, going: Array, relu: bool, states: Array,
    to_x: Array, to_z: Array, to_h: Array, s: Array, sx: Array, first: int, last: int,
) -> None:  # fmt: skip
    steps, N, H = to_z.shape
    for low in range(GROUP * first, min(GROUP * last, N), GROUP):
        for t in range(steps - 1, -1, -1):
            s[:] = 0
            for i in range(min(GROUP, N - low)):
                n = low + i
                made, back, given, new = to_z[t, n], to_h[n], g[t, n], states[t + 1, n]
                if going.size and not going[t, n]:
                    made[:] = 0
                    copy_row(back, s[i])
                elif relu:
                    for j in range(H):
                        made[j] = back[j] + given[j] if new[j] > ZERO else ZERO
                else:
                    for j in range(H):
                        made[j] = (back[j] + given[j]) * (ONE - new[j] * new[j])
            add(s, to_z, t, low, U)
            hand_out(s, to_h, low)
            to_inputs(to_z, t, low, W, sx, to_x)


@compiled.loop
def lstm_back(
    g: Array, W: Rows, U: Rows, going: Array, cells: Array, gates: Array, curved: Array,
    to_x: Array, to_z: Array, to_h: Array, to_c: Array,
    s: Array, sx: Array, first: int, last: int,
) -> None:  # fmt: skip
    """to_c (N, H) is as to_h."""
    steps, N, H = curved.shape
    for low in range(GROUP * first, min(GROUP * last, N), GROUP):
        for t in range(steps - 1, -1, -1):
            s[:] = 0
            for i in range(min(GROUP, N - low)):
                n = low + i
                made, back, back_c, given = to_z[t, n], to_h[n], to_c[n], g[t, n]
                gate, tanh, old = gates[t, n], curved[t, n], cells[t, n]
                if going.size and not going[t, n]:
                    made[:] = 0
                    copy_row(back, s[i])
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
            add(s, to_z, t, low, U)
            hand_out(s, to_h, low)
            to_inputs(to_z, t, low, W, sx, to_x)


@compiled.loop
def gru_back(
    g: Array, W: Rows, U: Rows, going: Array, states: Array, gates: Array, inner: Array,
    to_x: Array, to_z: Array, to_s: Array, to_h: Array,
    s: Array, sx: Array, first: int, last: int,
) -> None:  # fmt: skip
    """to_s is the gradient of U h + b."""
    steps, N, H = inner.shape
    for low in range(GROUP * first, min(GROUP * last, N), GROUP):
        for t in range(steps - 1, -1, -1):
            for i in range(min(GROUP, N - low)):
                n = low + i
                made, inside, back, given = to_z[t, n], to_s[t, n], to_h[n], g[t, n]
                gate, old, kept, row = gates[t, n], states[t, n], inner[t, n], s[i]
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
            add(s, to_s, t, low, U)
            hand_out(s, to_h, low)
            to_inputs(to_z, t, low, W, sx, to_x)


@compiled.loop
def turn(to_z: Array, begin: int, end: int, column: int, count: int, turned: Array) -> None:
    for r in range(begin, end):
        for i in range(count):
            turned[i, r - begin] = to_z[r, column + i]


@compiled.loop
def to_weights(to_z: Array, x: Array, out: Array, turned: Array, first: int, last: int) -> None:
    """out (M, K) = to_zᵀ x, its rows first to last in groups of eight: (R, M), (R, K).

    out has a multiple of eight rows; `turned` (8, BLOCK) is scratch.
    """
    (R, M), K = to_z.shape, x.shape[1]
    places, low, high = np.arange(GROUP) * turned.shape[1], GROUP * first, GROUP * last
    out[low:high] = 0
    for begin in range(0, R, BLOCK):
        end = min(begin + BLOCK, R)
        taps = np.arange(begin, end) * K
        for m in range(low, high, GROUP):
            if m + GROUP <= M:
                turn(to_z, begin, end, m, GROUP, turned)  # a constant: a loop without conditions
            else:
                turn(to_z, begin, end, m, M - m, turned)
            add_products(out[m : m + GROUP], turned.ravel(), places, x.ravel(), taps, None, K)
