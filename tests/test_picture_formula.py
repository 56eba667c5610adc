"""Local derivatives as text, read from the source of the rules."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.cases import CASES
from tinygrad_tr.rule import Rule


def carried(y, *, names=None):
    """What is written on the backward arrows of the last operation."""
    picture = tt.draw(y, names=names)
    last = picture.scene.circles[-1].id
    return [a.carried for a in picture.scene.arrows if a.head == last and a.way is not None]


@pytest.mark.parametrize(
    ("function", "formulas"),
    [
        (lambda W, x: W * x, ["g · x", "g · W"]),
        (lambda W, x: W @ x, ["g @ xᵀ", "Wᵀ @ g"]),
        (lambda W, x: W + x, ["g", "g"]),
        (lambda W, x: W - x, ["g", "−g"]),
        (lambda W, x: W / x, ["g / x", "−g · y / x"]),
        (lambda W, x: np.tanh(W), ["g · (1 − y²)"]),
        (lambda W, x: W**3, ["g · 3 · W²"]),
        (lambda W, x: W**2, ["g · 2 · W"]),
        (lambda W, x: 2 * W, ["g · 2"]),
        (lambda W, x: W * -2.0, ["−g · 2"]),
        (lambda W, x: tt.sigmoid(W), ["g · y · (1 − y)"]),
        (lambda W, x: tt.relu(W), ["g · [y > 0]"]),
        (lambda W, x: tt.softsign(W), ["g / (1 + |W|)²"]),
        (lambda W, x: np.sum(W), ["spread(g)"]),
        (lambda W, x: np.mean(W), ["spread(g / 9)"]),
        (lambda W, x: tt.softmax(W, axis=0), ["y · (g − Σ₀ (g · y))"]),
        (lambda W, x: np.maximum(W, x), ["g · [W > x]", "g · [x > W]"]),
        (lambda W, x: np.log2(W), ["g / (0.6931 · W)"]),
        (lambda W, x: W[0] @ x[0], ["g · t₂", "g · t₁"]),
        (lambda W, x: np.cumprod(W, axis=0), ["∂cumprod/∂W"]),
    ],
)
def test_the_formula_is_the_rules_own_with_the_tensors_names(function, formulas):
    rng = np.random.default_rng(0)
    W, x = (tt.Tensor(rng.uniform(0.5, 1, (3, 3)), requires_grad=True, name=n) for n in "Wx")
    y = function(W, x)
    assert carried(y) == formulas


def test_a_formula_uses_the_last_part_of_a_path():
    a = tt.Tensor(np.ones(3), requires_grad=True)
    b = tt.Tensor(np.ones(3), requires_grad=True)
    assert carried(a * b, names={"layers.0.weight": a, "x": b}) == ["g · x", "g · weight"]


def test_equal_inputs_of_float64_keep_their_names():
    a, b = (tt.Tensor(np.float64(2.0), requires_grad=True) for _ in range(2))
    picture = (a * b).draw()
    assert [arrow.slope for arrow in picture.scene.arrows if arrow.way] == ["b", "a"]


def test_a_rule_without_source_falls_back_to_its_name():
    namespace = {}
    code = "def odd_rule_for_test(x):\n    return x * 1, lambda g: g * 1\n"
    exec(compile(code, "<nowhere>", "exec"), namespace)
    made = Rule(
        namespace["odd_rule_for_test"], None,
        symbol=None, elementwise=True, linear=True, joint=False, reference=None,
    )  # fmt: skip
    x = tt.Tensor(np.ones(3), requires_grad=True)
    assert carried(made(x), names={"x": x}) == ["∂odd_rule_for_test/∂x"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_rule_can_be_drawn(case):
    inputs = [
        tt.Tensor(x, requires_grad=True) if getattr(x, "dtype", np.dtype(int)).kind == "f" else x
        for x in case.sample()
    ]
    out = case.function(*inputs)
    picture = tt.draw(list(out) if isinstance(out, (tuple, list)) else out)
    assert any(arrow.carried for arrow in picture.scene.arrows)
    assert picture.source.endswith("}\n")
