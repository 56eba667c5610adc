"""The backward pass as a graph of its own, and gradients of gradients told apart."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import card, lecture, number, sheet
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F


def frame(picture, part):
    """The title of the pass that a card or circle stands in."""
    frames, place = picture.scene.frames, part.frame
    while frames[place].around >= 0:
        place = frames[place].around
    return frames[place].part, frames[place].order


def owners(picture):
    """The symbols of backward operations, each with that of the operation it belongs to."""
    symbols = {circle.id: circle.symbol for circle in picture.scene.circles}
    return [(circle.symbol, symbols[circle.of]) for circle in picture.scene.circles if circle.of]


def test_the_operations_that_compute_the_gradient_stand_in_a_frame_of_their_own():
    *_, J = lecture()
    picture = J.draw(passes="backward")
    shown = sheet(picture)
    assert "forward pass" in shown
    assert "backward pass" in shown
    for text in ("∂J/∂J = 1", "∂J/∂v = ∂J/∂u = ∂J/∂a = 3", "∂J/∂b = 6", "∂J/∂c = 9"):
        assert text in shown
    assert [frame(picture, circle)[0] for circle in picture.scene.circles] == (
        ["forward"] * 3 + ["backward"] * 3
    )


def test_each_backward_operation_is_told_its_forward_operation():
    *_, J = lecture()
    picture = J.draw(passes="backward")
    assert owners(picture) == [("×", "×")] * 3
    shown = sheet(picture)
    assert shown.count("of × → u") == 2
    assert shown.count("of × → J") == 1
    assert 'class="of-o0"' in picture.source
    assert "× → u için" in sheet(J.draw(passes="backward", lang="tr"))


def test_forward_values_are_echoed_beside_the_backward_operations_that_use_them():
    *_, J = lecture()
    picture = J.draw(passes="backward")
    assert sorted(echo.name for echo in picture.scene.echoes) == ["b", "c"]
    assert "b = 3 ↺" in sheet(picture)
    assert {frame(picture, echo)[0] for echo in picture.scene.echoes} == {"backward"}


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [(lambda x: x**3, 2.0, 12.0), (np.tanh, 0.5, 1 - np.tanh(0.5) ** 2), (lambda x: x * x, 5, 10)],
)
def test_the_recorded_gradient_is_that_of_backward(f, x, slope):
    x = tt.Tensor(x, requires_grad=True, dtype=np.float64)
    y = f(x)
    picture = y.draw(passes="backward")
    assert number(card(picture, "∂y/∂x").value) == pytest.approx(slope)
    assert x.grad is None


def test_nothing_of_the_users_is_changed_and_hooks_do_not_run():
    a, b, c, J = lecture()
    calls = []
    b.register_hook(calls.append)
    J.backward()
    picture = J.draw(passes="backward")  # after the graph was freed
    assert number(card(picture, "∂J/∂b").value) == 6
    assert [t.grad.item() for t in (a, b, c)] == [3, 6, 9]
    assert len(calls) == 1
    assert J.draw(passes="backward").source == picture.source


def test_several_ends_are_differentiated_together():
    x = tt.Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    picture = tt.draw([y, 3 * x], passes="backward")
    assert card(picture, "∂Σ/∂x").value.entries == (5, 7)


def test_the_gradients_of_a_module_stand_in_frames_that_mirror_its_own():
    tt.manual_seed(0)
    model, x, y = nn.MLP([4, 3, 2]), tt.ones(5, 4), np.array([0, 1, 0, 1, 1])

    def loss(z):
        return F.cross_entropy(z, y)

    picture = tt.draw(model, x, loss=loss, passes="backward", values="full")
    frames = picture.scene.frames
    loss(model(x)).backward()
    for layer, parameters in (("layers.0", model.layers[0]), ("layers.1", model.layers[1])):
        (found,) = (
            c
            for c in picture.scene.cards
            if c.name == "∂loss/∂weight" and frames[c.frame].path == layer
        )
        assert frames[found.frame].order == 1
        np.testing.assert_allclose(
            found.value.entries, parameters.weight.grad.numpy().ravel(), rtol=1e-5
        )
    folded = tt.draw(model, x, loss=loss, passes="backward", depth=1).scene
    boxes = [(c.symbol, folded.frames[c.frame].order) for c in folded.circles if c.module]
    assert [name for name, order in boxes if order] == ["layers.1", "activation", "layers.0"]


def test_a_recorded_gradient_shows_which_of_its_operations_are_backward_ones():
    x, w = (tt.Tensor(v, requires_grad=True, name=n) for v, n in ((0.5, "x"), (2.0, "w")))
    y = np.tanh(w * x)
    (g,) = tt.grad(y, [x], create_graph=True)
    for passes in ("both", "forward"):
        picture = tt.draw(g, passes=passes)
        places = [(c.symbol, frame(picture, c)[0]) for c in picture.scene.circles]
        assert places[:2] == [("×", "forward"), ("tanh", "forward")]
        assert {part for _, part in places[2:]} == {"backward"}
        assert ("×", "tanh") in owners(picture)
        assert ("×", "×") in owners(picture)
    both = tt.draw(g)
    second = -2 * np.tanh(1) * (1 - np.tanh(1) ** 2) * 4
    assert number(card(both, "x").gradient) == pytest.approx(second, rel=1e-5)


def test_the_backward_pass_of_a_recorded_gradient_is_one_of_order_two():
    x = tt.Tensor(2.0, requires_grad=True)
    y = x**3
    (g,) = tt.grad(y, [x], create_graph=True)
    picture = tt.draw(g, passes="backward")
    assert number(card(picture, "g").value) == 12
    assert number(card(picture, "∂g/∂x").value) == 12  # 6x
    assert {frame(picture, circle) for circle in picture.scene.circles} == {
        ("backward", 1), ("backward", 2)
    }  # fmt: skip
    assert "backward pass 2" in sheet(picture)


def test_operations_after_a_recorded_gradient_stand_outside_of_both_frames():
    x = tt.Tensor(0.5, requires_grad=True)
    y = np.sin(x)
    (g,) = tt.grad(y, [x], create_graph=True)
    penalty = y + g**2
    picture = tt.draw(penalty)
    outside = [circle.symbol for circle in picture.scene.circles if circle.frame < 0]
    assert outside == ["^", "+"]


def test_a_module_that_differentiates_inside_has_the_frame_of_that_pass_in_its_own():
    class Slope(nn.Module):
        def __init__(self):
            self.net = nn.MLP([1, 2, 1], activation=np.tanh)

        def forward(self, x):
            (slope,) = tt.grad(np.sum(self.net(x)), [x], create_graph=True)
            return slope**2

    picture = tt.draw(Slope(), tt.ones(3, 1, requires_grad=True), depth=9)
    frames = picture.scene.frames
    (inner,) = (i for i in picture.scene.open_frames if frames[i].part == "backward")
    assert frames[frames[inner].around].kind == "Slope"
    assert "backward pass" in sheet(picture)


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
def test_a_pass_stands_above_or_left_of_the_backward_pass_of_it(rankdir):
    *_, J = lecture()
    shown = J.draw(passes="backward", rankdir=rankdir).svg()
    axis = "y" if rankdir in ("LR", "RL") else "x"
    forward, backward = (
        float(shown[: shown.index(f">{title} pass<")].rsplit(f' {axis}="', 1)[1].split('"')[0])
        for title in ("forward", "backward")
    )
    assert forward < backward
