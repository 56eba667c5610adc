"""Graphs of every form, and what recording, sweeping and freeing promise."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr.graph import ancestors
from tinygrad_tr.reading import read


def leaf(value, **options):
    return tt.Tensor(np.asarray(value, np.float64), requires_grad=True, **options)


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


def test_nodes_hold_no_values_of_results():
    """exp keeps its output for the way back; once swept, nothing does."""
    a = leaf(np.ones(1000))
    u = np.exp(a)
    value = weakref.ref(u.value)
    J = (u + 1).sum()
    del u
    assert value() is not None
    J.backward()
    assert value() is None


def test_a_sum_keeps_nothing_alive():
    a = leaf(np.ones(1000))
    u = a * 1.0
    value = weakref.ref(u.value)
    J = (u + 1).sum()
    del u
    assert value() is None
    J.backward()
    np.testing.assert_array_equal(a.grad.numpy(), np.ones(1000))


def test_memory_returns_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:

        def step():
            w = leaf(np.ones((50, 50)))
            h = np.tanh(w @ w) * w
            h.retain_grad()
            h.register_hook(lambda g: None)
            (np.stack([h, h]).sum() + np.split(w, 2)[1].sum()).backward()
            tt.grad((w * w * w).sum(), w, create_graph=True)[0].sum().backward()
            return weakref.ref(w)

        step()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        assert all(step()() is None for _ in range(20))
        grown = tracemalloc.get_traced_memory()[0] - before
        assert grown < 200_000  # one step makes a dozen arrays of 20,000 bytes
    finally:
        tracemalloc.stop()
        gc.enable()


def train_a_classifier():
    model = tt.nn.Sequential(tt.nn.Linear(4, 3), tt.nn.Tanh(), tt.nn.Dropout(0.5))
    optimizer = tt.optim.Adam(model.parameters())
    loss = tt.nn.functional.cross_entropy(model(tt.ones(5, 4)), np.array([0, 1, 2, 1, 0]))
    loss.backward()
    optimizer.step()


def differentiate_fused_rules_twice():
    w = leaf(np.ones((3, 4)))
    z = tt.nn.functional.linear(leaf(np.ones((5, 4))), w)
    loss = tt.nn.functional.cross_entropy(z, np.array([0, 1, 2, 1, 0]))
    (g,) = tt.grad(loss, w, create_graph=True)
    (g * g).sum().backward()


def use_a_rule_with_several_outputs():
    _, s, _ = np.linalg.svd(leaf(np.diag([1.0, 2.0, 3.0])))
    s.sum().backward()


def checkpoint_and_transform():
    x = leaf(np.ones((2, 2)))
    tt.checkpoint(lambda t: np.tanh(t) @ t, x * 1).sum().backward()
    tt.hessian(lambda t: np.sum(np.tanh(t)))(np.ones(3))
    tt.jvp(np.sin, np.ones(3), np.ones(3))


def draw():
    x = leaf(np.ones((2, 2)))
    assert tt.draw((x @ x).sum()).source


@pytest.mark.parametrize(
    "work",
    [
        train_a_classifier,
        differentiate_fused_rules_twice,
        use_a_rule_with_several_outputs,
        checkpoint_and_transform,
        draw,
    ],
)
def test_nothing_is_left_for_the_garbage_collector(work):
    work()  # what the first call imports and caches is not meant
    gc.collect()
    gc.disable()
    try:
        work()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_million_operations_forward_backward_and_dropped():
    a = leaf(1.0)
    gc.disable()  # a million live objects are not garbage
    try:
        y = a
        for _ in range(1_000_000):
            y = y + a
        y.backward()
        assert a.grad.item() == 1_000_001
        del y
    finally:
        gc.enable()


def test_long_chains_take_second_derivatives_without_recursion():
    a = leaf(1.0)
    y = a
    for _ in range(20_000):
        y = y * 1.0
    (slope,) = tt.grad(y * y, a, create_graph=True)
    (second,) = tt.grad(slope, a)
    assert second.item() == 2


def test_shared_subexpressions_cost_linear_time():
    a = leaf(1.0)
    y = a
    for _ in range(200):  # 2**200 paths
        y = (y + y) * 0.5
    y.backward()
    assert a.grad.item() == 1


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


# ------------------------------------------------------------------ detach and mutation


def test_detach_cuts_the_graph_and_shares_the_memory():
    a = leaf([1.0, 2.0])
    d = a.detach()
    assert not d.requires_grad
    assert np.shares_memory(d.numpy(), a.numpy())
    (a * d).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), [1, 2])
    a.assign([5.0, 6.0])
    np.testing.assert_array_equal(d.numpy(), [5, 6])


def test_changing_what_was_detached_from_a_result_does_not_reach_the_graph():
    a = leaf([1.0, 2.0])
    u = np.exp(a)
    d = u.detach()
    d.assign([0.0, 0.0])
    u.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), np.exp([1.0, 2.0]))


@pytest.mark.parametrize("change", ["leaf", "detached twin", "constant", "item of constant"])
def test_a_leaf_changed_after_it_was_recorded_is_refused_by_name(change):
    w, x = leaf([1.0, 2.0], name="weights"), tt.Tensor(np.array([3.0, 4.0]), name="inputs")
    J = (w * x).sum()
    if change == "leaf":
        w.assign(w - 0.1)
    elif change == "detached twin":
        w.detach().assign([0.0, 0.0])
    elif change == "constant":
        x.assign([0.0, 0.0])
    else:
        x[0] = 9.0
    name = "weights" if change in ("leaf", "detached twin") else "inputs"
    with pytest.raises(tt.GraphError, match=rf"'{name}' was changed after multiply"):
        J.backward()
    with pytest.raises(tt.GraphError, match=rf"'{name}' was changed after multiply"):
        tt.grad(J, w, create_graph=True)


def test_a_leaf_changed_before_it_is_recorded_is_fine():
    w = leaf([1.0, 2.0])
    w.assign([3.0, 4.0])
    (w * w).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [6, 8])


def test_assign_writes_into_the_same_memory():
    w = leaf(np.zeros(3))
    view = w.numpy()
    w.assign(np.arange(3.0))
    np.testing.assert_array_equal(view, [0, 1, 2])


def test_assign_refuses_other_shapes_lossy_dtypes_and_results():
    w = tt.Tensor([1.0, 2.0])
    with pytest.raises(tt.ShapeError):
        w.assign([1.0])
    with pytest.raises(tt.DtypeError, match="float64 values would lose precision"):
        w.assign(np.ones(2))
    with pytest.raises(tt.GraphError, match="cannot be changed"):
        (leaf([1.0]) * 2).assign([1.0])


def test_setting_items_of_a_recorded_tensor_is_recorded():
    a, v = leaf(np.ones(3)), leaf(5.0)
    y = a * 2
    y[1] = v * v
    np.testing.assert_array_equal(y.numpy(), [2, 25, 2])
    y.sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), [2, 0, 2])
    assert v.grad.item() == 10


def test_setting_a_recorded_value_into_a_constant_records_it():
    board, v = tt.zeros(3, dtype=np.float64), leaf(5.0)
    board[1] = v
    board.sum().backward()
    assert v.grad.item() == 1


def test_setting_items_of_a_leaf_that_requires_a_gradient_is_refused_while_recording():
    a = leaf(np.ones(3))
    with pytest.raises(tt.GraphError, match="leaf that requires a gradient"):
        a[0] = 5.0
    with tt.no_grad():
        a[0] = 5.0
    assert a.numpy().tolist() == [5, 1, 1]


def test_in_place_operators_change_leaves_only_where_nothing_is_recorded():
    w = leaf([1.0, 2.0])
    twin = w
    with pytest.raises(tt.GraphError, match="no_grad"):
        w -= 1.0
    with tt.no_grad():
        w -= 1.0
        w *= 3.0
    assert w is twin
    assert w.numpy().tolist() == [0, 3]
    total = tt.Tensor(np.float64(0))
    total += w.sum()
    total.backward()
    assert w.grad.numpy().tolist() == [1, 1]


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


# ------------------------------------------------------------------ checkpoint


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
