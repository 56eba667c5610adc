"""Forgetting the way back through a part of a graph, and reading it again."""

from __future__ import annotations

import numpy as np

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr.graph import ancestors


def test_checkpoint_gives_the_same_gradients_and_forgets_the_inside():
    x, w = leaf(np.linspace(0.1, 1, 5)), leaf(np.linspace(1, 2, 5))

    def block(t):
        return np.tanh(np.sin(t) * w) + t

    plain = tt.grad(block(block(x * 2)).sum(), [x, w])
    h = x * 2
    inner = tt.checkpoint(block, h)
    assert not any(isinstance(n.pullbacks, tuple) for n in ancestors([inner.node], {h.node}))
    again = tt.grad(tt.checkpoint(block, inner).sum(), [x, w])
    for g, k in zip(again, plain, strict=True):
        np.testing.assert_allclose(g.numpy(), k.numpy(), rtol=1e-14)


def test_checkpoint_uses_the_same_random_numbers_both_times():
    x = leaf(np.ones(1000))
    rng = np.random.default_rng(0)
    y = tt.checkpoint(lambda t: t * (rng.random(1000) < 0.5), x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())


def test_checkpoint_allows_second_derivatives():
    x = leaf([0.3, 0.4])
    (slope,) = tt.grad(tt.checkpoint(np.sin, x * 1).sum(), x, create_graph=True)
    (second,) = tt.grad(slope.sum(), x)
    np.testing.assert_allclose(second.numpy(), -np.sin([0.3, 0.4]))


def test_checkpoint_leaves_what_the_function_only_refers_to_as_it_was():
    x = leaf([0.3, 0.4])
    outer = np.exp(x)
    y = tt.checkpoint(lambda t: np.sin(t) * outer, x * 2)
    assert isinstance(outer.node.pullbacks, tuple)
    (g,) = tt.grad(y.sum(), x)
    t = np.array([0.3, 0.4])
    np.testing.assert_allclose(g.numpy(), np.exp(t) * (np.sin(2 * t) + 2 * np.cos(2 * t)))
