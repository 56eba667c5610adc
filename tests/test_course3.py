"""What takes training to be seen. Rows 1.03, 2.03, 3.01, 3.05, 3.07, 3.12, 3.14 and 3.15."""

from __future__ import annotations

import functools
import runpy
import sys

import numpy as np
import pytest

from tinygrad_tr import metrics, project
from tinygrad_tr.examples import (
    course1_scale,
    course3_diagnosis,
    course3_end_to_end,
    course3_error_analysis,
    course3_loans,
    course3_strategy,
)

# ---------------------------------------------------------------------- 1.03: scale


@pytest.fixture(scope="module")
def curves():
    return course1_scale.curves()


def test_with_more_data_the_large_networks_dev_error_falls_and_its_gap_shrinks(curves):
    large = curves[64]
    gaps = np.subtract(large.dev, large.train)
    assert list(large.dev) == sorted(large.dev, reverse=True)
    assert list(gaps) == sorted(gaps, reverse=True)
    assert large.dev[-1] < large.dev[0] / 2
    assert gaps[-1] < gaps[0] / 4


def test_the_curves_have_an_error_for_each_size_and_width(curves):
    for curve in curves.values():
        assert curve.sizes == course1_scale.SIZES
        assert len(curve.train) == len(curve.dev) == len(course1_scale.SIZES)


# ---------------------------------------------------------------------- 2.03: the basic recipe


@functools.cache
def recipe():
    known, dev = course3_diagnosis.moon_sets()
    found = course3_diagnosis.recipe_on_moons(known, dev, steps=1000)
    return [diagnosis for _, diagnosis in found.values()]


def test_a_bigger_network_removes_the_bias_of_the_small_one():
    small, large, _ = recipe()
    assert small.focus == "bias"
    assert small.recipe()[0] == "train a bigger network"
    assert large.train < small.train - 0.1
    assert large.avoidable_bias < 0 < small.avoidable_bias


def test_then_the_penalty_removes_variance():
    _, large, penalised = recipe()
    assert large.focus == "variance"
    assert "L2" in large.recipe()[1]
    assert penalised.variance < large.variance / 2
    assert penalised.dev < large.dev - 0.02


# ---------------------------------------------------------------------- 3.01: the diary


def test_every_idea_is_a_switch_of_the_program(tmp_path, monkeypatch, capsys):
    ideas = list(course3_strategy.IDEAS)
    assert {"dropout", "l2", "adam", "more-data", "diverse-data", "longer", "bigger", "smaller",
            "tanh", "more-units"} <= set(ideas)  # fmt: skip
    monkeypatch.chdir(tmp_path)
    wanted = [idea for idea in ideas if idea not in ("bigger", "smaller")]  # three sizes
    monkeypatch.setattr(sys, "argv", ["course3_strategy", *(f"--{idea}" for idea in wanted)])
    runpy.run_path(course3_strategy.__file__, run_name="__main__")
    assert "✗" not in capsys.readouterr().out
    (file,) = tmp_path.rglob("*.jsonl")
    first, changed = project.Experiments(file)
    assert first.hparams == course3_strategy.START
    for idea in wanted:
        for name, value in course3_strategy.IDEAS[idea].items():
            assert changed.hparams[name] == value != first.hparams[name]


def test_ideas_that_exclude_each_other_are_refused():
    with pytest.raises(SystemExit, match="the same hyperparameter"):
        course3_strategy.together(["adam", "bigger", "smaller"])


# ---------------------------------------------------------------------- 3.05: one distribution


def test_a_threshold_chosen_on_one_group_loses_accuracy_on_another():
    dev, low = course3_loans.customers(2000, 40, 1), course3_loans.customers(2000, 15, 2)
    score = course3_loans.scores_after(course3_loans.customers(2000, 40, 0))
    threshold = course3_loans.best_threshold(dev[1], score(dev[0]))
    own, other = (metrics.accuracy(y, score(X) >= threshold) for X, y in (dev, low))
    assert own > 0.9
    assert other < own - 0.2
    assert not project.same_distribution(dev, low)


# ---------------------------------------------------------------------- 3.07: past a person


def test_progress_is_fast_below_a_person_and_slow_above():
    _, dev = course3_diagnosis.moon_sets()
    reached, ruler, best = course3_diagnosis.progress(dev)
    passed = next(look for look, accuracy in enumerate(reached) if accuracy > ruler)
    fast = (reached[passed] - reached[0]) / passed
    slow = (reached[-1] - reached[passed]) / (len(reached) - 1 - passed)
    assert fast > 10 * slow > 0
    assert max(reached) < best + 0.005
    assert project.tactics(1 - reached[0], 1 - ruler)
    assert not project.tactics(1 - reached[-1], 1 - ruler)


# ---------------------------------------------------------------------- 3.12: wrong labels


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_mistakes_in_train_labels_hardly_hurt_and_in_test_labels_they_do(seed):
    right, trained_on_noise, measured = course3_error_analysis.flips(seed).values()
    assert right == pytest.approx(0.841, abs=0.005)
    assert trained_on_noise == pytest.approx(right, abs=0.004)
    expected = course3_error_analysis.FLIPS * (2 * right - 1)
    assert right - measured == pytest.approx(expected, abs=0.003)
    assert expected == pytest.approx(0.068, abs=0.001)


def test_the_table_of_mistakes_counts_exactly_the_wrong_labels(tmp_path):
    labels = np.arange(1000) % 10
    noisy = course3_error_analysis.with_wrong_labels(labels, 0.03, 10, seed=0)
    assert np.sum(noisy != labels) == 30
    table = project.ErrorTable(["Incorrect label"])
    guess = np.where(np.arange(1000) < 60, (labels + 1) % 10, labels)  # 60 real mistakes
    for i in np.flatnonzero(guess != noisy):
        table.add(int(i), ["Incorrect label"] * bool(guess[i] == labels[i]))
    error = metrics.weighted_error(noisy, guess)
    without = table.ceilings(error)["Incorrect label"]
    real = np.mean((guess != noisy) & (guess != labels))
    assert without == pytest.approx(real)
    assert error > without


# ---------------------------------------------------------------------- 3.14: mismatch


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shifted_data_are_mismatch_and_no_variance(seed):
    without, divided = course3_diagnosis.mismatch(seed)
    assert without.focus == "variance or mismatch"
    assert divided.variance <= 0.04
    assert divided.data_mismatch >= 0.08
    assert divided.focus == "mismatch"


# ---------------------------------------------------------------------- 3.15: end to end


@pytest.mark.parametrize("seed", [1, 2])
def test_the_pipeline_wins_on_few_pictures_and_on_many_the_gap_is_closed(seed):
    seen = course3_end_to_end.pictures(5000, seed)
    asked = course3_end_to_end.pictures(1000, seed + 100)

    def right(learn, m):
        return metrics.accuracy(asked.upright, learn(seen.first(m), asked.pixels, seed))

    ways = course3_end_to_end.pipeline, course3_end_to_end.end_to_end
    few, many = ([right(way, m) for way in ways] for m in (50, 5000))
    assert few[0] - few[1] >= 0.25
    assert abs(many[0] - many[1]) <= 0.05
    assert min(many) >= 0.9
