"""Pictures of modules: frames, folding, and that a model is left as it was."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import sheet
from tinygrad_tr import nn
from tinygrad_tr.creation import Random


def frame_of(picture, name):
    """The path of the module whose frame a card is in, None if it is outside of all."""
    (card,) = [card for card in picture.scene.cards if card.name == name]
    return picture.scene.frames[card.frame].path if card.frame >= 0 else None


@pytest.fixture
def model():
    tt.manual_seed(0)
    return nn.MLP([4, 3, 2])


@pytest.fixture
def x():
    return tt.Tensor(np.linspace(-1, 1, 20).reshape(5, 4).astype(np.float32))


def test_frames_are_titled_with_path_kind_and_number_of_parameters(model, x):
    shown = sheet(tt.draw(model, x))
    assert "layers.0 · Linear(4 → 3) · 15 parameters" in shown
    assert "layers.1 · Linear(3 → 2) · 8 parameters" in shown
    assert "MLP · 23 parameters" in shown


def test_large_numbers_of_parameters_are_grouped():
    layer = nn.Linear(64, 64)
    picture = tt.draw(layer, tt.zeros(1, 64))
    assert "Linear(64 → 64) · 4,160 parameters" in sheet(picture)


def test_parameters_stand_in_their_frames_and_inputs_outside(model, x):
    picture = tt.draw(model, x)
    assert frame_of(picture, "layers.0.weight") == "layers.0"
    assert frame_of(picture, "layers.1.bias") == "layers.1"
    assert frame_of(picture, "x") is None


def test_the_gradients_are_those_of_the_sum_or_of_the_loss(model, x):
    y = tt.Tensor([0, 1, 0, 1, 1], dtype=np.int64)

    def loss(out):
        return nn.functional.cross_entropy(out, y)

    picture = tt.draw(model, x, loss=loss, values="full")
    loss(model(x)).backward()
    for name, parameter in model.named_parameters():
        (card,) = [card for card in picture.scene.cards if card.name == name]
        np.testing.assert_array_equal(card.gradient.entries, parameter.grad.numpy().ravel())
    assert "∂loss/∂weight" in sheet(picture)


def test_depth_0_is_one_box_with_its_arrows(model, x):
    picture = tt.draw(model, x, depth=0)
    assert [circle.module.kind for circle in picture.scene.circles] == ["MLP"]
    assert [card.name for card in picture.scene.cards] == ["x", "out"]
    assert len(picture.scene.arrows) == 2
    assert "Operations folded into modules: " in sheet(picture)


def test_depth_1_opens_the_first_level_and_none_opens_all(model, x):
    folded, opened = tt.draw(model, x, depth=1), tt.draw(model, x)
    boxes = [circle.symbol for circle in folded.scene.circles]
    assert boxes == ["layers.0", "activation", "layers.1"]
    assert not any(circle.module for circle in opened.scene.circles)
    assert len(opened.scene.circles) == 3


def test_a_folded_module_passes_the_gradient_on(model, x):
    x.requires_grad = True
    folded, opened = tt.draw(model, x, depth=0), tt.draw(model, x)
    gradients = [next(c for c in p.scene.cards if c.name == "x").gradient for p in (folded, opened)]
    assert gradients[0] == gradients[1]
    assert folded.scene.arrows[0].flows


def test_a_module_used_twice_has_two_frames_and_its_parameters_stand_around_both():
    class Twice(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(self.layer(x))

    picture = tt.draw(Twice(), tt.ones(1, 2))
    assert [picture.scene.frames[i].path for i in picture.scene.open_frames] == ["", *["layer"] * 2]
    assert frame_of(picture, "layer.weight") == ""
    assert "adds" in sheet(picture)


def test_large_models_are_folded_until_they_can_be_read():
    model = nn.Sequential(*(nn.MLP([2, 2, 2, 2]) for _ in range(30)))
    picture = tt.draw(model, tt.ones(1, 2), unroll=True)
    assert len(picture.scene.circles) == 30
    assert all(circle.module.kind == "MLP" for circle in picture.scene.circles)
    assert picture.scene.hidden == 150


def test_a_parameter_that_got_no_gradient_is_marked():
    class Idle(nn.Module):
        def __init__(self):
            self.used, self.idle = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    picture = tt.draw(Idle(), tt.ones(1, 2))
    marked = {card.name for card in picture.scene.cards if card.role == "leaf" and card.reason}
    assert marked == {"idle.weight", "idle.bias"}
    assert {frame_of(picture, name) for name in marked} == {""}
    assert "– not in this graph" in sheet(picture)
    assert "2 of them without gradient" in sheet(tt.draw(Idle(), tt.ones(1, 2), depth=0))


def test_a_model_is_left_as_it_was():
    class Counting(nn.Module):
        def __init__(self):
            self.layer, self.dropout = nn.Linear(3, 3), nn.Dropout(0.5)
            self.register_buffer("calls", np.zeros(1, np.float32))

        def forward(self, x):
            self.calls.assign(self.calls + 1)
            return self.dropout(self.layer(x)) * self.calls

    model = Counting()
    recorded = np.sum(model(tt.ones(2, 3)))
    stamp, state = model.calls.version[0], Random.generator.bit_generator.state
    tt.draw(model, tt.ones(2, 3)).svg()
    assert model.calls.item() == 1
    assert model.calls.version[0] == stamp
    assert Random.generator.bit_generator.state == state
    assert all(parameter.grad is None for parameter in model.parameters())
    recorded.backward()  # the graph from before the drawing is still good


def test_a_loss_over_a_model_of_the_caller_uses_the_paths_of_its_parameters(model, x):
    net = model
    loss = np.sum(net(x))
    names = {card.name for card in loss.draw().scene.cards}
    assert {"layers.0.weight", "layers.1.bias", "x", "loss"} <= names


def test_modules_go_from_top_to_bottom_and_graphs_from_left_to_right(model, x):
    assert "rankdir=TB" in tt.draw(model, x).source
    assert "rankdir=LR" in np.sum(model(x)).draw().source
    assert "rankdir=LR" in tt.draw(model, x, rankdir="LR").source


def test_hostile_titles_break_nothing(x):
    class Odd(nn.Module):
        def __init__(self):
            self.parts = {'"><b>\\N': nn.Linear(4, 2)}

        def forward(self, x):
            return self.parts['"><b>\\N'](x)

    for depth in (None, 0, 1):
        assert "Linear(4 → 2)" in sheet(tt.draw(Odd(), x, depth=depth)) or depth == 0


def test_parameters_go_by_the_drawn_modules_names_not_by_those_of_a_part_in_scope(model, x):
    whole = nn.Sequential(model, nn.ReLU())
    part = model
    names = {card.name for card in tt.draw(whole, x).scene.cards}
    assert {name for name, _ in whole.named_parameters()} <= names
    assert not {name for name, _ in part.named_parameters()} & names
