"""Repeated steps of a network: the first and the last drawn, a box for those between."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture.repeats import AGAIN, BLOCK, OPERATION, runs


class Network(nn.Module):
    """A vector for each word, a step for each vector, and a guess after each step."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.table = nn.Embedding(5, 2, generator=rng)
        self.cell = nn.RNNCell(2, 2, generator=rng)
        self.head = nn.Linear(2, 3, generator=rng)

    def forward(self, words):
        x, h, guesses = self.table(words), None, []
        for t in range(len(words)):
            h = self.cell(x[t], h)
            guesses.append(self.head(h))
        return np.stack(guesses)


def drawn(steps, **options):
    words = np.arange(steps)[:, None] % 5

    def loss(z):
        return F.cross_entropy(z.reshape(-1, 3), words[:, 0] % 3)

    return tt.draw(Network(), words, loss=loss, **options)


def boxes(picture):
    return [circle.symbol for circle in picture.scene.circles if circle.module is not None]


def test_of_many_steps_the_first_and_the_last_are_drawn_and_a_box():
    picture = drawn(12)
    assert boxes(picture) == ["cell, head × 10"]
    symbols = [circle.symbol for circle in picture.scene.circles]
    assert symbols.count("tanh") == 2
    assert "unroll=True" in picture.source
    assert "cell, head × 10" in picture.source


def test_four_steps_are_all_drawn_and_so_are_all_with_unroll():
    assert boxes(drawn(4)) == []
    unrolled = drawn(12, unroll=True, depth=9)
    assert boxes(unrolled) == []
    assert [circle.symbol for circle in unrolled.scene.circles].count("tanh") == 12
    assert "× 10" not in unrolled.source


@pytest.mark.parametrize("steps", [5, 6, 12, 40])
def test_a_picture_of_more_steps_is_not_larger(steps):
    few, many = drawn(5).scene, drawn(steps).scene
    assert (len(few.cards), len(few.circles)) == (len(many.cards), len(many.circles))
    assert len(few.arrows) == len(many.arrows)


def test_gradients_are_those_of_the_unrolled_picture():
    folded, unrolled = drawn(8), drawn(8, unroll=True, depth=9)
    for name in ("table.weight", "cell.weight_hh", "cell.bias_ih", "head.weight"):
        one, other = (
            next(card for card in picture.scene.cards if card.name == name)
            for picture in (folded, unrolled)
        )
        assert one.gradient == other.gradient


def test_uses_by_repeated_steps_share_an_arrow_that_counts_them():
    scene = drawn(12).scene
    (box,) = (circle for circle in scene.circles if circle.module is not None)
    weight = next(card for card in scene.cards if card.name == "cell.weight_hh")
    (arrow,) = (a for a in scene.arrows if (a.tail, a.head) == (weight.id, box.id))
    assert arrow.uses == 10
    assert len([a for a in scene.arrows if a.tail == weight.id]) == 3
    assert "10 uses, the gradients are added" in drawn(12).source
    assert "10 kullanım" in drawn(12, lang="tr").source


def test_the_results_of_repeated_steps_are_one_card():
    scene = drawn(12).scene
    (card,) = (card for card in scene.cards if card.copies > 1)
    assert card.copies == 10
    assert "10 × (1, 3) float32" in drawn(12).source
    stack = next(circle for circle in scene.circles if circle.symbol == "stack")
    assert len([a for a in scene.arrows if a.head == stack.id]) == 3


def test_no_arrow_leaves_the_box_for_what_happens_inside_it():
    scene = drawn(12).scene
    (box,) = (circle for circle in scene.circles if circle.module is not None)
    made = {a.head for a in scene.arrows if a.tail == box.id}
    assert not any(a.head == box.id and a.tail in made for a in scene.arrows)


def test_what_each_step_is_given_is_part_of_the_box():
    class Sum(nn.Module):
        def __init__(self):
            self.cell = nn.RNNCell(2, 2)

        def forward(self, xs):
            h = None
            for x in xs:
                h = self.cell(x, h)
            return h

    given = [tt.Tensor(np.ones((1, 2), np.float32), name=f"x{t}") for t in range(9)]
    names = {card.name for card in tt.draw(Sum(), given).scene.cards}
    assert {"x0", "x8"} <= names
    assert not names & {f"x{t}" for t in range(1, 8)}


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        ("c" * 4, []),
        ("c" * 5, [(1, 4, 3)]),
        ("xc" * 6, [(2, 10, 4)]),  # a step begins before its call
        ("cx" * 6, [(2, 10, 4)]),
        ("cx" * 5 + "c", [(2, 10, 4)]),  # the last step is cut short
        ("a" + "xcy" * 7 + "b", [(4, 19, 5)]),
        ("cxcycxcyc", []),
        ("c" * 6 + "x" + "d" * 5, [(1, 5, 4), (8, 11, 3)]),
        ("x" * 9, [(1, 8, 7)]),
        ("xxy" * 6, [(3, 15, 4)]),
        ("BB", []),
        ("BBB", [(1, 3, 2)]),  # of blocks only the first is drawn
        ("aByByByz", [(3, 7, 2)]),
    ],
)
def test_runs_are_found_wherever_a_step_begins(kinds, found):
    """c and d stand for a module called again and again, B for modules alike, others for +, ×."""
    roles = [AGAIN if k in "cd" else BLOCK if k == "B" else OPERATION for k in kinds]
    assert runs(kinds, roles, (OPERATION, BLOCK, AGAIN)) == found
    small = [] if set(kinds).isdisjoint("cd") else found
    assert runs(kinds, roles, (AGAIN,)) == small  # in a small picture only loops are folded
