"""Boxes: formats, IoU against counted pixels, non-max suppression against the rule word by word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import vision

LECTURE = np.array(
    [[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [20, 20, 30, 28], [50, 50, 60, 60]], float
)
SCORES = np.array([0.9, 0.8, 0.7, 0.65, 0.6])


@st.composite
def boxes(draw, most=6, span=8):
    """Up to `most` boxes with whole corners, some of them without area."""
    number = st.integers(0, span)
    corners = draw(st.lists(st.tuples(number, number, number, number), max_size=most))
    a = np.array(corners, float).reshape(-1, 2, 2)
    return np.sort(a, axis=1).reshape(-1, 4)


# ------------------------------------------------------------------ two ways to write them


@given(boxes())
def test_centres_and_corners_are_two_ways_to_write_one_box(corners):
    centres = vision.corners_to_centres(corners)
    np.testing.assert_allclose(vision.centres_to_corners(centres), corners, atol=1e-12)
    np.testing.assert_allclose(centres[:, 2] * centres[:, 3], vision.box_area(corners), atol=1e-12)


def test_boxes_by_hand():
    np.testing.assert_array_equal(vision.corners_to_centres([[1, 2, 5, 4]]), [[3, 3, 4, 2]])
    np.testing.assert_array_equal(vision.box_area([[1, 2, 5, 4], [3, 3, 3, 9]]), [8, 0])
    clipped = vision.clip_boxes([[-1, 2, 5, 14], [11, 1, 12, 2]], width=10, height=8)
    np.testing.assert_array_equal(clipped, [[0, 2, 5, 8], [10, 1, 10, 2]])


@pytest.mark.parametrize("none", [[], np.zeros((0, 4)), np.zeros((0, 4), np.float32)])
def test_no_boxes_have_no_areas_and_no_overlaps(none):
    assert vision.box_area(none).shape == (0,)
    assert vision.iou(none, LECTURE).shape == (0, 5)
    assert vision.iou(LECTURE, none).shape == (5, 0)
    assert vision.iou(none, none).shape == (0, 0)
    assert vision.corners_to_centres(none).shape == (0, 4)
    assert vision.centres_to_corners(none).shape == (0, 4)
    assert vision.clip_boxes(none).shape == (0, 4)
    kept = vision.nms(none, [])
    assert kept.shape == (0,)
    assert kept.dtype.kind == "i"


# ------------------------------------------------------------------ intersection over union


def test_iou_of_the_lecture():
    np.testing.assert_allclose(vision.iou([[0, 0, 2, 2]], [[1, 1, 3, 3]]), [[1 / 7]], rtol=1e-15)
    assert vision.iou(LECTURE, LECTURE).diagonal().tolist() == [1] * 5
    assert vision.iou(LECTURE[:1], LECTURE[2:3]) == 0
    np.testing.assert_allclose(vision.iou(LECTURE[:1], LECTURE[1:2]), [[81 / 119]], rtol=1e-15)
    np.testing.assert_allclose(vision.iou(LECTURE[2:3], LECTURE[3:4]), [[0.8]], rtol=1e-15)


@given(boxes(), boxes())
def test_iou_is_the_share_of_counted_pixels(A, B):
    """Boxes with whole corners cover whole pixels, so that counting is exact."""
    pixel = np.arange(8) + 0.5

    def covered(box):
        x1, y1, x2, y2 = box
        return ((y1 < pixel) & (pixel < y2))[:, None] & ((x1 < pixel) & (pixel < x2))

    found = vision.iou(A, B)
    for i, a in enumerate(A):
        for j, b in enumerate(B):
            either = np.sum(covered(a) | covered(b))
            expected = np.sum(covered(a) & covered(b)) / either if either else 0
            assert found[i, j] == pytest.approx(expected, abs=1e-15)
    np.testing.assert_array_equal(found, vision.iou(B, A).T)


def test_iou_keeps_its_dtype_and_has_a_gradient():
    assert vision.iou(LECTURE.astype(np.float32), LECTURE.astype(np.float32)).dtype == np.float32
    A = leaf([[0.0, 0.1, 2.0, 2.2], [1.0, 1.0, 4.0, 3.0]])
    B = leaf([[0.5, 0.7, 3.0, 2.9], [1.1, 0.2, 1.9, 1.8], [6.0, 6.0, 7.0, 7.0]])
    assert isinstance(vision.iou(A, B), tt.Tensor)
    assert tt.gradcheck(vision.iou, [A, B])


@pytest.mark.oracle
def test_iou_is_that_of_tensors_in_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    A, B = (np.sort(rng.random((n, 2, 2)), axis=1).reshape(-1, 4) for n in (7, 5))
    a, b = torch.tensor(A), torch.tensor(B)
    sides = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    both = sides.clamp(min=0).prod(-1)
    areas = [(t[:, 2:] - t[:, :2]).prod(-1) for t in (a, b)]
    expected = both / (areas[0][:, None] + areas[1] - both)
    np.testing.assert_allclose(vision.iou(A, B), expected.numpy(), rtol=1e-10, atol=1e-15)


# ------------------------------------------------------------------ non-max suppression


def suppressed(corners, scores, iou_threshold, score_threshold, classes):
    """The rule of the lecture, word by word, once for each class: the boxes kept, as tuples."""
    kept = []
    for c in set(classes):
        remain = [
            (-p, *box)
            for p, box, k in zip(scores, corners.tolist(), classes, strict=True)
            if k == c and p > score_threshold
        ]
        while remain:
            best = min(remain)  # the highest score, then the one further left, further up
            kept.append((*best, c))
            remain.remove(best)
            remain = [b for b in remain if one_iou(best[1:], b[1:]) < iou_threshold]
    return sorted(kept)


def one_iou(a, b):
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    both = width * height
    either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / either if either else 0.0


def test_nms_of_the_lecture():
    assert vision.nms(LECTURE, SCORES).tolist() == [0, 2]
    assert vision.nms(LECTURE, SCORES, score_threshold=0).tolist() == [0, 2, 4]
    assert vision.nms(LECTURE, SCORES, score_threshold=0.85).tolist() == [0]
    assert vision.nms(LECTURE, SCORES, iou_threshold=0.7).tolist() == [0, 1, 2]


def test_an_overlap_of_exactly_the_threshold_is_discarded():
    halves = [[0, 0, 2, 1], [0, 0, 1, 1]]
    assert vision.iou(halves[:1], halves[1:]) == 0.5
    assert vision.nms(halves, [0.9, 0.8], iou_threshold=0.5).tolist() == [0]
    assert vision.nms(halves, [0.9, 0.8], iou_threshold=0.5 + 1e-9).tolist() == [0, 1]


def test_a_class_suppresses_only_itself():
    same = np.repeat(LECTURE[:1], 4, axis=0)
    assert vision.nms(same, [0.7, 0.9, 0.8, 0.95], classes=[0, 0, 1, 0]).tolist() == [3, 2]


@st.composite
def found(draw):
    corners = draw(boxes(most=9, span=4))
    n = len(corners)
    scores = draw(st.lists(st.sampled_from([0.3, 0.6, 0.7, 0.8, 0.9]), min_size=n, max_size=n))
    classes = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    return corners, np.array(scores), np.array(classes, int), draw(st.permutations(range(n)))


@given(found(), st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([-np.inf, 0.6]))
def test_nms_is_the_rule_word_by_word_whatever_the_order(case, iou_threshold, score_threshold):
    corners, scores, classes, order = case
    expected = suppressed(corners, scores, iou_threshold, score_threshold, classes.tolist())
    for rows in (np.arange(len(scores)), np.array(order, int)):
        boxes, p, c = corners[rows], scores[rows], classes[rows]
        kept = vision.nms(boxes, p, iou_threshold, score_threshold, c)
        assert (np.diff(p[kept]) <= 0).all()
        chosen = [(-p[i], *boxes[i], c[i]) for i in kept]
        assert sorted(chosen) == expected


def test_nms_takes_tensors_and_whole_scores():
    assert vision.nms(tt.Tensor(LECTURE), tt.Tensor(SCORES)).tolist() == [0, 2]
    whole = (10 * SCORES).round().astype(np.uint8)
    assert vision.nms(LECTURE, whole, score_threshold=6).tolist() == [0, 2]


def test_many_boxes_need_no_table_of_all_pairs():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 1, (20_000, 2))
    many = np.concatenate([low, low + 0.2], axis=1)
    kept = vision.nms(many, rng.random(20_000))
    assert len(kept) < 300
    overlaps = vision.iou(many[kept], many[kept])
    assert (overlaps[~np.eye(len(kept), dtype=bool)] < 0.5).all()


# ------------------------------------------------------------------ what is refused

EVERY = [
    vision.box_area,
    vision.corners_to_centres,
    vision.clip_boxes,
    lambda b: vision.iou(b, LECTURE),
    lambda b: vision.iou(LECTURE, b),
    lambda b: vision.nms(b, np.ones(len(b))),
]


@pytest.mark.parametrize("function", EVERY)
def test_boxes_that_are_none_are_refused(function):
    with pytest.raises(tt.ArgumentError, match=r"(?s)ends before it begins.*row 1.*x1 ≤ x2"):
        function([[0, 0, 1, 1], [2, 0, 1, 1]])
    with pytest.raises(tt.ArgumentError, match=r"ends before it begins"):
        function([[0, 3, 1, 1]])
    for number in (np.nan, np.inf):
        with pytest.raises(tt.ArgumentError, match=rf"a box is not finite\n.*{number} in row 0"):
            function([[0, 0, number, 1]])
    with pytest.raises(tt.ShapeError, match=r"(?s)not a list of boxes.*\(n, 4\)"):
        function([[0, 0, 1]])
    with pytest.raises(tt.ShapeError, match="not a list of boxes"):
        function(np.zeros((2, 2, 4)))
    with pytest.raises(tt.DtypeError, match="not numbers"):
        function(np.array([[0, 0, 1, 1j]]))


def test_a_negative_side_is_refused():
    with pytest.raises(tt.ArgumentError, match=r"(?s)negative side.*-1"):
        vision.centres_to_corners([[0, 0, 2, -1]])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"scores": [0.9, 0.8]}, "each box has one score"),
        ({"scores": [0.9, 0.8, 0.7, np.nan, 0.5]}, "a score is not finite"),
        ({"scores": ["a"] * 5}, "scores are numbers"),
        ({"classes": [0, 1]}, "each box has one class"),
        ({"classes": [0.0] * 5}, "classes are integers"),
        ({"classes": [0, 1, -1, 0, 0]}, "no such class"),
        ({"iou_threshold": 1.5}, "iou_threshold"),
        ({"iou_threshold": np.nan}, "iou_threshold"),
        ({"score_threshold": np.nan}, "score_threshold"),
    ],
)
def test_detections_that_do_not_fit_are_refused(arguments, word):
    with pytest.raises(tt.TinygradError, match=f"nms: {word}"):
        vision.nms(LECTURE, **({"scores": SCORES} | arguments))
