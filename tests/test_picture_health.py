"""What is found in gradients, and how it is told: in a report, and at its place in a picture."""

from __future__ import annotations

import string

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.pictures import card, lecture, number, sheet
from tinygrad_tr import nn
from tinygrad_tr.creation import Random
from tinygrad_tr.modes import USUAL, modes
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture.advice import ADVICE, percent
from tinygrad_tr.picture.colors import Scale, ink_on, scale_of
from tinygrad_tr.picture.theme import THEMES
from tinygrad_tr.rule import rule


def leaf(*values, name=None):
    return tt.Tensor(values, requires_grad=True, dtype=np.float64, name=name)


def of_kind(report, kind):
    """The findings of one kind."""
    return [finding for finding in report.findings if finding.kind == kind]


def the(report, kind):
    """The only finding of a kind."""
    (found,) = of_kind(report, kind)
    return found


def kinds(report):
    return {finding.kind for finding in report.findings}


def chain(c, n):
    """c · … · c · x of n factors."""
    a = tt.Tensor(np.float64(1), requires_grad=True, name="x")
    for _ in range(n):
        a = c * a
    return a


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return tt.from_numpy(rng.standard_normal((32, 16)).astype(np.float32)), np.arange(32) % 4


def loss_of(y):
    return lambda logits: F.cross_entropy(logits, y)


# ------------------------------------------------------------------ source lines


def test_lines_are_recorded_inside_the_mode_only():
    x = leaf(1, 2)
    with tt.record_lines():
        y = x * 3  # this line
    z = x * 3
    assert y.node.line.endswith("y = x * 3  # this line")
    assert __file__ in y.node.line
    assert z.node.line is None
    assert modes.flags is USUAL


def test_recording_lines_does_not_refuse_nan_and_does_not_weaken_who_does():
    x = leaf(0)
    with np.errstate(all="ignore"), tt.record_lines():
        assert np.isinf((1 / x).item())
        with tt.detect_anomaly(), tt.record_lines(), pytest.raises(tt.AnomalyError):
            1 / x


def test_a_module_that_is_drawn_is_recorded_with_the_lines_of_its_author(images):
    class Doubled(nn.Module):
        def forward(self, x):
            return x + x  # twice

    x = leaf(1, 2)
    (circle,) = tt.draw(Doubled(), x).scene.circles
    assert circle.line.endswith("return x + x  # twice")
    (circle,) = tt.draw(nn.ReLU(), x).scene.circles
    assert circle.line == ""  # the line that called draw would say nothing


# ------------------------------------------------------------------ the gradient on its way


@pytest.mark.parametrize(("c", "kind"), [(1.5, "exploding"), (0.5, "vanishing")])
def test_chains_of_equal_factors_explode_or_vanish(c, kind):
    found = the(tt.diagnose_gradients(chain(c, 31)), kind)
    assert found.facts["ratio"] == pytest.approx(c**30)
    assert found.facts["gain"] == pytest.approx(c)
    assert (found.facts["times"], found.facts["symbol"]) == (30, "×")


def test_a_short_graph_or_a_modest_factor_is_healthy():
    assert tt.diagnose_gradients(chain(0.9, 30)).findings == []
    assert tt.diagnose_gradients(chain(1e-2, 3)).findings == []


def test_deep_sigmoids_are_named_as_what_makes_the_gradient_vanish(images):
    tt.manual_seed(0)
    model = nn.MLP([16] * 8 + [4], activation=nn.Sigmoid)
    report = tt.diagnose_gradients(model, images[0], loss=loss_of(images[1]))
    found = the(report, "vanishing")
    assert (found.operation, found.module) == ("σ", "activation")
    assert found.facts["symbol"] == "σ"
    assert found.facts["times"] == 7
    first, last = report.modules[0], report.modules[-2]
    assert first.gradient < 1e-3 * last.gradient


def test_he_initialisation_and_relu_are_healthy(images):
    tt.manual_seed(0)
    model = nn.MLP([16] * 8 + [4])
    for parameter in model.parameters():
        if parameter.ndim == 2:
            nn.init.he_(parameter)
    report = tt.diagnose_gradients(model, images[0], loss=loss_of(images[1]))
    assert not {"vanishing", "exploding"} & kinds(report)


@pytest.mark.parametrize(("factor", "kind"), [(1, "vanishing in time"), (8, "exploding in time")])
def test_recurrent_layers_lose_or_blow_up_the_gradient_of_their_first_step(factor, kind):
    tt.manual_seed(0)
    layer = nn.RNN(4, 16)
    layer.weight_hh_l0.assign(factor * layer.weight_hh_l0.numpy())
    x = tt.randn(40, 8, 4)
    x.requires_grad = True
    J = layer(x)[0][-1].sum()
    found = the(tt.diagnose_gradients(J), kind)
    J.backward()
    norms = np.linalg.norm(x.grad.numpy(), axis=(1, 2))
    assert found.facts == {"ratio": pytest.approx(norms[0] / norms[-1], rel=1e-4), "count": 39}


def test_a_gradient_that_becomes_zero_is_found_where_it_does(images):
    model = nn.MLP([16, 16, 16, 4])
    model.layers[1].bias.assign(np.full(16, -100, np.float32))
    report = tt.diagnose_gradients(model, images[0], loss=loss_of(images[1]))
    worst = report.findings[0]
    assert (worst.kind, worst.severity, worst.facts["share"]) == ("all dead", "error", 1)
    zero = {finding.name for finding in of_kind(report, "all zero")}
    assert {"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"} <= zero
    assert "layers.2.bias" not in zero


# ------------------------------------------------------------------ causes


def test_dead_relus_are_counted_by_inputs_and_by_units():
    x = np.ones((20, 10))
    x[:, :4] = -1
    found = the(tt.diagnose_gradients(F.relu(leaf(*x)).sum()), "silent")
    assert (found.facts["silent"], found.facts["units"]) == (4, 10)
    assert found.facts["share"] == pytest.approx(0.4)
    one_sided = leaf(*np.linspace(-9.2, 0.8, 100))
    found = the(tt.diagnose_gradients(F.relu(one_sided).sum()), "dead")
    assert found.facts["share"] == pytest.approx(0.92)


@pytest.mark.parametrize("f", [np.tanh, tt.sigmoid])
def test_saturated_activations_tell_how_far_from_zero_they_are(f):
    found = the(tt.diagnose_gradients(f(leaf(-6, 6, 6, 6)).sum()), "saturated")
    assert found.facts["mean"] == 6
    assert found.facts["share"] == 1
    assert found.facts["gain"] < 0.01
    assert tt.diagnose_gradients(f(leaf(-1, 0, 1)).sum()).findings == []


def test_a_softmax_at_one_is_found_alone_in_attention_and_in_cross_entropy():
    assert the(tt.diagnose_gradients(tt.softmax(leaf(0, 50, 0)).sum()), "certain")
    q = leaf(*(100 * np.eye(4)))
    report = tt.diagnose_gradients(F.scaled_dot_product_attention(q, q, q).sum())
    assert the(report, "attentive").facts["share"] == 1
    logits = leaf([50, 0], [50, 0], [50, 0], [50, 0])
    report = tt.diagnose_gradients(F.cross_entropy(logits, np.array([0, 0, 1, 1])))
    assert the(report, "sure and wrong").facts["share wrong"] == 0.5
    report = tt.diagnose_gradients(F.cross_entropy(logits, np.zeros(4, int)))
    assert the(report, "sure").severity == "note"


def test_causal_attention_is_not_blamed_for_the_keys_it_may_not_see():
    q = leaf(*np.zeros((2, 3)))
    out = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    assert tt.diagnose_gradients(out.sum()).findings == []


def test_normalisation_of_equal_numbers_is_found(images):
    norm = nn.BatchNorm1d(3)
    x = np.random.default_rng(0).standard_normal((8, 3)).astype(np.float32)
    x[:, 1] = 2
    found = the(tt.diagnose_gradients(norm, tt.from_numpy(x)), "level")
    assert (found.facts["count"], found.facts["of"]) == (1, 3)


def test_clipped_and_masked_gradients_are_counted():
    x = leaf(-3, -2, 0, 2)
    assert the(tt.diagnose_gradients(np.clip(x, -1, 1).sum()), "clipped").facts["share"] == 0.75
    assert the(tt.diagnose_gradients(np.maximum(x, 1).sum()), "masked").facts["share"] == 0.75
    mask = np.array([True, False, False, False])
    assert the(tt.diagnose_gradients(np.where(mask, x, 0).sum()), "masked").facts["share"] == 0.75


# ------------------------------------------------------------------ bad numbers


def test_the_first_bad_number_comes_with_its_inputs_and_its_line():
    x = leaf(0, 1, 2, name="x")
    with tt.record_lines(), np.errstate(all="ignore"):
        y = np.log(x)
        J = (y * y).sum()
    report = tt.diagnose_gradients(J)
    found = report.findings[0]
    assert (found.kind, found.operation, found.severity) == ("bad value", "log", "error")
    assert found.facts == {"made": "−∞ 1/3", "given": "x (3,) [0, 2]"}
    assert found.line.endswith("y = np.log(x)")
    assert "y = np.log(x)" in str(report)
    assert len(of_kind(report, "bad value")) == 1
    shown = sheet(J.draw())
    assert "✗ first bad number: −∞ 1/3" in shown
    assert "x (3,) [0, 2]" in shown
    assert "test_picture_health.py" in shown


def test_a_bad_gradient_of_finite_numbers_is_found_at_the_operation_that_made_it():
    x = leaf(0, 1)
    found = the(tt.diagnose_gradients((3 * np.sqrt(x)).sum()), "bad gradient")
    assert found.operation == "√"


def test_a_leaf_that_holds_nan_is_named_but_no_operation_is_blamed():
    x = leaf(np.nan, 1, name="x")
    report = tt.diagnose_gradients((x * 2).sum())
    assert kinds(report) == {"bad leaf"}
    assert "NaN 1/2" in str(report)


# ------------------------------------------------------------------ parameters


def test_parameters_without_gradient_are_named_and_what_cut_them_off():
    class Cut(nn.Module):
        def __init__(self):
            self.near, self.far, self.idle = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.near(self.far(x).detach())

    report = tt.diagnose_gradients(Cut(), tt.ones(1, 2))
    missing = {finding.name for finding in of_kind(report, "never used")}
    assert missing == {f"{m}.{p}" for m in ("far", "idle") for p in ("weight", "bias")}
    assert the(report, "stops at detach").severity == "warning"
    opened, folded = (sheet(tt.draw(Cut(), tt.ones(1, 2), depth=depth)) for depth in (None, 0))
    assert "⚠ the gradient stops here" in opened
    assert "⚠ learns nothing × 4" in folded


def test_a_gradient_that_another_pass_left_behind_is_found_before_backward_only():
    x = leaf(1, 2, name="x")
    (x * 5).sum().backward()
    J = (x * x).sum()
    found = the(tt.diagnose_gradients(J), "held before")
    assert (found.name, found.facts["norm"]) == ("x", pytest.approx(np.hypot(5, 5)))
    assert "✗" not in sheet(J.draw())
    assert "⚠ .grad held another gradient" in sheet(J.draw())
    J.backward()
    assert tt.diagnose_gradients(J).findings == []


def test_a_model_that_is_called_to_be_looked_at_may_hold_the_last_steps_gradients(images):
    model = nn.Linear(16, 4)
    loss_of(images[1])(model(images[0])).backward()
    assert tt.diagnose_gradients(model, -images[0], loss=loss_of(images[1])).findings == []


def test_the_gradient_of_this_very_graph_is_not_another():
    x = leaf(1, 2)
    J = (x * x).sum()
    J.backward(retain_graph=True)
    assert tt.diagnose_gradients(J).findings == []


# ------------------------------------------------------------------ the report


def test_a_healthy_graph_says_so_in_both_languages():
    *_, J = lecture()
    assert str(tt.diagnose_gradients(J)).startswith("Nothing wrong was found in the gradients of J")
    assert tt.diagnose_gradients(J).healthy
    assert str(tt.diagnose_gradients(J, lang="tr")).startswith("J gradyanlarında bir sorun bulunm")


def test_the_table_has_the_norm_of_each_parameters_gradient(images):
    tt.manual_seed(0)
    model = nn.MLP([16, 8, 4])
    report = tt.diagnose_gradients(model, images[0], loss=loss_of(images[1]))
    loss_of(images[1])(model(images[0])).backward()
    for row in report.parameters:
        gradient = dict(model.named_parameters())[row.name].grad
        assert row.gradient == pytest.approx(np.linalg.norm(gradient.numpy()), rel=1e-5)
    assert [row.name for row in report.modules] == ["layers.0", "activation", "layers.1"]
    assert "layers.0.weight  (8, 16)" in str(report)


def test_the_worst_comes_first_and_many_alike_are_told_in_one_line():
    a = [leaf(1, 2, name=f"a{i}") for i in range(12)]
    with np.errstate(all="ignore"):
        J = sum((x * 0).sum() for x in a[1:]) + np.log(a[0] * 0).sum()
    report = tt.diagnose_gradients(J)
    assert report.findings[0].kind == "bad value"
    assert "more of these: a5, a6" in str(report)


def test_diagnosing_changes_nothing(images):
    model = nn.Sequential(nn.Linear(16, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    recorded = model(images[0]).sum()
    before = [np.array(buffer.value) for buffer in model.buffers()]
    state = Random.generator.bit_generator.state
    tt.diagnose_gradients(model, images[0], loss=loss_of(images[1]))
    tt.diagnose_gradients(recorded)
    assert all(parameter.grad is None for parameter in model.parameters())
    for buffer, value in zip(model.buffers(), before, strict=True):
        np.testing.assert_array_equal(buffer.value, value)
    assert Random.generator.bit_generator.state == state
    recorded.backward()


def test_numbers_from_leaves_that_were_changed_are_announced():
    x = leaf(1, 2, name="x")
    J = (x * x).sum()
    x.assign(np.array([3.0, 4.0]))
    assert "recomputed: x was changed after" in str(tt.diagnose_gradients(J))


def test_what_needs_no_gradient_can_be_diagnosed_too():
    assert tt.diagnose_gradients(tt.ones(2)).findings == []
    assert tt.diagnose_gradients(leaf(1, 2)).findings == []
    with pytest.raises(tt.DtypeError, match="diagnose_gradients"):
        tt.diagnose_gradients(3)
    with pytest.raises(tt.ArgumentError, match="unknown lang"):
        tt.diagnose_gradients(tt.ones(2), lang="de")


def test_pictures_with_colours_and_checks_are_the_same_each_time(images):
    model = nn.MLP([16, 8, 4])

    def source():
        return tt.draw(model, images[0], loss=loss_of(images[1]), color="grad", check=True).source

    assert source() == source()


def test_every_finding_has_its_words_in_both_languages():
    def places(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert ADVICE["en"].keys() == ADVICE["tr"].keys()
    for kind, english in ADVICE["en"].items():
        turkish = ADVICE["tr"][kind]
        assert places(english.sentence) == places(turkish.sentence)
        assert english.brief
        assert turkish.brief
        assert bool(english.help) == bool(turkish.help)


def test_only_all_is_a_hundred_percent():
    assert [percent(share, "en") for share in (0.92, 1, 0.99999, 0, 1e-6)] == [
        "92 %", "100 %", ">99.9 %", "0 %", "<0.1 %",
    ]  # fmt: skip
    assert percent(0.5, "tr") == "%50"


# ------------------------------------------------------------------ colours


def lightness(color):
    """Relative luminance of a colour."""
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_scales_run_evenly_from_light_to_dark_and_text_on_them_can_be_read(theme):
    norms, gains = Scale("grad", 1e-3, 1e3), Scale("gain", 0.1, 10)
    rising = [lightness(norms.at(place, theme)) for place in np.linspace(0, 1, 21)]
    steps = np.diff(rising)
    assert (steps > 0).all() if theme == "dark" else (steps < 0).all()
    halves = [[lightness(gains.at(0.5 + s * d, theme)) for d in (0.5, 0.25, 0)] for s in (-1, 1)]
    for half in halves:
        assert half == sorted(half, reverse=theme == "dark")
    for scale in (norms, gains):
        for place in np.linspace(0, 1, 41):
            ground = scale.at(place, theme)
            pair = sorted([lightness(ground), lightness(ink_on(ground))])
            assert (pair[1] + 0.05) / (pair[0] + 0.05) > 4.5


def test_scales_end_at_powers_of_ten_and_have_a_gain_of_one_in_the_middle():
    norms = scale_of("grad", [3e-4, None, 20.0, 0.0, np.inf])
    assert (norms.least, norms.greatest) == (pytest.approx(1e-4), pytest.approx(100))
    assert norms.ticks() == pytest.approx([1e-4, 1e-2, 1, 100]) or len(norms.ticks()) <= 7
    gains = scale_of("gain", [0.3, 1.2])
    assert gains.place(1) == pytest.approx(0.5)
    assert gains.ticks() == [0.2, 1, 5]
    assert scale_of("gain", [None]) is None


def test_colours_stand_for_norms_gains_or_sizes_and_the_legend_has_the_scale():
    *_, J = lecture()
    picture = J.draw(color="grad")
    assert card(picture, "b").tone == 6
    assert "norm of the gradient" in sheet(picture)
    assert picture.scene.scale.color(6, "light") in picture.source
    picture = J.draw(color="magnitude", lang="tr")
    assert card(picture, "v").tone == 11
    assert "değerlerin büyüklüğü" in sheet(picture)
    picture = J.draw(color="gain", theme="dark")
    assert [circle.tone for circle in picture.scene.circles] == [None, 1, 3]
    assert "×5" in sheet(picture)


def test_without_colour_there_is_no_scale_and_unknown_ones_are_refused():
    *_, J = lecture()
    assert J.draw().scene.scale is None
    with pytest.raises(tt.ArgumentError, match="unknown color"):
        J.draw(color="rainbow")


def test_folded_modules_have_the_norm_of_their_parameters_gradients_or_their_gain(images):
    tt.manual_seed(0)
    model = nn.MLP([16, 8, 4])
    picture = tt.draw(model, images[0], loss=loss_of(images[1]), depth=1, color="grad")
    loss_of(images[1])(model(images[0])).backward()
    expected = np.hypot(*(np.linalg.norm(p.grad.numpy()) for p in model.layers[0].parameters()))
    first = picture.scene.circles[0]
    assert first.tone == pytest.approx(expected, rel=1e-5)
    assert "‖gradient‖ =" in sheet(picture)
    picture = tt.draw(model, images[0], loss=loss_of(images[1]), depth=1, color="gain")
    gains = {circle.symbol: circle.tone for circle in picture.scene.circles}
    assert gains["layers.0"] is None  # nothing of its own to pass the gradient on to
    assert 0 < gains["activation"] <= 1


def test_findings_inside_a_folded_module_are_written_on_it(images):
    model = nn.MLP([16, 16, 4])
    model.layers[0].bias.assign(np.full(16, -100, np.float32))
    picture = tt.draw(model, images[0], loss=loss_of(images[1]), depth=0, lang="tr")
    box = picture.scene.circles[0]
    assert box.notes[0].kind == "all dead"
    assert "✗ bütün girdiler ≤ 0: gradyan yok" in sheet(picture)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_wrong_has_a_red_frame_also_on_a_coloured_ground(theme):
    x = leaf(0, 1)
    source = np.sqrt(np.sqrt(x)).sum().draw(color="gain", theme=theme).source
    (line,) = [line for line in source.splitlines() if "penwidth=3" in line]
    assert f'color="{THEMES[theme].alarm_line}"' in line


def test_hostile_names_in_findings_break_nothing():
    x = leaf(0, 1, name='"><b>\\N{x}')
    with np.errstate(all="ignore"):
        J = np.log(x).sum()
    assert "<b>" in sheet(J.draw())
    assert "<b>" in str(tt.diagnose_gradients(J))


# ------------------------------------------------------------------ finite differences


@rule(elementwise=True)
def wrong_cube(x):
    """x³, with the derivative of x²."""
    return x * x * x, lambda g: g * 2 * x


def test_differences_stand_beside_the_gradients_of_leaves_and_results():
    *_, J = lecture()
    picture = J.draw(check=True)
    for name, gradient in {"a": 3, "b": 6, "c": 9, "u": 3, "v": 3}.items():
        check = card(picture, name).check
        assert check.agrees
        assert number(check.numeric) == pytest.approx(gradient)
    assert "✓ differences 9" in sheet(picture)
    assert "✗" not in sheet(J.draw(check=True)).replace("✓ ✗ differences", "")


def test_a_wrong_derivative_is_marked_on_what_it_reaches_only():
    x = leaf(1, 2, name="x")
    y = leaf(3, name="y")
    J = (wrong_cube(2 * x)).sum() * y.sum()
    picture = J.draw(check=True)
    assert not card(picture, "x").check.agrees
    assert card(picture, "y").check.agrees
    assert "✗ differences [72, 288]" in sheet(picture)


def test_large_tensors_are_checked_along_random_directions_also_in_float32():
    tt.manual_seed(0)
    W = tt.randn(20, 30)
    W.requires_grad = True
    W.name = "W"
    right, wrong = (np.tanh(W) * 0.1).sum(), wrong_cube(W).mean()
    assert card(right.draw(check=True), "W").check.agrees
    picture = wrong.draw(check=True)
    assert not card(picture, "W").check.agrees
    assert "the gradient says" in sheet(picture)


def test_a_gradient_that_is_zero_but_for_rounding_agrees(images):
    model = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 4))
    picture = tt.draw(model, images[0], loss=loss_of(images[1]), check=True)
    bias = card(picture, "0.bias")  # batch norm takes it away again
    assert bias.check.agrees
    assert all(c.check.agrees for c in picture.scene.cards if c.check is not None)


def test_checking_leaves_the_leaves_as_they_are():
    x = leaf(1, 2, name="x")
    J = (x * x).sum()
    stamp = x.version[0]
    J.draw(check=True)
    assert x.version[0] == stamp
    np.testing.assert_array_equal(x.numpy(), [1, 2])
    assert x.grad is None
