"""Course 2, week 3: softmax, its loss and its gradient. Rows 2.29 and 2.30."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr.examples import course2_softmax
from tinygrad_tr.nn import functional as F

Z = np.array([5.0, 2.0, -1.0, 3.0])
RNG = np.random.default_rng(0)
M, C = 7, 4
LOGITS, LABELS = RNG.standard_normal((M, C)), RNG.integers(0, C, M)
ONE_HOT = np.eye(C)[LABELS]

# ---------------------------------------------------------------------- softmax


def test_the_numbers_of_the_course():
    t = np.exp(Z)
    assert t.sum() == pytest.approx(176.255631565866, abs=1e-10)
    a = F.softmax(tt.Tensor(Z)).numpy()
    np.testing.assert_allclose(a, t / t.sum(), rtol=1e-12)
    np.testing.assert_allclose(a, [0.842034, 0.041922, 0.002087, 0.113957], atol=5e-7)
    np.testing.assert_array_equal(np.round(a, 3), [0.842, 0.042, 0.002, 0.114])
    assert a.argmax() == 0


def test_probabilities_are_positive_and_add_to_1():
    a = F.softmax(tt.Tensor(100 * LOGITS)).numpy()
    assert (a > 0).all()
    np.testing.assert_allclose(a.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("shift", [-300.0, 1.0, 1e6])
def test_a_common_shift_changes_nothing(shift):
    a, shifted = F.softmax(tt.Tensor(LOGITS)), F.softmax(tt.Tensor(LOGITS + shift))
    np.testing.assert_allclose(shifted.numpy(), a.numpy(), rtol=1e-9)


def test_large_logits_do_not_overflow():
    np.testing.assert_array_equal(F.softmax(tt.Tensor([1000.0, 1000.0])).numpy(), [0.5, 0.5])
    np.testing.assert_array_equal(F.softmax(tt.Tensor([1000.0, -1000.0])).numpy(), [1, 0])


def test_two_classes_are_the_sigmoid_of_the_difference():
    z = tt.Tensor(RNG.standard_normal((9, 2)))
    expected = F.sigmoid(z[:, 0] - z[:, 1]).numpy()
    np.testing.assert_allclose(F.softmax(z).numpy()[:, 0], expected, rtol=1e-12)


def test_the_jacobian_is_diag_a_minus_a_a_transposed():
    a = F.softmax(tt.Tensor(Z)).numpy()
    found = tt.jacobian(F.softmax)(tt.Tensor(Z)).numpy()
    np.testing.assert_allclose(found, np.diag(a) - np.outer(a, a), atol=1e-15)
    assert tt.gradcheck(F.softmax, Z, atol=1e-9, rtol=1e-7)


def test_the_column_form_of_the_course_is_the_transpose():
    rows, columns = F.softmax(tt.Tensor(LOGITS)), F.softmax(tt.Tensor(LOGITS.T), dim=0)
    np.testing.assert_array_equal(columns.numpy(), rows.numpy().T)


# ---------------------------------------------------------------------- loss and gradient


def test_only_the_true_class_counts():
    y_hat, y = np.array([0.3, 0.2, 0.1, 0.4]), np.array([0.0, 1.0, 0.0, 0.0])
    z = leaf(np.log(y_hat))
    loss = F.cross_entropy(z, y)
    assert loss.item() == pytest.approx(1.609437912434, abs=1e-12)
    assert loss.item() == pytest.approx(-math.log(0.2), abs=1e-14)
    (dz,) = tt.grad(loss, z)
    np.testing.assert_allclose(dz.numpy(), [0.3, -0.8, 0.1, 0.4], atol=1e-12)


def test_indices_and_one_hot_labels_are_the_same():
    z = leaf(LOGITS)
    by_index, one_hot = F.cross_entropy(z, LABELS), F.cross_entropy(z, ONE_HOT)
    assert by_index.item() == pytest.approx(one_hot.item(), rel=1e-14)
    gradients = [tt.grad(loss, z)[0].numpy() for loss in (by_index, one_hot)]
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-12, atol=1e-16)


def test_the_gradient_of_the_cost_is_y_hat_minus_y_over_m():
    z = leaf(LOGITS)
    (dz,) = tt.grad(F.cross_entropy(z, LABELS), z)
    expected = (F.softmax(z).numpy() - ONE_HOT) / M
    np.testing.assert_allclose(dz.numpy(), expected, atol=1e-15)


def test_the_cost_and_dz_of_the_column_form():
    Z_columns, Y = leaf(LOGITS.T), ONE_HOT.T  # (C, m), as the course has them
    Y_hat = F.softmax(Z_columns, dim=0)
    J = -(Y * np.log(Y_hat)).sum() / M
    assert J.item() == pytest.approx(F.cross_entropy(tt.Tensor(LOGITS), LABELS).item(), rel=1e-13)
    (dZ,) = tt.grad(J, Z_columns)
    np.testing.assert_allclose(dZ.numpy(), (Y_hat.numpy() - Y) / M, atol=1e-15)


@pytest.mark.parametrize("classes", [2, 4, 10])
def test_zero_weights_start_at_the_logarithm_of_the_number_of_classes(classes):
    loss = F.cross_entropy(tt.zeros(5, classes, dtype=np.float64), np.arange(5) % classes)
    assert loss.item() == pytest.approx(math.log(classes), rel=1e-15)


@pytest.mark.oracle
def test_the_loss_and_the_gradient_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    z = leaf(LOGITS)
    loss = F.cross_entropy(z, LABELS)
    theirs = torch.tensor(LOGITS, requires_grad=True)
    reference = torch.nn.functional.cross_entropy(theirs, torch.tensor(LABELS))
    reference.backward()
    assert loss.item() == pytest.approx(reference.item(), rel=1e-12)
    (dz,) = tt.grad(loss, z)
    np.testing.assert_allclose(dz.numpy(), theirs.grad.numpy(), rtol=1e-10, atol=1e-16)


# ---------------------------------------------------------------------- linear borders


@pytest.fixture(scope="module")
def clouds():
    X, y = course2_softmax.clouds()
    return X, y, course2_softmax.softmax_regression(X, y)


def test_softmax_without_hidden_layers_separates_four_clouds(clouds):
    X, y, model = clouds
    assert X.shape == (800, 2)
    assert np.mean(course2_softmax.classes(model, X) == y) >= 0.97


def test_the_borders_are_straight(clouds):
    """Along a line, each class is one piece: half-planes meet in convex regions."""
    _, _, model = clouds
    for start, end in np.random.default_rng(0).uniform(-6, 6, (50, 2, 2)):
        line = start + np.linspace(0, 1, 400)[:, None] * (end - start)
        seen = course2_softmax.classes(model, line)
        pieces = seen[np.flatnonzero(np.diff(seen, prepend=-1))]
        assert len(pieces) == len(set(pieces.tolist()))


def test_the_steps_by_hand_give_the_loss_and_gradient_of_the_fused_one():
    z, y = leaf(Z), tt.Tensor(np.array([0.0, 1.0, 0.0, 0.0]))
    a, L = course2_softmax.loss_by_hand(z, y)
    assert L.item() == pytest.approx(F.cross_entropy(z, y).item(), rel=1e-13)
    (dz,) = tt.grad(L, z)
    np.testing.assert_allclose(dz.numpy(), a.numpy() - y.numpy(), atol=1e-15)
