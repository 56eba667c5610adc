"""Course 2, week 1: what depth does to signals and gradients. Rows 2.11 and 2.12."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn
from tinygrad_tr.examples import course2_depth, course2_initialisation

# ---------------------------------------------------------------------- linear layers


@pytest.mark.parametrize(
    ("c", "layers", "factor"),
    [
        (1.5, 10, 38.443359375),
        (1.5, 50, 4.250810001426997e8),
        (1.5, 100, 2.7104078502347683e17),
        (0.5, 10, 0.001953125),
        (0.5, 50, 1.7763568394002505e-15),
    ],
)
def test_linear_layers_multiply_the_output_and_the_gradient_alike(c, layers, factor):
    x = leaf([[1.0, -3.0]])
    y = course2_depth.linear_network(c, layers)(x)
    np.testing.assert_allclose(y.numpy(), factor * x.numpy(), rtol=1e-12)
    (dx,) = tt.grad(y, x, np.array([[2.0, 5.0]]))
    np.testing.assert_allclose(dx.numpy(), factor * np.array([[2.0, 5.0]]), rtol=1e-12)


def test_grad_norms_are_those_of_each_layer():
    c, layers = 0.5, 8
    model = course2_depth.linear_network(c, layers)
    model(tt.Tensor(np.array([[3.0, 4.0]]))).sum().backward()
    norms = nn.utils.grad_norms(model)
    # dy/dW[l] is the signal before the layer (norm 5 c^(l−1)) times all the layers behind it.
    expected = [5 * math.sqrt(2) * c ** (layers - 2)] * (layers - 1)
    expected.append(5 * math.sqrt(2) * c ** (layers - 1))
    assert list(norms) == [f"{place}.weight" for place in range(layers)]
    np.testing.assert_allclose(list(norms.values()), expected, rtol=1e-12)


def test_sigmoids_starve_the_first_layers_and_he_feeds_all():
    sizes = {
        name: course2_depth.gradient_sizes(*network)
        for name, network in course2_depth.NETWORKS.items()
    }
    sigmoid, small, large, he = sizes.values()
    assert np.all(np.diff(sigmoid) > 0)
    assert sigmoid[0] < 1e-4 * sigmoid[-1]
    assert max(small) < 1e-9
    assert min(large) > 1e6
    assert 0.3 < min(he) <= max(he) < 30


# ---------------------------------------------------------------------- first weights

N_IN, N_OUT = 400, 250  # 10⁵ entries


@pytest.mark.parametrize(
    ("initial", "variance"),
    [
        (nn.init.he_, 2 / N_IN),
        (nn.init.lecun_, 1 / N_IN),
        (nn.init.xavier_normal_, 2 / (N_IN + N_OUT)),
        (nn.init.glorot_normal_, 2 / (N_IN + N_OUT)),
        (nn.init.xavier_uniform_, 2 / (N_IN + N_OUT)),
        (nn.init.glorot_uniform_, 2 / (N_IN + N_OUT)),
    ],
)
def test_the_weights_have_the_variance_of_their_name(initial, variance):
    W = initial(tt.zeros(N_OUT, N_IN), generator=np.random.default_rng(0)).numpy()
    assert W.var() == pytest.approx(variance, rel=0.03)
    assert abs(W.mean()) < 4 * math.sqrt(variance / W.size)


@pytest.mark.parametrize(("initial", "deviation"), [("he_", 0.141421), ("lecun_", 0.1)])
def test_a_hundred_inputs_have_the_deviation_of_the_course(initial, deviation):
    W = getattr(nn.init, initial)(tt.zeros(1000, 100), generator=np.random.default_rng(0))
    assert W.numpy().std() == pytest.approx(deviation, rel=0.01)


@functools.cache
def deviation(activation, initial):
    table = course2_initialisation
    return table.deviations(table.ACTIVATIONS[activation], table.INITIALS[initial])[-1]


@pytest.mark.parametrize(
    ("activation", "initial", "measured"),
    [
        ("ReLU", "0.01", 2.8e-48),
        ("ReLU", "√(1/n)", 1.1e-8),
        ("ReLU", "√(2/n)", 0.67),
        ("ReLU", "1", 4.8e52),
        ("tanh", "0.01", 1.5e-40),
        ("tanh", "√(1/n)", 0.11),
        ("tanh", "√(2/n)", 0.56),
        ("tanh", "1", 0.97),
    ],
)
def test_fifty_layers_keep_the_signal_or_lose_it(activation, initial, measured):
    assert abs(math.log10(deviation(activation, initial) / measured)) < 1
