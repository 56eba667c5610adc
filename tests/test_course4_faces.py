"""Course 4, week 4: faces. Rows 4.27 to 4.30."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import nn, train, vision
from tinygrad_tr.examples import course4_faces, course4_one_shot_digits
from tinygrad_tr.examples.datasets import digits
from tinygrad_tr.examples.identities import Encoder, faces, one_shot_accuracy, pair_distances
from tinygrad_tr.nn import functional as F

RNG = np.random.default_rng(0)
ALPHA = 0.2


def small_encoder(features=3):
    """f: (N, 4) -> (N, features) in float64, smooth, so that differences can check it."""
    generator = np.random.default_rng(0)
    layers = nn.Linear(4, 5, generator=generator), nn.Tanh()
    last = nn.Linear(5, features, generator=generator)
    return nn.Sequential(*layers, last).to(np.float64)


# ------------------------------------------------------------------ 4.27 verification, recognition


def test_recognition_among_100_needs_far_better_verification():
    assert vision.recognition_accuracy(0.999, 100) == pytest.approx(0.9048, abs=5e-5)
    assert vision.recognition_accuracy(0.99, 100) == pytest.approx(0.3660, abs=5e-5)
    right = RNG.random((20_000, 100)) < 0.99  # a hundred comparisons, many times
    assert right.all(axis=1).mean() == pytest.approx(
        vision.recognition_accuracy(0.99, 100), abs=0.02
    )


def test_a_new_person_needs_no_training():
    encoder = small_encoder()
    before = copy.deepcopy(encoder.state_dict())
    ada, cem, new = 3 * RNG.standard_normal((3, 4))
    people = vision.FaceDB(encoder, threshold=1e-3)
    people.add("Ada", ada)
    people.add("Cem", cem)
    assert people.recognize(ada + 1e-3) == "Ada"
    assert people.recognize(new) is None
    people.add("Ece", new)
    assert people.recognize(new + 1e-3) == "Ece"
    assert people.recognize(cem) == "Cem"
    for name, value in encoder.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# ------------------------------------------------------------------ 4.28 the siamese network


def test_the_gradient_of_shared_weights_is_the_sum_of_both_branches():
    x1, x2 = tt.Tensor(RNG.standard_normal((2, 4))), tt.Tensor(RNG.standard_normal((2, 4)))
    shared, left = small_encoder(), small_encoder()
    right = small_encoder()
    together = vision.Siamese(shared)(x1, x2)
    apart = F.squared_distance(left(x1), right(x2))
    np.testing.assert_array_equal(together.numpy(), apart.numpy())
    together.sum().backward()
    apart.sum().backward()
    for p, one, other in zip(
        shared.parameters(), left.parameters(), right.parameters(), strict=True
    ):
        both = one.grad.numpy() + other.grad.numpy()
        np.testing.assert_allclose(p.grad.numpy(), both, rtol=1e-12, atol=1e-14)


def test_the_gradient_of_shared_weights_is_that_of_differences():
    siamese = vision.Siamese(small_encoder())
    x1, x2 = tt.Tensor(RNG.standard_normal((2, 4))), tt.Tensor(RNG.standard_normal((2, 4)))
    assert len(list(siamese.parameters())) == 4  # one network, however often it is used
    assert tt.gradient_difference(lambda: siamese(x1, x2).sum(), siamese).total < 1e-7


def test_a_picture_is_no_distance_from_itself_and_as_far_there_as_back():
    siamese, x = vision.Siamese(Encoder()), tt.Tensor(faces(3, 2)[0])
    there, back = siamese(x[:3], x[3:]).numpy(), siamese(x[3:], x[:3]).numpy()
    assert not siamese(x, x).numpy().any()
    np.testing.assert_array_equal(there, back)
    assert (there > 0).all()


def test_a_picture_becomes_128_numbers_of_length_1():
    f = train.predict(Encoder(), faces(2, 3)[0])
    assert f.shape == (6, 128)
    assert f[0].shape == (128,)
    np.testing.assert_allclose(np.linalg.norm(f, axis=1), 1, rtol=1e-5)


# ------------------------------------------------------------------ 4.29 triplets


def triplet(to_positive, to_negative):
    """Encodings A, P, N with these squared distances from A to the others."""
    a, p, n = np.zeros((3, 1, 128))
    p[0, 0], n[0, 1] = np.sqrt(to_positive), np.sqrt(to_negative)
    return leaf(a), leaf(p), leaf(n)


@pytest.mark.parametrize(("to_negative", "loss"), [(0.51, 0.19), (0.7, 0.0), (0.9, 0.0)])
def test_the_numbers_of_the_triplet_loss(to_negative, loss):
    found = vision.triplet_loss(*triplet(0.5, to_negative), margin=ALPHA).item()
    assert found == pytest.approx(loss, abs=1e-12)


def test_an_encoding_that_is_the_same_for_all_costs_alpha():
    same = tt.ones(7, 128, dtype=np.float64)
    each = vision.triplet_loss(same, same, same, ALPHA, reduction="none")
    np.testing.assert_array_equal(each.numpy(), ALPHA)
    assert vision.triplet_loss(same, same, same, ALPHA).item() == pytest.approx(7 * ALPHA)


def test_beyond_the_margin_nothing_is_learned_and_within_it_both_pull():
    a, p, n = triplet(0.5, 0.71)
    for g in tt.grad(vision.triplet_loss(a, p, n, ALPHA), [a, p, n]):
        assert not g.numpy().any()
    a, p, n = triplet(0.5, 0.6)
    gradients = tt.grad(vision.triplet_loss(a, p, n, ALPHA), [a, p, n])
    expected = 2 * (n - p).numpy(), 2 * (p - a).numpy(), 2 * (a - n).numpy()
    for g, h in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), h, atol=1e-14)


@pytest.mark.parametrize("margin", [0.1, 2.0, 50.0])
def test_the_gradient_of_the_triplet_loss_is_that_of_differences(margin):
    a, p, n = RNG.standard_normal((3, 5, 4))

    def loss(a, p, n):
        return vision.triplet_loss(a, p, n, margin)

    assert tt.gradcheck(loss, [a, p, n])
    assert tt.gradgradcheck(loss, [a, p, n])


PEOPLE = course4_faces.TRAIN + course4_faces.DEV + course4_faces.NEW


@pytest.fixture(scope="module")
def known_and_new():
    """The pictures that the example trains on, its dev set, and people who were never seen."""
    x, y = faces(PEOPLE, course4_faces.PICTURES, seed=course4_faces.DRAWN)
    cuts = np.cumsum([course4_faces.TRAIN, course4_faces.DEV]) * course4_faces.PICTURES
    return list(zip(np.split(x, cuts), np.split(y, cuts), strict=True))


def test_faces_are_the_same_for_the_same_seed_and_different_people_differ(known_and_new):
    (x, y), _, (x_new, y_new) = known_and_new
    again, _ = faces(PEOPLE, course4_faces.PICTURES, seed=course4_faces.DRAWN)
    np.testing.assert_array_equal(again[: len(x)], x)
    assert x.shape == (600, 1, 24, 24)
    assert x.dtype == np.float32
    assert not set(y) & set(y_new)
    np.testing.assert_allclose(x_new.std(axis=(1, 2, 3)), 1, rtol=1e-4)


def test_people_never_seen_are_known_by_one_picture(known_and_new):
    (x, y), (x_dev, y_dev), (x_new, y_new) = known_and_new
    encoder, _ = course4_faces.learn_triplets(x, y, "semi-hard", steps=200)
    before = one_shot_accuracy(train.predict(course4_faces.fresh_encoder(), x_new), y_new)
    after = one_shot_accuracy(train.predict(encoder, x_new), y_new)
    assert max(before, one_shot_accuracy(x_new, y_new)) <= 0.6
    assert after >= 0.95
    threshold = vision.best_threshold(*pair_distances(encoder, x_dev, y_dev))
    verified = vision.verification_accuracy(*pair_distances(encoder, x_new, y_new), threshold)
    assert verified >= 0.9


def test_mining_raises_the_share_of_losses_above_0(known_and_new):
    (x, y), *_ = known_and_new
    easy, shares = course4_faces.learn_triplets(x, y, "random", steps=100)
    random, hard, semi_hard = (
        course4_faces.share_that_teaches(easy, x, y, kind)
        for kind in ("random", "hard", "semi-hard")
    )
    assert hard >= 5 * random
    assert semi_hard == 1
    assert np.mean(shares[-20:]) < 0.5 * np.mean(shares[:5])  # and random ones teach less and less


def test_one_shot_accuracy_by_hand():
    f = np.array([[0.0], [1.0], [10.0], [4.0]])  # two people with two pictures each
    # Known 0 and 10: 1 is right, 4 is taken for the first. Known 1 and 4: 0 is right, and 10.
    assert one_shot_accuracy(f, np.array([0, 0, 1, 1])) == 0.75


# ------------------------------------------------------------------ 4.30 the similarity head


def test_the_similarity_head_has_the_formula_of_the_course_and_is_symmetric():
    head = vision.SimilarityHead(128).to(np.float64)
    f1, f2 = RNG.standard_normal((2, 6, 128))
    w, b = head.linear.weight.numpy()[0], head.linear.bias.numpy()[0]
    scores = F.sigmoid(head(tt.Tensor(f1), tt.Tensor(f2))).numpy()
    for score, one, other in zip(scores, f1, f2, strict=True):
        z = sum(w[k] * abs(one[k] - other[k]) for k in range(128)) + b
        assert score == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-12)
    back = F.sigmoid(head(tt.Tensor(f2), tt.Tensor(f1))).numpy()
    np.testing.assert_array_equal(scores, back)
    assert sum(p.size for p in head.parameters()) == 129


def test_the_gradient_through_head_and_encoder_is_that_of_differences():
    siamese = vision.Siamese(small_encoder(), vision.SimilarityHead(3).to(np.float64))
    x1, x2 = tt.Tensor(RNG.standard_normal((5, 4))), tt.Tensor(RNG.standard_normal((5, 4)))
    same = np.array([1.0, 0, 1, 0, 0])

    def loss():
        return F.binary_cross_entropy_with_logits(siamese(x1, x2), same)

    assert tt.gradient_difference(loss, siamese).total < 1e-7


def test_the_head_verifies_people_never_seen(known_and_new):
    (x, y), _, (x_new, y_new) = known_and_new
    siamese = course4_faces.learn_similarity(x, y, steps=200)
    i, j, same = vision.draw_pairs(y_new, 1000, generator=np.random.default_rng(0))
    z, back = train.predict(siamese, x_new[i], x_new[j]), train.predict(siamese, x_new[j], x_new[i])
    np.testing.assert_array_equal(z, back)
    assert np.mean((z > 0) == same) >= 0.9


# ------------------------------------------------------------------ digits as identities


def test_identities_made_of_digits_keep_their_halves():
    x = digits()[0].reshape(-1, 1, 8, 8)
    left, right = x[:3], x[3:6]
    plain = course4_one_shot_digits.made(left, right, turn=0)
    np.testing.assert_array_equal(plain[..., :4], left[..., :4])
    np.testing.assert_array_equal(plain[..., 4:], right[..., 4:])
    all_ways = {course4_one_shot_digits.made(left, right, turn).tobytes() for turn in range(8)}
    assert len(all_ways) == 8


def test_digits_of_training_dev_and_test_never_meet():
    x, y = digits()
    seen = np.array([3, 4, 5, 6, 7])
    _, who = course4_one_shot_digits.batch(
        x.reshape(-1, 1, 8, 8), y, seen, np.random.default_rng(0)
    )
    assert len(np.unique(who)) == course4_one_shot_digits.IDENTITIES
    others = x.reshape(-1, 1, 8, 8).copy()
    others[~np.isin(y, seen)] = np.nan  # whoever looks at another digit will see NaN
    pictures, _ = course4_one_shot_digits.batch(others, y, seen, np.random.default_rng(0))
    assert np.isfinite(pictures).all()
