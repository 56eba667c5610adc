"""Expressions as text, drawn: `tinygrad-tr draw "3*(a + b*c)" a=5 b=3 c=2`."""

from __future__ import annotations

import pytest

import tinygrad_tr as tt
from tinygrad_tr.picture.expression import draw_expression


def shown(picture):
    """Name -> (value, gradient) of all named cards."""
    return {
        card.name: (card.value.entries, card.gradient and card.gradient.entries)
        for card in picture.scene.cards
        if card.name
    }


def test_the_lectures_example():
    cards = shown(draw_expression("3*(a + b*c)", {"a": 5, "b": 3, "c": 2}))
    assert cards["a"] == ((5,), (3,))
    assert cards["b"] == ((3,), (6,))
    assert cards["c"] == ((2,), (9,))
    assert cards["out"] == ((33,), (1,))


def test_steps_give_names():
    cards = shown(draw_expression("u = b*c; v = a + u; J = 3*v", {"a": 5, "b": 3, "c": 2}))
    assert cards["u"] == ((6,), (3,))
    assert cards["v"] == ((11,), (3,))
    assert cards["J"] == ((33,), (1,))


def test_values_may_be_text_and_lists():
    cards = shown(draw_expression("sum(relu(w * [1, 2, 3]))", {"w": "[1, -2, 3]"}))
    assert cards["w"] == ((1, -2, 3), (1, 0, 3))
    assert cards["out"][0] == (10,)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + 2 - 1", 4), ("a * 2 / 3", 2), ("a ** 2", 9), ("-a", -3), ("+a", 3), ("a // 2", 1),
        ("a % 2", 1), ("a * pi / pi", 3), ("exp(log(a))", 3), ("sigmoid(a - a)", 0.5),
        ("sum([a_] @ [[1], [2]])".replace("[a_]", "(a * [1, 1])"), 9),
        ("mean(a * [[1, 2], [3, 4]], axis=0)[0]".removesuffix("[0]"), None),
    ],
)  # fmt: skip
def test_operators_and_functions_are_those_of_the_library(text, value):
    out = shown(draw_expression(text, {"a": 3}))["out"][0]
    if value is not None:
        assert out == pytest.approx((value,))


def test_options_are_those_of_draw():
    picture = draw_expression("a * a", {"a": 2}, theme="dark", lang="tr", passes="forward")
    assert "ileri" in picture.source


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "a.value", "a[0]", "lambda: a", "a if a else 1",
        "[x for x in a]", "(a := 3)", "eval(a)", "open(a)", "print(a)", "Tensor(a)", "nn(a)",
        "'text' * a", "f'{a}'", "a == a", "a and a", "not a", "~a", "a @", "", ";", "a; a",
        "import os", "a = b = 2*a", "x, y = a", "sum(a, axis=a)", "sum(*a)", "sum(a, **a)",
        "[a]", "[[1], [2, 3]] * a", "None", "True * a", "1j * a", "z * a", "1 + 1", "1/0 + a",
        "9**9**9**9 * a", "(" * 300 + "a" + ")" * 300, "a" + " + a" * 5000, "a\0",
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_never_run(text):
    with pytest.raises(tt.ArgumentError):
        draw_expression(text, {"a": 2})


@pytest.mark.parametrize("value", ["text", "os.getcwd()", "[1, [2]]", None, {}, "1j", ""])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(tt.ArgumentError, match="the value of a is no number"):
        draw_expression("a * 2", {"a": value})


def test_a_strange_name_is_refused():
    with pytest.raises(tt.ArgumentError, match="not a name"):
        draw_expression("a", {"a-b": 1})


def test_the_librarys_own_errors_stay():
    with pytest.raises(tt.ShapeError):
        draw_expression("a @ a", {"a": 2})
