"""Course 4, week 3: a label for every pixel; metrics of label maps, and U-Net with its skips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import metrics, nn

# ------------------------------------------------------------------ metrics of label maps


@st.composite
def maps(draw, classes=4):
    """True and predicted label maps of one shape, in which classes may be missing."""
    shape = draw(st.sampled_from([(3, 4), (2, 3, 3), (1, 1, 1), (5,)]))
    size = int(np.prod(shape))
    labels = st.lists(st.integers(0, classes - 1), min_size=size, max_size=size)
    return tuple(np.array(draw(labels)).reshape(shape) for _ in range(2))


@given(maps())
def test_iou_is_scikit_learns_jaccard_score(case):
    sklearn_metrics = pytest.importorskip("sklearn.metrics")
    y, guess = case
    ours = metrics.iou_per_class(y, guess, classes=4)
    present = np.unique([y, guess])
    theirs = sklearn_metrics.jaccard_score(
        y.ravel(), guess.ravel(), labels=present, average=None, zero_division=0
    )
    np.testing.assert_allclose(ours[present], theirs, rtol=1e-12)
    assert np.isnan(np.delete(ours, present)).all()
    assert metrics.mean_iou(y, guess) == pytest.approx(theirs.mean(), rel=1e-12)
    assert metrics.pixel_accuracy(y, guess) == pytest.approx(np.mean(y == guess), rel=1e-12)


def test_iou_of_maps_by_hand():
    y = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    guess = np.array([[0, 0, 0, 1], [0, 0, 0, 1]])
    np.testing.assert_allclose(metrics.iou_per_class(y, guess), [4 / 6, 2 / 4], rtol=1e-15)
    assert metrics.mean_iou(y, guess) == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert metrics.pixel_accuracy(y, guess) == 0.75


def test_accuracy_flatters_where_iou_does_not():
    y = np.zeros((10, 10), int)
    y[0, :3], background = 1, np.zeros((10, 10), int)
    assert metrics.pixel_accuracy(y, background) == 0.97
    assert metrics.mean_iou(y, background) == pytest.approx(0.97 / 2)


def test_maps_may_be_tensors_and_pixels_may_be_left_out():
    y, guess = np.array([[0, 1], [255, 1]]), np.array([[0, 1], [1, 0]])
    left = metrics.iou_per_class(tt.Tensor(y), tt.Tensor(guess), ignore_index=255)
    np.testing.assert_allclose(left, [1 / 2, 1 / 2])
    assert metrics.pixel_accuracy(y, guess, ignore_index=255) == pytest.approx(2 / 3)
    assert metrics.mean_iou(y, guess, ignore_index=255) == pytest.approx(1 / 2)


@pytest.mark.parametrize(
    "metric", [metrics.iou_per_class, metrics.mean_iou, metrics.pixel_accuracy]
)
def test_maps_that_say_nothing_are_refused(metric):
    y = np.zeros((2, 3), int)
    name = metric.__name__
    with pytest.raises(tt.ShapeError, match=f"(?s){name}.*argmax"):
        metric(y, np.zeros((2, 4, 3), int))
    with pytest.raises(tt.ArgumentError, match=f"{name}: there is no pixel"):
        metric(y, y, ignore_index=0)
    with pytest.raises(tt.ArgumentError, match="no pixel"):
        metric(y[:0], y[:0])
    with pytest.raises(tt.DtypeError, match=f"(?s){name}.*argmax"):
        metric(y, y + 0.5)
    with pytest.raises(tt.IndexingError, match="-1"):
        metric(y - 1, y)


def test_a_class_beyond_those_given_is_refused():
    y = np.array([[0, 3]])
    with pytest.raises(tt.IndexingError, match="3"):
        metrics.iou_per_class(y, y, classes=3)
    assert np.isnan(metrics.iou_per_class(y, y, classes=6)[[1, 2, 4, 5]]).all()


# ------------------------------------------------------------------ U-Net


@pytest.mark.parametrize("skips", [True, False])
def test_a_label_map_has_the_size_of_its_picture(skips):
    model = nn.models.UNet(1, 4, width=4, depth=2, skips=skips)
    assert model(tt.zeros(2, 1, 16, 16)).shape == (2, 4, 16, 16)
    assert model(tt.zeros(1, 1, 8, 24)).shape == (1, 4, 8, 24)


def test_the_gradient_of_a_skip_goes_both_ways():
    """What is concatenated gets its own part of the gradient, whatever is done with the rest."""
    rng = np.random.default_rng(0)
    early, late = leaf(rng.standard_normal((2, 3, 4, 4))), leaf(rng.standard_normal((2, 5, 4, 4)))
    g = rng.standard_normal((2, 8, 4, 4))
    np.concatenate([early, late], axis=1).backward(g)
    np.testing.assert_array_equal(early.grad.numpy(), g[:, :3])
    np.testing.assert_array_equal(late.grad.numpy(), g[:, 3:])
    assert tt.gradcheck(
        lambda a, b: np.tanh(np.concatenate([a, b * a[:, :1]], axis=1)), [early, late]
    )


def test_the_gradient_of_a_whole_u_net_is_that_of_differences():
    tt.manual_seed(0)
    model = nn.models.UNet(1, 2, width=2, depth=1).to(np.float64).eval()
    rng = np.random.default_rng(0)
    x, y = leaf(rng.standard_normal((2, 1, 4, 4))), rng.integers(0, 2, (2, 4, 4))
    leaves = {"x": x, **dict(model.named_parameters())}
    found = tt.gradient_difference(lambda: nn.functional.cross_entropy(model(x), y), leaves)
    assert found.total < 1e-7, found
