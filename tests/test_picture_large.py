"""Large graphs: blocks alike, loops of plain operations and what is irregular, all readable."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import card, sheet
from tinygrad_tr import nn

FUNCTIONS = (np.tanh, np.sin, np.cos, lambda x: x * 1.5, lambda x: x + 0.25)


def boxes(picture):
    """The titles of what is folded."""
    words = {"operations": "{0} operations", "like": "{0} like {1}", "steps": "{0} steps alike",
             "parameters": "parameters"}  # fmt: skip
    return [circle.module.title(words) for circle in picture.scene.circles if circle.module]


def encoder(layers):
    tt.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)
    return nn.TransformerEncoder(layer, layers), tt.ones(1, 3, 8)


def loop(steps):
    w, b, x = (tt.Tensor(v, requires_grad=True) for v in (0.9, 0.1, 0.5))
    h = x
    for _ in range(steps):
        h = np.tanh(w * h + b)
    return h, w


def irregular(n):
    """A chain of n operations without a period, of which each tenth has a weight of its own."""
    rng = random.Random(0)
    y = tt.Tensor(0.5, requires_grad=True, name="x")
    for i in range(n):
        f = rng.choice(FUNCTIONS)
        y = y * tt.Tensor(1.0, requires_grad=True) if i % 10 == 0 else f(y)
    return y


def network_of_scalars(points):
    """Neurons written out as sums of products of single numbers."""
    rng = random.Random(0)
    sizes = (2, 7, 1)

    def weights(n):
        return [tt.Tensor(rng.uniform(-1, 1), requires_grad=True) for _ in range(n)]

    layers = [[weights(n + 1) for _ in range(m)] for n, m in itertools.pairwise(sizes)]
    loss = 0
    for _ in range(points):
        xs = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
        for layer in layers:
            following = []
            for b, *w in layer:
                z = b
                for wi, xi in zip(w, xs, strict=True):
                    z = z + wi * xi
                following.append(np.tanh(z))
            xs = following
        loss = loss + (xs[0] - 1.0) ** 2
    return loss


# --------------------------------------------------------------------------- blocks


def test_blocks_alike_are_drawn_once_and_a_box_says_which_they_are():
    model, x = encoder(6)
    picture = tt.draw(model, x)
    size = sum(p.size for layer in model.layers[1:] for p in layer.parameters())
    title = ["layers.1 … layers.5", "5 like layers.0", f"{size:,} parameters"]
    assert title in boxes(picture)
    opened = [picture.scene.frames[i].path for i in picture.scene.open_frames]
    assert "layers.0" in opened
    assert not {f"layers.{i}" for i in range(1, 6)} & set(opened)
    assert "unroll=True draws all of them" in sheet(picture)
    assert "layers.0 gibi 5 blok" in sheet(tt.draw(model, x, lang="tr"))


def test_a_picture_of_more_blocks_is_not_larger():
    six, twelve = (tt.draw(*encoder(layers)).scene for layers in (6, 12))
    assert six.size == twelve.size
    assert len(six.arrows) == len(twelve.arrows)


def test_unroll_draws_all_blocks():
    picture = tt.draw(*encoder(6), unroll=True)
    opened = [picture.scene.frames[i].path for i in picture.scene.open_frames]
    assert {f"layers.{i}" for i in range(6)} <= set(opened)


def test_blocks_of_a_small_model_are_all_drawn():
    picture = tt.draw(nn.Sequential(*(nn.Linear(2, 2) for _ in range(4))), tt.ones(1, 2))
    assert boxes(picture) == []


def test_where_modules_are_folded_the_first_of_each_class_is_open():
    blocks = [nn.MLP([n, n + 1, n, n + 2, n, n + 1]) for n in range(3, 12)]
    picture = tt.draw(nn.Sequential(*blocks), tt.ones(1, 3))
    names = [title[0] for title in boxes(picture)]
    assert names[0] == "0.layers.0"
    assert names[-8:] == [str(i) for i in range(1, 9)]


def test_only_blocks_of_one_size_are_alike():
    stages = [nn.MLP([w] * 6) for w in (3, 3, 3, 4, 4, 4)]
    stages.insert(3, nn.Linear(3, 4))
    names = [title[0] for title in boxes(tt.draw(nn.Sequential(*stages), tt.ones(1, 3)))]
    assert {"1 … 2", "5 … 6"} <= set(names)


# --------------------------------------------------------------------------- operations


def test_a_loop_of_operations_is_its_first_and_last_step_and_a_box():
    h, w = loop(3000)
    picture = h.draw()
    assert boxes(picture) == [["2,998 steps alike", "×, +, tanh"]]
    assert [circle.symbol for circle in picture.scene.circles if not circle.module] == (
        ["×", "+", "tanh"] * 2
    )
    assert "2,998 uses, the gradients are added" in sheet(picture)
    assert "2.998" not in sheet(picture)
    h.backward()
    assert card(picture, "w").gradient.entries == (w.grad.item(),)


def test_loops_within_loops_are_boxes_within_boxes():
    few, many = (network_of_scalars(points).draw().scene for points in (9, 40))
    assert few.size == many.size < 150
    assert len(few.arrows) == len(many.arrows)


def test_leaves_that_only_repeated_steps_use_are_one_card():
    picture = network_of_scalars(9).draw()
    groups = [c.copies for c in picture.scene.cards if c.role == "leaf" and c.copies > 1]
    assert groups
    assert f"{groups[0]} × () float32" in sheet(picture)


def test_what_does_not_repeat_keeps_its_ends_and_a_box_for_the_rest():
    picture = irregular(500).draw()
    ((operations, kinds, size),) = boxes(picture)
    drawn = [circle for circle in picture.scene.circles if not circle.module]
    assert operations == f"{500 - len(drawn):,} operations"
    assert len(drawn) == 12
    assert {"tanh", "sin", "cos"} <= set(kinds.split(", "))
    weights = sum(c.role == "leaf" for c in picture.scene.cards) - 1
    assert size == f"{50 - weights} parameters"
    assert "işlem" in sheet(irregular(500).draw(lang="tr"))


def test_gradients_and_values_are_those_of_the_unrolled_picture():
    y = irregular(300)
    for name in ("x", "y"):
        folded, unrolled = (card(y.draw(unroll=unroll), name) for unroll in (False, True))
        assert folded.gradient == unrolled.gradient
        assert folded.value == unrolled.value


@pytest.mark.parametrize("make", [lambda: loop(3334)[0], lambda: irregular(10_000)])
def test_ten_thousand_operations_are_laid_out(make):
    assert len(make().draw().svg()) < 200_000


def test_the_same_graph_is_folded_the_same_way_each_time():
    loss = network_of_scalars(9)
    assert loss.draw().source == loss.draw().source
