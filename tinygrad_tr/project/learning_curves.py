"""Learning curves: the errors against the number of training examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.data.checks import common_length
from tinygrad_tr.errors import ArgumentError
from tinygrad_tr.metrics import weighted_error

Array = np.ndarray[Any, Any]
Predict = Callable[[Any], Any]  # X (m, ...) -> classes (m,)
Learn = Callable[[Any, Any], Predict]  # X, y -> a trained model's predictions
Error = Callable[[Any, Any], float]  # y_true, y_pred -> how wrong


class LearningCurve(NamedTuple):
    """The mean train and dev error for each size, each a tuple of one length."""

    sizes: tuple[int, ...]
    train: tuple[float, ...]
    dev: tuple[float, ...]


def learning_curve(
    learn: Learn,
    train: tuple[Any, Any],
    dev: tuple[Any, Any],
    sizes: Sequence[int],
    *,
    error: Error = weighted_error,
    repeats: int = 1,
    seed: int = 0,
) -> LearningCurve:
    """The errors of models that were trained on the first m of the shuffled examples.

        narrow = learning_curve(lambda X, y: trained(4, X, y), train, dev, [25, 100, 400])

    `learn(X, y)` trains a fresh model and gives the function that predicts with it; the train
    error is that on the m examples it saw. With `repeats` it is done for so many orders, and
    averaged. Course 1, week 1: with little data the ranking of models is measured, not foretold.
    """
    m = common_length("learning_curve", train)
    common_length("learning_curve", dev)
    sizes = [whole("learning_curve", "size", size) for size in sizes]
    if not sizes or max(sizes) > m:
        raise ArgumentError(
            "learning_curve", "no such sizes", got=f"{sizes}", wanted=f"1 to {m:,} examples each"
        )
    repeats = whole("learning_curve", "repeats", repeats)
    rng = np.random.default_rng(seed)
    found = np.empty((repeats, len(sizes), 2))
    for errors in found:
        order = rng.permutation(m)
        for place, size in enumerate(sizes):
            X, y = (array[order[:size]] for array in train)
            predict = learn(X, y)
            errors[place] = error(y, predict(X)), error(dev[1], predict(dev[0]))
    train_errors, dev_errors = found.mean(axis=0).T.tolist()
    return LearningCurve(tuple(sizes), tuple(train_errors), tuple(dev_errors))
