"""Metrics against scikit-learn on random data, against the lecture's numbers, and what they refuse.

Rows 3.03, 3.04 (false alarms) and 3.06 (the weighted error) of the courses.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import metrics
from tinygrad_tr.nn import functional as F

sklearn_metrics = pytest.importorskip("sklearn.metrics")

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def weights(m):
    """None, or weights of which some may be 0."""
    some = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=m, max_size=m)
    return st.none() | some.filter(any).map(np.array)


@st.composite
def labelled(draw, classes):
    """True and predicted classes, some of which may be missing, and weights."""
    m = draw(st.integers(1, 25))
    labels = st.lists(st.integers(0, classes - 1), min_size=m, max_size=m).map(np.array)
    return draw(labels), draw(labels), draw(weights(m))


@st.composite
def scored(draw):
    """Labels 0 and 1, both there and not of weight 0, scores with many ties, and weights."""
    m = draw(st.integers(2, 25))
    y = np.array(draw(st.lists(st.integers(0, 1), min_size=m, max_size=m)))
    w = draw(weights(m))
    y[0], y[-1] = 0, 1
    if w is not None:
        w[[0, -1]] = 1.0
    s = draw(st.lists(st.integers(-4, 4), min_size=m, max_size=m))
    return y, np.array(s) / 4, w


# ---------------------------------------------------------------------- as in scikit-learn


@given(labelled(4))
def test_the_confusion_matrix_is_scikit_learns(case):
    y, guess, w = case
    ours = metrics.confusion_matrix(y, guess, classes=4, sample_weight=w)
    theirs = sklearn_metrics.confusion_matrix(y, guess, labels=range(4), sample_weight=w)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == (np.float64 if w is not None else np.int64)


@given(labelled(4))
def test_accuracy_and_weighted_error_are_scikit_learns(case):
    y, guess, w = case
    theirs = sklearn_metrics.accuracy_score(y, guess, sample_weight=w)
    assert metrics.accuracy(y, guess, sample_weight=w) == pytest.approx(theirs, abs=1e-12)
    assert metrics.weighted_error(y, guess, w) == pytest.approx(1 - theirs, abs=1e-12)


@pytest.mark.parametrize("zero_division", [0, 1, np.nan])
@pytest.mark.parametrize("average", ["binary", "macro", "micro", "weighted", None])
@settings(max_examples=40)
@given(data=st.data())
def test_precision_recall_and_f_are_scikit_learns(average, zero_division, data):
    classes = 2 if average == "binary" else 4
    y, guess, w = data.draw(labelled(classes))
    ours = metrics.precision_recall_f1(
        y, guess, average=average, sample_weight=w, zero_division=zero_division
    )
    there = max(y.max(), guess.max()) + 1
    labels = range(there) if average is None else None
    for beta in (1.0, 0.5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that something is 0/0
            *theirs, _ = sklearn_metrics.precision_recall_fscore_support(
                y, guess, beta=beta, labels=labels, average=average, sample_weight=w,
                zero_division=zero_division,
            )  # fmt: skip
        f = metrics.f_beta(
            y, guess, beta, average=average, sample_weight=w, zero_division=zero_division
        )
        if average == "weighted" and np.isnan([*ours, f]).any():
            continue  # of no class with examples there is a number; theirs is that of the others
        np.testing.assert_allclose(f, theirs[2], **CLOSE)
        if beta == 1:
            np.testing.assert_allclose(ours, theirs, **CLOSE)


@given(labelled(3))
def test_each_number_of_precision_recall_f1_can_be_had_alone(case):
    y, guess, w = case
    options = {"average": "macro", "sample_weight": w}
    together = metrics.precision_recall_f1(y, guess, **options)
    alone = [f(y, guess, **options) for f in (metrics.precision, metrics.recall, metrics.f1)]
    assert list(together) == alone


@given(scored())
def test_the_curves_are_scikit_learns(case):
    y, s, w = case
    theirs = sklearn_metrics.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
    for our, their in zip(metrics.roc_curve(y, s, sample_weight=w), theirs, strict=True):
        np.testing.assert_allclose(our, their, **CLOSE)
    theirs = sklearn_metrics.precision_recall_curve(y, s, sample_weight=w)
    ours = metrics.precision_recall_curve(y, s, sample_weight=w)
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, **CLOSE)


@given(scored())
def test_the_areas_are_scikit_learns(case):
    y, s, w = case
    area = sklearn_metrics.roc_auc_score(y, s, sample_weight=w)
    assert metrics.roc_auc(y, s, sample_weight=w) == pytest.approx(area, abs=1e-12)
    precision = sklearn_metrics.average_precision_score(y, s, sample_weight=w)
    ours = metrics.average_precision(y, s, sample_weight=w)
    assert ours == pytest.approx(precision, abs=1e-12)


@given(scored())
def test_the_roc_area_is_how_often_a_positive_is_above_a_negative(case):
    y, s, _ = case
    pairs = np.sign(s[y == 1][:, None] - s[y == 0])
    assert metrics.roc_auc(y, s) == pytest.approx(np.mean(pairs) / 2 + 0.5, abs=1e-12)


@pytest.mark.parametrize("average", ["macro", "weighted", None])
@given(data=st.data())
def test_the_roc_area_of_several_classes_is_each_against_the_rest(average, data):
    m = data.draw(st.integers(4, 20))
    rest = data.draw(st.lists(st.integers(0, 2), min_size=m - 3, max_size=m - 3))
    y = np.array([0, 1, 2, *rest])
    s = np.array(data.draw(st.lists(st.integers(1, 5), min_size=3 * m, max_size=3 * m)))
    s = s.reshape(m, 3) / s.reshape(m, 3).sum(axis=1, keepdims=True)
    theirs = sklearn_metrics.roc_auc_score(y, s, multi_class="ovr", average=average)
    np.testing.assert_allclose(metrics.roc_auc(y, s, average=average), theirs, **CLOSE)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_top_k_accuracy_is_scikit_learns(seed, k):
    rng = np.random.default_rng(seed)
    y, s, w = rng.integers(0, 5, 20), rng.standard_normal((20, 5)), rng.random(20)
    theirs = sklearn_metrics.top_k_accuracy_score(y, s, k=k, labels=range(5), sample_weight=w)
    assert metrics.top_k_accuracy(y, s, k, sample_weight=w) == pytest.approx(theirs, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_top_1_is_argmax_also_of_equal_scores_and_top_all_is_everything(seed):
    rng = np.random.default_rng(seed)
    y, s = rng.integers(0, 3, 12), rng.integers(0, 3, (12, 3)).astype(np.float32)
    assert metrics.top_k_accuracy(y, s, 1) == np.mean(s.argmax(axis=1) == y)
    assert metrics.top_k_accuracy(y, s, 3) == 1


# ---------------------------------------------------------------------- the lecture's numbers


def classified(true_positive, false_positive, false_negative, true_negative=10):
    """Labels and predictions with these counts."""
    counts = [true_positive, false_positive, false_negative, true_negative]
    return np.repeat([1, 0, 1, 0], counts), np.repeat([1, 1, 0, 0], counts)


def test_f1_prefers_the_lectures_first_classifier():
    A = metrics.precision_recall_f1(*classified(171, 9, 19))
    B = metrics.precision_recall_f1(*classified(833, 17, 147))
    np.testing.assert_allclose(A, (0.95, 0.90, 0.924324), rtol=0, atol=5e-7)
    np.testing.assert_allclose(B, (0.98, 0.85, 0.910383), rtol=0, atol=5e-7)
    assert A.f1 == pytest.approx(2 / (1 / A.precision + 1 / A.recall))
    assert A.f1 > B.f1


@pytest.mark.parametrize("counts", [(0, 3, 2), (0, 3, 0), (0, 0, 2), (0, 0, 0)])
def test_f1_is_0_without_true_positives_and_without_a_warning(counts):
    assert metrics.precision_recall_f1(*classified(*counts)) == (0, 0, 0)


def test_a_class_that_does_not_occur_is_in_no_mean():
    y, guess = [0, 0, 3, 3], [0, 0, 3, 0]
    np.testing.assert_allclose(metrics.recall(y, guess, average=None), [1, 0, 0, 0.5])
    assert metrics.recall(y, guess, average="macro") == 0.75


def test_the_mean_error_counts_a_small_group_as_a_large_one():
    y = np.zeros(100, int)
    guess = np.repeat([1, 0, 1, 0], [9, 81, 5, 5])  # 10 % of 90 wrong, and 50 % of 10
    groups = np.repeat(["Turkey", "China"], [90, 10])
    assert metrics.mean_error(y, guess, groups) == pytest.approx((0.10 + 0.50) / 2)
    assert metrics.weighted_error(y, guess) == pytest.approx(0.14)


def test_one_offensive_picture_let_through_weighs_ten():
    y, guess = np.zeros(10, int), np.eye(10, dtype=int)[3]
    w = np.where(guess == 1, 10, 1)
    assert metrics.weighted_error(y, guess) == pytest.approx(0.1)
    assert metrics.weighted_error(y, guess, np.ones(10)) == metrics.weighted_error(y, guess)
    assert metrics.weighted_error(y, guess, w) == pytest.approx(10 / 19)


def test_weights_turn_the_preference_between_two_classifiers():
    y = np.zeros(100, int)
    offensive = np.arange(100) < 3
    A, B = offensive.astype(int), np.eye(100, dtype=int)[50:55].sum(axis=0)  # wrong where 1
    w = np.where(offensive, 10, 1)
    assert metrics.weighted_error(y, A) == pytest.approx(0.03)
    assert metrics.weighted_error(y, B) == pytest.approx(0.05)
    assert metrics.weighted_error(y, A, w) > metrics.weighted_error(y, B, w)


def test_the_training_cost_takes_the_same_weights_by_np_average():
    rng = np.random.default_rng(0)
    target, w = rng.standard_normal(6), np.array([1, 10, 1, 1, 10, 1.0])
    prediction = leaf(rng.standard_normal(6))
    losses = F.mse_loss(prediction, target, reduction="none") / 2
    each = leaf(losses.numpy())
    np.average(losses, weights=w).backward()
    np.average(each, weights=w).backward()
    np.testing.assert_allclose(each.grad.numpy(), w / w.sum(), **CLOSE)
    expected = w / w.sum() * (prediction.numpy() - target)
    np.testing.assert_allclose(prediction.grad.numpy(), expected, **CLOSE)


def test_false_alarms_of_a_scripted_day():
    #       spoken, heard  |  heard twice, not spoken  |  spoken, not heard  |  spoken late
    spoken = [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    heards = [0, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1]
    assert metrics.false_alarms_per_day(spoken, heards, hours=48) == 1
    assert metrics.false_alarms_per_day(spoken, heards, hours=6) == 8
    assert metrics.false_alarms_per_day(spoken, spoken, hours=1) == 0
    assert metrics.false_alarms_per_day(spoken, np.zeros(17, bool), hours=1) == 0
    assert metrics.false_alarms_per_day([0, 0], [1, 1], hours=24) == 1


# ---------------------------------------------------------------------- what is taken, and refused


def test_tensors_that_require_grad_lists_and_bools_are_taken():
    p = leaf([0.2, 0.7, 0.6, 0.1])
    y = tt.tensor([0, 1, 0, 1], dtype=np.int64)
    assert metrics.roc_auc(y, p) == metrics.roc_auc([0, 1, 0, 1], p.numpy())
    assert metrics.accuracy(y, p > 0.5) == 0.5
    assert metrics.accuracy(y.numpy() == 1, [False, True, True, False]) == 0.5
    assert p.grad is None


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_scores_may_be_of_any_type_of_number(dtype):
    s = np.array([3, 200, 7, 200], dtype)
    assert metrics.roc_auc([0, 1, 1, 0], s) == 0.625


Y, S = [0, 1, 1], [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda: metrics.accuracy([0.0, 1.0], [0, 1]), tt.DtypeError, "y_true has no class"),
        (lambda: metrics.accuracy([0, 1], [0.2, 0.9]), tt.DtypeError, "p > 0.5"),
        (lambda: metrics.accuracy(Y, [0, 1]), tt.ShapeError, "not of the same examples"),
        (lambda: metrics.accuracy([[0], [1]], [0, 1]), tt.ShapeError, "reshape"),
        (lambda: metrics.accuracy([], []), tt.ShapeError, "m ≥ 1"),
        (lambda: metrics.accuracy(Y, [0, -1, 1]), tt.IndexingError, "-1 at row 1"),
        (lambda: metrics.confusion_matrix(Y, [0, 1, 2], classes=2), tt.IndexingError, "0 to 1"),
        (lambda: metrics.accuracy(Y, Y, sample_weight=[1, 1]), tt.ShapeError, "one weight"),
        (lambda: metrics.accuracy(Y, Y, sample_weight=[1, -1, 1]), tt.ArgumentError, "-1.0"),
        (lambda: metrics.accuracy(Y, Y, sample_weight=[0, 0, 0]), tt.ArgumentError, "not all 0"),
        (lambda: metrics.accuracy(Y, Y, sample_weight=[1, np.nan, 1]), tt.ArgumentError, "finite"),
        (lambda: metrics.f1(Y, [0, 1, 2]), tt.ArgumentError, "average='macro'"),
        (lambda: metrics.f1(Y, Y, average="mean"), tt.ArgumentError, "unknown average"),
        (lambda: metrics.f1(Y, Y, zero_division=2), tt.ArgumentError, "0, 1 or NaN"),
        (lambda: metrics.f1(Y, Y, zero_division="warn"), tt.ArgumentError, "0, 1 or NaN"),
        (lambda: metrics.f_beta(Y, Y, -1), tt.ArgumentError, "≥ 0"),
        (lambda: metrics.mean_error(Y, Y, ["a"]), tt.ShapeError, "groups"),
        (lambda: metrics.top_k_accuracy(Y, S, 1), tt.ShapeError, "classes"),
        (lambda: metrics.top_k_accuracy(Y, np.eye(3), 4), tt.ArgumentError, "1 to 3"),
        (lambda: metrics.top_k_accuracy([0, 1, 3], np.eye(3), 1), tt.IndexingError, "0 to 2"),
        (lambda: metrics.roc_curve([1, 1, 1], S), tt.ArgumentError, "only one class"),
        (lambda: metrics.roc_auc([0, 0, 0], S), tt.ArgumentError, "no positive"),
        (lambda: metrics.roc_auc([0, 1, 1], np.eye(3)), tt.ArgumentError, "class 2"),
        (lambda: metrics.roc_auc(Y, S, sample_weight=[0, 1, 1]), tt.ArgumentError, "no negative"),
        (lambda: metrics.roc_auc(Y, [0.1, np.nan, 0.3]), tt.ArgumentError, "nan at row 1"),
        (lambda: metrics.roc_auc(Y, ["a", "b", "c"]), tt.DtypeError, "numbers"),
        (lambda: metrics.roc_curve(Y, np.eye(3)), tt.ShapeError, "that of class 1"),
        (lambda: metrics.average_precision([0, 0, 0], S), tt.ArgumentError, "something to find"),
        (lambda: metrics.false_alarms_per_day(Y, Y, 0), tt.ArgumentError, "hours"),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(call, error, word):
    with pytest.raises(error, match=word):
        call()
