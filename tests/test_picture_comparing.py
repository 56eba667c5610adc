"""Two runs on one layout: where their numbers and gradients differ, and by how much."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import card, sheet
from tinygrad_tr.errors import GraphError


def network():
    tt.manual_seed(0)
    return tt.nn.Sequential(tt.nn.Linear(3, 4), tt.nn.Tanh(), tt.nn.Linear(4, 1))


def drawn(model, **options):
    x = tt.Tensor(np.arange(6, dtype=np.float32).reshape(2, 3) / 6)
    return tt.draw(model, x, loss=lambda z: np.mean(z * z), **options)


def apart(a, b):
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


def test_the_colour_of_a_tensor_is_the_difference_of_its_gradients():
    first, second = network(), network()
    second[2].weight.assign(2 * second[2].weight.numpy())
    picture = drawn(first).compare(drawn(second))
    gradients = []
    for model in (first, second):
        x = tt.Tensor(np.arange(6, dtype=np.float32).reshape(2, 3) / 6)
        np.mean(model(x) ** 2).backward()
        gradients.append(model[0].weight.grad.numpy())
    assert card(picture, "0.weight").tone == pytest.approx(apart(*gradients), rel=1e-5)
    assert picture.scene.scale.quantity == "difference"


def test_a_tensor_says_how_far_its_values_and_gradients_are_apart():
    a, b = (tt.Tensor(v, requires_grad=True, name="w") for v in (1.0, 3.0))
    shown = sheet((a * a).draw().compare((b * b).draw()))
    assert "≠ values 0.5, gradients 0.5" in shown  # |1 - 3|/(1 + 3), |2 - 6|/(2 + 6)
    assert "≠ değerler 0.5" in sheet((a * a).draw(lang="tr").compare((b * b).draw()))


def test_equal_runs_have_nothing_to_show():
    model = network()
    picture = drawn(model).compare(drawn(copy.deepcopy(model)))
    assert picture.scene.findings == []
    assert {card.tone for card in picture.scene.cards} <= {0.0, None}


def test_runs_of_other_operations_are_refused_where_they_part():
    model = network()
    other = tt.nn.Sequential(model[0], tt.nn.ReLU(), model[2])
    with pytest.raises(GraphError, match=r"at operation 2[\s\S]*tanh \(2, 4\) and relu \(2, 4\)"):
        drawn(model).compare(drawn(other))


def test_runs_of_the_same_operations_on_other_tensors_are_refused():
    x, y = (tt.Tensor(v, requires_grad=True, name=n) for v, n in ((2.0, "x"), (3.0, "y")))
    with pytest.raises(GraphError, match=r"at operation 1[\s\S]*of other tensors"):
        (x * x).draw().compare((x * y).draw())
    square = tt.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    with pytest.raises(GraphError, match=r"axis=0 \(2,\) and Σ axis=1 \(2,\)"):
        square.sum(axis=0).draw().compare(square.sum(axis=1).draw())


def test_a_run_that_goes_on_is_refused():
    x = tt.Tensor(2.0, requires_grad=True)
    with pytest.raises(GraphError, match="how many"):
        (x * x).draw().compare((x * x * x).draw())


def test_runs_of_tensors_that_were_changed_since_are_refused():
    model = network()
    before = drawn(model)
    model[0].weight.assign(model[0].weight.numpy() + 1)
    with pytest.raises(GraphError, match="deepcopy"):
        before.compare(drawn(model))


def test_rows_of_several_outputs_and_recurrences_can_be_compared():
    tt.manual_seed(0)
    first = tt.nn.LSTM(3, 4)
    second = copy.deepcopy(first)
    second.weight_hh_l0.assign(second.weight_hh_l0.numpy() * 2)
    x = tt.rand(5, 2, 3)
    pictures = [tt.draw(model, x, loss=lambda out: np.sum(out[0])) for model in (first, second)]
    picture = pictures[0].compare(pictures[1])
    assert card(picture, "weight_ih_l0").tone > 0


def test_the_page_of_a_comparison_offers_the_difference_as_colour(tmp_path):
    first, second = network(), network()
    second[0].bias.assign(second[0].bias.numpy() + 1)
    page = drawn(first).compare(drawn(second)).save(tmp_path / "page.html").read_text("utf-8")
    assert '"color":"difference"' in page
    assert "difference of the gradients" in page
