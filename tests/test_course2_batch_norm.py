"""Course 2, week 3: batch normalisation, its numbers and what it does for a network."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.course2_batch_norm import network, scaled_moons, train
from tinygrad_tr.nn import functional as F

Z = np.array([[1.0], [2.0], [3.0], [4.0]])


def normalised(z, weight=None, bias=None, eps=1e-5):
    return F.batch_norm(tt.Tensor(z), None, None, weight, bias, training=True, eps=eps).numpy()


# ------------------------------------------------------------------ the transform


def test_one_two_three_four_become_the_lectures_numbers():
    expected = [-1.3416, -0.4472, 0.4472, 1.3416]
    np.testing.assert_allclose(normalised(Z, eps=1e-12).ravel(), expected, atol=5e-5)


def test_mean_is_zero_and_variance_what_epsilon_leaves():
    z = np.random.default_rng(0).normal(5, 3, (50, 4))
    for eps in (1e-5, 0.5):
        out = normalised(z, eps=eps)
        variance = z.var(axis=0)
        np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(out.var(axis=0), variance / (variance + eps), rtol=1e-12)


def test_gamma_and_beta_can_undo_it():
    eps = 1e-5
    gamma, beta = tt.Tensor(np.sqrt([Z.var() + eps])), tt.Tensor(np.array([2.5]))
    np.testing.assert_allclose(normalised(Z, gamma, beta, eps), Z, rtol=1e-12)
    rounded = normalised(Z, tt.Tensor(np.array([1.118034])), beta, eps=1e-12)
    np.testing.assert_allclose(rounded, Z, atol=1e-6)


def test_its_derivatives_are_right_and_dz_adds_up_to_zero():
    rng = np.random.default_rng(0)
    z, gamma, beta = rng.standard_normal((6, 3)), rng.standard_normal(3), rng.standard_normal(3)

    def norm(z, gamma, beta):
        return F.batch_norm(z, None, None, gamma, beta, training=True)

    assert tt.gradcheck(norm, [z, gamma, beta])
    leaf = tt.Tensor(z, requires_grad=True)
    norm(leaf, gamma, beta).backward(rng.standard_normal((6, 3)))
    np.testing.assert_allclose(leaf.grad.numpy().sum(axis=0), 0, atol=1e-13)


# ------------------------------------------------------------------ inside a network


def test_a_bias_before_it_does_nothing_and_gets_no_gradient():
    tt.manual_seed(0)
    linear, norm = nn.Linear(3, 4).to(np.float64), nn.BatchNorm1d(4).to(np.float64)
    x = np.random.default_rng(0).standard_normal((8, 3))
    before = norm(linear(tt.Tensor(x)))
    linear.bias.assign(linear.bias.numpy() + np.array([5.0, -3.0, 0.1, 100.0]))
    after = norm(linear(tt.Tensor(x)))
    np.testing.assert_allclose(after.numpy(), before.numpy(), atol=1e-12)
    (after**3).sum().backward()
    np.testing.assert_allclose(linear.bias.grad.numpy(), 0, atol=1e-12)


def test_a_layer_then_has_a_weight_gamma_and_beta():
    layer = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4))
    shapes = {name: parameter.shape for name, parameter in layer.named_parameters()}
    assert shapes == {"0.weight": (4, 3), "1.weight": (4,), "1.bias": (4,)}


def test_any_optimizer_updates_gamma_and_beta():
    for algorithm in (optim.SGD, optim.Momentum, optim.RMSprop, optim.Adam):
        layer = nn.BatchNorm1d(2)
        optimizer = algorithm(layer.parameters(), lr=0.1)
        np.mean(layer(tt.randn(8, 2)) ** 2).backward()
        layer.bias.grad = tt.ones(2)
        optimizer.step()
        assert (layer.weight.numpy() != 1).all()
        assert (layer.bias.numpy() < 0).all()


@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_without_it_badly_scaled_moons_are_not_learned(rate):
    X, y = scaled_moons()
    losses = train(network(normalise=False, seed=1), X, y, rate, steps=500)
    assert min(losses) > 0.6


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_with_it_the_same_network_learns_them(rate):
    X, y = scaled_moons()
    losses = train(network(normalise=True, seed=1), X, y, rate, steps=700)
    assert min(losses) < 0.1


# ------------------------------------------------------------------ why it works


def test_what_a_layer_before_scales_and_shifts_does_not_arrive():
    z = np.random.default_rng(0).standard_normal((64, 5))
    np.testing.assert_allclose(normalised(3 * z + 5, eps=1e-8), normalised(z, eps=1e-8), atol=1e-6)


def test_the_noise_of_a_batchs_mean_falls_with_the_root_of_its_size():
    rng = np.random.default_rng(0)
    noise = {size: rng.standard_normal((4000, size)).mean(axis=1).std() for size in (64, 512)}
    layers = {}
    for size in (64, 512):
        layer = nn.BatchNorm1d(1, momentum=1.0).to(np.float64)
        means = []
        for _ in range(1500):
            layer(tt.Tensor(rng.standard_normal((size, 1))))
            means.append(layer.running_mean.item())
        layers[size] = np.std(means)
        assert layers[size] == pytest.approx(noise[size], rel=0.1)
    assert layers[64] / layers[512] == pytest.approx(np.sqrt(8), rel=0.1)


# ------------------------------------------------------------------ at test time


def test_an_example_does_not_depend_on_its_batch_in_evaluation():
    tt.manual_seed(0)
    layer = nn.BatchNorm1d(3)
    for _ in range(5):
        layer(tt.randn(16, 3))
    layer.eval()
    x = tt.randn(6, 3)
    together = layer(x).numpy()
    alone = np.concatenate([layer(x[i : i + 1]).numpy() for i in range(6)])
    np.testing.assert_array_equal(together, alone)


def test_running_statistics_are_the_exponentially_weighted_averages_of_the_batches():
    rng = np.random.default_rng(0)
    beta = 0.9
    layer = nn.BatchNorm1d(2, momentum=1 - beta, unbiased=False).to(np.float64)
    mean, variance = optim.EWA(beta, bias_correction=False), optim.EWA(beta, bias_correction=False)
    steps = 20
    for _ in range(steps):
        z = rng.normal(3, 2, (32, 2))
        layer(tt.Tensor(z))
        mean.update(z.mean(axis=0))
        variance.update(z.var(axis=0))
    np.testing.assert_allclose(layer.running_mean.numpy(), mean.value, rtol=1e-12)
    # It starts at 1, the average at 0: the difference dies out as βᵗ.
    np.testing.assert_allclose(layer.running_var.numpy(), variance.value + beta**steps, rtol=1e-12)


def test_after_many_batches_training_and_evaluation_agree():
    rng = np.random.default_rng(0)
    layer = nn.BatchNorm1d(4).to(np.float64)
    for _ in range(1000):
        layer(tt.Tensor(rng.normal(3, 2, (256, 4))))
    z = rng.normal(3, 2, (4096, 4))
    layer.momentum = 0.0
    trained, evaluated = layer(tt.Tensor(z)).numpy(), layer.eval()(tt.Tensor(z)).numpy()
    assert np.abs(trained - evaluated).mean() < 0.05 * np.abs(trained).mean()
