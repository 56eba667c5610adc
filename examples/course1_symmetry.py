"""Course 1, week 3: equal weights stay equal for ever, and too large ones learn nothing.

From equal weights all hidden units compute the same and get the same gradient, so after 1000
steps they are still one and the same unit, to the last bit; from all zeros nothing moves at all.
Small random numbers break the tie. Large ones break it too, but stand on the flat ends of tanh.

    python -m tinygrad_tr.examples.course1_symmetry
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.course1_flower import UNITS, classify, descend
from tinygrad_tr.examples.datasets import flower
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, regions, saved

Array = np.ndarray[Any, Any]
rng = np.random.default_rng

# How the weights start; the biases start at 0.
STARTS: dict[str, Callable[[tuple[int, ...]], Array]] = {
    "zeros": np.zeros,
    "all 0.3": lambda shape: np.full(shape, 0.3),
    "randn · 0.01": lambda shape: 0.01 * rng(0).standard_normal(shape),
    "randn · 10": lambda shape: 10 * rng(0).standard_normal(shape),
}


def network(start: Callable[[tuple[int, ...]], Array]) -> nn.MLP:
    """2 -> 4 tanh -> 1 with the weights that `start` makes of their shapes."""
    model = nn.MLP([2, UNITS, 1], nn.Tanh, dtype=np.float64)
    for parameter in model.parameters():
        is_weight = parameter.ndim == 2
        parameter.assign(start(parameter.shape) if is_weight else np.zeros(parameter.shape))
    return model


def mean_slope(model: nn.MLP, X: Array) -> float:
    """The mean of tanh'(z) = 1 − a² over all hidden units and examples."""
    with tt.no_grad():
        a = np.tanh(model.layers[0](tt.from_numpy(X)))
    return float(np.mean(1 - a.numpy() ** 2))


def spread(model: nn.MLP) -> float:
    """How far the hidden units are apart: 0 if all rows of W1 are equal."""
    W1 = model.layers[0].weight.numpy()
    return float(np.abs(W1 - W1[0]).max())


def main(folder: Path = FOLDER, steps: int = 1000) -> Outcome:
    """Train from each start, and print and draw what became of it."""
    X, y = flower()
    figure, axes = canvas(columns=len(STARTS), size=(3.6, 3.6))
    print(f"{'weights':14}{'slope of tanh':>15}{'spread of W1':>15}{'accuracy':>11}")
    slopes, spreads, accuracies = {}, {}, {}
    for place, (name, start) in zip(axes, STARTS.items(), strict=True):
        model = network(start)
        slopes[name] = mean_slope(model, X)
        descend(model, X, y, steps)
        spreads[name] = spread(model)
        accuracies[name] = float(np.mean(classify(model, X) == y))
        print(f"{name:14}{slopes[name]:15.4f}{spreads[name]:15.4g}{accuracies[name]:11.1%}")
        title = f"{name}: {accuracies[name]:.1%}"
        regions(place, partial(classify, model), X, y, title)
    return Outcome(
        [
            Goal("spread of W1 from zeros", spreads["zeros"], 0, 0),
            Goal("spread of W1 from all 0.3", spreads["all 0.3"], 0, 0),
            Goal("spread of W1 from randn · 0.01", spreads["randn · 0.01"], at_least=0.1),
            Goal("accuracy from zeros", accuracies["zeros"], 0.5, 0.5),
            Goal("accuracy from all 0.3", accuracies["all 0.3"], at_most=0.75),
            Goal("accuracy from randn · 0.01", accuracies["randn · 0.01"], at_least=0.85),
            Goal("slope of tanh at first, randn · 0.01", slopes["randn · 0.01"], at_least=0.99),
            Goal("slope of tanh at first, randn · 10", slopes["randn · 10"], at_most=0.2),
        ],
        [saved(figure, folder / "symmetry-regions.png")],
    )


if __name__ == "__main__":
    print(main())
