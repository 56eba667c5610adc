"""Course 3, week 1: many ideas, one diary, one number to choose by.

A system that reads digits is nearly 90 % right, and there are a dozen things to try. Each of
them is a switch; tried one at a time, every training goes into a diary with its hyperparameters,
its seed and its metrics. Chosen is the model with the lowest dev error among those that are cheap
enough: the error is to be optimized, the multiply-adds for a digit only have to stay below a limit.

    python -m tinygrad_tr.examples.course3_strategy                         # each idea alone
    python -m tinygrad_tr.examples.course3_strategy --adam --more-data      # these two together
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import data, metrics, nn, optim, project, train
from tinygrad_tr.examples.datasets import digits
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F
from tinygrad_tr.project import HParams

Array = np.ndarray[Any, Any]
SEED, LIMIT = 0, 3.0  # how many times what it costs the first system a digit may cost

COST = "multiply-adds"

START = HParams(
    examples=300, shifted=False, epochs=15, optimizer="SGD", lr=0.1,
    hidden=(32,), activation="ReLU", dropout=0.0, l2=0.0,
)  # fmt: skip

IDEAS: dict[str, dict[str, Any]] = {
    "more-data": {"examples": 900},
    "diverse-data": {"shifted": True},
    "longer": {"epochs": 40},
    "adam": {"optimizer": "Adam", "lr": 0.005},
    "bigger": {"hidden": (512, 512)},
    "smaller": {"hidden": (8,)},
    "dropout": {"dropout": 0.2},
    "l2": {"l2": 1.0},
    "tanh": {"activation": "Tanh"},
    "more-units": {"hidden": (64,)},
}


class Sets(NamedTuple):
    """(X, y) of all examples to train on, of dev, and of test."""

    train: tuple[Array, Array]
    dev: tuple[Array, Array]
    test: tuple[Array, Array]


def sets() -> Sets:
    return Sets(*data.split(digits(), (0.5, 0.25, 0.25), seed=SEED))


def fitted(hparams: HParams, known: tuple[Array, Array], seed: int) -> nn.Module:
    """The model that the hyperparameters and the seed give."""
    generator = tt.manual_seed(seed)
    X, y = (array[: hparams.examples] for array in known)
    shift = data.RandomCrop(8, padding=1)
    layers: list[nn.Module] = []
    for n, m in zip((64, *hparams.hidden), hparams.hidden, strict=False):
        layers += [nn.Linear(n, m), getattr(nn, hparams.activation)(), nn.Dropout(hparams.dropout)]
    model = nn.Sequential(*layers, nn.Linear(hparams.hidden[-1], 10))
    optimizer = getattr(optim, hparams.optimizer)(model.parameters(), lr=hparams.lr)
    loader = data.DataLoader(X, y, batch_size=32, shuffle=True, generator=generator)
    for _ in range(hparams.epochs):
        for x, labels in loader:
            if hparams.shifted:
                x = shift(x.reshape(-1, 1, 8, 8)).reshape(-1, 64)
            J = F.cross_entropy(model(tt.from_numpy(x)), labels)
            if hparams.l2:
                J = J + nn.l2_penalty(model, hparams.l2, len(X))
            optimizer.zero_grad()
            J.backward()
            optimizer.step()
    return model.eval()


def measured(model: nn.Module, hparams: HParams, known: Sets) -> dict[str, float]:
    """The errors, and the multiply-adds that a digit costs."""
    seen = tuple(array[: hparams.examples] for array in known.train)
    found = {
        f"{name} error": metrics.weighted_error(y, train.predict(model, X).argmax(axis=1))
        for name, (X, y) in (("train", seen), ("dev", known.dev))
    }
    return {**found, COST: nn.summary(model, known.dev[0][:1]).total_multiply_adds}


def together(ideas: Sequence[str]) -> dict[str, Any]:
    """The changes of several ideas, of which no two may change the same."""
    changes = [item for name in ideas for item in IDEAS[name].items()]
    if len(dict(changes)) < len(changes):
        raise SystemExit(f"{', '.join(ideas)}: two of these change the same hyperparameter")
    return dict(changes)


def main(folder: Path = FOLDER, ideas: Sequence[str] = ()) -> Outcome:
    """Try the first system and each idea, or with `ideas` these together; choose, and draw."""
    changes = {name.replace("-", " "): IDEAS[name] for name in IDEAS}
    if ideas:
        changes = {"these ideas": together(ideas)}
    known = sets()
    file = folder / "experiments.jsonl"
    file.unlink(missing_ok=True)
    diary = project.Experiments(file)
    models, results = {}, {}
    for name, change in {"first system": {}, **changes}.items():
        hparams = START.replace(**change)
        models[name] = fitted(hparams, known.train, SEED)
        results[name] = measured(models[name], hparams, known)
        diary.add(hparams, SEED, {**results[name]})
    first = results["first system"]
    print(project.diagnose(train=first["train error"], dev=first["dev error"], tol=0.02), "\n")
    print(diary.table("dev error"))

    again = project.Experiments(file)
    limit = LIMIT * first[COST]
    chosen = project.select(
        results, optimize="dev error", mode="min", subject_to={COST: ("<=", limit)}
    )
    X, y = known.test
    test = metrics.weighted_error(y, train.predict(models[chosen], X).argmax(axis=1))
    print(f"\nchosen, within {limit:,.0f} {COST}: {chosen}, dev error "
          f"{results[chosen]['dev error']:.1%}, test error {test:.1%}")  # fmt: skip
    goals = [
        Goal("experiments that reload identically",
             sum(ours == theirs for ours, theirs in zip(diary, again, strict=True)),
             at_least=len(results)),
    ]  # fmt: skip
    if not ideas:
        gained = first["dev error"] - results[chosen]["dev error"]
        goals.append(Goal("dev error gained by the chosen idea", gained, at_least=0.02))
    return Outcome(goals, [file, plot(results, chosen, limit, folder / "strategy.png")])


def plot(results: dict[str, dict[str, float]], chosen: str, limit: float, file: Path) -> Path:
    """The errors of every idea, and each idea by what it optimizes and what has to suffice."""
    figure, (left, right) = canvas(columns=2, size=(5.4, 4.4))
    names = sorted(results, key=lambda name: results[name]["dev error"], reverse=True)
    for name, shift in (("train error", 0.2), ("dev error", -0.2)):
        values = [results[idea][name] for idea in names]
        left.barh(np.arange(len(names)) + shift, values, height=0.38, label=name)
    left.set_yticks(range(len(names)), names)
    left.set(title="One idea at a time", xlabel="error")
    left.legend()
    dearest = max(found[COST] for found in results.values())
    right.axvspan(limit, 2 * dearest, color="grey", alpha=0.2, label="too expensive")
    for name, found in results.items():
        mark = "r*" if name == chosen else "b."
        right.plot(found[COST], found["dev error"], mark, markersize=12, zorder=3)
        if name in (chosen, "first system", "bigger", "smaller"):
            right.annotate(name, (found[COST], found["dev error"]), (7, 4),
                           textcoords="offset points")  # fmt: skip
    right.set(title=f"Chosen: {chosen}", xlabel=f"{COST} for a digit", ylabel="dev error",
              xscale="log", xlim=(200, 2 * dearest), ylim=(0, None))  # fmt: skip
    right.legend()
    return saved(figure, file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for idea, change in IDEAS.items():
        parser.add_argument(
            f"--{idea}", action="append_const", dest="ideas", const=idea, help=str(change)
        )
    print(main(ideas=parser.parse_args().ideas or ()))
