"""Pictures: what they show, and that they change nothing. Contracts 1 to 5."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import card, lecture, number, sheet

# --------------------------------------------------------------------------- the lecture's sheet


def test_the_lectures_example_shows_values_and_gradients_under_the_callers_names():
    a, b, c = (tt.Tensor(v, requires_grad=True) for v in (5.0, 3.0, 2.0))
    u = b * c
    v = a + u
    J = 3 * v
    shown = sheet(J.draw())
    for value in ("a = 5", "b = 3", "c = 2", "u = 6", "v = 11", "J = 33"):
        assert value in shown
    for gradient in ("∂J/∂J = 1", "∂J/∂v = 3", "∂J/∂u = 3", "∂J/∂a = 3", "∂J/∂b = 6", "∂J/∂c = 9"):
        assert gradient in shown


def test_every_backward_arrow_carries_its_local_derivative():
    *_, J = lecture()
    shown = sheet(J.draw())
    for local in ("∂u/∂b = c = 2", "∂u/∂c = b = 3", "∂v/∂a = 1", "∂v/∂u = 1", "∂J/∂v = 3"):
        assert local in shown


def test_the_drawn_gradients_are_those_of_backward():
    rng = np.random.default_rng(0)
    W = tt.Tensor(rng.standard_normal((3, 2)), requires_grad=True)
    x = tt.Tensor(rng.standard_normal((2, 3)), requires_grad=True)
    y = np.sum(np.tanh(x @ W) ** 2)
    picture = y.draw()
    y.backward()
    np.testing.assert_array_equal(card(picture, "W").gradient.entries, W.grad.numpy().ravel())
    np.testing.assert_array_equal(card(picture, "x").gradient.entries, x.grad.numpy().ravel())


def test_tensors_and_operations_differ_in_shape_and_the_passes_in_line_and_colour():
    *_, J = lecture()
    source = J.draw().source
    assert source.count("shape=circle") == 3
    assert "shape=plain" in source
    assert "style=dashed dir=back" in source
    colours = set(re.findall(r'edge \[.*?color="(#\w+)"', source))
    assert len(colours) == 2


def test_the_legend_explains_lines_shapes_and_states():
    *_, J = lecture()
    shown = sheet(J.draw())
    for words in ("forward: values", "backward: local derivative", "– not computed", "0 exactly"):
        assert words in shown
    assert "operation" in shown
    assert "gain" not in shown  # nothing is explained that is not there


# --------------------------------------------------------------------------- 1: pure


def test_drawing_touches_no_gradient_and_leaves_the_graph_usable():
    a, b, c, J = lecture()
    J.draw().svg()
    assert all(t.grad is None for t in (a, b, c))
    J.backward()
    assert (a.grad.item(), b.grad.item(), c.grad.item()) == (3, 6, 9)


def test_a_picture_is_the_same_before_and_after_backward_and_after_freeing():
    a, *_, J = lecture()
    before = J.draw().source
    J.backward(retain_graph=True)
    assert J.draw().source == before
    J.backward()  # frees the graph
    assert J.draw().source == before
    assert a.grad.item() == 6


def test_the_users_hooks_do_not_run():
    a, _, _, J = lecture()
    calls = []
    for t in (a, J):
        t.register_hook(lambda g: calls.append(g) or g * 100)
    assert number(card(J.draw(), "b").gradient) == 6
    assert calls == []


def test_drawing_inside_anomaly_mode_and_no_grad_shows_bad_numbers():
    x = tt.Tensor(0.0, requires_grad=True)
    y = np.sqrt(x)
    with tt.detect_anomaly(), tt.no_grad():
        shown = sheet(y.draw())
        assert not tt.is_grad_enabled()
    assert "∂y/∂x = ∞" in shown


def test_a_leaf_changed_after_recording_is_said_to_be():
    a, *_, J = lecture()
    a.assign(7.0)
    picture = J.draw()
    assert number(card(picture, "J").value) == 39
    assert card(picture, "a").changed
    assert "recomputed: a was changed after the graph was recorded" in sheet(picture)
    assert "değişti" in sheet(J.draw(lang="tr"))


# --------------------------------------------------------------------------- 2: deterministic

PROGRAM = """
import numpy as np, tinygrad_tr as tt
tt.manual_seed(3)
model = tt.nn.MLP([4, 3, 2])
x, z = tt.randn(5, 4), tt.randn(3, requires_grad=True)
y = np.sum(np.exp(z) * z + z[:2].sum())
print(tt.draw(model, x).source, y.draw(theme="dark").source)
"""


def test_the_same_program_gives_the_same_bytes_in_another_process():
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 1000


def test_two_renderings_are_the_same_bytes():
    *_, J = lecture()
    assert J.draw().svg() == J.draw().svg()


# --------------------------------------------------------------------------- 3: linear, iterative


def chain(n):
    x = tt.Tensor(0.5, requires_grad=True)
    y = x
    for _ in range(n):
        y = np.sin(y)
    return y


def test_a_chain_of_100_000_operations_has_a_dot_text():
    start = time.perf_counter()
    source = chain(100_000).draw(passes="forward", unroll=True).source
    assert source.count(" -> ") == 200_000
    assert time.perf_counter() - start < 60  # about 4 s alone


def test_what_is_too_large_to_lay_out_says_so_and_keeps_its_dot_text(tmp_path):
    picture = chain(1001).draw(unroll=True)
    with pytest.raises(tt.GraphError, match="too large to be laid out"):
        picture.save(tmp_path / "long.svg")
    assert "too large" in picture._repr_mimebundle_()["text/plain"]
    picture.save(tmp_path / "long.dot")
    assert (tmp_path / "long.dot").read_text(encoding="utf-8") == picture.source


def test_eighteen_doublings_are_drawn_once_each():
    x = tt.Tensor(1.000001, requires_grad=True, dtype=np.float64)
    y = x
    for _ in range(18):
        y = y * y
    picture = y.draw()
    assert len(picture.scene.circles) == 18
    assert len(picture.scene.cards) == 19
    y.backward()
    assert number(card(picture, "x").gradient) == pytest.approx(x.grad.item())


def test_weights_used_over_and_over_are_echoed_beside_far_uses_so_that_layout_stays_fast():
    w, h0 = (tt.Tensor(v, requires_grad=True) for v in (0.9, 0.5))
    h = h0
    for _ in range(60):
        h = np.tanh(w * h)
    picture = h.draw(unroll=True)
    start = time.perf_counter()
    shown = sheet(picture)
    assert time.perf_counter() - start < 30  # about 0.3 s alone; minutes with arrows from one w
    assert "w = 0.9 ↺" in shown
    assert "the same tensor again" in shown
    uses = [arrow for arrow in picture.scene.arrows if arrow.way and arrow.way.contribution]
    assert len(uses) == 60
    h.backward()
    total = sum(number(arrow.way.contribution) for arrow in uses)
    assert total == pytest.approx(w.grad.item(), rel=1e-5)


# --------------------------------------------------------------------------- 4: one arrow per use


def test_a_times_a_has_two_arrows_whose_contributions_add_up():
    a = tt.Tensor(5.0, requires_grad=True)
    y = a * a
    picture = y.draw()
    (operation,) = picture.scene.circles
    into = [arrow for arrow in picture.scene.arrows if arrow.head == operation.id]
    assert len(into) == 2
    parts = [number(arrow.way.contribution) for arrow in into]
    assert sum(parts) == number(card(picture, "a").gradient) == 10
    shown = sheet(picture)
    assert "∂y/∂a = 5 + 5 = 10" in shown
    assert shown.count("adds 5") == 2


def test_contributions_of_different_operations_add_up():
    x = tt.Tensor([1.0, 2.0], requires_grad=True)
    y = np.sum(x * x) + np.sum(np.exp(x))
    picture = y.draw()
    ways = [a.way for a in picture.scene.arrows if a.tail == card(picture, "x").id]
    total = np.sum([way.contribution.entries for way in ways], axis=0)
    assert len(ways) == 3
    np.testing.assert_allclose(total, card(picture, "x").gradient.entries, rtol=1e-6)


def test_the_sum_over_stretched_axes_is_drawn_as_one():
    x = tt.Tensor(np.ones((4, 3)), requires_grad=True)
    b = tt.Tensor(np.ones(3), requires_grad=True)
    y = x + b
    shown = sheet(y.draw())
    assert "Σ₀ g" in shown
    assert "Σ₀: sum over the stretched axis 0" in shown
    assert card(y.draw(), "b").gradient.entries == (4, 4, 4)


# --------------------------------------------------------------------------- 5: three states


def test_zero_and_not_computed_gradients_are_told_apart():
    x = tt.Tensor(2.0, requires_grad=True)
    k = tt.Tensor(4.0)
    y = 0 * x + k
    picture = y.draw()
    assert "∂y/∂x = 0" in sheet(picture)
    assert card(picture, "k").gradient is None
    assert "– requires_grad=False" in sheet(picture)


@pytest.mark.parametrize(
    ("stopped", "reason"),
    [
        (lambda x: (x * x).detach(), "– detached"),
        (np.floor, "– floor has no derivative"),
        (lambda x: tt.arange(3), "– integers"),
        (lambda x: np.ones(3, np.float32), "– constant"),
        (lambda x: tt.Tensor([1.0, 2.0, 3.0]), "– requires_grad=False"),
    ],
)
def test_where_the_gradient_stops_the_reason_is_written(stopped, reason):
    x = tt.Tensor([1.5, 2.5, 3.5], requires_grad=True)
    y = np.sum(x * stopped(x))
    assert reason in sheet(y.draw())


def test_a_value_from_no_grad_says_so():
    x = tt.Tensor(1.5, requires_grad=True)
    with tt.no_grad():
        m = x * 2
    assert "– no_grad()" in sheet((x * m).draw())


def test_a_parameter_that_was_not_used_is_shown_without_a_gradient():
    w, idle = (tt.Tensor(1.0, requires_grad=True) for _ in range(2))
    picture = (w * 2).draw(params={"w": w, "idle": idle})
    assert card(picture, "idle").gradient is None
    assert "– not in this graph" in sheet(picture)


def test_a_gradient_of_all_zeros_is_called_zero_everywhere():
    x = tt.Tensor(np.ones(100), requires_grad=True)
    y = np.sum(x * 0)
    assert "∂y/∂x = 0 everywhere" in sheet(y.draw())
