"""Recurrent layers over all steps of a sequence: the values, and the way back through time.

x is (T, N, D) and contributes W x + b to each step. `going` (T, N) says at which steps which
sequences go on: where one does not, its state stands still and its output is 0.

A state at step t is `states[t + 1]`, and `states[0]` is the first. Each function gives the values
and `back`, which makes the gradients of all inputs from those of the values, None where nothing
flows. With NumPy, and in the loops of kernels/recurrence_loops.py; both keep the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels import compiled
from tinygrad_tr.kernels import recurrence_loops as loops
from tinygrad_tr.kernels.shifted_rows import scratch, upwards
from tinygrad_tr.kernels.threads import in_parts
from tinygrad_tr.kernels.tiles import LINE

Array = Any
Gradients = tuple[Array | None, ...]
Back = Callable[[Sequence[Array | None]], Gradients]
Run = tuple[tuple[Array, ...], Back]


def rnn(
    x: Array, h: Array, W: Array, U: Array, b: Array | None, going: Array | None, relu: bool
) -> Run:
    """hₜ = f(W xₜ + U hₜ₋₁ + b): (T, N, D), (N, H), (H, D), (H, H), (H,) -> all hₜ, the last."""
    run = rnn_in_loops if worthwhile(x, h, W, U, b) else rnn_with_numpy
    return run(x, h, W, U, b, going, relu)


def lstm(
    x: Array, h: Array, c: Array, W: Array, U: Array, b: Array | None, P: Array | None,
    going: Array | None,
) -> Run:  # fmt: skip
    """cₜ = f cₜ₋₁ + i c̃, hₜ = o tanh cₜ, or P (o tanh cₜ), with i, f, c̃, o from W xₜ + U hₜ₋₁ + b.

    (T, N, D), (N, P), (N, H), (4H, D), (4H, P), (4H,), (P, H) -> all hₜ, the last h and c.
    """
    if P is None and worthwhile(x, h, c, W, U, b):
        return lstm_in_loops(x, h, c, W, U, b, going)
    return lstm_with_numpy(x, h, c, W, U, b, P, going)


def gru(
    x: Array, h: Array, W: Array, U: Array, b: Array | None, b_state: Array | None,
    going: Array | None,
) -> Run:  # fmt: skip
    """hₜ = u hₜ₋₁ + (1 − u) h̃, with z = W xₜ + b, s = U hₜ₋₁ + b', r, u = σ(z + s) and
    h̃ = tanh(z + r s): (T, N, D), (N, H), (3H, D), (3H, H), (3H,), (3H,) -> all hₜ, the last.
    """
    run = gru_in_loops if worthwhile(x, h, W, U, b, b_state) else gru_with_numpy
    return run(x, h, W, U, b, b_state, going)


def worthwhile(x: Array, h: Array, W: Array, *others: Array | None) -> bool:
    """Whether the loops could and should take these: they know float32 only."""
    large = x.shape[0] * x.shape[1] * len(W) >= compiled.SMALLEST
    return x.dtype == np.float32 and large and compiled.possible(x, h, W, *others)


# ------------------------------------------------------------------ with NumPy


def rnn_with_numpy(
    x: Array, h: Array, W: Array, U: Array, b: Array | None, going: Array | None, relu: bool
) -> Run:
    z = contributions(x, W, b)
    steps = len(z)
    states = beginning(steps, h, z, U)
    for t in range(steps):
        s = np.matmul(states[t], U.T, out=states[t + 1])
        s += z[t]
        np.maximum(s, 0, out=s) if relu else np.tanh(s, out=s)
        if going is not None:
            stand_still(states, t, going)

    def back(g: Sequence[Array | None]) -> tuple[Array | None, ...]:
        to_z = np.zeros_like(states[1:])
        to_h = ending(g[1], states)
        for t in reversed(range(steps)):
            passed = arriving(to_h, g[0], going, t)
            new = states[t + 1]
            slope = new > 0 if relu else 1 - new * new
            np.multiply(to_h, slope, out=to_z[t])
            to_h = leaving(np.matmul(to_z[t], U), passed)
        to_W, to_U = product(to_z, x), product(to_z, states[:-1])
        return through(to_z, W), to_h, to_W, to_U, total(to_z, b)

    return (outputs(states, going), states[-1].copy()), back


def lstm_with_numpy(
    x: Array, h: Array, c: Array, W: Array, U: Array, b: Array | None, P: Array | None,
    going: Array | None,
) -> Run:  # fmt: skip
    # σ(x) = (1 + tanh(x/2))/2: one tanh serves all four gates, and the weights are halved before.
    halves = np.repeat(np.array([0.5, 0.5, 1, 0.5], W.dtype), c.shape[1])
    rest = 1 - halves
    half_U = U * halves[:, None]
    z = contributions(x, W * halves[:, None], None if b is None else b * halves)
    steps, (N, H) = len(z), c.shape
    states, cells = beginning(steps, h, z, U, c, P), beginning(steps, c, z, U, h, P)
    gates = np.empty((steps, N, 4 * H), states.dtype)
    i, f, new, o = np.split(gates, 4, axis=2)
    curved = np.empty((steps, N, H), states.dtype)  # tanh cₜ
    for t in range(steps):
        s = np.matmul(states[t], half_U.T, out=gates[t])
        s += z[t]
        np.tanh(s, out=s)
        s *= halves
        s += rest
        cell = np.multiply(f[t], cells[t], out=cells[t + 1])
        cell += i[t] * new[t]
        np.tanh(cell, out=curved[t])
        if P is None:
            np.multiply(o[t], curved[t], out=states[t + 1])
        else:
            np.matmul(o[t] * curved[t], P.T, out=states[t + 1])
        if going is not None:
            stand_still(states, t, going)
            stand_still(cells, t, going)

    def back(g: Sequence[Array | None]) -> tuple[Array | None, ...]:
        # The slopes of all steps at once; in the loop, the gradients of z come in their place.
        to_z = np.empty_like(gates)
        to_i, to_f, to_new, to_o = np.split(to_z, 4, axis=2)
        np.multiply(i * new, 1 - i, out=to_i)
        np.multiply(f * cells[:-1], 1 - f, out=to_f)
        np.multiply(i, 1 - new * new, out=to_new)
        np.multiply(o * curved, 1 - o, out=to_o)
        from_h = o * (1 - curved * curved)
        to_h, to_c = ending(g[1], states), ending(g[2], cells)
        to_P = None if P is None else np.zeros_like(P)
        for t in reversed(range(steps)):
            passed = arriving(to_h, g[0], going, t)
            passed_c = arriving(to_c, None, going, t)
            if P is not None:
                to_P += to_h.T @ (o[t] * curved[t])
                to_h = to_h @ P
            to_c += to_h * from_h[t]
            for slope in (to_i, to_f, to_new):
                slope[t] *= to_c
            to_o[t] *= to_h
            to_c = leaving(to_c * f[t], passed_c)
            to_h = leaving(np.matmul(to_z[t], U), passed)
        to_W, to_U = product(to_z, x), product(to_z, states[:-1])
        return through(to_z, W), to_h, to_c, to_W, to_U, total(to_z, b), to_P

    return (outputs(states, going), states[-1].copy(), cells[-1].copy()), back


def gru_with_numpy(
    x: Array, h: Array, W: Array, U: Array, b: Array | None, b_state: Array | None,
    going: Array | None,
) -> Run:  # fmt: skip
    z = contributions(x, W, b)
    steps, H = len(z), h.shape[1]
    states = beginning(steps, h, z, U)
    gates = np.empty(z.shape, states.dtype)
    inner = np.empty((steps, *h.shape), states.dtype)  # (U hₜ₋₁ + b)ₕ
    for t in range(steps):
        s = np.matmul(states[t], U.T, out=gates[t])
        if b_state is not None:
            s += b_state
        inner[t] = s[:, 2 * H :]
        both, new = s[:, : 2 * H], s[:, 2 * H :]
        both += z[t, :, : 2 * H]
        both *= 0.5  # σ(x) = (1 + tanh(x/2))/2
        np.tanh(both, out=both)
        both += 1
        both *= 0.5
        r, u = both[:, :H], both[:, H:]
        new *= r
        new += z[t, :, 2 * H :]
        np.tanh(new, out=new)
        np.add(new, u * (states[t] - new), out=states[t + 1])
        if going is not None:
            stand_still(states, t, going)

    def back(g: Sequence[Array | None]) -> tuple[Array | None, ...]:
        to_z = np.empty_like(gates)
        to_s = np.empty_like(gates)  # to U hₜ₋₁ + b
        to_h = ending(g[1], states)
        for t in reversed(range(steps)):
            passed = arriving(to_h, g[0], going, t)
            r, u, new = np.split(gates[t], 3, axis=1)
            to_r, to_u, to_inner = np.split(to_s[t], 3, axis=1)
            to_new = to_z[t, :, 2 * H :]
            np.multiply(to_h * (1 - u), 1 - new * new, out=to_new)
            np.multiply(to_h * (states[t] - new), u * (1 - u), out=to_u)
            np.multiply(to_new * inner[t], r * (1 - r), out=to_r)
            np.multiply(to_new, r, out=to_inner)
            to_z[t, :, : 2 * H] = to_s[t, :, : 2 * H]
            to_h *= u
            to_h += np.matmul(to_s[t], U)
            to_h = leaving(to_h, passed)
        to_W, to_U = product(to_z, x), product(to_s, states[:-1])
        return through(to_z, W), to_h, to_W, to_U, total(to_z, b), total(to_s, b_state)

    return (outputs(states, going), states[-1].copy()), back


# ------------------------------------------------------------------ in loops


def in_groups(loop: Callable[..., None], rows: int, widths: Sequence[int], *arrays: Any) -> None:
    """Run the loop over all groups of eight sequences, with scratch of eight rows."""

    def work(first: int, last: int) -> None:
        loop(*arrays, *(scratch(loops.GROUP, width, np.float32) for width in widths), first, last)

    in_parts(-(-rows // loops.GROUP), work, each=4)


def in_rows(weight: Array) -> tuple[Array, Array]:
    """The rows of a weight, with zeros up to whole lines of the cache, and where each begins."""
    n, width = weight.shape
    rows = scratch(n, width, weight.dtype)
    rows[:, :width], rows[:, width:] = weight, 0
    return rows.ravel(), np.arange(n) * rows.shape[1]


def written_out(b: Array | None, width: int) -> Array:
    """The bias, with zeros up to whole lines of the cache."""
    whole = np.zeros(upwards(width, LINE), np.float32)
    if b is not None:
        whole[:width] = b
    return whole


def products(to_z: Array, *inputs: Array) -> list[Array]:
    """As `product` for each of the inputs, while to_z is read once."""
    x = np.concatenate(inputs, axis=2).reshape(-1, sum(x.shape[2] for x in inputs))
    to_z = to_z.reshape(-1, to_z.shape[2])
    out = np.empty((upwards(to_z.shape[1], loops.GROUP), x.shape[1]), np.float32)

    def work(first: int, last: int) -> None:
        loops.to_weights(to_z, x, out, scratch(loops.GROUP, loops.BLOCK, np.float32), first, last)

    in_parts(len(out) // loops.GROUP, work)
    ends = itertools.accumulate(x.shape[2] for x in inputs[:-1])
    parts = np.split(out[: to_z.shape[1]], list(ends), axis=1)
    return [np.ascontiguousarray(part) for part in parts]


def always(going: Array | None) -> Array:
    return np.empty((0, 0), bool) if going is None else np.ascontiguousarray(going)


def contiguous(g: Array | None, shape: tuple[int, ...]) -> Array:
    """The gradient of the outputs in one piece; 0 if there is none."""
    return np.zeros(shape, np.float32) if g is None else np.ascontiguousarray(g, np.float32)


def rnn_in_loops(
    x: Array, h: Array, W: Array, U: Array, b: Array | None, going: Array | None, relu: bool
) -> Run:
    (steps, N, D), H, x = x.shape, h.shape[1], np.ascontiguousarray(x)
    states, goes = beginning(steps, h), always(going)
    in_groups(
        loops.rnn_steps, N, (H,),
        x, in_rows(W.T), in_rows(U.T), written_out(b, H), goes, relu, states,
    )  # fmt: skip

    def back(g: Sequence[Array | None]) -> Gradients:
        to_x, to_z, to_h = np.empty_like(x), np.empty_like(states[1:]), ending(g[1], states)
        in_groups(
            loops.rnn_back, N, (H, D),
            contiguous(g[0], to_z.shape), in_rows(W), in_rows(U), goes, relu, states,
            to_x, to_z, to_h,
        )  # fmt: skip
        to_W, to_U = products(to_z, x, states[:-1])
        return to_x, to_h, to_W, to_U, total(to_z, b)

    return (outputs(states, going), states[-1].copy()), back


def lstm_in_loops(
    x: Array, h: Array, c: Array, W: Array, U: Array, b: Array | None, going: Array | None
) -> Run:
    (steps, N, D), H, x = x.shape, c.shape[1], np.ascontiguousarray(x)
    states, cells, goes = beginning(steps, h), beginning(steps, c), always(going)
    gates, curved = np.empty((steps, N, 4 * H), x.dtype), np.empty((steps, N, H), x.dtype)
    in_groups(
        loops.lstm_steps, N, (4 * H,),
        x, in_rows(W.T), in_rows(U.T), written_out(b, 4 * H), goes, states, cells, gates, curved,
    )  # fmt: skip

    def back(g: Sequence[Array | None]) -> Gradients:
        to_x, to_z = np.empty_like(x), np.empty_like(gates)
        to_h, to_c = ending(g[1], states), ending(g[2], cells)
        in_groups(
            loops.lstm_back, N, (H, D),
            contiguous(g[0], curved.shape), in_rows(W), in_rows(U), goes, cells, gates, curved,
            to_x, to_z, to_h, to_c,
        )  # fmt: skip
        to_W, to_U = products(to_z, x, states[:-1])
        return to_x, to_h, to_c, to_W, to_U, total(to_z, b), None

    return (outputs(states, going), states[-1].copy(), cells[-1].copy()), back


def gru_in_loops(
    x: Array, h: Array, W: Array, U: Array, b: Array | None, b_state: Array | None,
    going: Array | None,
) -> Run:  # fmt: skip
    (steps, N, D), H, x = x.shape, h.shape[1], np.ascontiguousarray(x)
    states, goes = beginning(steps, h), always(going)
    gates, inner = np.empty((steps, N, 3 * H), x.dtype), np.empty((steps, N, H), x.dtype)
    in_groups(
        loops.gru_steps, N, (3 * H, 3 * H),
        x, in_rows(W.T), in_rows(U.T), written_out(b, 3 * H), written_out(b_state, 3 * H), goes,
        states, gates, inner,
    )  # fmt: skip

    def back(g: Sequence[Array | None]) -> Gradients:
        to_x, to_h = np.empty_like(x), ending(g[1], states)
        to_z, to_s = np.empty_like(gates), np.empty_like(gates)
        in_groups(
            loops.gru_back, N, (H, D),
            contiguous(g[0], inner.shape), in_rows(W), in_rows(U), goes, states, gates, inner,
            to_x, to_z, to_s, to_h,
        )  # fmt: skip
        (to_W,), (to_U,) = products(to_z, x), products(to_s, states[:-1])
        return to_x, to_h, to_W, to_U, total(to_z, b), total(to_s, b_state)

    return (outputs(states, going), states[-1].copy()), back


# ------------------------------------------------------------------ what the three share


def contributions(x: Array, W: Array, b: Array | None) -> Array:
    """W x + b for all steps: (T, N, D) -> (T, N, kH)."""
    z = through(x, W.T)
    return z if b is None else z + b


def through(x: Array, W: Array) -> Array:
    """The vectors of all steps times a matrix: (T, N, D), (D, E) -> (T, N, E)."""
    return x.reshape(-1, x.shape[2]).dot(W).reshape(*x.shape[:2], W.shape[1])


def product(to_z: Array, x: Array) -> Array:
    """The gradient of a weight, from those of all steps and what it was multiplied with there."""
    return to_z.reshape(-1, to_z.shape[2]).T.dot(x.reshape(-1, x.shape[2]))


def total(to_s: Array, b: Array | None) -> Array | None:
    """The gradient of a bias."""
    return None if b is None else to_s.sum(axis=(0, 1))


def beginning(steps: int, first: Array, *others: Array | None) -> Array:
    """Room for the state before every step and after the last, the first one set."""
    dtype = np.result_type(first, *(x for x in others if x is not None))
    states = np.empty((steps + 1, *first.shape), dtype)
    states[0] = first
    return states


def stand_still(states: Array, t: int, going: Array) -> None:
    """Undo step t of the sequences that have ended, or have not begun."""
    np.copyto(states[t + 1], states[t], where=~going[t, :, None])


def outputs(states: Array, going: Array | None) -> Array:
    """The states after each step; 0 where a sequence does not go on."""
    return states[1:] if going is None else states[1:] * going[:, :, None]


def ending(g: Array | None, states: Array) -> Array:
    """The gradient of the last state, to be changed in place; 0 if there is none."""
    return np.zeros_like(states[-1]) if g is None else np.array(g, states.dtype)


def arriving(to_h: Array, g: Array | None, going: Array | None, t: int) -> Array | None:
    """Add the output's gradient at step t to the state's; what passes by sequences at rest.

    The state's gradient is then that of the sequences that go on, and 0 for the others.
    """
    passed = None if going is None else to_h * ~going[t, :, None]
    if g is not None:
        to_h += g[t]
    if going is not None:
        to_h *= going[t, :, None]
    return passed


def leaving(to_h: Array, passed: Array | None) -> Array:
    """The gradient of the state before the step, in memory of its own."""
    if passed is not None:
        to_h += passed
    return to_h
