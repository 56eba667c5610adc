"""Faces: triplets and their mining, thresholds, the similarity head, the database."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, vision
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(6), 4)
ENCODINGS = (RNG.standard_normal((6, 1, 8)) + 0.6 * RNG.standard_normal((6, 4, 8))).reshape(-1, 8)
D = ((ENCODINGS[:, None] - ENCODINGS) ** 2).sum(axis=-1)


def generator():
    return np.random.default_rng(7)


# ------------------------------------------------------------------ triplets


@pytest.mark.parametrize("mining", vision.MINING)
def test_every_triplet_has_two_pictures_of_a_person_and_one_of_another(mining):
    a, p, n = vision.mine_triplets(ENCODINGS, LABELS, mining, margin=3.0, generator=generator())
    assert len(a) == len(p) == len(n) > 0
    assert (LABELS[a] == LABELS[p]).all()
    assert (a != p).all()
    assert (LABELS[a] != LABELS[n]).all()
    pairs = set(zip(a.tolist(), p.tolist(), strict=True))
    assert len(pairs) == len(a)  # no pair twice
    if mining != "semi-hard":
        assert len(pairs) == 6 * 4 * 3  # and each once


def test_hard_negatives_are_the_nearest():
    a, _, n = vision.mine_triplets(ENCODINGS, LABELS, "hard")
    for anchor, negative in zip(a, n, strict=True):
        others = np.flatnonzero(LABELS[anchor] != LABELS)
        assert negative == others[D[anchor, others].argmin()]


def test_semi_hard_negatives_are_beyond_the_positive_and_within_the_margin():
    margin = 2.0
    a, p, n = vision.mine_triplets(ENCODINGS, LABELS, margin=margin, generator=generator())
    assert ((D[a, p] < D[a, n]) & (D[a, n] < D[a, p] + margin)).all()
    found = set(zip(a.tolist(), p.tolist(), strict=True))
    for anchor, positive in np.argwhere((LABELS[:, None] == LABELS) & (D > 0)):
        band = (D[anchor] > D[anchor, positive]) & (D[anchor] < D[anchor, positive] + margin)
        assert ((anchor, positive) in found) == band[LABELS[anchor] != LABELS].any()
    f = tt.Tensor(ENCODINGS)
    losses = vision.triplet_loss(f[a], f[p], f[n], margin, reduction="none").numpy()
    assert ((losses > 0) & (losses < margin)).all()


def test_random_negatives_are_everybody_in_time():
    seen = set()
    rng = generator()
    for _ in range(200):
        a, _, n = vision.mine_triplets(ENCODINGS, LABELS, "random", generator=rng)
        seen |= set(n[a == 0].tolist())
    assert seen == set(range(4, 24))


@pytest.mark.parametrize("mining", vision.MINING)
def test_the_same_generator_gives_the_same_triplets(mining):
    first, second = (
        vision.mine_triplets(tt.Tensor(ENCODINGS), LABELS, mining, 3.0, generator=generator())
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_where_nothing_is_semi_hard_there_are_no_triplets_and_the_loss_is_0():
    far = np.repeat(100 * np.eye(6), 4, axis=0) + 1e-3 * RNG.standard_normal((24, 6))
    a, p, n = vision.mine_triplets(far, LABELS)
    assert len(a) == 0
    f = leaf(far)
    loss = vision.triplet_loss(f[a], f[p], f[n])
    loss.backward()
    assert loss.item() == 0
    assert not f.grad.numpy().any()


def test_a_person_with_one_picture_is_only_a_negative():
    labels = np.array([0, 0, 0, 9])
    a, p, n = vision.mine_triplets(ENCODINGS[:4], labels, "hard")
    assert set(a) == set(p) == {0, 1, 2}
    assert set(n) == {3}


def test_names_are_labels_too():
    names = np.array(["Ada", "Cem"])[LABELS % 2]
    a, p, n = vision.mine_triplets(ENCODINGS, names, "hard")
    assert (names[a] == names[p]).all()
    assert (names[a] != names[n]).all()


# ------------------------------------------------------------------ pairs and thresholds


def test_pairs_are_half_of_one_person_and_half_of_two_each_once():
    i, j, same = vision.draw_pairs(LABELS, 51, generator=generator())
    np.testing.assert_array_equal(LABELS[i] == LABELS[j], same)
    assert same.sum() == 25
    assert (i < j).all()
    assert len(set(zip(i.tolist(), j.tolist(), strict=True))) == 51


def test_the_best_threshold_is_the_best_of_all():
    rng = np.random.default_rng(1)
    for _ in range(50):
        m = rng.integers(2, 30)
        d = rng.integers(0, 12, m) / 4  # with many equal ones
        same = rng.random(m) < 0.5
        same[:2] = True, False
        T = vision.best_threshold(d, same)
        every = np.concatenate([[-1], np.unique(d)])
        most = max(np.mean((d <= t) == same) for t in every if t >= 0 or d.min() > 0)
        assert vision.verification_accuracy(d, same, T) == most


def test_a_threshold_lies_in_the_middle_of_the_gap():
    d, same = [0.1, 0.3, 0.9, 1.0], [True, True, False, False]
    assert vision.best_threshold(d, same) == pytest.approx(0.6)
    assert vision.verification_accuracy(d, same, 0.6) == 1
    assert vision.verification_accuracy(d, same, 0.2) == 0.75
    assert vision.verification_accuracy(d, same, 0.3) == 1  # d = T is the same person


# ------------------------------------------------------------------ the database


def people(threshold=0.5):
    known = vision.FaceDB(nn.Identity(), threshold)
    known.add("Ada", np.array([1.0, 0.0, 0.0]))
    known.add("Cem", np.array([0.0, 1.0, 0.0]))
    return known


def test_the_database_recognises_the_nearest_within_the_threshold():
    known = people()
    assert len(known) == 2
    assert known.recognize(np.array([0.9, 0.1, 0.0])) == "Ada"
    assert known.recognize(np.array([0.4, 0.6, 0.0])) == "Cem"
    assert known.recognize(np.array([0.0, 0.0, 1.0])) is None
    assert known.distances(np.array([0.0, 0.0, 1.0])) == {"Ada": 2.0, "Cem": 2.0}


def test_verification_asks_about_one_person():
    known, picture = people(), np.array([0.9, 0.1, 0.0])
    assert known.verify("Ada", picture)
    assert not known.verify("Cem", picture)
    assert people(threshold=0.0).verify("Ada", np.array([1.0, 0.0, 0.0]))


def test_the_threshold_itself_is_still_the_same_person():
    picture = np.array([1.0, 0.5, 0.0])
    assert people(threshold=0.25).recognize(picture) == "Ada"
    assert people(threshold=np.nextafter(0.25, 0)).recognize(picture) is None


def test_a_second_picture_of_a_person_is_one_more_way_to_be_known():
    known, picture = people(), np.array([0.0, 0.0, 1.0])
    known.add("Ada", np.array([0.1, 0.0, 0.9]))
    assert len(known) == 2
    assert known.recognize(picture) == "Ada"


def test_the_encoder_is_asked_in_evaluation_and_left_as_it_was():
    encoder = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 3))
    known = vision.FaceDB(encoder, 0.0)
    picture = np.ones((1, 2, 2), np.float32)
    known.add("Ada", tt.Tensor(picture))
    assert known.distances(picture)["Ada"] == 0
    assert encoder.training
    assert all(p.grad is None for p in encoder.parameters())


# ------------------------------------------------------------------ what is refused

ONES = np.ones(24, int)
REFUSED = {
    "one person": (
        lambda: vision.mine_triplets(ENCODINGS, ONES), tt.ArgumentError, "only one person",
    ),
    "one picture each": (
        lambda: vision.mine_triplets(ENCODINGS, np.arange(24)), tt.ArgumentError, "two pictures",
    ),
    "other labels": (
        lambda: vision.mine_triplets(ENCODINGS, LABELS[1:]), tt.ShapeError, r"\(24,\)",
    ),
    "one encoding": (lambda: vision.mine_triplets(ENCODINGS[0], [0]), tt.ShapeError, r"\(m, D\)"),
    "integers": (
        lambda: vision.mine_triplets(np.ones((24, 2), int), LABELS), tt.DtypeError, "floats",
    ),
    "NaN": (
        lambda: vision.mine_triplets(np.where(LABELS == 2, np.nan, 1.0)[:, None], LABELS),
        tt.ArgumentError, "nan in row 8",
    ),
    "an unknown mining": (
        lambda: vision.mine_triplets(ENCODINGS, LABELS, "soft"), tt.ArgumentError, "'semi-hard'",
    ),
    "a negative margin": (
        lambda: vision.mine_triplets(ENCODINGS, LABELS, margin=-0.2), tt.ArgumentError, "margin",
    ),
    "a loss with a negative margin": (
        lambda: vision.triplet_loss(tt.ones(2, 3), tt.ones(2, 3), tt.ones(2, 3), -0.2),
        tt.ArgumentError, "margin",
    ),
    "pairs of one person": (
        lambda: vision.draw_pairs(ONES, 10), tt.ArgumentError, "only one person",
    ),
    "too many pairs": (lambda: vision.draw_pairs(LABELS, 100), tt.ArgumentError, "at most 72"),
    "labels in a column": (
        lambda: vision.draw_pairs(LABELS[:, None], 10), tt.ShapeError, "one label",
    ),
    "a threshold of one kind": (
        lambda: vision.best_threshold([0.1, 0.2], [True, True]), tt.ArgumentError, "of one kind",
    ),
    "no pairs": (lambda: vision.best_threshold([], []), tt.ShapeError, "no list of pairs"),
    "fewer labels than distances": (
        lambda: vision.verification_accuracy([0.1, 0.2], [True], 1), tt.ShapeError, "no list",
    ),
    "numbers for bools": (
        lambda: vision.best_threshold([0.1, 0.2], [1, 0]), tt.DtypeError, "same as bools",
    ),
    "negative distances": (
        lambda: vision.best_threshold([-0.1, 0.2], [True, False]), tt.ArgumentError, "negative",
    ),
    "a negative threshold": (lambda: people(-1.0), tt.ArgumentError, "threshold"),
    "an unknown name": (
        lambda: people().verify("Ece", np.zeros(3)), tt.ArgumentError, "'Ada', 'Cem'",
    ),
    "an empty database": (
        lambda: vision.FaceDB(nn.Identity(), 1.0).recognize(np.zeros(3)),
        tt.ArgumentError, "nobody is known yet",
    ),
    "a name in an empty database": (
        lambda: vision.FaceDB(nn.Identity(), 1.0).verify("Ada", np.zeros(3)),
        tt.ArgumentError, "add",
    ),
    "no name": (lambda: people().add("", np.zeros(3)), tt.DtypeError, "not a name"),
    "a picture of another size": (
        lambda: people().recognize(np.zeros(4)), tt.ShapeError, "another shape",
    ),
    "a list of pictures": (
        lambda: people().add("Ece", np.zeros((2, 3))), tt.ShapeError, "without an axis of examples",
    ),
    "a picture with NaN": (
        lambda: people().add("Ece", np.full(3, np.nan)), tt.ArgumentError, "not finite",
    ),
    "an encoder that is no module": (
        lambda: vision.FaceDB(np.sin, 1.0), tt.ArgumentError, "nn.Module",
    ),
    "an encoder of no vectors": (
        lambda: vision.FaceDB(nn.Identity(), 1.0).add("Ada", np.zeros((2, 3))),
        tt.ShapeError, "no list of encodings",
    ),
    "an accuracy above 1": (
        lambda: vision.recognition_accuracy(1.5, 10), tt.ArgumentError, "verification",
    ),
    "nobody to be told apart": (
        lambda: vision.recognition_accuracy(0.9, 0), tt.ArgumentError, "people",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case):
    call, error, words = REFUSED[case]
    with pytest.raises(error, match=words) as caught:
        call()
    assert "test_vision_faces.py" in str(caught.value)


def test_a_refused_picture_changes_nothing():
    known = vision.FaceDB(nn.Identity(), 1.0)
    with pytest.raises(tt.ArgumentError):
        known.add("Ada", np.full(3, np.inf))
    assert len(known) == 0
    known.add("Ada", np.zeros(4))
    assert known.recognize(np.zeros(4)) == "Ada"


def test_distances_of_the_library_are_the_squares_of_the_course():
    f = tt.Tensor(ENCODINGS)
    np.testing.assert_allclose(np.square(F.cdist(f, f).numpy()), D, rtol=1e-12)
