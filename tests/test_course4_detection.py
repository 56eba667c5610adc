"""Course 4, week 3: landmarks, windows in one pass, and a detector, on generated pictures."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn, train, vision
from tinygrad_tr.examples import course4_detection as detection
from tinygrad_tr.examples import course4_localisation as localisation
from tinygrad_tr.examples import course4_sliding_windows as sliding
from tinygrad_tr.examples.scenes import CELLS, cell_of, is_tall, scenes

# ------------------------------------------------------------------ scenes


@pytest.mark.parametrize("crossing", [False, True])
def test_a_scene_is_what_its_boxes_and_labels_say(crossing):
    seen = scenes(60, size=24, crossing=crossing, seed=3)
    assert seen.pictures.shape == (60, 3, 24, 24)
    assert seen.pictures.dtype == np.float32
    shared = 0
    for boxes, classes, labels in zip(seen.boxes, seen.classes, seen.labels, strict=True):
        assert 1 <= len(boxes) == len(classes) <= 3
        pixels = 24 * boxes
        np.testing.assert_allclose(pixels, pixels.round(), atol=1e-12)
        x1, y1, x2, y2 = pixels[-1].round().astype(int)  # the last one is in front
        front = labels[y1:y2, x1:x2] == classes[-1] + 1
        assert front.any(axis=0).all()
        assert front.any(axis=1).all()
        assert set(np.unique(labels)) <= {0, *(classes + 1)}
        cells = [cell_of(box) for box in boxes]
        shared += len(set(cells)) < len(cells)
        assert len({(cell, is_tall(b)) for cell, b in zip(cells, boxes, strict=True)}) == len(boxes)
        if not crossing:
            assert (vision.iou(boxes, boxes)[~np.eye(len(boxes), dtype=bool)] == 0).all()
    assert (shared > 10) == crossing


def test_the_same_seed_gives_the_same_scenes():
    first, again, other = (scenes(5, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.pictures, again.pictures)
    assert not np.array_equal(first.pictures, other.pictures)


# ------------------------------------------------------------------ landmarks


def test_the_extreme_points_of_an_ellipse_are_its_first_and_last_pixels():
    x, y = localisation.ellipses(200, size=64, seed=5)
    there = y[:, 0] == 1
    assert 0.4 < there.mean() < 0.6
    assert (y[~there] == 0).all()
    for picture, points in zip(x[there, 0], 64 * y[there, 1:].reshape(-1, 4, 2), strict=True):
        rows, columns = (np.flatnonzero((picture > 0.25).any(axis=axis)) for axis in (1, 0))
        (_, top), (right, _), (_, bottom), (left, _) = points
        extent = [rows[0], columns[-1] + 1, rows[-1] + 1, columns[0]]
        np.testing.assert_allclose([top, right, bottom, left], extent, atol=1.5)


def test_landmarks_are_found_to_about_a_pixel():
    model, losses = localisation.learn(steps=500)
    x, y = localisation.ellipses(300, seed=100)
    z, there = train.predict(model, x), y[:, 0] == 1
    off = 32 * (z[there, 1:] - y[there, 1:]).reshape(-1, 4, 2)
    assert np.hypot(off[..., 0], off[..., 1]).mean() < 1.5
    assert np.mean((z[:, 0] > 0) == there) >= 0.98
    assert np.mean(losses[-20:]) < 0.05 * np.mean(losses[:20])


# ------------------------------------------------------------------ windows in one pass


@pytest.mark.parametrize(("size", "places"), [(14, 1), (16, 2), (28, 8)])
def test_one_pass_gives_the_answers_of_all_windows(size, places):
    tt.manual_seed(0)
    dense = sliding.classifier(dtype=np.float64)
    whole = sliding.convolutional(dense)
    x = np.random.default_rng(size).standard_normal((2, 3, size, size))
    answers = train.predict(whole, x)
    assert answers.shape == (2, 4, places, places)
    np.testing.assert_allclose(sliding.window_by_window(dense, x), answers, rtol=0, atol=1e-12)
    for i in range(places):
        crop = x[:, :, 2 * i : 2 * i + 14, -14:]
        alone = train.predict(dense, crop)
        np.testing.assert_allclose(alone, answers[:, :, i, -1], rtol=0, atol=1e-12)


def test_the_shapes_on_the_way_are_those_of_the_lecture():
    model = sliding.convolutional(sliding.classifier())
    shapes = {
        14: [(16, 10, 10), (16, 5, 5), (400, 1, 1), (4, 1, 1)],
        16: [(16, 12, 12), (16, 6, 6), (400, 2, 2), (4, 2, 2)],
        28: [(16, 24, 24), (16, 12, 12), (400, 8, 8), (4, 8, 8)],
    }
    for size, expected in shapes.items():
        x, seen = tt.zeros(1, 3, size, size), []
        for layer in model:
            x = layer(x)
            seen.append(x.shape[1:])
        assert [seen[i] for i in (0, 1, 3, 5)] == expected


def test_sharing_saves_the_multiplications_that_windows_have_in_common():
    conv, filters, last = 10 * 10 * 16 * 75, 400 * 400, 400 * 4
    one = sliding.multiplications(sliding.classifier(), 14)
    assert one == conv + filters + last
    for size, places in ((14, 1), (16, 2), (28, 8)):
        shared = sliding.multiplications(sliding.convolutional(sliding.classifier()), size)
        assert shared == (size - 4) ** 2 * 16 * 75 + places**2 * (filters + last)
        assert shared <= places**2 * one
    assert 64 * one == 18_022_400
    assert shared == 11_033_600


# ------------------------------------------------------------------ the detector


def test_a_detector_has_a_vector_for_each_cell_and_anchor():
    for anchors, length in ((1, 8), (2, 16)):
        model = detection.detector(anchors, width=4)
        assert model(tt.zeros(2, 3, 24, 24)).shape == (2, length, CELLS, CELLS)


def test_every_scene_has_a_target_that_says_all_of_it():
    for crossing, anchors in ((False, None), (True, detection.ANCHORS)):
        seen = scenes(100, crossing=crossing, seed=4)
        for y, boxes, classes in zip(
            detection.targets(seen, anchors), seen.boxes, seen.classes, strict=True
        ):
            found = vision.yolo_decode(y)
            overlaps = vision.iou(boxes, found.boxes)
            np.testing.assert_allclose(overlaps.max(axis=1), 1, atol=1e-5)
            np.testing.assert_array_equal(found.classes[overlaps.argmax(axis=1)], classes)
            assert len(found.boxes) == len(boxes)


def test_a_detector_finds_nine_objects_in_ten():
    model, _ = detection.learn(crossing=False, steps=500, m=4000)
    new = scenes(300, seed=100)
    truths = list(zip(new.boxes, new.classes, strict=True))
    before = detection.decoded(model, new.pictures, 0.6)
    sure = detection.suppressed(before)
    precision, recall = vision.detection_precision_recall(sure, truths)
    assert precision >= 0.9
    assert recall >= 0.9
    assert detection.mean_iou_of_matches(sure, new) >= 0.7
    all_of_them = detection.suppressed(detection.decoded(model, new.pictures, 0.05))
    assert vision.mean_average_precision(all_of_them, truths) >= 0.8
    for d, kept in zip(before, sure, strict=True):
        for c in range(3):
            boxes = kept.boxes[kept.classes == c]
            assert (vision.iou(boxes, boxes)[~np.eye(len(boxes), dtype=bool)] < 0.5).all()
        assert set(map(tuple, kept.boxes.tolist())) <= set(map(tuple, d.boxes.tolist()))


def test_pictures_of_bytes_are_refused():
    pictures = np.zeros((1, 3, 24, 24), np.uint8)
    with pytest.raises(tt.TinygradError, match="uint8"):
        train.predict(detection.detector(width=2), pictures)
    with pytest.raises(tt.DtypeError, match="uint8"):
        nn.functional.conv2d(pictures, np.zeros((4, 3, 3, 3), np.float32))
