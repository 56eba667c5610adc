"""Course 2, week 3: the search for hyperparameters, with Optuna. Rows 2.23 and 2.24."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from tinygrad_tr.examples.course2_tuning import (
    random_and_grid,
    refined,
    search,
    share_won_by_random,
    suggest_alpha,
    suggest_beta,
)

DRAWS = 10_000


def drawn(suggest):
    """What the function suggests in many random trials."""
    found = []

    def objective(trial):
        found.append(suggest(trial))
        return 0.0

    search(objective, optuna.samplers.RandomSampler(seed=0), DRAWS)
    return np.array(found)


# ---------------------------------------------------------------------- random against grid


def test_25_random_trials_test_25_values_and_a_grid_5():
    random, grid = random_and_grid(0.37, seed=0)
    for name in "xy":
        assert len({trial.params[name] for trial in random.trials}) == 25
        assert len({trial.params[name] for trial in grid.trials}) == 5
    assert len(grid.trials) == 25


def test_where_one_parameter_matters_random_beats_the_grid():
    assert share_won_by_random(200) >= 0.7


# ---------------------------------------------------------------------- coarse to fine


@pytest.mark.parametrize("between", [(1e-4, 1.0), (10, 1000), (0.001, 0.1)])
@pytest.mark.parametrize("place", [0, 0.05, 0.5, 0.97, 1])
def test_refining_keeps_the_best_value_in_a_narrower_range(between, place):
    low, high = between
    best = low ** (1 - place) * high**place
    new_low, new_high = refined(best, between)
    assert low * (1 - 1e-12) <= new_low <= best <= new_high <= high * (1 + 1e-12)
    assert np.log10(new_high / new_low) == pytest.approx(0.3 * np.log10(high / low))


def test_the_numbers_of_the_lecture_100_of_10_to_1000():
    low, high = refined(100, (10, 1000))
    assert 10 < low < 80
    assert 120 < high < 1000


# ---------------------------------------------------------------------- scales


def test_each_decade_of_alpha_is_drawn_alike():
    alphas = drawn(suggest_alpha)
    assert alphas.min() >= 1e-4
    assert alphas.max() <= 1
    shares, _ = np.histogram(np.log10(alphas), bins=[-4, -3, -2, -1, 0])
    np.testing.assert_allclose(shares / DRAWS, 0.25, atol=0.01)


def test_a_linear_scale_spends_nine_tenths_above_a_tenth():
    closed = (1 - 0.1) / (1 - 0.0001)
    assert closed == pytest.approx(0.90009, abs=1e-5)
    alphas = drawn(lambda trial: trial.suggest_float("alpha", 1e-4, 1))
    assert np.mean(alphas > 0.1) == pytest.approx(closed, abs=0.01)


def test_half_of_the_betas_lie_below_0_99():
    betas = drawn(suggest_beta)
    assert betas.min() >= 0.9 - 1e-12
    assert betas.max() <= 0.999 + 1e-12
    assert np.mean(betas < 0.99) == pytest.approx(0.5, abs=0.01)


def test_near_1_a_small_change_of_beta_doubles_what_is_averaged():
    averaged = 1 / (1 - np.array([0.9, 0.9005, 0.999, 0.9995]))
    np.testing.assert_allclose(averaged, [10, 10.0502512563, 1000, 2000], rtol=1e-10)
