"""Detaching, and changing Tensors in place: what graphs refuse and what they follow."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf


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


def test_a_leaf_changed_by_a_hook_on_the_way_back_is_refused():
    w, x = leaf([1.0, 2.0], name="weights"), leaf([3.0, 4.0])
    u = np.tanh(w * x)

    def change(g):
        w.assign([0.0, 0.0])

    u.register_hook(change)
    with pytest.raises(tt.GraphError, match="'weights' was changed after multiply"):
        u.sum().backward()
    assert w.grad is None
    assert x.grad is None
