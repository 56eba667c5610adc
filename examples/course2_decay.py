"""Course 2, week 2: learning-rate decay, every formula, and what it is good for.

Descent with noisy gradients never comes to rest: at a constant rate α it ends up wandering about
the optimum, on ½‖w − w*‖² with noise of variance 1 in n dimensions at E‖w − w*‖² = nα / (2 − α).
A rate that falls lets it come closer, here to less than a tenth of that.

    python -m tinygrad_tr.examples.course2_decay
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import optim
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved

Array = np.ndarray[Any, Any]
Make = Callable[[optim.Optimizer], Any]
ALPHA, N = 0.2, 10
EPOCHS, BATCHES, RUNS = 200, 20, 100

COURSE: dict[str, Make] = {
    "constant": lambda o: optim.ConstantLR(o, factor=1.0),
    "α₀ / (1 + epoch)": lambda o: optim.InverseTimeLR(o, decay=1),
    "0.95^epoch α₀": lambda o: optim.ExponentialLR(o, gamma=0.95),
    "α₀ / √(epoch + 1)": lambda o: optim.InverseSqrtLR(o, k=1),
    "staircase": lambda o: optim.StepLR(o, step_size=10, gamma=0.5),
    "by hand": lambda o: optim.ManualLR(o, {5: 0.15, 12: 0.05, 30: 0.01}),
}
ONCE: dict[str, Make] = {
    "linear": lambda o: optim.PolynomialLR(o, total_iters=40),
    "cosine": lambda o: optim.CosineAnnealingLR(o, T_max=40),
    "warm-up, then cosine": lambda o: optim.SequentialLR(
        o,
        [optim.LinearLR(o, start_factor=0.05, total_iters=5), optim.CosineAnnealingLR(o, T_max=35)],
        milestones=[5],
    ),
    "one cycle": lambda o: optim.OneCycleLR(o, ALPHA, total_steps=41, cycle_momentum=False),
}
AGAIN: dict[str, Make] = {
    "cosine with restarts": lambda o: optim.CosineAnnealingWarmRestarts(o, T_0=6, T_mult=2),
    "cyclic": lambda o: optim.CyclicLR(
        o, 0.02, ALPHA, step_size_up=5, mode="triangular2", cycle_momentum=False
    ),
}


def table(make: Make, epochs: int) -> list[float]:
    """The learning rate in each epoch from 0 on, with α₀ = 0.2."""
    schedule = make(optim.SGD([tt.Tensor(0.0, requires_grad=True)], lr=ALPHA))
    rates = []
    for _ in range(epochs):
        rates += schedule.get_last_lr()
        schedule.step()
    return rates


def distances(make: Make, epochs: int = EPOCHS, seed: int = 0) -> Array:
    """The mean of ‖w − w*‖² over many runs, after each epoch: (epochs,).

    w learns the mean w* of points x ~ N(w*, 1) from one point at a time: the gradient of
    ½‖w − x‖² is w − w* and a noise of variance 1. The runs are the rows of w, (RUNS, N).
    """
    rng = np.random.default_rng(seed)
    best = rng.standard_normal(N)
    w = tt.Tensor(np.zeros((RUNS, N)), requires_grad=True)
    descent = optim.SGD([w], lr=ALPHA)
    schedule = make(descent)
    found = []
    for _ in range(epochs):
        for _ in range(BATCHES):
            x = best + rng.standard_normal((RUNS, N))
            descent.minimize(lambda: ((w - x) ** 2).sum() / 2)  # noqa: B023  called at once
        found.append(np.square(w.numpy() - best).sum(axis=1).mean())
        schedule.step()
    return np.array(found)


def main(folder: Path = FOLDER, epochs: int = EPOCHS) -> Outcome:
    """The tables of the course, the curves of all schedules, and where the noise lets one end."""
    shown = (0, 1, 2, 3, 4, 10, 20)
    print("learning rate in epoch" + "".join(f"{epoch:10}" for epoch in shown))
    for name, make in COURSE.items():
        rates = table(make, shown[-1] + 1)
        print(f"  {name:20}" + "".join(f"{rates[epoch]:10.6f}" for epoch in shown))

    floor = N * ALPHA / (2 - ALPHA)
    wandering = {name: distances(COURSE[name], epochs) for name in list(COURSE)[:4]}
    ends = {name: float(found[-epochs // 10 :].mean()) for name, found in wandering.items()}
    print(f"\nE‖w − w*‖² at the end; at a constant rate {N}α / (2 − α) = {floor:.4f}")
    for name, end in ends.items():
        print(f"  {name:20}{end:.4f}")

    constant, *falling = ends.values()
    return Outcome(
        [
            Goal("constant / closed form", constant / floor, 0.85, 1.15),
            *(Goal(f"{name} / closed form", end / floor, at_most=0.1)
              for name, end in zip(list(ends)[1:], falling, strict=True)),
        ],
        [plot(wandering, floor, folder / "decay.png")],
    )  # fmt: skip


def plot(wandering: dict[str, Array], floor: float, file: Path) -> Path:
    """The course's schedules, those that came later, and how close the falling rates come."""
    figure, axes = canvas(columns=2, rows=2, size=(6, 4))
    for ax, schedules, title in (
        (axes[0, 0], COURSE, "The decays of the course"),
        (axes[1, 0], ONCE, "In use today: once down"),
        (axes[1, 1], AGAIN, "In use today: again and again"),
    ):
        for name, make in schedules.items():
            stairs = "steps-post" if schedules is COURSE else "default"
            ax.plot(table(make, 41), drawstyle=stairs, linewidth=1.8, label=name)
        ax.set(xlabel="epoch", ylabel="learning rate α", title=title, xlim=(0, 40), ylim=(0, 0.29))
    floors = axes[0, 1]
    for name, found in wandering.items():
        floors.semilogy(range(1, len(found) + 1), found, label=name, linewidth=1.5)
    floors.axhline(floor, color="black", linestyle="--", linewidth=1)
    floors.text(len(found), floor * 1.25, "nα / (2 − α)", ha="right")
    floors.set(xlabel="epoch", ylabel="E‖w − w*‖²", title="The noise floor, with and without decay",
               xlim=(0, len(found)), ylim=(4e-3, 20))  # fmt: skip
    for ax in axes.flat:
        ax.grid(alpha=0.25)
        ax.legend(ncols=2, fontsize=9, loc="upper right")
    return saved(figure, file)


if __name__ == "__main__":
    print(main())
