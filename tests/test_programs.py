"""Random programs: any graph of any rules has the derivatives that finite differences give."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_tr as tt

UNARY = [np.sin, np.tanh, np.exp, tt.sigmoid, tt.softplus, np.square, np.negative, tt.softmax]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.hypot, np.logaddexp]
SHAPING = [
    lambda t: np.flip(t, -1), lambda t: t[..., ::-1], lambda t: np.cumsum(t, -1),
    lambda t: np.concatenate([t, t], -1)[..., ::2], lambda t: np.roll(t, 1, -1),
    lambda t: t - np.mean(t, axis=-1, keepdims=True), lambda t: np.sort(t, -1),
]  # fmt: skip

steps = st.lists(
    st.tuples(st.sampled_from([*UNARY, *BINARY, *SHAPING]), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=8,
)


def program(recipe):
    """Each step takes earlier results, so that they are shared, used twice, or not at all."""

    def run(x, y):
        made = [x, y, x + y]
        for function, i, j in recipe:
            first, second = made[i % len(made)], made[j % len(made)]
            # 0.5 tanh keeps whatever comes small, so that differences stay exact.
            small = 0.5 * np.tanh(first)
            made.append(function(small, second) if function in BINARY else function(small))
        return np.sum(made[-1] * made[len(made) // 2])

    return run


def inputs():
    """Numbers apart from each other and from each other's negatives: no kink, also of squares."""
    x = np.array([[-0.97, 0.31, 0.83], [0.12, -0.55, 0.71]])
    return [x, np.array([-0.67, 0.05, 0.91])]


@settings(max_examples=60)
@given(steps)
def test_first_derivatives_of_any_program(recipe):
    assert tt.gradcheck(program(recipe), inputs(), atol=1e-5)


@settings(max_examples=25)
@given(steps)
def test_second_derivatives_of_any_program(recipe):
    assert tt.gradgradcheck(program(recipe), inputs(), atol=1e-4, rtol=1e-3)


@settings(max_examples=40)
@given(steps)
def test_drawing_and_checkpointing_change_no_gradient(recipe):
    f = program(recipe)
    leaves = [tt.Tensor(x, requires_grad=True) for x in inputs()]
    plain = tt.grad(f(*leaves), leaves, allow_unused=True)
    out = tt.checkpoint(f, *leaves)
    assert out.draw().source
    again = tt.grad(out, leaves, allow_unused=True)
    for g, h in zip(plain, again, strict=True):
        assert (g is None) == (h is None)
        if g is not None:
            np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-12, atol=1e-14)
