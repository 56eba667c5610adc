"""Graphs of every form, and what recording, sweeping and freeing promise."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr.graph import ancestors
from tinygrad_tr.reading import read


def test_the_lectures_graph_has_the_lectures_numbers():
    a, b, c = leaf(5.0), leaf(3.0), leaf(2.0)
    u = b * c
    v = a + u
    J = 3 * v
    u.retain_grad()
    v.retain_grad()
    J.backward()
    assert (u.item(), v.item(), J.item()) == (6, 11, 33)
    derivatives = (v.grad, a.grad, u.grad, b.grad, c.grad)
    assert tuple(g.item() for g in derivatives) == (3, 3, 3, 6, 9)


def test_a_second_backward_after_clearing_gives_the_same_and_without_clearing_doubles():
    a = leaf(5.0)

    def backward():
        (a * a + a).backward()
        return a.grad.item()

    assert backward() == 11
    assert backward() == 22
    a.grad = None
    assert backward() == 11


def test_a_tensor_used_twice_gets_both_contributions():
    a = leaf(3.0)
    (a * a).backward()
    assert a.grad.item() == 6


def test_a_diamond_is_swept_once():
    a = leaf(2.0)
    b = a * 3
    left, right = b * b, b + 1
    visited = []
    b.register_hook(lambda g: visited.append(g.item()))
    (left * right).backward()
    assert visited == [2 * 6 * 7 + 36]
    assert a.grad.item() == 3 * visited[0]


def test_fan_out_adds_in_place_without_touching_borrowed_gradients():
    x = leaf(np.ones(4))
    y = x * 1
    total = sum(y * k for k in range(10))
    seed = np.arange(4.0)
    total.backward(seed)
    np.testing.assert_array_equal(x.grad.numpy(), 45 * np.arange(4.0))
    np.testing.assert_array_equal(seed, np.arange(4.0))


def test_gradients_that_share_memory_do_not_disturb_each_other():
    x, y = leaf(np.ones(3)), leaf(np.ones(3))
    (x + y).sum().backward()
    (x + y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2, 2])
    np.testing.assert_array_equal(y.grad.numpy(), [2, 2, 2])


def test_equal_valued_leaves_are_different_leaves():
    a, b = leaf(2.0), leaf(2.0)
    (a * a * b).backward()
    assert (a.grad.item(), b.grad.item()) == (8, 4)
    assert len({a, b}) == 2


def test_an_unused_leaf_has_no_gradient():
    a, b = leaf(2.0), leaf(3.0)
    (a * 2).backward()
    assert b.grad is None


def test_constants_are_not_recorded():
    a = tt.Tensor(2.0)
    assert not (a * 3).requires_grad
    assert (a * 3).is_leaf


def test_nothing_is_recorded_inside_no_grad_and_again_after_it():
    a = leaf(2.0)
    with tt.no_grad():
        assert not (a * a).requires_grad
        with tt.enable_grad():
            assert (a * a).requires_grad
        assert not tt.is_grad_enabled()
    assert (a * a).requires_grad

    @tt.no_grad()
    def evaluate():
        return a * a

    assert not evaluate().requires_grad


def test_no_grad_is_left_when_an_exception_passes():
    with pytest.raises(KeyError), tt.no_grad():
        raise KeyError
    assert tt.is_grad_enabled()


def test_no_grad_in_one_thread_does_not_reach_another():
    inside, done = threading.Event(), threading.Event()
    seen = []

    def other():
        inside.wait(5)
        seen.append((leaf(2.0) * 2).requires_grad)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with tt.no_grad():
        inside.set()
        assert done.wait(5)
    thread.join()
    assert seen == [True]


def test_threads_may_sweep_graphs_that_share_leaves():
    w = leaf(np.ones(3))
    results = []

    def work(k):
        (g,) = tt.grad((w * float(k)).sum(), w)
        results.append((k, g.numpy().tolist()))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(k, [float(k)] * 3) for k in range(8)]


def test_a_graph_used_twice_says_so_and_retain_graph_allows_it():
    a = leaf(2.0)
    J = a * a
    J.backward(retain_graph=True)
    J.backward()
    assert a.grad.item() == 8
    with pytest.raises(tt.GraphError, match=r"already swept.*multiply"):
        J.backward()


def test_a_part_swept_before_says_so():
    a = leaf(2.0)
    shared = np.exp(a)
    (shared * 2).backward()
    with pytest.raises(tt.GraphError, match=r"exp is freed"):
        (shared * 3).backward()


def test_second_derivative_of_a_first_order_gradient_is_an_error_not_zero():
    a = leaf(2.0)
    (a * a * a).backward()
    with pytest.raises(tt.GraphError, match="no operation was recorded"):
        a.grad.backward()


def test_create_graph_gives_derivatives_of_any_order():
    a = leaf(2.0)
    y = a**4
    orders = []
    for _ in range(4):
        (y,) = tt.grad(y, a, create_graph=True)
        orders.append(y.item())
    assert orders == [32, 48, 48, 24]


def test_create_graph_reaches_results_of_operations_too():
    """d(dy/dx)/du must go through the very u of the graph, also inside tanh's pullback."""
    x = leaf(0.7)
    u = np.tanh(x)
    y = u * u
    (slope,) = tt.grad(y, x, create_graph=True)  # 2u(1 - u²)
    (in_u,) = tt.grad(slope, u)
    assert in_u.item() == pytest.approx(2 - 6 * np.tanh(0.7) ** 2, rel=1e-12)


def test_backward_with_create_graph_leaves_a_recorded_gradient():
    x = leaf([0.3, 0.5])
    np.sin(x).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = tt.grad(x.grad.sum(), x)
    np.testing.assert_allclose(second.numpy(), -np.sin([0.3, 0.5]))


def test_leaves_recorded_later_do_not_change_the_order_of_the_sweep():
    a = leaf(1.0)
    late = a * 2
    early = np.exp(a) * late
    (early + late * early).backward()
    x = 1.0
    expected = (np.exp(x) * 2 * x + 2 * np.exp(x)) + (np.exp(x) * 4 * x**2 + np.exp(x) * 8 * x)
    assert a.grad.item() == pytest.approx(expected)


def test_values_come_again_from_the_leaves_after_the_graph_was_freed():
    a = leaf([1.0, 2.0])
    u = np.exp(a)
    J = (u * 3).sum()
    J.backward()
    nodes = ancestors([J.node])
    values, _ = read(nodes, {}, recording=False)
    np.testing.assert_array_equal(values[u.node], np.exp([1.0, 2.0]))
    assert values[J.node] == J.value


# ------------------------------------------------------------------ hooks


def test_a_hook_sees_the_whole_gradient_and_may_replace_it():
    a = leaf(2.0)
    u = a * 3
    seen = []
    u.register_hook(lambda g: seen.append(g.item()))
    handle = u.register_hook(lambda g: g * 10)
    (u * u + u).backward(retain_graph=True)
    assert seen == [13]
    assert a.grad.item() == 390
    handle.remove()
    a.grad = None
    (u * 1).backward()
    assert a.grad.item() == 3


def test_a_hook_on_a_leaf_runs_before_accumulation():
    a = leaf(2.0)
    a.register_hook(lambda g: g * 0.5)
    (a * 4).backward()
    (a * 4).backward()
    assert a.grad.item() == 4


def test_a_hook_cannot_change_the_shape():
    a = leaf([1.0, 2.0])
    a.register_hook(lambda g: g.sum())
    with pytest.raises(tt.GraphError, match="shape"):
        a.sum().backward()


def test_retain_grad_does_not_keep_its_tensor_alive():
    a = leaf(2.0)
    u = a * 3
    u.retain_grad()
    here = weakref.ref(u)
    J = u * u
    del u
    assert here() is None
    J.backward()
    assert a.grad.item() == 36


def test_hooks_on_what_needs_no_gradient_are_errors():
    with pytest.raises(tt.GraphError):
        tt.Tensor(1.0).register_hook(print)
    with pytest.raises(tt.GraphError):
        tt.Tensor(1.0).retain_grad()


# ------------------------------------------------------------------ several outputs


def test_the_outputs_of_one_rule_may_be_used_in_part():
    x = leaf(np.arange(6.0))
    first, _, third = np.split(x, 3)
    (first.sum() * 2 + (third * third).sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2, 0, 0, 8, 10])


def test_several_roots_are_swept_together():
    x = leaf(2.0)
    (g,) = tt.grad([x * x, x * 3], x, [np.float64(1), np.float64(10)])
    assert g.item() == 34


def test_the_same_output_twice_counts_twice():
    x = leaf(2.0)
    y = x * x
    (g,) = tt.grad([y, y], x)
    assert g.item() == 8


# ------------------------------------------------------------------ fused rules


def test_second_derivatives_of_a_fused_rule_whose_inputs_depend_on_each_other():
    """Each partial derivative stops at the rule's own inputs: no path is counted twice."""

    def f(x):
        weight = np.outer(np.tanh(x), x)
        return tt.nn.functional.linear(np.sin(x), weight, np.sum(weight, axis=1))

    assert tt.gradgradcheck(f, np.array([0.3, -0.5]), atol=1e-5)


def test_second_derivatives_through_fused_rules_read_each_node_a_fixed_number_of_times(
    monkeypatch,
):
    def nodes_read(layers):
        count = 0
        plain = tt.reading.read

        def counting(nodes, known, *, recording):
            nonlocal count
            count += len(nodes)
            return plain(nodes, known, recording=recording)

        monkeypatch.setattr(tt.sweep, "read", counting)
        monkeypatch.setattr(tt.rule, "read", counting)
        h = leaf(np.ones((1, 2)))
        w = leaf(np.eye(2))
        for _ in range(layers):
            h = np.tanh(tt.nn.functional.linear(h, w))
        tt.grad(h.sum(), w, create_graph=True)
        monkeypatch.undo()
        return count

    ten, twenty, thirty = (nodes_read(n) for n in (10, 20, 30))
    assert thirty - twenty == twenty - ten
