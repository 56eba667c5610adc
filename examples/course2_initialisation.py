"""Course 2, week 1: how large the first weights should be.

The activations of 50 layers of 256 units, layer by layer, for ReLU and tanh and four standard
deviations of the weights: 0.01 makes the signal vanish, 1 makes it explode or saturate, √(1/n)
(LeCun; the lecture calls it Xavier) suits tanh, √(2/n) (He) suits ReLU. Then a network of 20
layers learns the digits from He's start, and nothing at all from 0.01.

    python -m tinygrad_tr.examples.course2_initialisation
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.examples.datasets import digits
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, curves, saved
from tinygrad_tr.nn import functional as F

Initial = Callable[[tt.Tensor], tt.Tensor]
LAYERS, UNITS, M = 50, 256, 64
STEPS = 60

INITIALS: dict[str, Initial] = {
    "0.01": lambda W: nn.init.normal_(W, std=0.01),
    "√(1/n)": nn.init.lecun_,
    "√(2/n)": nn.init.he_,
    "1": nn.init.normal_,
}
ACTIVATIONS = {"ReLU": F.relu, "tanh": F.tanh}


def deviations(activation: Callable[[tt.Tensor], tt.Tensor], initial: Initial) -> list[float]:
    """The standard deviation of the activations after each layer, for normal inputs."""
    rng = tt.manual_seed(0)
    a = tt.Tensor(rng.standard_normal((M, UNITS)))
    W = tt.zeros(UNITS, UNITS, dtype=np.float64)
    found = []
    for _ in range(LAYERS):
        a = activation(F.linear(a, initial(W)))
        found.append(float(np.std(a.numpy())))
    return found


def losses(initial: Initial, steps: int) -> list[float]:
    """Learn the digits with 20 layers of ReLU, their first weights as given."""
    tt.manual_seed(0)
    X, y = digits()
    model = nn.MLP([64, *[50] * 19, 10])
    for parameter in model.parameters():
        initial(parameter) if parameter.ndim == 2 else nn.init.zeros_(parameter)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x = tt.from_numpy((X - X.mean()) / X.std())
    return [optimizer.minimize(lambda: F.cross_entropy(model(x), y)).item() for _ in range(steps)]


def main(folder: Path = FOLDER, steps: int = STEPS) -> Outcome:
    """The table of the deviations, their curves, and two trainings."""
    figure, axes = canvas(columns=3, size=(4.6, 3.8))
    last = {}
    print(f"deviation of the activations after {LAYERS} layers of {UNITS} units")
    print(f"{'':6}" + "".join(f"{name:>12}" for name in INITIALS))
    for (name, activation), panel in zip(ACTIVATIONS.items(), axes, strict=False):
        found = {label: deviations(activation, initial) for label, initial in INITIALS.items()}
        last[name] = {label: values[-1] for label, values in found.items()}
        print(f"{name:6}" + "".join(f"{value:12.1e}" for value in last[name].values()))
        curves(panel, found, title=f"{name}: what is left of the signal", xlabel="layer",
               ylabel="deviation of the activations", yscale="log")  # fmt: skip

    learning = {
        f"deviation {label}": losses(INITIALS[label], steps) for label in ("0.01", "√(2/n)")
    }
    small, he = learning.values()
    curves(axes[2], learning, title="20 layers of ReLU learn the digits", xlabel="step",
           ylabel="cross-entropy")  # fmt: skip
    print(f"\n20 layers of ReLU after {steps} steps: loss {small[-1]:.3f} from 0.01", end="")
    print(f", {he[-1]:.3f} from √(2/n); guessing has ln 10 = {np.log(10):.3f}")
    return Outcome(
        [
            Goal("ReLU, 0.01", last["ReLU"]["0.01"], at_most=1e-40),
            Goal("ReLU, √(1/n)", last["ReLU"]["√(1/n)"], 1e-9, 1e-7),
            Goal("ReLU, √(2/n)", last["ReLU"]["√(2/n)"], 0.1, 10),
            Goal("ReLU, 1", last["ReLU"]["1"], at_least=1e50),
            Goal("tanh, √(1/n)", last["tanh"]["√(1/n)"], 0.05, 0.3),
            Goal("tanh, 1: saturated", last["tanh"]["1"], at_least=0.9),
            Goal("digits, 0.01: loss", small[-1], at_least=2.2),
            Goal("digits, √(2/n): loss", he[-1], at_most=0.3),
        ],
        [saved(figure, folder / "initialisation.png")],
    )


if __name__ == "__main__":
    print(main())
