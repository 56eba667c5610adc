"""Course 2, week 1: signals and gradients that vanish or explode with the depth of a network.

Linear layers W = cI multiply by c once a layer, on the way forward and on the way back: after 100
layers 1.5 has become 10¹⁷ and 0.5 has become 10⁻³⁰. A picture shows both chains side by side.
In networks with activations it is the same, and bars of the gradient's norm layer by layer show
what decides. Sigmoids, nowhere steeper than 1/4, starve the first layers. With ReLU all layers
vanish or explode together, for each dW contains the weights of all the others; with He's variance
2/n they do neither.

    python -m tinygrad_tr.examples.course2_depth
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.examples.datasets import digits
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

Initial = Callable[[tt.Tensor], tt.Tensor]
LAYERS, UNITS, M = 10, 64, 200

NETWORKS: dict[str, tuple[type[nn.Module], Initial]] = {
    "sigmoid, variance 1/n": (nn.Sigmoid, nn.init.lecun_),
    "ReLU, deviation 0.01": (nn.ReLU, lambda W: nn.init.normal_(W, std=0.01)),
    "ReLU, deviation 1": (nn.ReLU, nn.init.normal_),
    "ReLU, variance 2/n (He)": (nn.ReLU, nn.init.he_),
}


def linear_network(c: float, layers: int, units: int = 2) -> nn.Sequential:
    """y = I (cI)^(layers − 1) x: linear layers without biases, all but the last W = cI."""
    network = nn.Sequential()
    for layer in range(1, layers + 1):
        linear = nn.Linear(units, units, bias=False, dtype=np.float64)
        linear.weight.assign((c if layer < layers else 1) * np.eye(units))
        network.append(linear)
    return network


def factors(c: float, layers: int) -> tuple[float, float]:
    """By how much the network multiplies its input, and by how much dJ/dy on the way to x."""
    x = tt.Tensor(np.ones((1, 2)), requires_grad=True)
    y = linear_network(c, layers)(x)
    (dx,) = tt.grad(y.sum(), x)
    return float(y.numpy()[0, 0]), float(dx.numpy()[0, 0])


def chain(c: float, name: str, layers: int = 6) -> tt.Tensor:
    """c · ... · c · 1, each factor a weight of its own, with names for the picture."""
    a = tt.Tensor(np.float64(1), requires_grad=True, name="x")
    for layer in range(1, layers + 1):
        w = tt.Tensor(np.float64(c), requires_grad=True, name=f"w{layer}")
        a = w * a
        a.name = f"a{layer}" if layer < layers else name
    return a


def gradient_sizes(activation: type[nn.Module], initial: Initial) -> list[float]:
    """‖dJ/dW‖ of each layer of a deep network that sees some digits for the first time."""
    tt.manual_seed(0)
    X, y = digits()
    model = nn.MLP([UNITS] * LAYERS + [10], activation=activation, dtype=np.float64)
    for parameter in model.parameters():
        initial(parameter) if parameter.ndim == 2 else nn.init.zeros_(parameter)
    z = (X[:M] - X[:M].mean()) / X[:M].std()
    F.cross_entropy(model(tt.Tensor(z, dtype=np.float64)), y[:M]).backward()
    norms = nn.utils.grad_norms(model)
    return [norm for name, norm in norms.items() if name.endswith("weight")]


def main(folder: Path = FOLDER) -> Outcome:
    """The table of the factors, the picture of two chains, and bars for four networks."""
    goals = []
    print("linear layers W = cI: y/x, and the same for dJ/dx : dJ/dy")
    print(f"{'layers':>8}{'c = 1.5':>13}{'c = 0.5':>13}")
    for layers in (10, 50, 100):
        row = f"{layers:8}"
        for c in (1.5, 0.5):
            exact = c ** (layers - 1)
            forward, backward = factors(c, layers)
            row += f"{forward:13.6g}"
            wrong = max(abs(forward / exact - 1), abs(backward / exact - 1))
            goals.append(Goal(f"{layers} layers, c = {c}: relative error", wrong, at_most=1e-12))
        print(row)

    figure, axes = canvas(columns=2, rows=2, size=(4.4, 2.8))
    print("\n‖dJ/dW‖ of the first layer and of the last")
    ends = []
    for (name, network), panel in zip(NETWORKS.items(), axes.flat, strict=True):
        sizes = gradient_sizes(*network)
        ends.append((sizes[0], sizes[-1]))
        print(f"  {name:24}{sizes[0]:9.1e}{sizes[-1]:9.1e}")
        panel.bar(range(1, LAYERS + 1), sizes)
        panel.set(title=name, xlabel="layer", ylabel="‖dJ/dW‖", yscale="log", ylim=(1e-13, 1e9),
                  xticks=range(1, LAYERS + 1))  # fmt: skip
        panel.axhline(1, color="black", linewidth=0.8, linestyle="--")
    sigmoid, small, large, he = ends
    picture = tt.draw([chain(0.5, "vanished"), chain(1.5, "exploded")], rankdir="TB")
    return Outcome(
        [
            *goals,
            Goal("sigmoid: first layer / last", sigmoid[0] / sigmoid[1], at_most=1e-4),
            Goal("ReLU, deviation 0.01: first layer", small[0], at_most=1e-9),
            Goal("ReLU, deviation 1: first layer", large[0], at_least=1e6),
            Goal("ReLU, He: first layer", he[0], 0.3, 30),
            Goal("ReLU, He: last layer", he[1], 0.3, 30),
        ],
        [
            saved(figure, folder / "depth-gradients.png"),
            picture.save(folder / "depth-chains.svg"),
            picture.save(folder / "depth-chains.png"),
        ],
    )


if __name__ == "__main__":
    print(main())
