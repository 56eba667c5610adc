"""Optimizers: what every algorithm must do. The course's numbers: test_course2_optimizers."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr.kernels import compiled, formulas, threads
from tinygrad_tr.optim import SGD, Adam, AdamW, Momentum, RMSprop

ALGORITHMS = {
    "SGD": lambda params, **options: SGD(params, lr=0.1, **options),
    "SGD with momentum": lambda params, **options: SGD(params, lr=0.1, momentum=0.9, **options),
    "Momentum": lambda params, **options: Momentum(params, **options),
    "RMSprop": lambda params, **options: RMSprop(params, **options),
    "RMSprop with all": lambda params, **options: RMSprop(
        params, momentum=0.9, centered=True, **options
    ),
    "Adam": lambda params, **options: Adam(params, **options),
    "Adam with amsgrad": lambda params, **options: Adam(params, amsgrad=True, **options),
    "AdamW": lambda params, **options: AdamW(params, **options),
}
every_algorithm = pytest.mark.parametrize("make", ALGORITHMS.values(), ids=ALGORITHMS.keys())


def field(p, k):
    """A gradient that depends on the place and the step, and has no simple zero."""
    return np.sin(3 * p) + 0.3 * p + 0.2 * np.cos(k + p)


def starts(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in ((3, 4), (4,), ())]


def run(optimizer, params, steps, first=0):
    for k in range(first, first + steps):
        for p in params:
            p.grad = np.asarray(field(p.numpy(), k), p.dtype)
        optimizer.step()


# ---------------------------------------------------------------------- their own numbers


def cost(w):
    return w**2 - 10 * w + 25


@every_algorithm
def test_minimize_is_the_four_lines_by_hand_bit_for_bit(make):
    a, b = leaf(0.0), leaf(0.0)
    by_hand, in_one = make([a]), make([b])
    for _ in range(30):
        by_hand.zero_grad()
        loss = cost(a)
        loss.backward()
        by_hand.step()
        assert in_one.minimize(lambda: cost(b)).item() == loss.item()
        assert a.item() == b.item()


def test_adamw_shrinks_a_weight_without_gradient_by_its_decay_alone():
    w = leaf(2.0)
    w.grad = np.float64(0)
    AdamW([w], lr=0.1, weight_decay=0.5).step()
    assert w.item() == pytest.approx(2 * (1 - 0.05), rel=1e-15)


def test_centered_rmsprop_stays_finite_when_the_gradient_never_changes():
    w = leaf([1.0], np.float32)
    optimizer = RMSprop([w], lr=1e-12, centered=True, alpha=0.9)
    for _ in range(500):
        w.grad = np.array([0.7], np.float32)
        optimizer.step()
    assert np.isfinite(w.item())


# ---------------------------------------------------------------------- every algorithm


@every_algorithm
def test_it_learns(make):
    w = leaf([3.0, -2.0])
    optimizer = make([w])
    losses = [optimizer.minimize(lambda: (w**2).sum()).item() for _ in range(300)]
    assert losses[-1] < losses[0]


@every_algorithm
def test_maximize_goes_up_where_the_negative_loss_goes_down(make):
    a, b = leaf([0.3, -0.2]), leaf([0.3, -0.2])
    down, up = make([a]), make([b], maximize=True)
    for _ in range(5):
        down.minimize(lambda: -tt.sin(a).sum())
        up.minimize(lambda: tt.sin(b).sum())
    np.testing.assert_array_equal(a.numpy(), b.numpy())


@every_algorithm
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(make, dtype):
    params = [leaf(start, dtype) for start in starts()]
    optimizer = make(params, weight_decay=0.1)
    run(optimizer, params, 3)
    assert {p.dtype for p in params} == {np.dtype(dtype)}
    for state in optimizer.state_dict()["state"].values():
        assert {a.dtype for a in state.values() if not isinstance(a, int)} <= {np.dtype(dtype)}


@every_algorithm
def test_the_memory_of_a_parameter_is_changed_in_place(make):
    array = np.ones((2, 3))
    w = tt.from_numpy(array).requires_grad_()
    run(make([w]), [w], 1)
    assert np.all(array != 1)
    np.testing.assert_array_equal(w.numpy(), array)


@every_algorithm
def test_gradients_are_never_written_to(make):
    shared = np.full((2, 2), 0.5)
    a, b = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
    a.grad = b.grad = tt.from_numpy(shared)
    make([a, b], weight_decay=0.1, maximize=True).step()
    np.testing.assert_array_equal(shared, np.full((2, 2), 0.5))
    np.testing.assert_array_equal(a.numpy(), b.numpy())


AWKWARD = {
    "broadcast": np.broadcast_to(np.float64(0.5), (4, 3)),
    "transposed": np.arange(12.0).reshape(3, 4).T,
    "reversed": np.arange(12.0).reshape(4, 3)[::-1],
    "strided": np.arange(24.0).reshape(4, 6)[:, ::2],
}


@every_algorithm
@pytest.mark.parametrize("layout", AWKWARD)
def test_a_gradient_may_have_any_layout_in_memory(make, layout):
    a, b = leaf(np.ones((4, 3))), leaf(np.ones((4, 3)))
    a.grad = tt.from_numpy(AWKWARD[layout])
    b.grad = AWKWARD[layout].copy(order="C")
    for _ in range(2):
        make([a]).step()
        make([b]).step()
    np.testing.assert_array_equal(a.numpy(), b.numpy())


@every_algorithm
@pytest.mark.parametrize("layout", ["transposed", "reversed", "strided"])
def test_a_parameter_may_have_any_layout_in_memory(make, layout, small_blocks):
    a = tt.from_numpy(AWKWARD[layout].copy(order="K")).requires_grad_()
    strided = tt.from_numpy(np.array(AWKWARD[layout])[:, ::-1]).requires_grad_()
    b, c = leaf(a.numpy().copy(order="C")), leaf(strided.numpy().copy(order="C"))
    for given, plain in ((a, b), (strided, c)):
        for p in (given, plain):
            run(make([p]), [p], 2)
        np.testing.assert_array_equal(given.numpy(), plain.numpy())


@every_algorithm
def test_numbers_empty_and_read_only_arrays_can_be_parameters(make):
    fixed = np.ones(3)
    fixed.flags.writeable = False
    params = [leaf(1.0), leaf(np.ones((0, 3))), tt.from_numpy(fixed).requires_grad_(), leaf([1.0])]
    run(make(params), params, 3)
    assert params[0].item() == params[2].numpy()[0] == params[3].numpy()[0] != 1
    assert params[0].shape == ()
    np.testing.assert_array_equal(fixed, 1)


@every_algorithm
def test_a_parameter_without_gradient_is_left_alone(make):
    a, b = leaf(1.0), leaf(1.0)
    optimizer = make([a, b])
    a.grad = np.float64(1)
    optimizer.step()
    assert a.item() != 1
    assert b.item() == 1
    assert list(optimizer.state_dict()["state"]) == ["0"]


def test_each_parameter_counts_its_own_steps():
    a, b = leaf(0.0), leaf(0.0)
    optimizer = Adam([a, b], lr=0.1)
    run(optimizer, [a], 5)
    a.grad = None
    run(optimizer, [b], 1)
    assert abs(b.item()) == pytest.approx(0.1)


@every_algorithm
def test_a_graph_recorded_before_a_step_refuses_to_go_backward(make):
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    w.grad = np.ones(2)
    make([w]).step()
    with pytest.raises(tt.GraphError):
        loss.backward()


def test_zero_grad_forgets_all_gradients():
    params = [leaf(1.0), leaf(2.0)]
    optimizer = SGD(params)
    for p in params:
        p.grad = np.float64(1)
    optimizer.zero_grad()
    assert [p.grad for p in params] == [None, None]


def test_a_parameter_that_another_array_replaced_is_refused():
    w = leaf([1.0], np.float32)
    optimizer = SGD([w])
    run(optimizer, [w], 1)
    w.value = np.zeros(1)
    w.grad = np.zeros(1)
    with pytest.raises(tt.DtypeError, match="another array"):
        optimizer.step()


def test_minimize_wants_a_loss():
    w = leaf(1.0)
    with pytest.raises(tt.ArgumentError, match="closure"):
        SGD([w]).minimize(lambda: 3.0)


# ---------------------------------------------------------------------- large parameters


@pytest.fixture
def small_blocks(monkeypatch):
    """Parameters of more than 4 numbers are changed in blocks, by 3 threads."""
    monkeypatch.setattr(formulas, "BLOCK", 4)
    monkeypatch.setattr(threads, "ENOUGH", 4)
    monkeypatch.setattr(threads.Threads, "number", 3)


@every_algorithm
@pytest.mark.parametrize("size", [5, 12, 13, 101])
def test_blocks_and_threads_change_no_bit(make, size, small_blocks, monkeypatch):
    start = np.random.default_rng(0).standard_normal(size)
    a, b = leaf(start), leaf(start)
    run(make([a], weight_decay=0.1), [a], 5)
    monkeypatch.setattr(formulas, "BLOCK", 1000)
    run(make([b], weight_decay=0.1), [b], 5)
    np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_an_error_in_another_thread_reaches_the_user(small_blocks):
    w = leaf(np.full(30, 1e308))
    w.grad = np.full(30, -1e308)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        SGD([w], lr=10.0).step()


def test_a_parameter_of_more_than_one_block_is_changed_whole():
    size = 2 * formulas.BLOCK + 3
    w = leaf(np.ones(size), np.float32)
    w.grad = np.ones(size, np.float32)
    SGD([w], lr=0.25).step()
    assert np.all(w.numpy() == 0.75)


# ---------------------------------------------------------------------- compiled


def after_steps(make, sizes, dtype, **options):
    """Parameters of these sizes after some steps, and what the optimizer kept for them."""
    rng = np.random.default_rng(0)
    params = [leaf(rng.standard_normal(size), dtype) for size in sizes]
    optimizer = make(params, **options)
    run(optimizer, params, 4)
    kept = [a for state in optimizer.state_dict()["state"].values() for a in state.values()]
    return [p.numpy() for p in params] + [a for a in kept if isinstance(a, np.ndarray)]


@every_algorithm
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "maximize": True}], ids=str)
def test_compiled_steps_are_those_of_numpy_to_rounding(make, options, monkeypatch):
    pytest.importorskip("numba")
    dtype = np.float64 if make is ALGORITHMS["RMSprop with all"] else np.float32
    sizes = (3, 5), (101,), ()
    by_numpy = after_steps(make, sizes, dtype, **options)
    monkeypatch.setattr(compiled, "SMALLEST", 1)
    by_loop = after_steps(make, sizes, dtype, **options)
    close = {"rtol": 1e-12, "atol": 1e-13} if dtype is np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    for found, expected in zip(by_loop, by_numpy, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, **close)


@every_algorithm
def test_threads_change_no_bit_of_a_compiled_step(make, small_blocks, monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(compiled, "SMALLEST", 1)
    together = after_steps(make, [(131,), (2,)], np.float32)
    monkeypatch.setattr(threads, "ENOUGH", 1000)
    for a, b in zip(together, after_steps(make, [(131,), (2,)], np.float32), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [ALGORITHMS["SGD with momentum"], ALGORITHMS["Adam"]])
def test_bad_numbers_stay_where_they_are_in_a_compiled_step(make, monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(compiled, "SMALLEST", 1)
    w = leaf(np.ones(40), np.float32)
    w.grad = np.where(np.arange(40) == 7, np.nan, np.float32(1)).astype(np.float32)
    make([w]).step()
    assert np.isnan(w.numpy()).nonzero()[0].tolist() == [7]


def test_a_few_numbers_never_meet_the_compiler(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: pytest.fail("asked for the compiler"))
    w = leaf(np.ones(100), np.float32)
    run(Adam([w]), [w], 1)
