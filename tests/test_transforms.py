"""Derivatives of functions, held against closed forms and PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt

A = np.random.default_rng(0).standard_normal((4, 4))
S = A + A.T
x0 = np.random.default_rng(1).standard_normal(4)
v0 = np.random.default_rng(2).standard_normal(4)


def quadratic(x):
    return 0.5 * x @ S @ x


def test_value_and_grad_of_one_and_of_several_arguments():
    value, g = tt.value_and_grad(quadratic)(x0)
    assert value.item() == pytest.approx(0.5 * x0 @ S @ x0)
    np.testing.assert_allclose(g.numpy(), S @ x0)
    assert not value.requires_grad
    assert not g.requires_grad
    _, (gx, gy) = tt.value_and_grad(lambda x, y: np.sum(x * y), argnums=(0, 1))(x0, v0)
    np.testing.assert_allclose(gx.numpy(), v0)
    np.testing.assert_allclose(gy.numpy(), x0)


def test_value_and_grad_hands_on_what_else_the_function_returns():
    (value, aux), g = tt.value_and_grad(lambda x: (np.sum(x * x), "aux"), has_aux=True)(x0)
    assert aux == "aux"
    assert value.item() == pytest.approx(x0 @ x0)
    np.testing.assert_allclose(g.numpy(), 2 * x0)


def test_transforms_leave_the_gradients_of_their_inputs_alone():
    x = tt.Tensor(x0, requires_grad=True)
    tt.value_and_grad(quadratic)(x)
    tt.hessian(quadratic)(x)
    assert x.grad is None


def test_a_constant_function_has_zero_derivatives():
    constant = lambda x: tt.Tensor(np.float64(3.0))  # noqa: E731
    assert tt.value_and_grad(constant)(x0)[1].tolist() == [0] * 4
    assert tt.hessian(constant)(x0).numpy().tolist() == np.zeros((4, 4)).tolist()
    assert tt.hvp(constant, x0, v0)[1][0].tolist() == [0] * 4
    assert tt.jvp(constant, x0, v0)[1].item() == 0


def test_vjp_may_be_called_many_times():
    y, pull = tt.vjp(lambda x: np.sin(x) * 2, x0)
    np.testing.assert_allclose(y.numpy(), np.sin(x0) * 2)
    for v in (v0, 3 * v0):
        np.testing.assert_allclose(pull(v)[0].numpy(), 2 * np.cos(x0) * v)


def test_jvp_is_the_derivative_along_a_direction():
    y, along = tt.jvp(lambda x, s: np.sin(x) * s, [x0, np.float64(2.0)], [v0, np.float64(1.0)])
    np.testing.assert_allclose(y.numpy(), 2 * np.sin(x0))
    np.testing.assert_allclose(along.numpy(), 2 * np.cos(x0) * v0 + np.sin(x0))


def test_hvp_takes_a_direction_for_each_input_of_any_dtype():
    def f(x, s):
        return np.sum(np.sin(x) * s)

    x, s, v, u = np.float32([0.5, 1.0]), np.float32(2.0), np.array([1.0, -1.0]), 3.0
    _, (Hx, Hs) = tt.hvp(f, [x, s], [v, u])
    assert Hx.dtype == Hs.dtype == np.float32
    np.testing.assert_allclose(Hx.numpy(), -np.sin(x) * s * v + np.cos(x) * u, rtol=1e-6)
    np.testing.assert_allclose(Hs.item(), np.sum(np.cos(x) * v), rtol=1e-6)


def test_jvp_of_a_linear_function():
    _, along = tt.jvp(lambda x: x @ A, x0, v0)
    np.testing.assert_allclose(along.numpy(), v0 @ A)


def test_jacobian_has_the_shape_of_output_and_input():
    J = tt.jacobian(lambda x: np.outer(x, x))(x0[:3])
    assert J.shape == (3, 3, 3)
    expected = np.einsum("ik,j->ijk", np.eye(3), x0[:3]) + np.einsum("jk,i->ijk", np.eye(3), x0[:3])
    np.testing.assert_allclose(J.numpy(), expected)
    assert tt.jacobian(lambda x: x[:0])(x0).shape == (0, 4)


def test_jacobian_of_the_second_argument():
    J = tt.jacobian(lambda s, x: s * np.tanh(x), argnums=1)(2.0, x0)
    np.testing.assert_allclose(J.numpy(), np.diag(2 * (1 - np.tanh(x0) ** 2)))


def test_hessian_and_its_product_with_a_vector():
    f = lambda x: quadratic(x) + np.sum(x**4)  # noqa: E731
    H = S + np.diag(12 * x0**2)
    np.testing.assert_allclose(tt.hessian(f)(x0).numpy(), H, rtol=1e-10)
    value, (Hv,) = tt.hvp(f, x0, v0)
    assert value.item() == pytest.approx(f(x0))
    np.testing.assert_allclose(Hv.numpy(), H @ v0, rtol=1e-10)


def test_transforms_nest():
    third = tt.jacobian(tt.hessian(lambda x: np.sum(x**4)))(x0)
    expected = np.zeros((4, 4, 4))
    expected[np.arange(4), np.arange(4), np.arange(4)] = 24 * x0
    np.testing.assert_allclose(third.numpy(), expected, rtol=1e-10)


def test_transforms_nest_inside_a_recorded_loss():
    """A gradient penalty: the derivative of a derivative that a loss contains."""
    w = tt.Tensor(A, requires_grad=True)
    _, slope = tt.value_and_grad(lambda x: np.sum(np.tanh(x @ w)))(
        tt.Tensor(x0, requires_grad=True)
    )
    penalty = np.sum(slope * slope)
    (g,) = tt.grad(penalty, w)

    def closed(w):
        z = np.tanh(x0 @ w)
        return np.sum(((1 - z**2) @ w.T) ** 2)

    assert tt.gradcheck(closed, tt.Tensor(A, requires_grad=True))
    np.testing.assert_allclose(g.numpy(), tt.value_and_grad(closed)(A)[1].numpy(), rtol=1e-10)


def test_grad_gives_none_or_an_error_for_an_unused_input():
    a, b = (tt.Tensor(1.0, requires_grad=True) for _ in range(2))
    with pytest.raises(tt.GraphError, match="not used"):
        tt.grad(a * 2, [a, b])
    g, h = tt.grad(a * 2, [a, b], allow_unused=True)
    assert g.item() == 2
    assert h is None


def test_grad_frees_only_what_it_passed():
    a, b = (tt.Tensor(1.0, requires_grad=True) for _ in range(2))
    u, v = a * 2, b * 3
    y = u * v
    tt.grad(y, a)
    assert (u * 1).node is not None
    tt.grad(v, b)
    with pytest.raises(tt.GraphError, match="already swept"):
        tt.grad(y, a)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tt.value_and_grad(lambda x: x * 2)(x0), "one number"),
        (lambda: tt.value_and_grad(lambda x: 3.0)(x0), "must return a Tensor"),
        (lambda: tt.value_and_grad(quadratic)(np.arange(4)), "floating-point"),
        (lambda: tt.jvp(quadratic, x0, [v0, v0]), "one direction for each input"),
        (lambda: tt.jvp(quadratic, x0, v0[:2]), "shape of its input"),
        (lambda: tt.hvp(quadratic, x0, v0[:2]), "shape of its input"),
        (lambda: tt.hvp(lambda x: x * 2, x0, v0), "one number"),
        (lambda: tt.grad([tt.Tensor(1.0)], [], [1, 2]), "one gradient for each output"),
    ],
)
def test_misuse_is_explained(call, words):
    with pytest.raises(tt.TinygradError, match=words):
        call()


@pytest.mark.oracle
def test_transforms_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    f = lambda np_, x: np_.sum(np_.tanh(x) * np_.sin(x) ** 2)  # noqa: E731
    tx, tv = torch.tensor(x0), torch.tensor(v0)
    np.testing.assert_allclose(
        tt.hessian(lambda x: f(np, x))(x0).numpy(),
        torch.autograd.functional.hessian(lambda x: f(torch, x), tx).numpy(),
        rtol=1e-10,
    )
    _, along = torch.autograd.functional.jvp(torch.tanh, tx, tv)
    np.testing.assert_allclose(tt.jvp(np.tanh, x0, v0)[1].numpy(), along.numpy(), rtol=1e-12)


# ------------------------------------------------------------------ the checks themselves


def planted(wrong):
    """y = x² with a first derivative that is right, or wrong at one entry."""
    from tinygrad_tr.rule import rule, rules

    @rule()
    def planted_square(x):
        def pullback(g):
            out = g * 2 * x
            return out * np.array([1.0, 1.0 + wrong, 1.0])

        return x * x, pullback

    del rules["planted_square"]
    return planted_square


def test_gradcheck_passes_what_is_right_and_names_what_is_wrong():
    x = np.array([1.0, 2.0, 3.0])
    assert tt.gradcheck(planted(0.0), x)
    with pytest.raises(tt.GradientCheckError) as caught:
        tt.gradcheck(planted(0.01), x)
    text = str(caught.value)
    for word in ("planted_square", "output 0[1]", "input 0[1]", "4.04", "4"):
        assert word in text
    assert not tt.gradcheck(planted(0.01), x, raise_exception=False)


def test_gradgradcheck_sees_a_second_derivative_that_is_lost():
    from tinygrad_tr.rule import rule, rules

    @rule(linear=True)  # a lie: its pullback depends on x
    def forgetful(x):
        return x**3, lambda g: g * 3 * x * x

    del rules["forgetful"]
    x = np.array([1.0, 2.0])
    assert tt.gradcheck(forgetful, x)
    with pytest.raises(tt.GradientCheckError, match="the derivative of forgetful"):
        tt.gradgradcheck(forgetful, x)


def test_gradcheck_needs_float64():
    with pytest.raises(tt.DtypeError, match="float64"):
        tt.gradcheck(np.sin, np.ones(2, np.float32))


def test_gradcheck_checks_only_what_is_marked():
    x, y = tt.Tensor(np.ones(2), requires_grad=True), tt.Tensor(np.zeros(2))
    assert tt.gradcheck(lambda a, b: a * np.abs(b), [x, y])


def test_nudging_gives_the_lectures_derivatives():
    slopes = tt.nudge(lambda a, b, c: 3 * (a + b * c), [5, 3, 2])
    np.testing.assert_allclose(slopes, [3, 6, 9], atol=1e-9)
