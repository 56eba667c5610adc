"""Course 5: speech recognition with CTC, and a trigger word; the loss itself is in test_ctc.py."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import metrics, nn
from tinygrad_tr.examples import course5_speech as speech
from tinygrad_tr.examples import course5_trigger_word as trigger
from tinygrad_tr.examples.audio import HOP, RATE, WINDOW, chirp, spectrogram
from tinygrad_tr.nn import functional as F
from tinygrad_tr.text import error_rate

# ------------------------------------------------------------------ sound


@pytest.mark.parametrize("hertz", [250, 500, 1200])
def test_the_spectrogram_of_a_tone_is_a_line_at_its_pitch(hertz):
    columns = spectrogram(chirp(hertz, hertz, RATE))
    assert columns.shape == ((RATE - WINDOW) // HOP + 1, WINDOW // 2 + 1)
    assert columns.dtype == np.float32
    assert (np.abs(columns[2:-2].argmax(axis=1) * RATE / WINDOW - hertz) <= RATE / WINDOW).all()
    bands = spectrogram(chirp(hertz, hertz, RATE), bands=12)
    assert (bands[2:-2].argmax(axis=1) == int(hertz * 12 / (RATE / 2))).all()


def test_a_rising_chirp_rises():
    pitch = spectrogram(chirp(300, 1500, RATE)).argmax(axis=1)
    assert (np.diff(pitch) >= 0).all()
    assert pitch[-1] - pitch[0] > 60


# ------------------------------------------------------------------ speech


def test_letters_are_read_with_at_most_five_per_cent_errors():
    rng = np.random.default_rng(100)
    words = speech.random_words(60, rng)
    x, lengths = speech.heard(words, rng)
    model, losses, errors = speech.learn(70, words[:5], x[:, :5], lengths[:5])
    assert error_rate(words, speech.letters_read(model, x, lengths)) <= 0.05
    assert losses[-1] < losses[0] / 10
    assert list(errors) == [10, 20, 30, 40, 50, 60, 70]


def test_the_loss_of_the_example_is_the_sum_over_all_paths():
    assert speech.difference_from_all_paths() < 1e-12


def test_the_loss_is_differentiable_through_the_network():
    """In both directions through time, past the ends of shorter words, to every parameter."""
    tt.manual_seed(0)
    words = ["ki", "ellis"]
    x, lengths = speech.heard(words, np.random.default_rng(0))
    y, counts = speech.labels(words)
    x = leaf(x[::4, :, ::16])
    model = nn.GRU(x.shape[2], 2, bidirectional=True, dtype=np.float64)
    head = nn.Linear(4, 11, dtype=np.float64)
    columns = lengths // 4

    def loss():
        log_p = F.log_softmax(head(model(x, lengths=columns)[0]))
        return F.ctc_loss(log_p, y, columns, counts)

    leaves = {"x": x, **dict(model.named_parameters()), **dict(head.named_parameters())}
    found = tt.gradient_difference(loss, leaves)
    assert found.total < 1e-7, found


# ------------------------------------------------------------------ trigger word


def test_labels_stand_in_the_five_columns_after_a_rising_chirp():
    x, y = trigger.recordings(200, seed=0)
    assert x.shape == (200, trigger.COLUMNS, 12)
    starts = np.argwhere(np.diff(y, prepend=0, axis=1) == 1)
    assert len(starts) > 50
    for i, t in starts:
        assert y[i, t : t + 5].all()
        assert not y[i, t + 5 : t + 6].any()
        pitch = x[i, t - 10 : t - 1].argmax(axis=1)
        assert pitch[-2] > pitch[2]


def test_precision_and_recall_of_columns_reach_what_the_course_asks_for():
    model = trigger.learn(120)
    x, y = trigger.recordings(150, seed=5)
    p = trigger.probabilities(model, x)
    precision, recall, _ = metrics.precision_recall_f1(y.ravel(), p.ravel() >= 0.5)
    assert precision >= 0.95
    assert recall >= 0.95


def test_the_threshold_is_the_lowest_that_keeps_the_limit():
    """An hour with four words, and three other sounds that are less and less like one."""
    columns = 3600 * RATE // HOP
    y, p = np.zeros(columns, int), np.full(columns, 0.001)
    for k in range(4):
        at = 1000 * (k + 1)
        y[at : at + 5] = 1
        p[at : at + 5] = (0.99, 0.95, 0.9, 0.6)[k]
    for k, likely in enumerate((0.8, 0.7, 0.3)):
        p[20_000 + 1000 * k] = likely
    assert trigger.false_alarms(y, p, 0.5) == pytest.approx(2 * 24, rel=1e-3)
    lowest = {limit: trigger.lowest_threshold(y, p, limit) for limit in (1, 24.1, 48.1)}
    assert 0.8 < lowest[1] < 0.83
    assert 0.7 < lowest[24.1] < 0.73
    assert 0.3 < lowest[48.1] < 0.33
    assert trigger.words_heard(y, p >= lowest[1]) == 3 / 4
    assert trigger.words_heard(y, p >= 0.5) == 1
