"""Course 1, week 1: why a network of ReLUs learns faster than one of sigmoids.

A sigmoid is flat at both ends and nowhere steeper than 1/4; ReLU has the slope 1 at every positive
input. Hooks on the layers of two networks of 10 layers watch where the units stand: the larger
the weights, the more sigmoids on their flat ends, while of the ReLUs one half passes everything
at any scale. And even with good weights every layer of sigmoids makes the gradient smaller.

    python -m tinygrad_tr.examples.course1_saturation
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Array = np.ndarray[Any, Any]
LAYERS, UNITS, M = 10, 100, 200
FLAT = 0.01  # a unit of a smaller slope is saturated
SCALES = (1, 3, 10, 30)  # of the weights; the last is drawn

# The layer, its slope g'(z) from the output a, and the largest slope there is.
ACTIVATIONS: dict[str, tuple[type[nn.Module], Callable[[Array], Array], float]] = {
    "sigmoid": (nn.Sigmoid, lambda a: a * (1 - a), 0.25),
    "relu": (nn.ReLU, lambda a: np.where(a > 0, 1.0, 0.0), 1.0),
}


def network(activation: type[nn.Module], scale: float) -> nn.Sequential:
    """10 layers of 100 units and one output; weights normal with variance scale²/n_in."""
    rng = np.random.default_rng(0)
    modules: list[nn.Module] = []
    for _ in range(LAYERS):
        linear = nn.Linear(UNITS, UNITS, bias=False, dtype=np.float64)
        nn.init.normal_(linear.weight, 0, scale / np.sqrt(UNITS), generator=rng)
        modules += [linear, activation()]
    return nn.Sequential(*modules, nn.Linear(UNITS, 1, generator=rng, dtype=np.float64))


def slopes_of(name: str, scale: float, x: Array) -> Array:
    """The slopes of all units of a network for all examples, read by hooks on its layers."""
    activation, slope, _ = ACTIVATIONS[name]
    model = network(activation, scale)
    found: list[Array] = []
    for module in model:
        if isinstance(module, activation):
            module.register_forward_hook(lambda _, __, a: found.append(slope(a.numpy()).ravel()))
    with tt.no_grad():
        model(tt.from_numpy(x))
    return np.concatenate(found)


def main(folder: Path = FOLDER) -> Outcome:
    """Slopes at two points, a histogram of the units' slopes, and the gradient layer by layer."""
    at_10 = {}
    for name in ACTIVATIONS:
        z = tt.Tensor(np.array(10.0), requires_grad=True)
        (slope,) = tt.grad(getattr(F, name)(z), z)
        at_10[name] = slope.item()
    print(f"slope at z = 10: sigmoid {at_10['sigmoid']:.6e}, ReLU {at_10['relu']:g}")
    print(f"through 10 layers at most: sigmoid 0.25¹⁰ = {0.25**10:.3e}, ReLU 1")

    x = np.random.default_rng(1).standard_normal((M, UNITS))
    y = (x[:, :1] > 0) * 1.0
    print(f"\nsaturated units, of a slope below {FLAT}, and the gradient on its way back")
    print("weights of scale " + "".join(f"{scale:7}" for scale in SCALES) + "   layer 1 / layer 10")
    figure, axes = canvas(columns=2, size=(5.5, 4))
    flat, fading = {}, {}
    for name, (activation, _, steepest) in ACTIVATIONS.items():
        slopes = [slopes_of(name, scale, x) for scale in SCALES]
        flat[name] = [float(np.mean(s < FLAT)) for s in slopes]
        axes[0].hist(slopes[-1] / steepest, bins=25, range=(0, 1), alpha=0.55, label=name,
                     weights=np.full(slopes[-1].size, 100 / slopes[-1].size))  # fmt: skip
        model = network(activation, np.sqrt(2))
        weights = [m.weight for m in model if isinstance(m, nn.Linear)][:-1]
        J = F.binary_cross_entropy_with_logits(model(tt.from_numpy(x)), y)
        sizes = [float(np.linalg.norm(g.numpy())) for g in tt.grad(J, weights)]
        fading[name] = sizes[0] / sizes[-1]
        axes[1].semilogy(range(1, LAYERS + 1), sizes, "o-", label=name)
        shares = "".join(f"{share:7.0%}" for share in flat[name])
        print(f"{name:17}{shares}{fading[name]:21.1e}")
    axes[0].set(xlabel="slope of a unit / largest slope there is", ylabel="% of all units",
                title=f"Weights of scale {SCALES[-1]}: where the units stand")  # fmt: skip
    axes[1].set(xlabel="layer", ylabel="‖dJ/dW‖", title="Good weights: the gradient going back",
                xticks=range(1, LAYERS + 1))  # fmt: skip
    axes[0].legend()
    axes[1].legend()
    return Outcome(
        [
            Goal("sigmoid'(10)", at_10["sigmoid"], 4.53957e-5, 4.53959e-5),
            Goal("relu'(10)", at_10["relu"], 1, 1),
            Goal("saturated sigmoids, small weights", flat["sigmoid"][0], at_most=0.01),
            Goal("saturated sigmoids, large weights", flat["sigmoid"][-1], at_least=0.7),
            Goal("ReLUs that pass nothing, large weights", flat["relu"][-1], 0.4, 0.6),
            Goal("sigmoid: gradient of layer 1 / layer 10", fading["sigmoid"], at_most=1e-3),
            Goal("ReLU: gradient of layer 1 / layer 10", fading["relu"], at_least=0.1),
        ],
        [saved(figure, folder / "saturation.png")],
    )


if __name__ == "__main__":
    print(main())
