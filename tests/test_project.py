"""The project's functions against the lecture's numbers, and what they refuse.

Rows 1.29, 2.02, 2.03 and 3.01 to 3.15 of the courses; what needs training is in test_course3.
"""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_tr as tt
from tinygrad_tr import project
from tinygrad_tr.project import ErrorTable, diagnose
from tinygrad_tr.project.words import GAPS, RECIPE

# ---------------------------------------------------------------------- diagnose


@pytest.mark.parametrize(
    ("bayes", "train", "dev", "problems"),
    [
        (0, 1, 11, ("variance",)),
        (0, 15, 16, ("bias",)),
        (0, 15, 30, ("bias", "variance")),
        (0, 0.5, 1, ()),
        (15, 15, 16, ()),
    ],
)
def test_high_bias_and_high_variance_are_told_apart(bayes, train, dev, problems):
    for unit in (1, 100):  # percent or fractions, as the tolerance
        found = diagnose(human=bayes / unit, train=train / unit, dev=dev / unit, tol=2 / unit)
        assert found.problems == problems


def test_the_recipe_is_bias_first_then_variance():
    english = {name: [action["en"] for action in RECIPE[name]] for name in RECIPE}
    both = diagnose(train=15, dev=30, tol=2).recipe()
    assert both[:3] == english["bias"]
    assert both[3:] == english["variance"][:2]  # the third is there already
    assert diagnose(train=1, dev=11, tol=2).recipe() == english["variance"]
    assert diagnose(train=15, dev=16, tol=2).recipe() == english["bias"]
    assert diagnose(train=0.5, dev=1, tol=2).recipe() == []


@pytest.mark.parametrize(
    ("human", "gaps", "focus"), [(1, (7, 2), "bias"), (7.5, (0.5, 2), "variance")]
)
def test_the_human_level_decides_what_to_work_on(human, gaps, focus):
    found = diagnose(human=human, train=8, dev=10)
    assert (found.avoidable_bias, found.variance) == gaps
    assert found.focus == focus


DOCTORS = [3, 1, 0.7, 0.5]


@pytest.mark.parametrize(
    ("train", "dev", "focus"),
    [
        (5, 6, {1: "bias", 0.7: "bias", 0.5: "bias"}),
        (1, 5, {1: "variance", 0.7: "variance", 0.5: "variance"}),
        (0.7, 0.8, {0.7: "variance", 0.5: "bias"}),
    ],
)
def test_the_proxy_matters_only_close_to_the_human_level(train, dev, focus):
    assert project.bayes_proxy(DOCTORS) == 0.5
    found = {human: diagnose(human=human, train=train, dev=dev).focus for human in focus}
    assert found == focus


def test_close_to_the_human_level_the_gaps_are_the_lectures():
    team = diagnose(human=0.5, train=0.7, dev=0.8)
    doctor = diagnose(human=0.7, train=0.7, dev=0.8)
    assert (team.avoidable_bias, team.variance) == (0.2, 0.1)
    assert (doctor.avoidable_bias, doctor.variance) == (0, 0.1)


def test_the_training_dev_set_divides_variance_from_mismatch():
    first = diagnose(human=0, train=10, train_dev=11, dev=12)
    assert (first.avoidable_bias, first.variance, first.data_mismatch) == (10, 1, 1)
    assert (first.focus, first.overfit_to_dev) == ("bias", None)
    second = diagnose(human=0, train=10, train_dev=11, dev=20, test=23, tol=2)
    assert (second.avoidable_bias, second.variance, second.data_mismatch) == (10, 1, 9)
    assert second.overfit_to_dev == 3
    assert second.problems == ("bias", "mismatch", "overfit to dev")


def test_equal_gaps_are_equal_in_fractions_too():
    found = diagnose(human=0, train=0.10, train_dev=0.11, dev=0.12)
    assert found.variance == found.data_mismatch == 0.01


def test_without_training_dev_set_variance_and_mismatch_cannot_be_told_apart():
    found = diagnose(human=0, train=1, dev=10, mismatched=True, tol=2)
    assert found.variance is None
    assert found.data_mismatch is None
    assert found.gaps == {"bias": 1, "variance or mismatch": 9}
    assert found.focus == "variance or mismatch"
    assert found.recipe() == [action["en"] for action in RECIPE["variance or mismatch"]]
    same = diagnose(human=0, train=1, dev=10)
    assert (same.variance, same.data_mismatch, same.focus) == (9, 0, "variance")


@given(*[st.floats(0, 50)] * 5)
def test_the_gaps_add_up_to_the_way_from_human_level_to_test(human, train, train_dev, dev, test):
    for options in ({"train_dev": train_dev}, {}, {"mismatched": True}):
        found = diagnose(human=human, train=train, dev=dev, test=test, **options)
        assert sum(found.gaps.values()) == pytest.approx(test - human, abs=1e-9)


@pytest.mark.parametrize("lang", ["en", "tr"])
def test_the_report_shows_every_error_gap_and_action(lang):
    found = diagnose(human=1, train=10, train_dev=11.5, dev=20, test=20.25, tol=2)
    report = found.report(lang)
    lines = report.splitlines()
    assert [float(line.split()[-1]) for line in lines[0:9:2]] == [1, 10, 11.5, 20, 20.25]
    for line, (name, size) in zip(lines[1:9:2], found.gaps.items(), strict=True):
        assert GAPS[name][lang] in line
        assert f"{size:g}" in line
        assert ("←" in line) == (name == "bias")
    for action in found.recipe(lang):
        assert action in report
    assert str(found) == found.report("en")


def test_the_report_says_when_training_is_past_the_human_level():
    assert "past the human level" in str(diagnose(human=1, train=0.5, dev=2))
    assert diagnose(human=2, train=1, dev=1).focus is None


@pytest.mark.parametrize(
    ("errors", "word"),
    [
        ({"train": -1, "dev": 2}, "train=-1"),
        ({"train": 1, "dev": np.nan}, "dev=nan"),
        ({"train": 1, "dev": 200}, "≤ 100"),
        ({"train": 1, "dev": None}, "dev=None"),
        ({"train": 1, "dev": 2, "tol": -1}, "tol"),
    ],
)
def test_errors_that_are_none_are_refused(errors, word):
    with pytest.raises(tt.ArgumentError, match=word):
        diagnose(**errors)


def test_a_proxy_needs_somebody_and_a_report_a_language():
    with pytest.raises(tt.ArgumentError, match="nobody"):
        project.bayes_proxy([])
    with pytest.raises(tt.ArgumentError, match="'en', 'tr'"):
        diagnose(train=1, dev=2).report("de")


# ---------------------------------------------------------------------- advice


@pytest.mark.parametrize("lang", ["en", "tr"])
def test_no_knob_moves_two_effects(lang):
    stages = ["train", "dev", "test", "real world"]
    knobs = [knob for stage in stages for knob in project.knobs(stage, lang)]
    assert all(project.knobs(stage) for stage in stages)
    assert len(set(knobs)) == len(knobs)
    assert not any("early" in knob or "erken" in knob for knob in knobs)
    with pytest.raises(tt.ArgumentError, match="'train', 'dev'"):
        project.knobs("early stopping")


def test_three_tactics_help_only_below_the_human_level():
    assert len(project.tactics(0.10, 0.05)) == len(project.tactics(0.10, 0.05, "tr")) == 3
    assert project.tactics(0.05, 0.05) == project.tactics(0.01, 0.05) == []


@pytest.mark.parametrize("approach", ["end_to_end", "pipeline"])
def test_each_approach_has_two_pros_and_two_cons(approach):
    for lang in ("en", "tr"):
        sides = project.pros_cons(approach, lang)
        assert {side: len(set(texts)) for side, texts in sides.items()} == {"pros": 2, "cons": 2}


# ---------------------------------------------------------------------- select

CLASSIFIERS = {
    "A": {"accuracy": 0.90, "ms": 80},
    "B": {"accuracy": 0.92, "ms": 95},
    "C": {"accuracy": 0.95, "ms": 1500},
}


@pytest.mark.parametrize(("limit", "best"), [(100, "B"), (1500, "C"), (80, "A"), (95, "B")])
def test_the_most_accurate_classifier_that_is_fast_enough_is_taken(limit, best):
    chosen = project.select(CLASSIFIERS, optimize="accuracy", subject_to={"ms": ("<=", limit)})
    assert chosen == best


def test_without_a_model_in_the_limits_the_error_names_what_is_violated():
    with pytest.raises(tt.ArgumentError, match=r"'A' violates ms <= 50, it has 80"):
        project.select(CLASSIFIERS, optimize="accuracy", subject_to={"ms": ("<=", 50)})


def test_limits_may_be_strict_several_or_none_and_the_metric_may_be_an_error():
    select = project.select
    assert select(CLASSIFIERS, optimize="accuracy") == "C"
    assert select(CLASSIFIERS, optimize="ms", mode="min") == "A"
    limits = {"ms": ("<", 95), "accuracy": (">", 0.8)}
    assert select(CLASSIFIERS, optimize="accuracy", subject_to=limits) == "A"
    assert select({1: {"a": 0}, 2: {"a": 0}}, optimize="a") == 1


@pytest.mark.parametrize(
    ("models", "options", "word"),
    [
        ({}, {"optimize": "a"}, "no model"),
        ({"A": {"a": 1}}, {"optimize": "b"}, "'A' was not measured by 'b'"),
        ({"A": {"a": np.nan}}, {"optimize": "a"}, "a of 'A'"),
        ({"A": {"a": 1}}, {"optimize": "a", "mode": "best"}, "mode"),
        ({"A": {"a": 1}}, {"optimize": "a", "subject_to": {"a": ("=", 1)}}, "limit on a"),
        ({"A": {"a": 1}}, {"optimize": "a", "subject_to": {"a": 1}}, "limit on a"),
    ],
)
def test_a_choice_without_meaning_is_refused(models, options, word):
    with pytest.raises(tt.ArgumentError, match=word):
        project.select(models, **options)


# ---------------------------------------------------------------------- error analysis


def test_the_ceiling_of_a_category():
    assert project.ceiling(0.10, 5, 100) == 0.095
    assert project.ceiling(0.10, 50, 100) == 0.05
    assert project.ceiling(10, 0, 100) == 10
    assert project.ceiling(10, 100, 100) == 0


@pytest.mark.parametrize("arguments", [(-0.1, 5, 100), (0.1, 101, 100), (0.1, 1.5, 3), (0.1, 0, 0)])
def test_a_ceiling_without_meaning_is_refused(arguments):
    with pytest.raises(tt.ArgumentError, match="ceiling"):
        project.ceiling(*arguments)


def cats():
    table = ErrorTable(["Dog", "Great cat", "Blurry", "Instagram"])
    table.add(1, ["Dog", "Instagram"], "Pitbull")
    table.add(2, ["Blurry", "Instagram"])
    table.add(3, ["Great cat", "Blurry"], "rainy day at zoo")
    return table


def test_a_mistake_may_have_several_categories():
    shares = {"Dog": 1 / 3, "Great cat": 1 / 3, "Blurry": 2 / 3, "Instagram": 2 / 3}
    assert cats().totals() == shares
    assert cats().best() == "Blurry"


def test_the_lectures_hundred_mistakes_say_blurry():
    shares = {"Dog": 8, "Great cat": 43, "Blurry": 61, "Instagram": 12}
    table = ErrorTable(list(shares))
    for i in range(100):  # overlapping, for they add up to 124
        table.add(i, [tag for k, tag in enumerate(shares) if (i + 25 * k) % 100 < shares[tag]])
    assert table.totals() == {tag: n / 100 for tag, n in shares.items()}
    assert table.best() == "Blurry"
    assert table.ceilings(0.10)["Blurry"] == pytest.approx(0.039)


def test_incorrect_labels_are_a_category_like_others():
    table = ErrorTable(["Dog", "Incorrect label"])
    for i in range(100):
        table.add(i, ["Incorrect label"] * (i < 6))
    assert table.totals()["Incorrect label"] == 0.06
    assert table.ceilings(0.10)["Incorrect label"] == pytest.approx(0.094)
    assert table.ceilings(0.02)["Dog"] == 0.02


def test_the_table_is_text_for_people_and_csv_for_spreadsheets(tmp_path):
    lines = str(cats()).splitlines()
    assert [line.count("✓") for line in lines] == [0, 2, 2, 2, 0]
    assert lines[0].split() == ["example", "Dog", "Great", "cat", "Blurry", "Instagram", "comment"]
    assert lines[3].endswith("rainy day at zoo")
    assert lines[-1].split() == ["share", "33%", "33%", "67%", "67%"]
    table = cats()
    table.add(4, [], 'a "cat", drawn\nby hand')
    with table.to_csv(tmp_path / "new" / "cats.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["Blurry"] for row in rows] == ["", "1", "1", ""]
    assert rows[3]["comment"] == 'a "cat", drawn\nby hand'


def test_a_table_of_mistakes_refuses_what_it_cannot_count():
    table = cats()
    with pytest.raises(tt.ArgumentError, match="'Bird'"):
        table.add(4, ["Bird"])
    with pytest.raises(tt.ArgumentError, match="in the table already"):
        table.add(1, ["Dog"])
    with pytest.raises(tt.ArgumentError, match="different names"):
        ErrorTable(["Dog", "Dog"])
    with pytest.raises(tt.ArgumentError, match="no mistakes yet"):
        ErrorTable(["Dog"]).best()
    assert len(table) == 3
    assert str(ErrorTable(["Dog"])) == "example  Dog  comment"


# ---------------------------------------------------------------------- same_distribution


def population(m, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, m)
    return rng.standard_normal((m, 5)) + y[:, None] + shift * np.eye(5)[2], y


def test_a_shifted_pair_is_flagged_and_a_shuffled_one_passes():
    medium, low = population(500, seed=1), population(500, shift=0.6, seed=2)
    shifted = project.same_distribution(medium, low)
    assert not shifted
    assert shifted.where == "feature 2"
    assert "two distributions" in str(shifted)
    X, y = (np.concatenate(pair) for pair in zip(medium, low, strict=True))
    dev, test = tt.data.split((X, y), (0.5, 0.5), seed=0)
    assert project.same_distribution(dev, test)
    assert "may come from one" in str(project.same_distribution(dev, test))


def test_another_share_of_a_class_is_flagged():
    _, y = population(900)
    rare = np.delete(np.arange(900), np.flatnonzero(y == 1)[::2])
    noise = np.random.default_rng(1).standard_normal((900, 2))
    found = project.same_distribution((noise, y), (noise[rare], y[rare]))
    assert (bool(found), found.where) == (False, "class 1")
    assert found.z > 4
    assert project.same_distribution(noise, noise[rare])  # of the labels it knows nothing


def test_pairs_from_one_distribution_are_rarely_flagged():
    pairs = [(population(60, seed=i), population(90, seed=1000 + i)) for i in range(200)]
    flagged = sum(not project.same_distribution(*pair, level=0.05) for pair in pairs)
    assert flagged <= 20  # 5 % of 200 are 10, with a deviation of 3


def test_z_and_p_are_those_of_welch():
    stats = pytest.importorskip("scipy.stats")
    a, b = np.random.default_rng(0).standard_normal((2, 4000, 1)) * [[[1]], [[3]]] + 0.05
    found = project.same_distribution(a, b)
    welch = stats.ttest_ind(a[:, 0], b[:, 0], equal_var=False)
    assert found.z == pytest.approx(welch.statistic, rel=1e-12)
    assert found.p == pytest.approx(welch.pvalue, rel=1e-2)


def test_a_feature_that_is_constant_is_compared_too():
    X = np.zeros((50, 2))
    X[:, 0] = np.arange(50)
    assert project.same_distribution(X, X)
    assert project.same_distribution(np.full((50, 1), 0.1), np.full((71, 1), 0.1)).z == 0
    found = project.same_distribution(X, X + np.eye(2)[1])
    assert (bool(found), found.where, found.z, found.p) == (False, "feature 1", -np.inf, 0)


def test_images_and_tensors_are_compared_pixel_by_pixel():
    a, b = np.random.default_rng(0).random((2, 100, 1, 4, 4))
    b[:, 0, 2, 3] += 1
    assert project.same_distribution(tt.Tensor(a), tt.Tensor(b)).where == "feature 0, 2, 3"


@pytest.mark.parametrize(
    ("dev", "test", "error", "word"),
    [
        (np.zeros((5, 2)), np.zeros((5, 3)), tt.ShapeError, "same features"),
        ((np.zeros((5, 2)), np.zeros(5)), np.zeros((5, 2)), tt.ShapeError, "None"),
        (np.zeros(5), np.zeros(5), tt.ShapeError, "too few"),
        (np.zeros((1, 2)), np.zeros((5, 2)), tt.ShapeError, "too few"),
        ((np.zeros((5, 2)), np.zeros(4)), (np.zeros((5, 2)), np.zeros(5)), tt.ShapeError, "label"),
        (np.full((5, 2), np.nan), np.zeros((5, 2)), tt.ArgumentError, "not finite"),
        (np.full((5, 2), "a"), np.zeros((5, 2)), tt.DtypeError, "numbers"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(dev, test, error, word):
    with pytest.raises(error, match=word):
        project.same_distribution(dev, test)
