"""Course 2, week 3: looking for hyperparameters, with Optuna.

Try values at random, not on a grid: of two parameters one usually matters more, and 25 random
trials test 25 values of it where a 5 × 5 grid tests 5. Draw each on the scale on which it acts:
the exponent of α, and the exponent of 1 − β. Then go from coarse to fine: a second search in a
narrower range around the best trial. Here that tunes momentum descent on the digits.

    python -m tinygrad_tr.examples.course2_tuning
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna

import tinygrad_tr as tt
from tinygrad_tr import data, nn, optim
from tinygrad_tr.examples.datasets import digits
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Range = tuple[float, float]
Objective = Callable[[optuna.Trial], float]
TRIALS, EPOCHS, SEED = 30, 5, 0
ALPHA: Range = (1e-4, 1.0)
BETA: Range = (0.9, 0.999)

# ------------------------------------------------------------------ searching


def search(objective: Objective, sampler: optuna.samplers.BaseSampler, trials: int) -> Any:
    """The study of so many trials, kept in memory; what the objective returns is maximised."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=trials)
    return study


def suggest_alpha(trial: optuna.Trial, between: Range = ALPHA) -> float:
    """α = 10^r with r uniform: as many trials from 0.0001 to 0.001 as from 0.1 to 1."""
    return trial.suggest_float("alpha", *between, log=True)


def suggest_beta(trial: optuna.Trial, between: Range = BETA) -> float:
    """β = 1 − 10^r with r uniform, for an average over 1/(1 − β) steps: 10 to 1000 of them."""
    low, high = between
    return 1 - trial.suggest_float("1 - beta", 1 - high, 1 - low, log=True)


def refined(best: float, between: Range, share: float = 0.3) -> Range:
    """A range around the best value, which has that share of the old one on a log scale."""
    low, high = np.log10(between)
    reach = share * (high - low) / 2
    centre = np.clip(np.log10(best), low + reach, high - reach)  # it stays inside the old range
    return min(10 ** float(centre - reach), best), max(10 ** float(centre + reach), best)


# ------------------------------------------------------------------ random or grid


def hill(peak: float) -> Objective:
    """A function of two parameters of which only x matters."""

    def objective(trial: optuna.Trial) -> float:
        x, _y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return -((x - peak) ** 2)

    return objective


def random_and_grid(peak: float, seed: int) -> tuple[Any, Any]:
    """25 random trials, and the 25 of a 5 × 5 grid."""
    ticks = np.linspace(0, 1, 5).tolist()
    grid = optuna.samplers.GridSampler({"x": ticks, "y": ticks}, seed=seed)
    by_chance = optuna.samplers.RandomSampler(seed=seed)
    return search(hill(peak), by_chance, 25), search(hill(peak), grid, 25)


def share_won_by_random(repetitions: int = 200) -> float:
    """How often the best random trial is better than the best of the grid, for random peaks."""
    peaks = np.random.default_rng(SEED).random(repetitions)
    studies = (random_and_grid(float(peak), seed) for seed, peak in enumerate(peaks))
    return float(np.mean([ours.best_value > grid.best_value for ours, grid in studies]))


# ------------------------------------------------------------------ a real search


@cache
def sets() -> Any:
    """The digits to train on and those to compare on, normalised."""
    (X, y), (X_dev, y_dev), _ = data.split(digits(), (0.6, 0.2, 0.2), seed=SEED)
    normalizer = data.Normalizer().fit(X)
    return (normalizer.transform(X), y), (normalizer.transform(X_dev), y_dev)


def dev_accuracy(alpha: float, beta: float, hidden: int, epochs: int = EPOCHS) -> float:
    """What a network with these hyperparameters reaches after a short training."""
    train, (X_dev, y_dev) = sets()
    tt.manual_seed(SEED)
    model = nn.MLP([64, hidden, 10])
    optimizer = optim.SGD(model.parameters(), lr=alpha, momentum=beta)
    batches = data.DataLoader(*train, batch_size=64, shuffle=True, seed=SEED)
    for _ in range(epochs):
        for x, y in batches:
            loss = F.cross_entropy(model(tt.from_numpy(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with tt.no_grad():
        z = model(tt.from_numpy(X_dev)).numpy()
    return float(np.mean(z.argmax(axis=1) == y_dev))


def tune(alphas: Range, betas: Range, trials: int, seed: int) -> Any:
    """Random search for α, β and the number of hidden units."""

    def objective(trial: optuna.Trial) -> float:
        hidden = trial.suggest_int("hidden", 20, 100)
        return dev_accuracy(suggest_alpha(trial, alphas), suggest_beta(trial, betas), hidden)

    return search(objective, optuna.samplers.RandomSampler(seed=seed), trials)


def main(folder: Path = FOLDER, trials: int = TRIALS) -> Outcome:
    """Random against grid, then coarse to fine on the digits."""
    won = share_won_by_random()
    random, grid = random_and_grid(0.61, SEED)
    distinct = [len({trial.params["x"] for trial in study.trials}) for study in (random, grid)]
    print(f"25 trials test {distinct[0]} values of x at random and {distinct[1]} on a grid;")
    print(f"the best random trial beats the best of the grid in {won:.0%} of 200 searches\n")

    coarse = tune(ALPHA, BETA, trials, seed=1)
    best = coarse.best_params
    alphas = refined(best["alpha"], ALPHA)
    low, high = refined(best["1 - beta"], (1 - BETA[1], 1 - BETA[0]))
    fine = tune(alphas, (1 - high, 1 - low), trials, seed=2)
    medians = {}
    print(f"{'search':8}{'alpha':>20}{'beta':>20}{'hidden':>8}{'best':>8}{'median':>8}")
    for name, study, a, b in (
        ("coarse", coarse, ALPHA, BETA), ("fine", fine, alphas, (1 - high, 1 - low)),
    ):  # fmt: skip
        medians[name] = float(np.median([trial.value for trial in study.trials]))
        print(f"{name:8}{a[0]:10.2g} … {a[1]:7.2g}{b[0]:10.4g} … {b[1]:7.4g}{'20…100':>8}"
              f"{study.best_value:8.1%}{medians[name]:8.1%}")  # fmt: skip
    chosen = fine.best_params
    print(f"chosen: α = {chosen['alpha']:.3g}, β = {1 - chosen['1 - beta']:.4g}, "
          f"{chosen['hidden']} hidden units")  # fmt: skip
    return Outcome(
        [
            Goal("searches that random trials win", won, at_least=0.7),
            Goal("values of x, at random", distinct[0], 25, 25),
            Goal("values of x, on the grid", distinct[1], 5, 5),
            Goal("dev accuracy of the fine search", fine.best_value, at_least=0.95),
            Goal("gained by the median trial", medians["fine"] - medians["coarse"], at_least=0.05),
        ],
        [
            plot_hill(random, grid, folder / "tuning-random-grid.png"),
            plot_trials(coarse, fine, alphas, (low, high), folder / "tuning-trials.png"),
        ],
    )


def plot_hill(random: Any, grid: Any, file: Path) -> Path:
    """The 25 trials of both searches, and above them what they learnt about x."""
    figure, axes = canvas(columns=2, size=(4.2, 4.2))
    for panel, study, title in zip(axes, (random, grid), ("random", "grid"), strict=True):
        x, y = ([trial.params[name] for trial in study.trials] for name in "xy")
        panel.plot(x, y, "o")
        panel.vlines(x, 1.1, 1.25, linewidth=0.8)
        panel.axvline(0.61, color="black", linewidth=0.8, linestyle="--", label="best x")
        panel.set(title=f"{title}: {len(set(x))} values of x", xlabel="x, which matters",
                  ylabel="y, which does not", ylim=(-0.35, 1.3))  # fmt: skip
        panel.legend(loc="lower right")
    return saved(figure, file)


def plot_trials(coarse: Any, fine: Any, alphas: Range, betas: Range, file: Path) -> Path:
    """Each trial as a point over α and 1 − β, coloured by its error on dev."""
    figure, axes = canvas(size=(6.6, 4.4))
    for study, marker, name in ((coarse, "o", "coarse"), (fine, "^", "fine")):
        x, y = ([trial.params[key] for trial in study.trials] for key in ("alpha", "1 - beta"))
        errors = [max(1 - trial.value, 0.01) for trial in study.trials]
        points = axes.scatter(x, y, c=errors, norm="log", vmin=0.02, vmax=1, cmap="viridis_r",
                              marker=marker, label=f"{name} search")  # fmt: skip
    (left, right), (low, high) = alphas, betas
    axes.plot([left, right, right, left, left], [low, low, high, high, low], "k--", linewidth=0.8,
              label="the narrower range")  # fmt: skip
    axes.set(title="From coarse to fine", xscale="log", yscale="log", xlabel="α", ylabel="1 − β",
             xlim=ALPHA, ylim=(0.9 * (1 - BETA[1]), 1.1 * (1 - BETA[0])))  # fmt: skip
    figure.legend(loc="outside lower center", ncols=3)
    bar = figure.colorbar(points, ax=axes, label="error on dev", ticks=(0.02, 0.05, 0.1, 0.5, 1))
    bar.ax.set_yticklabels(["2 %", "5 %", "10 %", "50 %", "100 %"])
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
