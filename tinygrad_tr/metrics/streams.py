"""Metrics of a stream: a detector that listens all day."""

from __future__ import annotations

import numpy as np

from tinygrad_tr.arguments import positive

from .checks import Labels, pairs_of


def false_alarms_per_day(y_true: Labels, y_pred: Labels, hours: float) -> float:
    """24 · (false alarms) / hours, for the moments of a stream: y_true (T,), y_pred (T,).

    1 means that the word is spoken, or that the detector says so. Moments in a row for which it
    says so are one alarm, which is false if the word is spoken in none of them.
    Course 3, week 1: maximise accuracy with at most one a day.
    """
    y, guess = pairs_of("false_alarms_per_day", y_true, y_pred, classes=2)
    hours = positive("false_alarms_per_day", "hours", hours)
    begins = np.diff(guess, prepend=0) == 1
    alarm = np.cumsum(begins)[guess == 1]  # which alarm a moment belongs to, from 1
    heard = np.bincount(alarm, y[guess == 1], minlength=1 + begins.sum())
    return float(24 * np.sum(heard[1:] == 0) / hours)
