"""Course 3: what to work on next, read from the gaps between errors.

Three times. On the noisy moons, where the Bayes error is known, the recipe is followed step by
step: a network that is too small has bias, a large one has variance instead, and an L2 penalty
takes that away. Then data that differ from those trained on: only a training-dev set tells that
it is mismatch and no variance. Last the way of an accuracy past that of a person, where it slows
down, since the Bayes error is close and the tactics that need people are at an end.

    python -m tinygrad_tr.examples.course3_diagnosis
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, project, train
from tinygrad_tr.examples.datasets import moons
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, regions, saved
from tinygrad_tr.nn import functional as F
from tinygrad_tr.project import Diagnosis

Array = np.ndarray[Any, Any]
Set = tuple[Array, Array]
NOISE, TRAIN, DEV, SEED = 0.35, 120, 4000, 0
EVERY = 5  # steps from one look at dev to the next

# ------------------------------------------------------------------ the recipe on the moons

STEPS: dict[str, dict[str, Any]] = {
    "2 hidden units": {"widths": [2]},
    "2 × 100 hidden units": {"widths": [100, 100]},
    "2 × 100 hidden units, λ = 1": {"widths": [100, 100], "lam": 1.0},
}


def moon_sets() -> tuple[Set, Set]:
    """120 points to train on and 4,000 for dev: X (m, 2) float32, y (m,)."""
    X, y = moons(TRAIN + DEV, noise=NOISE, seed=SEED)
    X = X.astype(np.float32)
    return (X[:TRAIN], y[:TRAIN]), (X[TRAIN:], y[TRAIN:])


def best_guess(X: Array) -> Array:
    """The class that is likelier at each point, by the density that the moons are drawn from."""
    t = np.linspace(0, np.pi, 200)
    upper = np.column_stack([np.cos(t), np.sin(t)])
    lower = np.column_stack([1 - np.cos(t), 0.5 - np.sin(t)])
    density = [
        np.exp(-np.square(X[:, None] - moon).sum(axis=2) / (2 * NOISE**2)).mean(axis=1)
        for moon in (upper, lower)
    ]
    return np.argmax(density, axis=0)


def fitted(known: Set, widths: list[int], lam: float = 0.0, steps: int = 1000) -> nn.Module:
    """A ReLU network with these hidden layers, by Adam on all points, with an L2 penalty."""
    X, y = known
    tt.manual_seed(SEED)
    model = nn.MLP([X.shape[1], *widths, 2])
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    x = tt.from_numpy(X)
    for _ in range(steps):
        optimizer.minimize(lambda: F.cross_entropy(model(x), y) + nn.l2_penalty(model, lam, len(X)))
    return model


def classes(model: nn.Module, X: Array) -> Array:
    return train.predict(model, X).argmax(axis=1)


def error(model: nn.Module, examples: Set) -> float:
    X, y = examples
    return metrics.weighted_error(y, classes(model, X))


def recipe_on_moons(known: Set, dev: Set, steps: int) -> dict[str, tuple[nn.Module, Diagnosis]]:
    """Each step of the recipe: the model and what its errors say."""
    bayes = metrics.weighted_error(dev[1], best_guess(dev[0]))
    found = {}
    for name, options in STEPS.items():
        model = fitted(known, **options, steps=steps)
        found[name] = (
            model,
            project.diagnose(
                human=bayes, train=error(model, known), dev=error(model, dev), tol=0.02
            ),
        )
    return found


# ------------------------------------------------------------------ data that differ


def shifted_sets(seed: int = SEED, m: int = 3000) -> tuple[Set, Set, Set]:
    """Train, training-dev, and a dev set of which 4 of 10 features are halved and noisier."""
    rng = np.random.default_rng(seed)
    w = rng.choice([-1.0, 1.0], 10)

    def drawn(m: int, shifted: bool = False) -> Set:
        X = rng.standard_normal((m, 10))
        y = (X @ w + X[:, 0] * X[:, 5] > 0).astype(int)
        if shifted:
            X[:, :4] = 0.5 * X[:, :4] + 0.7 * rng.standard_normal((m, 4))
        return X.astype(np.float32), y

    return drawn(m), drawn(1000), drawn(1000, shifted=True)


def mismatch(seed: int = SEED, epochs: int = 20) -> tuple[Diagnosis, Diagnosis]:
    """A network of 32 units, judged without and with the training-dev set."""
    known, held_back, dev = shifted_sets(seed)
    tt.manual_seed(seed)
    model = nn.MLP([10, 32, 2])
    train.fit(
        model,
        data.DataLoader(*known, batch_size=64, shuffle=True, seed=seed),
        F.cross_entropy,
        optim.Adam(model.named_parameters(), lr=5e-3),
        epochs=epochs,
        progress=False,
    )
    without = project.diagnose(
        train=error(model, known), dev=error(model, dev), mismatched=True, tol=0.02
    )
    return without, replace(without, train_dev=error(model, held_back))


# ------------------------------------------------------------------ past a person


def progress(dev: Set, looks: int = 200) -> tuple[list[float], float, float]:
    """The accuracy of a network that learns slowly, of a person with a ruler, and the best one."""
    X, y = moons(2000, noise=NOISE, seed=SEED + 1)
    x = tt.from_numpy(X.astype(np.float32))
    tt.manual_seed(SEED)
    model = nn.MLP([2, 32, 2])
    optimizer = optim.SGD(model.parameters(), lr=0.15)
    reached = [1 - error(model, dev)]
    for _ in range(looks):
        for _ in range(EVERY):
            optimizer.minimize(lambda: F.cross_entropy(model(x), y))
        reached.append(1 - error(model, dev))
    ruler = metrics.accuracy(dev[1], dev[0][:, 1] < 0.25)
    return reached, ruler, metrics.accuracy(dev[1], best_guess(dev[0]))


def main(folder: Path = FOLDER, steps: int = 1000) -> Outcome:
    """Print the diagnoses, and draw the regions, the gaps, and the way past a person."""
    known, dev = moon_sets()
    found = recipe_on_moons(known, dev, steps)
    for name, (_, diagnosis) in found.items():
        print(f"the moons, {name}\n{diagnosis}\n")
    without, divided = mismatch()
    print(f"data that differ, without a training-dev set\n{without}\n")
    print(f"data that differ, with a training-dev set\n{divided}\n")
    reached, ruler, best = progress(dev)
    print(f"a person with a ruler is right in {ruler:.1%}, the best classifier in {best:.1%}")
    for look, accuracy in enumerate(reached):
        if look in (0, len(reached) - 1):
            tactics = "; ".join(project.tactics(1 - accuracy, 1 - ruler)) or "people cannot help"
            print(f"  step {EVERY * look}, {accuracy:.1%} right: {tactics}")

    small, large, penalised = (diagnosis for _, diagnosis in found.values())
    return Outcome(
        [
            Goal("moons: bias with 2 units, and it is the focus",
                 small.avoidable_bias * (small.focus == "bias"), at_least=0.02),
            Goal("moons: train error with 2 × 100 units", large.train, at_most=0.03),
            Goal("moons: variance with 2 × 100 units, and it is the focus",
                 (large.variance or 0) * (large.focus == "variance"), at_least=0.1),
            Goal("moons: dev error, with λ = 1 / without", penalised.dev / large.dev, at_most=0.8),
            Goal("data that differ: variance", divided.variance or 0, at_most=0.04),
            Goal("data that differ: mismatch", divided.data_mismatch or 0, at_least=0.08),
            Goal("accuracy above the ruler's", reached[-1] - ruler, at_least=0.01),
            Goal("accuracy below the best", best - reached[-1], at_least=-0.005, at_most=0.03),
        ],
        [
            plot_recipe(known, found, folder / "diagnosis-recipe.png"),
            plot_gaps({**{name: d for name, (_, d) in found.items()}, "data that differ": divided},
                      folder / "diagnosis-gaps.png"),
            plot_progress(reached, ruler, best, folder / "diagnosis-human.png"),
        ],
    )  # fmt: skip


def plot_recipe(known: Set, found: dict[str, tuple[nn.Module, Diagnosis]], file: Path) -> Path:
    """What each network learnt, and what is to be worked on."""
    figure, axes = canvas(columns=len(found), size=(4.4, 4))
    for panel, (name, (model, diagnosis)) in zip(axes, found.items(), strict=True):
        title = f"{name}\ntrain {diagnosis.train:.1%}, dev {diagnosis.dev:.1%}: {diagnosis.focus}"
        regions(panel, partial(classes, model), *known, title)
    return saved(figure, file)


def plot_gaps(diagnoses: dict[str, Diagnosis], file: Path) -> Path:
    """The gaps of each system, as bars beside each other."""
    figure, axes = canvas(size=(8, 4))
    names = ["bias", "variance", "mismatch"]
    for place, name in enumerate(names):
        sizes = [diagnosis.gaps.get(name, 0.0) for diagnosis in diagnoses.values()]
        axes.bar(np.arange(len(sizes)) + 0.27 * (place - 1), sizes, width=0.25, label=name)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(diagnoses)), [name.replace(", ", ",\n") for name in diagnoses])
    axes.set(title="The gaps between the errors", ylabel="gap")
    axes.legend(loc="upper left")
    return saved(figure, file)


def plot_progress(reached: list[float], ruler: float, best: float, file: Path) -> Path:
    """The accuracy over time, beside a person and the best that is possible."""
    figure, axes = canvas(size=(6, 4))
    axes.plot(EVERY * np.arange(len(reached)), reached, label="network")
    axes.axhline(ruler, color="tab:green", linestyle="--", label="person with a ruler")
    axes.axhline(best, color="black", linestyle=":", label="best possible (Bayes)")
    axes.set(title="Fast up to a person, slow beyond", xlabel="step", ylabel="accuracy on dev",
             ylim=(0.48, 0.92))  # fmt: skip
    axes.legend(loc="lower right")
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
