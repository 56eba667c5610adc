"""Course 1, weeks 1 and 2: a neuron, heads, saturation, and logistic regression as a network."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tests.pictures import card, lecture, number, sheet
from tinygrad_tr import nn, optim
from tinygrad_tr.examples import course1_heads, course1_neuron, course1_saturation
from tinygrad_tr.examples.course1_logistic import descend, one_example, three_ways
from tinygrad_tr.examples.datasets import gaussians

F = nn.functional
ROOT = Path(__file__).parent.parent

# ------------------------------------------------------------------ 1.01: a neuron, a layer


def test_a_relu_neuron_learns_the_price_of_houses():
    model = course1_neuron.neuron()
    course1_neuron.learn(model, 5000)
    w, b = (parameter.item() for parameter in model.parameters())
    assert abs(w - 2) < 1e-6
    assert abs(b + 1) < 1e-6


@pytest.mark.parametrize("feature", range(4))
def test_a_column_of_zero_weights_makes_the_output_independent_of_its_feature(feature):
    moved, slopes = course1_neuron.ignoring(feature)
    assert moved == 0
    assert np.all(slopes.numpy()[:, feature] == 0)
    assert np.any(np.delete(slopes.numpy(), feature, axis=1) != 0)


# ------------------------------------------------------------------ 1.02: six heads


@pytest.mark.parametrize("problem", course1_heads.problems(), ids=lambda p: p.name)
def test_each_problem_has_its_output_its_loss_and_all_its_gradients(problem):
    out = problem.network(*map(tt.from_numpy, problem.inputs))
    assert out.shape == problem.output
    loss = problem.loss(out, problem.target)
    assert loss.shape == ()
    assert np.isfinite(loss.item())
    loss.backward()
    for name, parameter in problem.network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.shape == parameter.shape, name


def test_the_probabilities_of_1000_objects_add_up_to_1():
    logits = leaf(30 * np.random.default_rng(0).standard_normal((5, 1000)))
    np.testing.assert_allclose(F.softmax(logits).numpy().sum(axis=1), 1, rtol=0, atol=1e-12)


def test_the_gradient_of_the_hybrid_agrees_with_finite_differences():
    hybrid = course1_heads.problems()[-1]
    rng = np.random.default_rng(1)
    picture, echoes, places = (rng.standard_normal(s) for s in ((1, 3, 8, 8), (1, 20), (1, 2)))

    def loss(picture, echoes):
        return hybrid.loss(hybrid.network(picture, echoes), places)

    assert tt.gradcheck(loss, [picture, echoes], rtol=1e-7, atol=1e-8)


# ------------------------------------------------------------------ 1.04: saturation


def test_the_sigmoid_is_flat_where_relu_has_the_slope_1():
    z = leaf([10.0, 0.0])
    F.sigmoid(z).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [4.53958e-5, 0.25], rtol=1e-6)
    z.grad = None
    F.relu(z)[0].backward()
    assert z.grad.numpy()[0] == 1


def test_through_ten_sigmoids_the_gradient_shrinks_below_a_quarter_to_the_tenth():
    z = leaf(np.linspace(-10, 10, 41))
    a = z
    for _ in range(10):
        a = F.sigmoid(a)
    a.sum().backward()
    bound = 0.25**10
    assert 0 < z.grad.numpy().max() <= bound
    assert bound == pytest.approx(9.54e-7, rel=1e-3)


def test_hooks_see_more_saturated_sigmoids_the_larger_the_weights():
    x = np.random.default_rng(1).standard_normal((50, course1_saturation.UNITS))
    flat = {
        name: [np.mean(course1_saturation.slopes_of(name, scale, x) < 0.01) for scale in (1, 3, 30)]
        for name in ("sigmoid", "relu")
    }
    assert flat["sigmoid"][0] < 0.01
    assert flat["sigmoid"][0] < flat["sigmoid"][1] < 0.7 < flat["sigmoid"][2]
    np.testing.assert_allclose(flat["relu"], 0.5, atol=0.1)


# ------------------------------------------------------------------ 1.06: the sigmoid


def test_the_sigmoid_has_the_lectures_values():
    z = leaf([0, 2, -2, 10, -10])
    a = F.sigmoid(z).numpy()
    np.testing.assert_allclose(a, [0.5, 0.880797, 0.119203, 0.9999546, 4.53979e-5], rtol=2e-6)
    exact = [1 / (1 + math.exp(-x)) for x in z.numpy()]
    np.testing.assert_allclose(a, exact, rtol=0, atol=1e-12)


def test_the_sigmoid_of_a_thousand_is_exactly_1_without_a_warning():
    np.testing.assert_array_equal(F.sigmoid(leaf([1000, -1000])).numpy(), [1, 0])


def test_the_bias_inside_theta_gives_equal_outputs_and_gradients():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3, 20)), rng.integers(0, 2, (1, 20)) * 1.0
    w, b = rng.standard_normal((3, 1)), 0.4
    w_leaf, b_leaf, theta = leaf(w), leaf([[b]]), leaf(np.vstack([[[b]], w]))
    with_bias = F.sigmoid(w_leaf.T @ X + b_leaf)
    inside = F.sigmoid(theta.T @ np.vstack([np.ones((1, 20)), X]))
    np.testing.assert_allclose(with_bias.numpy(), inside.numpy(), rtol=0, atol=1e-12)
    for out in (with_bias, inside):
        F.binary_cross_entropy(out, y).backward()
    np.testing.assert_allclose(theta.grad.numpy()[0, 0], b_leaf.grad.numpy()[0, 0], rtol=1e-12)
    np.testing.assert_allclose(theta.grad.numpy()[1:], w_leaf.grad.numpy(), rtol=1e-12)


# ------------------------------------------------------------------ 1.07: losses

Z = np.linspace(-29, 29, 117)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_cross_entropy_of_probabilities_is_that_of_logits(label):
    """To 1e-12, and where σ(z) is near the wrong label as far as float64 still knows 1 − σ(z)."""
    y = np.full_like(Z, label)
    by_probability = F.binary_cross_entropy(F.sigmoid(leaf(Z)), y, reduction="none").numpy()
    by_logit = F.binary_cross_entropy_with_logits(leaf(Z), y, reduction="none").numpy()
    wrong = (Z > 0) & (label == 0)  # there σ(z) is rounded to a multiple of ε, 1 − σ(z) is e⁻ᶻ
    lost = np.where(wrong, np.finfo(float).eps * np.exp(np.abs(Z)), 0)
    assert np.all(np.abs(by_probability - by_logit) <= 1e-12 + lost)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_at_one_half_the_loss_is_ln_2_for_either_label(label):
    loss = F.binary_cross_entropy(tt.Tensor([0.5], dtype=np.float64), np.array([label]))
    assert loss.item() == pytest.approx(math.log(2), abs=1e-15)
    assert 0.5 * F.mse_loss(tt.Tensor([0.5]), np.array([label], np.float32)).item() == 0.125


def test_cross_entropy_with_logits_is_finite_at_a_thousand():
    z = leaf([1000, -1000, 1000, -1000])
    loss = F.binary_cross_entropy_with_logits(z, np.array([1.0, 0, 0, 1]), reduction="none")
    np.testing.assert_array_equal(loss.numpy(), [0, 0, 1000, 1000])
    loss.sum().backward()
    np.testing.assert_array_equal(z.grad.numpy(), [0, 0, 1, -1])


def curvature(loss):
    """The second derivative of a loss of σ(z) at y = 1, on a grid of z."""
    z = leaf(np.linspace(-8, 8, 1601))
    (slope,) = tt.grad(loss(z).sum(), z, create_graph=True)
    return tt.grad(slope.sum(), z)[0].numpy()


def test_squared_error_is_not_convex_in_z_and_cross_entropy_is():
    squared = curvature(lambda z: 0.5 * (F.sigmoid(z) - 1) ** 2)
    assert squared.min() == pytest.approx(-0.0601, abs=5e-5)
    assert squared.max() > 0
    entropy = curvature(lambda z: -np.log(F.sigmoid(z)))
    a = 1 / (1 + np.exp(-np.linspace(-8, 8, 1601)))
    np.testing.assert_allclose(entropy, a * (1 - a), rtol=1e-9)
    assert entropy.min() > 0


@pytest.mark.oracle
def test_cross_entropy_with_logits_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    y = (np.arange(len(Z)) % 2) * 1.0
    z, theirs = leaf(Z), torch.tensor(Z, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(z, y)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(theirs, torch.tensor(y))
    loss.backward()
    expected.backward()
    np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-10)
    np.testing.assert_allclose(z.grad.numpy(), theirs.grad.numpy(), rtol=1e-10)


# ------------------------------------------------------------------ 1.08: gradient descent


@pytest.mark.parametrize(("alpha", "falls"), [(0.1, True), (0.9, True), (1.1, False)])
def test_descent_on_a_parabola_has_its_closed_form_and_diverges_beyond_2_over_h(alpha, falls):
    h, w = 2.0, leaf(3.0)
    optimizer = optim.SGD([w], lr=alpha)
    for k in range(1, 31):
        optimizer.minimize(lambda: 0.5 * h * w * w)
        np.testing.assert_allclose(w.item(), (1 - alpha * h) ** k * 3, rtol=1e-12)
    assert (abs(w.item()) < 3) is falls is (alpha * h < 2)


def test_logistic_regression_reaches_the_best_classifier_of_two_gaussians():
    X, y = gaussians(20_000)
    X_test, y_test = gaussians(20_000, seed=1)
    model, costs = descend(X, y, 2000)
    fall = -np.diff(costs)
    until = np.argmax(np.array(costs) - costs[-1] < 1e-12)  # then it stands in the last digits
    assert until > 100
    assert np.all(fall[:until] > 0)
    assert fall.min() > -1e-15
    np.testing.assert_allclose(model.weight.numpy(), [[math.sqrt(2)] * 2], atol=0.05)
    accuracy = np.mean((model(tt.from_numpy(X_test)).numpy()[:, 0] > 0) == y_test)
    assert 0.835 <= accuracy <= 0.848


# ------------------------------------------------------------------ 1.10: nudging


@pytest.mark.parametrize(
    ("moved", "u", "v", "J", "slope"),
    [
        ({"a": 5.001}, 6, 11.001, 33.003, 3),
        ({"b": 3.001}, 6.002, 11.002, 33.006, 6),
        ({"c": 2.001}, 6.003, 11.003, 33.009, 9),
    ],
)
def test_a_nudge_moves_u_v_and_J_as_the_lecture_says(moved, u, v, J, slope):
    numbers = {"a": 5.0, "b": 3.0, "c": 2.0}
    nodes = {}

    def function(a, b, c):
        nodes["u"] = b * c
        nodes["v"] = a + nodes["u"]
        nodes["J"] = 3 * nodes["v"]
        return nodes["J"]

    slopes = dict(zip(numbers, tt.nudge(function, list(numbers.values()), 1e-3), strict=True))
    (name,) = moved
    assert slopes[name] == pytest.approx(slope, abs=1e-9)
    function(*({**numbers, **moved}).values())
    assert [nodes[n] for n in "uvJ"] == pytest.approx([u, v, J], abs=1e-12)


# ------------------------------------------------------------------ 1.11: the picture


def test_the_picture_has_exactly_the_lectures_nodes_and_derivatives():
    *_, J = lecture()
    picture = J.draw()
    values = {"a": 5, "b": 3, "c": 2, "u": 6, "v": 11, "J": 33}
    assert {c.name for c in picture.scene.cards if c.name} == set(values)
    assert len(picture.scene.cards) == len(values) + 1  # and the constant 3
    for name, value in values.items():
        assert float(number(card(picture, name).value)) == value
    slopes = {"v": 3, "a": 3, "u": 3, "b": 6, "c": 9}
    for name, slope in slopes.items():
        assert float(number(card(picture, name).gradient)) == slope


def test_each_pass_can_be_drawn_alone():
    *_, J = lecture()
    forward, backward = (J.draw(passes=p) for p in ("forward", "backward"))
    assert "∂J/∂b" not in sheet(forward)
    assert "∂J/∂b = 6" in sheet(backward)
    assert "dir=back" in backward.source
    assert "dir=back" not in forward.source


def test_the_dot_text_needs_no_graphviz():
    """And it is the same in a process that finds no program at all."""
    code = (
        "from tests.pictures import lecture\n"
        "import sys; *_, J = lecture(); sys.stdout.reconfigure(encoding='utf-8')\n"
        "print(J.draw().source, end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, check=True, cwd=ROOT
    )
    assert done.stdout.decode() == lecture()[-1].draw().source


# ------------------------------------------------------------------ 1.12: one example


def test_one_example_has_the_lectures_numbers():
    nodes, slopes = one_example()
    values = {"z": 0.35, "a": 0.586618, "L": 0.533382}
    wanted = {"a": -1.704688, "z": -0.413382, "w1": -0.826765, "w2": -1.240147, "b": -0.413382}
    for name, value in values.items():
        assert nodes[name].item() == pytest.approx(value, abs=1e-6)
    for name, slope in wanted.items():
        assert slopes[name] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_derivatives_of_loss_and_sigmoid_collapse_to_a_minus_y(y):
    w, b, x = leaf([[0.5], [-0.25]]), leaf([[0.1]]), np.array([[2.0], [3.0]])
    z = w.T @ x + b
    a = F.sigmoid(z)
    L = -(y * np.log(a) + (1 - y) * np.log(1 - a))
    for node in (z, a):
        node.retain_grad()
    L.backward()
    value = a.numpy()
    dz = value - y
    for found, formula in [
        (a.grad, -y / value + (1 - y) / (1 - value)),
        (z.grad, dz),
        (w.grad, x * dz),
        (b.grad, dz),
    ]:
        np.testing.assert_allclose(found.numpy(), formula, rtol=0, atol=1e-12)

    def loss(w, b):
        return F.binary_cross_entropy(F.sigmoid(w.T @ x + b), np.array([[y]]))

    assert tt.gradcheck(loss, [w, b], rtol=1e-7, atol=1e-9)


# ------------------------------------------------------------------ 1.13: m examples


def test_loops_vectorised_and_autograd_agree_for_50_examples():
    assert three_ways() < 1e-12


def test_the_shapes_of_the_vectorised_iteration():
    rng = np.random.default_rng(0)
    X, Y, w = rng.standard_normal((5, 50)), rng.integers(0, 2, (1, 50)) * 1.0, leaf(np.ones((5, 1)))
    z = w.T @ X + leaf([[0.3]])
    z.retain_grad()
    F.binary_cross_entropy(F.sigmoid(z), Y).backward()
    assert w.grad.shape == (5, 1)
    assert z.grad.shape == (1, 50)
    _, dw, db = nn.by_hand.logistic_vectorised(w.numpy(), 0.3, X, Y)
    assert dw.shape == (5, 1)
    assert isinstance(db, float)


# ------------------------------------------------------------------ 1.18: maximum likelihood


def test_the_cost_is_minus_the_mean_log_likelihood():
    rng = np.random.default_rng(0)
    A, Y = rng.uniform(0.1, 0.9, (1, 20)), rng.integers(0, 2, (1, 20))
    p = A**Y * (1 - A) ** (1 - Y)  # P(y|x), both labels in one formula
    np.testing.assert_array_equal(p, np.where(Y == 1, A, 1 - A))
    J = F.binary_cross_entropy(leaf(A), Y.astype(float)).item()
    assert -np.log(np.prod(p)) / 20 == pytest.approx(J, abs=1e-12)
    np.testing.assert_allclose(np.log(p), -nn.by_hand.loss(A, Y), rtol=1e-12)


def test_with_only_a_bias_the_best_probability_is_the_mean_label():
    y, b = np.array([1.0, 0, 0, 1, 1, 0, 1, 1, 1, 0]), leaf([0.0])
    optimizer = optim.SGD([b], lr=1.0)
    for _ in range(200):
        optimizer.minimize(lambda: F.binary_cross_entropy_with_logits(b + np.zeros(10), y))
    assert F.sigmoid(b).item() == pytest.approx(y.mean(), abs=1e-6)
