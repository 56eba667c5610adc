"""Pictures: names, numbers, themes and files. Contracts 6 and 7."""

from __future__ import annotations

import os
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import card, lecture, number, sheet, texts
from tinygrad_tr.picture import render

# --------------------------------------------------------------------------- 6: the user's words


def test_operations_carry_the_symbols_and_facts_of_the_user():
    x = tt.Tensor(np.ones((2, 3)), requires_grad=True)
    W = tt.Tensor(np.ones((3, 2)), requires_grad=True)
    y = np.sum(tt.relu(x @ W), axis=0)
    symbols = [(circle.symbol, circle.facts) for circle in y.draw().scene.circles]
    assert symbols == [("@", ""), ("relu", ""), ("Σ", "axis=0")]


def test_explicit_names_win_over_the_tensors_own_and_these_over_variables():
    a = tt.Tensor(1.0, requires_grad=True)
    b = tt.Tensor(2.0, requires_grad=True, name="own")
    c = tt.Tensor(3.0, requires_grad=True, name="hidden")
    y = a * b * c
    names = {made.name for made in y.draw(names={"said": c}).scene.cards if made.own_name}
    assert names == {"a", "own", "said", "y"}


def test_items_of_the_callers_lists_and_dicts_are_named():
    weights = [tt.Tensor(1.0, requires_grad=True)]
    by_name = {"W1": tt.Tensor(2.0, requires_grad=True)}
    y = weights[0] * by_name["W1"]
    names = {made.name for made in y.draw().scene.cards}
    assert names == {"weights[0]", "W1", "y"}


def test_the_function_around_a_comprehension_gives_names_too():
    x = tt.Tensor(1.0, requires_grad=True)
    (picture,) = [f(x).draw() for f in (np.tanh,)]
    assert card(picture, "x").own_name


def test_unnamed_results_get_names_that_formulas_can_use():
    a, b = (tt.Tensor(v, requires_grad=True) for v in (2.0, 3.0))
    shown = sheet(tt.draw(np.tanh(a * b)))
    assert "t₁ = 6" in shown
    assert "∂out/∂t₁ = 1 − out²" in shown


def test_several_outputs_are_drawn_together_and_their_sum_is_differentiated():
    x = tt.Tensor(2.0, requires_grad=True)
    y, z = x * 3, x * 4
    picture = tt.draw([y, z])
    assert number(card(picture, "x").gradient) == 7
    assert "Σ is the sum of all entries of y, z" in sheet(picture)


def test_the_parts_of_a_split_are_results_of_one_operation():
    x = tt.Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    p, q = np.split(x, 2)
    y = np.sum(p * q)
    picture = y.draw()
    split = next(circle for circle in picture.scene.circles if circle.symbol == "split")
    assert sum(arrow.tail == split.id for arrow in picture.scene.arrows) == 2
    assert card(picture, "x").gradient.entries == (3, 4, 1, 2)


HOSTILE = [
    '"><script>alert(1)</script>', "\\", "\\N\\G\\L", "a\nb\tc\0d", "}{|<f0>", "&amp;&#60;",
    "%s {0}", "</TABLE>>", "]]>", "-- -> ;", "é ∂ 漢 🙂", "\ud800", "\uffff", "x" * 5000,
    "'", "<!--", "", " ",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_breaks_neither_dot_nor_svg(name):
    x = tt.Tensor([1.0, 2.0], requires_grad=True, name=name)
    y = np.sum(np.exp(x) * x)
    y.name = name
    picture = tt.draw(y, theme="dark")
    root = ElementTree.fromstring(picture.svg())
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "g", "title", "polygon", "path", "text", "ellipse", "polyline", "a"}
    assert len([e for e in root.iter() if e.get("class") == "node"]) == len(picture.scene.cards) + 3
    assert len(picture.source) < 50_000


def test_a_name_is_shown_as_it_was_written():
    name = '<b>&"\\N\\E\\\\'
    x = tt.Tensor(1.0, requires_grad=True, name=name)
    shown = [text.replace("\u200b", "") for text in texts((x * 2).draw())]
    assert name in shown  # on the card
    assert sum(name in text for text in shown) == 3  # with its gradient, and on the arrow


# --------------------------------------------------------------------------- 7: legible


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.678, "1.235·10⁴"), (0.00012345, "0.0001234"), (1.23456e-7, "1.235·10⁻⁷"),
        (3.0, "3"), (-2.5, "−2.5"), (0.0, "0"), (-0.0, "0"), (65536.0, "65536"), (1e6, "1·10⁶"),
        (float("nan"), "NaN"), (float("inf"), "∞"), (float("-inf"), "−∞"), (2 / 3, "0.6667"),
    ],
)  # fmt: skip
def test_numbers_have_four_significant_digits(value, text):
    x = tt.Tensor(np.float64(value), requires_grad=True)
    assert f"x = {text}" in sheet(x.draw())


def test_small_arrays_are_written_out_and_large_ones_summed_up():
    small = tt.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    large = tt.Tensor(np.arange(100.0).reshape(20, 5), requires_grad=True)
    assert "⎡1 2⎤" in sheet(small.draw())
    shown = sheet(large.draw())
    assert "(20, 5) float64" in shown
    assert "49.5 ± 28.87" in shown
    assert "[0, 99]" in shown
    assert "mean ± std [min, max]" in shown


def test_values_decides_how_much_is_written():
    x = tt.Tensor(np.arange(20.0) / 8, requires_grad=True)
    y = x * 2
    assert "2.375" in sheet(y.draw())  # the greatest
    assert "1.125" not in sheet(y.draw())
    assert "1.125" in sheet(y.draw(values="full"))
    assert "2.375" not in sheet(y.draw(values="none"))
    assert "± " in sheet((x[:2] * 1).draw(values="stats"))


def test_bad_numbers_in_a_large_array_are_counted():
    x = tt.Tensor(np.array([np.nan, np.inf, *range(20)]), requires_grad=True)
    assert "2 NaN/∞" in sheet(x.draw())


def test_empty_tensors_are_drawn():
    x = tt.Tensor(np.zeros((0, 3)), requires_grad=True)
    assert "(0, 3) float64" in sheet((x * 2).draw())


def test_light_and_dark_sheets_have_different_papers():
    *_, J = lecture()
    light, dark = (J.draw(theme=theme).source for theme in ("light", "dark"))
    assert 'bgcolor="#ffffff"' in light
    assert 'bgcolor="#ffffff"' not in dark


def test_turkish_words():
    *_, J = lecture()
    shown = sheet(J.draw(lang="tr"))
    for word in ("ileri: değerler", "geri: yerel türev", "– sabit", "işlem"):
        assert word in shown


def test_forward_only_has_no_gradients():
    *_, J = lecture()
    forward = J.draw(passes="forward")
    assert "∂" not in sheet(forward)
    assert "dashed dir=back" not in forward.source
    assert "v = 11" in sheet(forward)


@pytest.mark.parametrize("rankdir", ["LR", "RL", "TB", "BT"])
def test_every_direction_is_laid_out(rankdir):
    *_, J = lecture()
    assert "∂J/∂b = 6" in sheet(J.draw(rankdir=rankdir))


# --------------------------------------------------------------------------- files and notebooks


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph"),
     (".SVG", b"<?xml")],
)  # fmt: skip
def test_the_suffix_decides_and_the_name_given_is_the_file_written(tmp_path, suffix, start):
    *_, J = lecture()
    path = tmp_path / "a new folder" / f"a name.v2{suffix}"
    assert J.draw().save(str(path)) == path
    assert path.read_bytes().startswith(start)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["j.gif", "j", "svg"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path, name):
    *_, J = lecture()
    with pytest.raises(tt.ArgumentError, match=r"\.svg, \.png, \.pdf, \.html or \.dot"):
        J.draw().save(tmp_path / name)


def test_the_digraph_is_graphvizs_and_says_the_same():
    graphviz = pytest.importorskip("graphviz")
    *_, J = lecture()
    picture = J.draw()
    assert isinstance(picture.digraph, graphviz.Digraph)
    assert picture.digraph.source == picture.source


def test_a_notebook_shows_the_picture_of_a_result_and_the_text_of_a_leaf():
    a, *_, J = lecture()
    assert J._repr_mimebundle_()["image/svg+xml"].rstrip().endswith("</svg>")
    assert "image/svg+xml" in J.draw()._repr_mimebundle_()
    assert set(a._repr_mimebundle_()) == {"text/plain"}


def test_without_graphviz_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setattr(render.shutil, "which", lambda name: None)
    *_, J = lecture()
    picture = J.draw()
    with pytest.raises(tt.MissingDependencyError, match="pip install pygraphviz"):
        picture.save(tmp_path / "j.png")
    assert "pip install" in picture._repr_mimebundle_()["text/plain"]
    assert picture.save(tmp_path / "j.dot").read_text(encoding="utf-8") == picture.source


@pytest.mark.parametrize(
    "options",
    [
        {"passes": "sideways"},
        {"values": "all"},
        {"theme": "neon"},
        {"lang": "xx"},
        {"rankdir": "UP"},
    ],
)
def test_an_unknown_option_is_refused_with_the_known_ones(options):
    *_, J = lecture()
    with pytest.raises(tt.ArgumentError, match=f"unknown {next(iter(options))}"):
        J.draw(**options)


@pytest.mark.parametrize("what", [3, [], "J", [1.0], None])
def test_only_tensors_are_drawn(what):
    with pytest.raises(tt.DtypeError, match="nothing to draw but Tensors"):
        tt.draw(what)


def test_names_must_be_a_dict_of_tensors():
    *_, J = lecture()
    with pytest.raises(tt.ArgumentError, match="names come as"):
        J.draw(names=["a"])
    with pytest.raises(tt.ArgumentError, match="names come as"):
        J.draw(names={"a": 1.0})
    with pytest.raises(tt.DtypeError, match="only a module takes inputs"):
        tt.draw(J, J)


def test_the_first_picture_of_a_process_says_nothing_on_stderr(tmp_path):
    code = (
        "import sys, tinygrad_tr as tt; a = tt.Tensor(2.0, requires_grad=True)\n"
        f"(a * a).draw().save({str(tmp_path / 'a.png')!r}); print('heard', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "heard\n"


def test_what_others_say_on_stderr_while_laying_out_is_passed_on(capfd):
    with render.without_font_warnings():
        os.write(2, b"Fontconfig warning: an unknown element\nsomething else\n")
    assert capfd.readouterr().err == "something else\n"


def test_a_notebooks_cell_shows_the_names_of_its_variables():
    """The formatter that asks for the picture stands between the cell and the library."""
    notebook = {"__name__": "IPython.core.formatters"}
    exec("def show(value): return value._repr_mimebundle_(include=None, exclude=None)", notebook)
    first = tt.Tensor(2.0, requires_grad=True)
    second = first * first
    shown = ElementTree.fromstring(notebook["show"](second)["image/svg+xml"])
    assert {"first", "second"} <= {element.text for element in shown.iter()}
