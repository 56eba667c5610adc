"""Detection: targets of a grid and back, losses that mind p_c, windows, average precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, vision

TALL, WIDE = (1.5, 0.5), (0.5, 1.5)
PEDESTRIAN, CAR = [0.45, 0.3, 0.55, 0.7], [0.3, 0.46, 0.7, 0.6]  # midpoints in the middle cell

# ------------------------------------------------------------------ the target of a grid


def test_the_target_of_the_lecture():
    """A picture of 100 × 100, a box from (40, 50) to (80, 90), the second of three classes."""
    y = vision.yolo_encode(np.array([[40, 50, 80, 90]]) / 100, [1])
    assert y.shape == (3, 3, 8)
    assert y.size == 72
    np.testing.assert_allclose(y[2, 1], [1, 0.8, 0.1, 1.2, 1.2, 0, 1, 0], atol=1e-12)
    y[2, 1] = 0
    assert not y.any()


def test_two_shapes_in_one_cell_go_to_their_anchors():
    y = vision.yolo_encode([CAR, PEDESTRIAN], [1, 0], anchors=[TALL, WIDE])
    assert y.shape == (3, 3, 16)
    assert y.size == 144
    np.testing.assert_allclose(y[1, 1, :8], [1, 0.5, 0.5, 1.2, 0.3, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(y[1, 1, 8:], [1, 0.5, 0.59, 0.42, 1.2, 0, 1, 0], atol=1e-12)
    found = vision.yolo_decode(y)
    np.testing.assert_allclose(found.boxes, [PEDESTRIAN, CAR], atol=1e-12)
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == [1, 1]


def test_an_object_too_many_is_reported():
    with pytest.raises(
        tt.ArgumentError, match=r"(?s)same place.*objects 0 and 1.*row 1 .*column 1"
    ):
        vision.yolo_encode([PEDESTRIAN, CAR], [0, 1])
    third = np.array(CAR) + 0.01
    with pytest.raises(tt.ArgumentError, match=r"(?s)objects 1 and 2.*anchor 1"):
        vision.yolo_encode([PEDESTRIAN, CAR, third], [0, 1, 1], anchors=[TALL, WIDE])


def test_no_objects_are_zeros_and_zeros_no_objects():
    y = vision.yolo_encode([], [], grid=19, num_classes=80)
    assert y.shape == (19, 19, 85)
    assert not y.any()
    found = vision.yolo_decode(y, num_classes=80)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == found.classes.shape == (0,)
    assert vision.nms(found.boxes, found.scores, classes=found.classes).shape == (0,)


@st.composite
def objects(draw):
    """Boxes of any size with midpoints in the picture, and their classes."""
    place = st.floats(0, 1, exclude_max=True)
    side = st.floats(0.01, 2)
    centres = draw(st.lists(st.tuples(place, place, side, side), max_size=4))
    classes = draw(st.lists(st.integers(0, 2), min_size=len(centres), max_size=len(centres)))
    return vision.centres_to_corners(np.array(centres).reshape(-1, 4)), np.array(classes, int)


@given(objects(), st.integers(1, 19), st.sampled_from([None, [TALL, WIDE]]))
def test_decoding_finds_what_was_encoded(case, grid, anchors):
    boxes, classes = case
    try:
        y = vision.yolo_encode(boxes, classes, grid, anchors=anchors)
    except tt.ArgumentError:
        assume(False)
    found = vision.yolo_decode(y)
    assert len(found.boxes) == len(boxes)
    order = [np.lexsort((*b.T.round(9), c)) for b, c in ((boxes, classes), (found.boxes, found[2]))]
    np.testing.assert_allclose(found.boxes[order[1]], boxes[order[0]], atol=1e-12)
    np.testing.assert_array_equal(found.classes[order[1]], classes[order[0]])


def test_decoding_takes_what_is_surer_than_the_threshold():
    y = vision.yolo_encode([PEDESTRIAN, [0.0, 0.0, 0.2, 0.2]], [0, 2])
    y[1, 1, 0] = 0.6
    assert vision.yolo_decode(y).classes.tolist() == [2]
    assert vision.yolo_decode(y, score_threshold=0.5).classes.tolist() == [2, 0]
    y[..., 0] = -3
    y[1, 1, 0] = 2
    found = vision.yolo_decode(tt.Tensor(y), logits=True)
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-2))], rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"boxes": [[0.5, 0.5, 0.2, 0.6]]}, tt.ArgumentError, "ends before it begins"),
        ({"boxes": [[0.5, 0.5, np.nan, 0.6]]}, tt.ArgumentError, "a box is not finite"),
        ({"boxes": [[40, 50, 80, 90]]}, tt.ArgumentError, "(?s)no cell.*pixels / size"),
        ({"boxes": [[0.9, 0.9, 1.1, 1.1]]}, tt.ArgumentError, "no cell"),
        ({"classes": [3]}, tt.ArgumentError, "(?s)no such class.*0 to 2"),
        ({"classes": [-1]}, tt.ArgumentError, "no such class"),
        ({"classes": [0, 1]}, tt.ShapeError, "one class"),
        ({"classes": [0.0]}, tt.DtypeError, "integers"),
        ({"grid": 0}, tt.ArgumentError, "grid"),
        ({"num_classes": 0}, tt.ArgumentError, "num_classes"),
        ({"anchors": [1.5, 0.5]}, tt.ShapeError, "no list of shapes"),
        ({"anchors": [[1.5, 0.0]]}, tt.ArgumentError, "without area"),
    ],
)
def test_objects_that_have_no_target_are_refused(arguments, error, word):
    with pytest.raises(error, match=word):
        vision.yolo_encode(**({"boxes": [PEDESTRIAN], "classes": [0]} | arguments))


def test_what_is_no_grid_is_not_decoded():
    with pytest.raises(tt.ShapeError, match="not the vectors of a grid"):
        vision.yolo_decode(np.zeros((3, 3, 9)))
    with pytest.raises(tt.ShapeError, match="of one picture"):
        vision.yolo_decode(np.zeros((5, 3, 3, 8)))
    y = vision.yolo_encode([PEDESTRIAN], [0])
    y[1, 1, 3] = -0.1
    with pytest.raises(tt.ArgumentError, match="negative side"):
        vision.yolo_decode(y)
    y[0, 0, 0] = np.nan
    with pytest.raises(tt.ArgumentError, match="p_c is not a number"):
        vision.yolo_decode(y)


# ------------------------------------------------------------------ the loss of a localisation

OBJECT = np.array([1, 0.5, 0.7, 0.3, 0.4, 0, 1, 0])
NOTHING = np.array([0, 0.5, 0.7, 0.3, 0.4, 0, 1, 0])


def by_hand(y_hat, y, form):
    """The formula of the lecture for one vector."""
    if form == "squared":
        return ((y_hat - y) ** 2).sum() if y[0] == 1 else (y_hat[0] - y[0]) ** 2
    p = 1 / (1 + np.exp(-y_hat[0]))
    if y[0] == 0:
        return -np.log(1 - p)
    softmax = np.exp(y_hat[5:]) / np.exp(y_hat[5:]).sum()
    return -np.log(p) + ((y_hat[1:5] - y[1:5]) ** 2).sum() - np.log(softmax[y[5:] == 1][0])


@pytest.mark.parametrize("form", ["squared", "mixed"])
@pytest.mark.parametrize("y", [OBJECT, NOTHING])
def test_the_loss_of_one_vector_is_the_formula(form, y):
    y_hat = leaf(np.random.default_rng(0).standard_normal(8))
    loss = vision.localization_loss(y_hat, y, form)
    assert loss.item() == pytest.approx(by_hand(y_hat.numpy(), y, form), rel=1e-14)
    assert tt.gradcheck(lambda z: vision.localization_loss(z, y, form), [y_hat])
    loss.backward()
    if y[0] == 0:
        assert (y_hat.grad.numpy()[1:] == 0).all()
    else:
        assert y_hat.grad.numpy().all()


@pytest.mark.parametrize("form", ["squared", "mixed"])
def test_the_loss_is_taken_cell_by_cell_and_anchor_by_anchor(form):
    rng = np.random.default_rng(1)
    truth = vision.yolo_encode([PEDESTRIAN, CAR, [0, 0, 0.1, 0.2]], [0, 1, 2], anchors=[TALL, WIDE])
    y = np.stack([truth, np.zeros_like(truth)])
    y_hat = leaf(rng.standard_normal(y.shape))
    each = vision.localization_loss(y_hat, y, form, anchors=2, reduction="none")
    assert each.shape == (2, 3, 3, 2)
    vectors = zip(y_hat.numpy().reshape(-1, 8), y.reshape(-1, 8), strict=True)
    expected = np.array([by_hand(a, b, form) for a, b in vectors])
    np.testing.assert_allclose(each.numpy().ravel(), expected, rtol=1e-13)
    total = vision.localization_loss(y_hat, y, form, anchors=2, reduction="sum")
    assert total.item() == pytest.approx(expected.sum(), rel=1e-13)
    mean = vision.localization_loss(y_hat, y, form, anchors=2)
    assert mean.item() == pytest.approx(expected.mean(), rel=1e-13)
    mean.backward()
    grad = y_hat.grad.numpy().reshape(-1, 8)
    absent = y.reshape(-1, 8)[:, 0] == 0
    assert absent.sum() == 33
    assert (grad[absent, 1:] == 0).all()
    assert grad[:, 0].all()
    assert tt.gradcheck(lambda z: vision.localization_loss(z, y, form, anchors=2), [y_hat])


@pytest.mark.parametrize("form", ["squared", "mixed"])
def test_what_does_not_matter_may_be_anything(form):
    y = np.stack([OBJECT, np.where(np.arange(8) == 0, 0, np.nan)])
    y_hat = leaf(np.stack([OBJECT, [0.1, *[np.inf, -np.inf, np.nan, 1e300, np.inf, 0, 0]]]))
    loss = vision.localization_loss(y_hat, y, form)
    loss.backward()
    assert np.isfinite(loss.item())
    assert np.isfinite(y_hat.grad.numpy()).all()
    assert (y_hat.grad.numpy()[1, 1:] == 0).all()


@pytest.mark.oracle
def test_the_mixed_loss_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    y = vision.yolo_encode([PEDESTRIAN, [0, 0, 0.1, 0.2]], [0, 2])
    y_hat = leaf(rng.standard_normal(y.shape))
    vision.localization_loss(y_hat, y, "mixed", reduction="sum").backward()
    z, t = torch.tensor(y_hat.numpy().copy(), requires_grad=True), torch.tensor(y)
    F, m = torch.nn.functional, t[..., 0] == 1
    loss = F.binary_cross_entropy_with_logits(z[..., 0], t[..., 0], reduction="sum")
    loss = loss + F.mse_loss(z[m][:, 1:5], t[m][:, 1:5], reduction="sum")
    loss = loss + F.cross_entropy(z[m][:, 5:], t[m][:, 5:], reduction="sum")
    loss.backward()
    np.testing.assert_allclose(y_hat.grad.numpy(), z.grad.numpy(), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "error", "word"),
    [
        ({"form": "cubic"}, tt.ArgumentError, "unknown form"),
        ({"reduction": "max"}, tt.ArgumentError, "unknown reduction"),
        ({"y": np.zeros(9)}, tt.ShapeError, "another shape"),
        ({"y": np.zeros(8, int)}, tt.DtypeError, "floats"),
        ({"anchors": 3}, tt.ShapeError, "not the vectors of objects"),
        ({"coordinates": 8}, tt.ShapeError, "not the vectors of objects"),
        ({"y": np.full(8, 0.5)}, tt.ArgumentError, "(?s)neither 0 nor 1.*0.5"),
        ({"y": np.full(8, np.nan)}, tt.ArgumentError, "neither 0 nor 1"),
        ({"y": np.where(np.arange(8) == 3, np.nan, OBJECT)}, tt.ArgumentError, "not finite"),
    ],
)
def test_targets_of_no_meaning_are_refused(arguments, error, word):
    with pytest.raises(error, match=f"localization_loss: .*{word}" if "(?s)" not in word else word):
        vision.localization_loss(**({"y_hat": leaf(OBJECT), "y": OBJECT} | arguments))


# ------------------------------------------------------------------ landmarks


def test_64_landmarks_of_a_face_are_129_numbers():
    head = vision.LandmarkHead(64)
    assert head(tt.zeros(5, 128)).shape == (5, 129)
    assert vision.LandmarkHead(4, in_features=10)(tt.zeros(2, 10)).shape == (2, 9)
    with pytest.raises(tt.ArgumentError, match="landmarks"):
        vision.LandmarkHead(0)


@pytest.mark.parametrize("form", ["squared", "mixed"])
def test_landmarks_have_the_loss_of_a_box(form):
    rng = np.random.default_rng(3)
    y = rng.random((6, 129))
    y[:, 0] = [1, 0, 1, 0, 0, 1]
    y_hat = leaf(rng.standard_normal((6, 129)))
    loss = vision.localization_loss(y_hat, y, form, coordinates=128, reduction="sum")
    d2, present = (y_hat.numpy() - y) ** 2, y[:, 0] == 1
    flag = (
        d2[:, 0] if form == "squared" else np.log1p(np.exp((1 - 2 * y[:, 0]) * y_hat.numpy()[:, 0]))
    )
    assert loss.item() == pytest.approx(flag.sum() + d2[present, 1:].sum(), rel=1e-12)
    loss.backward()
    assert (y_hat.grad.numpy()[~present, 1:] == 0).all()
    assert y_hat.grad.numpy()[present].all()


# ------------------------------------------------------------------ windows, dense layers


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_a_dense_layer_is_a_convolution(C, h, w, bias):
    linear = nn.Linear(C * h * w, 5, bias=bias, dtype=np.float64)
    layer = vision.fc_to_conv(linear, (C, h, w))
    x = tt.Tensor(np.random.default_rng(0).standard_normal((2, C, h, w)))
    dense, everywhere = linear(x.reshape(2, -1)).numpy(), layer(x).numpy()
    assert everywhere.shape == (2, 5, 1, 1)
    np.testing.assert_allclose(everywhere[..., 0, 0], dense, rtol=0, atol=1e-12)


def test_the_convolution_has_its_own_parameters():
    linear = nn.Linear(400, 120)
    layer = vision.fc_to_conv(linear, (16, 5, 5))
    assert layer.weight.shape == (120, 16, 5, 5)
    before = linear.weight.numpy().copy()
    layer.weight.assign(np.zeros_like(layer.weight.numpy()))
    np.testing.assert_array_equal(linear.weight.numpy(), before)
    for shape in ((16, 5, 6), (400,), (-16, -5, 5)):
        with pytest.raises(tt.TinygradError, match="fc_to_conv"):
            vision.fc_to_conv(linear, shape)
    with pytest.raises(tt.DtypeError, match="not a dense layer"):
        vision.fc_to_conv(layer, (16, 5, 5))


@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 5), st.integers(0, 5))
def test_windows_are_the_crops(size, stride, more_rows, more_columns):
    H, W = size + more_rows, size + more_columns
    x = np.random.default_rng(0).random((2, 3, H, W))
    windows = vision.sliding_windows(x, size, stride)
    rows, columns = (H - size) // stride + 1, (W - size) // stride + 1
    assert windows.shape == (2, rows, columns, 3, size, size)
    for i in range(rows):
        for j in range(columns):
            top, left = stride * i, stride * j
            crop = x[:, :, top : top + size, left : left + size]
            np.testing.assert_array_equal(windows[:, i, j], crop)


def test_pictures_without_a_window_are_refused():
    with pytest.raises(tt.ShapeError, match="no window fits"):
        vision.sliding_windows(np.zeros((1, 3, 13, 20)), 14)
    with pytest.raises(tt.DtypeError, match=r"(?s)sliding_windows.*/ 255"):
        vision.sliding_windows(np.zeros((1, 3, 14, 14), np.uint8), 14)
    with pytest.raises(tt.ArgumentError, match="stride"):
        vision.sliding_windows(np.zeros((1, 3, 14, 14)), 14, stride=0)


# ------------------------------------------------------------------ average precision


def area_by_definition(detections, truths, label, threshold):
    """PASCAL VOC's words as loops, and the area as a sum over every recall that is reached."""
    ranked = sorted(
        (-p, i, tuple(box))
        for i, (boxes, scores, classes) in enumerate(detections)
        for box, p, c in zip(boxes, scores, classes, strict=True)
        if c == label
    )
    objects = {
        i: [tuple(b) for b, c in zip(*t, strict=True) if c == label] for i, t in enumerate(truths)
    }
    total, taken, right = sum(map(len, objects.values())), set(), []
    for _, i, box in ranked:
        overlaps = [float(vision.iou([box], [b])[0, 0]) for b in objects[i]]
        j = int(np.argmax(overlaps)) if overlaps else None
        ok = j is not None and overlaps[j] >= threshold and (i, j) not in taken
        right.append(ok)
        taken |= {(i, j)} if ok else set()
    points = [(sum(right[:n]) / total, sum(right[:n]) / n) for n in range(1, len(right) + 1)]
    steps = [k / total for k in range(1, total + 1)]
    return sum(max((p for r, p in points if r >= s - 1e-12), default=0) for s in steps) / total


@st.composite
def pictures(draw):
    """Detections and truths of a few pictures; no two scores are equal."""
    low = st.integers(0, 3)
    box = st.tuples(low, low, st.integers(1, 3), st.integers(1, 3)).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    )
    labelled = st.lists(st.tuples(box, st.integers(0, 1)), max_size=4)
    m = draw(st.integers(1, 3))
    detections, truths = [], []
    scores = iter(draw(st.permutations(np.linspace(0.1, 0.9, 12).tolist())))
    for _ in range(m):
        found, there = draw(labelled), draw(labelled)
        detections.append(
            ([b for b, _ in found], [next(scores) for _ in found], [c for _, c in found])
        )
        truths.append(([b for b, _ in there], [c for _, c in there]))
    return detections, truths


@given(pictures(), st.sampled_from([0.3, 0.5, 1.0]))
def test_average_precision_is_its_definition(case, threshold):
    detections, truths = case
    classes = sorted({c for _, cs in truths for c in cs})
    assume(classes)
    found = vision.average_precisions(detections, truths, threshold)
    expected = [area_by_definition(detections, truths, c, threshold) for c in classes]
    assert list(found) == classes
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-12)
    mean = vision.mean_average_precision(detections, truths, threshold)
    assert mean == pytest.approx(np.mean(expected), abs=1e-12)


A, B, ELSEWHERE = [0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]


def test_average_precision_by_hand():
    """Right, wrong, right: precision 1 up to recall 1/2, then 2/3."""
    truths = [([A, B], [0, 0])]
    detections = [([A, ELSEWHERE, B], [0.9, 0.8, 0.7], [0, 0, 0])]
    assert vision.mean_average_precision(detections, truths) == pytest.approx((1 + 2 / 3) / 2)
    assert vision.detection_precision_recall(detections, truths) == (2 / 3, 1)


def test_a_second_box_on_one_object_is_wrong():
    once, twice = ([A], [0.9], [0]), ([A, [0, 0, 10, 9]], [0.8, 0.9], [0, 0])
    assert vision.detection_precision_recall([once], [([A], [0])]) == (1, 1)
    assert vision.detection_precision_recall([twice], [([A], [0])]) == (0.5, 1)
    kept = vision.nms(twice[0], twice[1])
    assert kept.tolist() == [1]


def test_the_right_place_with_the_wrong_class_or_picture_is_wrong():
    truths = [([A], [0]), ([B], [1])]
    swapped = [([A], [0.9], [1]), ([A], [0.9], [1])]
    assert vision.mean_average_precision(swapped, truths) == 0
    assert vision.detection_precision_recall(swapped, truths) == (0, 0)


def test_pictures_without_detections_or_objects_count_too():
    nothing = vision.Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    assert vision.mean_average_precision([nothing], [([A], [0])]) == 0
    precision, recall = vision.detection_precision_recall([nothing], [([A], [0])])
    assert np.isnan(precision)
    assert recall == 0
    both = vision.average_precisions([([A], [0.5], [0]), ([A], [0.9], [0])], [([A], [0]), ([], [])])
    assert both == {0: 0.5}
    with pytest.raises(tt.ArgumentError, match="no objects to find"):
        vision.mean_average_precision([nothing], [([], [])])


def test_detections_of_other_pictures_are_refused():
    with pytest.raises(tt.ShapeError, match="not of the same pictures"):
        vision.mean_average_precision([], [([A], [0])])
    with pytest.raises(tt.ShapeError, match="not of the same pictures"):
        vision.detection_precision_recall([], [])
    with pytest.raises(tt.ArgumentError, match="iou_threshold"):
        vision.mean_average_precision([([A], [0.9], [0])], [([A], [0])], iou_threshold=2)
    with pytest.raises(tt.ArgumentError, match="ends before it begins"):
        vision.mean_average_precision([([A[::-1]], [0.9], [0])], [([A], [0])])
    with pytest.raises(tt.ArgumentError, match="a score is not finite"):
        vision.mean_average_precision([([A], [np.nan], [0])], [([A], [0])])
