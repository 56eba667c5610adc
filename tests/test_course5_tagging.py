"""Course 5: kinds of sequences, named entities and sentiment. Rows 5.01, 5.15 and 5.23."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn, text
from tinygrad_tr.examples import course5_name_detector, course5_named_entities, course5_sentiment
from tinygrad_tr.examples.sentences import (
    REVIEWS,
    entities,
    reviews,
    tagged,
    teddy_twins,
    two_clauses,
    unlabelled,
)
from tinygrad_tr.examples.sequences import KINDS, PROMOTER
from tinygrad_tr.examples.tagging import Tagger, encoded, learn

# ------------------------------------------------------------------ 5.01 kinds of sequences


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_sequence_has_the_lengths_it_says(kind):
    examples = kind.make(30, 0)
    assert len(examples) == 30
    for of_input, of_output in ((len(x), len(y)) for x, y in examples):
        assert (of_input == 1) == (kind.lengths[0] == "1")
        assert (of_output == 1) == (kind.lengths[1] == "1")
        if kind.lengths[0] == kind.lengths[1]:
            assert of_input == of_output
    if kind.lengths == ("T_x", "T_y"):
        assert any(len(x) != len(y) for x, y in examples)
    for (x, y), (x_again, y_again) in zip(examples, kind.make(30, 0), strict=True):
        np.testing.assert_array_equal(x, x_again)
        np.testing.assert_array_equal(y, y_again)


def test_there_are_seven_kinds_and_their_outputs_are_in_their_inputs():
    makers = {kind.name: kind.make for kind in KINDS}
    assert len(makers) == 7
    for frames, digits in makers["speech recognition"](20, 0):
        heard = frames.argmax(axis=1)
        np.testing.assert_array_equal(np.unique(digits), np.unique(heard))
    for bases, labels in makers["DNA analysis"](20, 0):
        assert "".join(bases[labels == 1]) == PROMOTER
    for frames, direction in makers["video activity"](20, 0):
        moved = np.argwhere(frames[-1])[0] - np.argwhere(frames[0])[0]
        down, right = np.sign(moved)
        assert [(0, 1), (0, -1), (1, 0), (-1, 0)][direction[0]] == (down, right)


def test_what_is_learned_at_one_place_a_recurrent_network_knows_at_all():
    training, test = two_clauses(600, 0, seed=1), two_clauses(600, 1, seed=2)
    assert not any(any(sentence.labels[3:]) for sentence in training)
    vocab = text.Vocab.build(sentence.words for sentence in training + test)
    tt.manual_seed(1)
    flattened = course5_name_detector.Flattened(len(vocab))
    recurrent = Tagger(nn.Embedding(len(vocab), 16), nn.RNN(16, 4, batch_first=True))
    mean = {}
    for model in (flattened, recurrent):
        learn(model, vocab, training, steps=250)
        at_places = course5_name_detector.balanced(model, vocab, test, range(3, 6))
        mean[model] = at_places.mean()
    assert mean[flattened] <= 0.6
    assert mean[recurrent] >= 0.95


# ------------------------------------------------------------------ 5.15 named entities


def test_the_labels_of_the_lecture():
    sentence = tagged("sally* johnson* is an orange farmer")
    assert sentence.words == ["sally", "johnson", "is", "an", "orange", "farmer"]
    assert sentence.labels == [1, 1, 0, 0, 0, 0]


def test_words_of_the_test_were_never_labelled_but_stand_in_unlabelled_text():
    training, test = entities(40, False), entities(160, True)
    labelled = {word for sentence in training for word in sentence.words}
    candidates = {word for sentence in test for word in sentence.words if word not in labelled}
    assert len(training) == 40
    assert sum(1 in sentence.labels for sentence in training) == 20
    assert len(candidates) == 40
    assert candidates <= {word for words in unlabelled(1500) for word in words}
    named = {w for s in test for w, label in zip(s.words, s.labels, strict=True) if label}
    assert named <= candidates  # every name of the test is new


@pytest.fixture(scope="module")
def transfer():
    """A corpus, its vocabulary and vectors, and the labelled sentences."""
    corpus, training, test = unlabelled(1500, 1), entities(40, False, 1), entities(160, True, 1)
    vocab = text.Vocab.build(corpus + [sentence.words for sentence in training])
    vectors = course5_named_entities.learn_vectors(corpus, vocab, steps=300)
    return vocab, vectors, training, test


def test_vectors_of_unlabelled_words_carry_over_to_words_never_labelled(transfer):
    vocab, vectors, training, test = transfer
    known = text.Vocab.build(sentence.words for sentence in training)
    new = {word for sentence in test for word in sentence.words} - set(known.words)
    share = {}
    for own, table in (
        (known, nn.Embedding(len(known), 16)),
        (vocab, nn.Embedding.from_pretrained(vectors)),
    ):
        tt.manual_seed(1)
        model = Tagger(table, nn.GRU(16, 8, batch_first=True))
        learn(model, own, training, steps=150)
        share[own] = course5_named_entities.share_right(model, own, test, new)
    assert share[known] <= 0.6
    assert share[vocab] >= 0.9


def test_frozen_vectors_get_no_gradient_and_others_in_the_rows_of_labelled_words_only(transfer):
    vocab, vectors, training, _ = transfer
    words, lengths = encoded(vocab, training)
    inside = np.arange(words.shape[1]) < lengths[:, None]
    for freeze in (True, False):
        table = nn.Embedding.from_pretrained(vectors, freeze=freeze)
        model = Tagger(table, nn.GRU(16, 8, batch_first=True))
        np.mean(model(words, lengths)[inside] ** 2).backward()
        if freeze:
            assert table.weight.grad is None
            learn(model, vocab, training, steps=2)
            np.testing.assert_array_equal(table.weight.numpy(), vectors)
        else:
            used = table.weight.grad.numpy().any(axis=1)
            np.testing.assert_array_equal(np.flatnonzero(used), np.unique(words[inside]))


# ------------------------------------------------------------------ 5.23 sentiment


def test_the_average_model_knows_no_order():
    rng = np.random.default_rng(0)
    model = course5_sentiment.Average(20, 4, padding=19).to(np.float64)
    # Whole numbers, so that sums are exact in any order.
    model.embedding.weight.assign(rng.integers(-9, 10, (20, 4)).astype(np.float64))
    words = rng.integers(0, 19, (5, 7))
    lengths = np.full(5, 7)
    expected = model(words, lengths).numpy()
    for _ in range(10):
        shuffled = rng.permuted(words, axis=1)
        np.testing.assert_array_equal(model(shuffled, lengths).numpy(), expected)
    reader = course5_sentiment.ManyToOne(20, 4, 3, padding=19).to(np.float64)
    assert (reader(words[:, ::-1], lengths).numpy() != reader(words, lengths).numpy()).all()


@pytest.mark.parametrize("kind", ["average", "many-to-one"])
def test_padding_changes_no_judgement(kind):
    model = (
        course5_sentiment.Average(6, 4, padding=5)
        if kind == "average"
        else course5_sentiment.ManyToOne(6, 4, 3, padding=5)
    )
    words = np.array([[0, 3, 1, 5, 5], [2, 2, 4, 1, 0]])
    together = model(words, np.array([3, 5])).numpy()
    alone = model(words[:1, :3], np.array([3])).numpy()
    np.testing.assert_allclose(together[0], alone[0], rtol=1e-5)


def test_praise_and_complaint_have_the_same_words_where_order_decides():
    for kind in REVIEWS:
        for praise, complaint in reviews(kind):
            assert praise != complaint
            assert (sorted(praise) == sorted(complaint)) == (kind == "order")


def test_where_order_decides_a_mean_of_vectors_does_not_help_and_a_gru_does():
    rng = np.random.default_rng(1)
    pairs = [reviews("order")[i] for i in rng.permutation(len(reviews("order")))]
    test, training = pairs[:36], pairs[36:]
    vocab = text.Vocab.build(
        (words for pair in training for words in pair), specials=("<PAD>", "<UNK>")
    )
    tt.manual_seed(1)
    padding = vocab.number("<PAD>")
    average = course5_sentiment.Average(len(vocab), 16, padding)
    reader = course5_sentiment.ManyToOne(len(vocab), 16, 16, padding)
    for model in (average, reader):
        course5_sentiment.learn(model, vocab, training, steps=200)
    assert course5_sentiment.share_right(average, vocab, test) <= 0.6
    assert course5_sentiment.share_right(reader, vocab, test) >= 0.95


# ------------------------------------------------------------------ the sentences themselves


def test_the_sentences_have_no_capitals_and_a_label_for_each_word():
    twins = teddy_twins()
    sentences = [s for pair in twins for s in (pair.name, pair.thing)]
    sentences += two_clauses(200, 0) + entities(40, False) + entities(160, True)
    for sentence in sentences:
        assert len(sentence.words) == len(sentence.labels)
        assert all(text.lower_turkish(word) == word for word in sentence.words)
    for pair in twins:
        until = slice(0, pair.place + 1)
        assert pair.name.words[until] == pair.thing.words[until]
        assert (pair.name.labels[pair.place], pair.thing.labels[pair.place]) == (1, 0)
