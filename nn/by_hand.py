"""The equations of course 1 as the lecture writes them: plain NumPy, and no autograd.

Examples are columns: X (n_x, m), Y (1, m); in a layer W (n, n_prev), b (n, 1), Z and A (n, m).
`nn.Linear` has examples in rows, (m, n): its weight is this W, its bias this b with one axis.

dA and dZ are derivatives of each example's own loss; 1/m appears in dW and db. Autograd on the
cost J, the mean of the losses, finds the same dW and db, but dA/m and dZ/m.

At 0, where relu and leaky_relu have no derivative, the lecture takes the slope 1. Here, as
everywhere in the library and in PyTorch, it is 0 and 0.01.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.creation import generator_or_default
from tinygrad_tr.errors import ArgumentError, ShapeError
from tinygrad_tr.rules.activations import logistic as sigmoid

from .linear import Linear
from .module import Module

__all__ = [
    "ACTIVATIONS", "Activation", "Cache", "cost", "cost_backward", "initialize", "layer_backward",
    "layer_forward", "logistic_loop", "logistic_vectorised", "loss", "model_backward",
    "model_forward", "parameters_of", "two_layer_backward", "two_layer_forward", "update",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Pairs = list[tuple[Array, Array]]  # (W, b) or (dW, db) of each layer

# ------------------------------------------------------------------ week 2: the cost


def loss(a: Any, y: Any) -> Any:
    """L(ŷ, y) = −(y log ŷ + (1 − y) log(1 − ŷ)) of each example, at ŷ = a."""
    require_probabilities("loss", a, y)
    return -(y * np.log(a) + (1 - y) * np.log(1 - a))


def cost(A: Array, Y: Array) -> float:
    """J = (1/m) Σ L(A, Y): (1, m), (1, m) -> a number."""
    require_shapes("cost", "A (1, m), Y (1, m)", A, Y)
    m = Y.shape[1]
    return float(np.sum(loss(A, Y)) / m)


def cost_backward(A: Array, Y: Array) -> Array:
    """dA[L] = −Y/A + (1 − Y)/(1 − A), where the way back begins: (1, m), (1, m) -> (1, m)."""
    require_shapes("cost_backward", "A (1, m), Y (1, m)", A, Y)
    require_probabilities("cost_backward", A, Y)
    return -Y / A + (1 - Y) / (1 - A)


# ------------------------------------------------------------------ week 2: logistic regression


def logistic_loop(w: Array, b: float, X: Array, Y: Array) -> tuple[float, Array, float]:
    """J, dw and db by loops over examples and features: w (n_x, 1), X (n_x, m), Y (1, m)."""
    require_shapes("logistic_loop", "w (n_x, 1), X (n_x, m), Y (1, m)", w, X, Y)
    n_x, m = X.shape
    J, dw, db = 0.0, np.zeros((n_x, 1)), 0.0
    for i in range(m):
        z = b
        for j in range(n_x):
            z += w[j, 0] * X[j, i]
        a = sigmoid(z)
        J += loss(a, Y[0, i])
        dz = a - Y[0, i]
        for j in range(n_x):
            dw[j, 0] += X[j, i] * dz
        db += dz
    return float(J / m), dw / m, float(db / m)


def logistic_vectorised(w: Array, b: float, X: Array, Y: Array) -> tuple[float, Array, float]:
    """J, dw and db without a loop: w (n_x, 1), X (n_x, m), Y (1, m)."""
    require_shapes("logistic_vectorised", "w (n_x, 1), X (n_x, m), Y (1, m)", w, X, Y)
    m = X.shape[1]
    Z = w.T @ X + b
    A = sigmoid(Z)
    dZ = A - Y
    dw = (1 / m) * X @ dZ.T
    db = (1 / m) * np.sum(dZ)
    return cost(A, Y), dw, float(db)


# ------------------------------------------------------------------ week 3: one hidden layer


def two_layer_forward(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, Array]:
    """A1 = tanh(W1 X + b1) and A2 = σ(W2 A1 + b2): (n_x, m) -> (n_1, m), (1, m)."""
    require_shapes(
        "two_layer_forward", "X (n_x, m), W1 (n_1, n_x), b1 (n_1, 1), W2 (1, n_1), b2 (1, 1)",
        X, W1, b1, W2, b2,
    )  # fmt: skip
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = sigmoid(Z2)
    return A1, A2


def two_layer_backward(
    X: Array, Y: Array, A1: Array, A2: Array, W2: Array
) -> tuple[Array, Array, Array, Array]:
    """The six equations: dW1, db1, dW2 and db2 of the cost, with tanh'(Z1) = 1 − A1²."""
    require_shapes(
        "two_layer_backward", "X (n_x, m), Y (1, m), A1 (n_1, m), A2 (1, m), W2 (1, n_1)",
        X, Y, A1, A2, W2,
    )  # fmt: skip
    m = X.shape[1]
    dZ2 = A2 - Y
    dW2 = (1 / m) * dZ2 @ A1.T
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = (W2.T @ dZ2) * (1 - A1**2)
    dW1 = (1 / m) * dZ1 @ X.T
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    return dW1, db1, dW2, db2


# ------------------------------------------------------------------ week 4: L layers


class Activation(NamedTuple):
    """A function g and its derivative g', both elementwise."""

    g: Callable[[Array], Array]
    slope: Callable[[Array], Array]


ACTIVATIONS = {
    "linear": Activation(lambda Z: Z, np.ones_like),
    "sigmoid": Activation(sigmoid, lambda Z: sigmoid(Z) * (1 - sigmoid(Z))),
    "tanh": Activation(np.tanh, lambda Z: 1 - np.tanh(Z) ** 2),
    "relu": Activation(lambda Z: np.maximum(0, Z), lambda Z: (Z > 0).astype(Z.dtype)),
    "leaky_relu": Activation(
        lambda Z: np.maximum(0.01 * Z, Z), lambda Z: np.where(Z > 0, 1.0, 0.01).astype(Z.dtype)
    ),
}


class Cache(NamedTuple):
    """What the forward function of a layer leaves for its backward function."""

    A_prev: Array
    W: Array
    b: Array
    Z: Array
    activation: str


def layer_forward(
    A_prev: Array, W: Array, b: Array, activation: str = "relu"
) -> tuple[Array, Cache]:
    """A[l] = g(W[l] A[l−1] + b[l]): (n_prev, m), (n, n_prev), (n, 1) -> (n, m), and the cache."""
    require_shapes("layer_forward", "A_prev (n_prev, m), W (n, n_prev), b (n, 1)", A_prev, W, b)
    Z = W @ A_prev + b
    A = activation_named(activation).g(Z)
    return A, Cache(A_prev, W, b, Z, activation)


def layer_backward(dA: Array, cache: Cache) -> tuple[Array, Array, Array]:
    """dA[l] (n, m) and the cache -> dA[l−1] (n_prev, m), dW[l] (n, n_prev) and db[l] (n, 1).

    With m = 1 these are the equations of a single example: dw = dz aᵀ and db = dz.
    """
    A_prev, W, _b, Z, activation = cache
    require_shapes("layer_backward", "Z (n, m), dA (n, m)", Z, dA)
    m = Z.shape[1]
    dZ = dA * activation_named(activation).slope(Z)
    dW = (1 / m) * dZ @ A_prev.T
    db = (1 / m) * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = W.T @ dZ
    return dA_prev, dW, db


def model_forward(
    X: Array, parameters: Pairs, activation: str = "relu", output: str = "sigmoid"
) -> tuple[Array, list[Cache]]:
    """The boxes in a chain, from A[0] = X to ŷ = A[L] (n_L, m), and the cache of each."""
    A, caches = X, []
    activations = [activation] * (len(parameters) - 1) + [output]
    for (W, b), g in zip(parameters, activations, strict=True):
        A, cache = layer_forward(A, W, b, g)
        caches.append(cache)
    return A, caches


def model_backward(A: Array, Y: Array, caches: list[Cache]) -> Pairs:
    """(dW[l], db[l]) of the cost for every layer, the first layer first: A is A[L], (1, m)."""
    gradients: Pairs = []
    dA = cost_backward(A, Y)
    for cache in reversed(caches):
        dA, dW, db = layer_backward(dA, cache)  # of the last dA, dA[0], nobody has need
        gradients.append((dW, db))
    return gradients[::-1]


def initialize(
    layer_sizes: Sequence[int],
    scale: float = 0.01,
    generator: np.random.Generator | None = None,
) -> Pairs:
    """W[l] = randn(n[l], n[l−1]) · scale and b[l] = 0, for layers of n[0], n[1], ..., n[L] units.

    Zero weights would keep all units of a layer equal for ever; zero biases do no harm.
    """
    if len(layer_sizes) < 2 or min(layer_sizes) < 1:
        raise ArgumentError(
            "initialize", "no layers", got=f"{layer_sizes}", wanted="two sizes or more, each ≥ 1"
        )
    rng = generator_or_default(generator)
    return [
        (rng.standard_normal((n, n_prev)) * scale, np.zeros((n, 1)))
        for n_prev, n in pairwise(layer_sizes)
    ]


def update(parameters: Pairs, gradients: Pairs, alpha: float) -> Pairs:
    """W[l] := W[l] − α dW[l] and b[l] := b[l] − α db[l], as new arrays."""
    if not alpha > 0:
        raise ArgumentError("update", "no learning rate", got=f"{alpha=}", wanted="α > 0")
    both = zip(parameters, gradients, strict=True)
    return [(W - alpha * dW, b - alpha * db) for (W, b), (dW, db) in both]


def parameters_of(model: Module) -> Pairs:
    """(W, b) of every `nn.Linear` of a model, in order, copied into columns: b (n, 1)."""
    pairs: Pairs = []
    for module in model.modules():
        if isinstance(module, Linear):
            W = np.array(module.weight.value)
            b = np.zeros_like(W[:, 0]) if module.bias is None else np.array(module.bias.value)
            pairs.append((W, b.reshape(-1, 1)))
    return pairs


# ------------------------------------------------------------------ what is refused


def activation_named(name: str) -> Activation:
    if name not in ACTIVATIONS:
        raise ArgumentError(
            "by_hand", "unknown activation", got=repr(name), wanted=", ".join(ACTIVATIONS)
        )
    return ACTIVATIONS[name]


def require_shapes(operation: str, wanted: str, *arrays: Array) -> None:
    """Refuse arrays unlike a line such as `W (n, k), b (n, 1)`: one letter is one length.

    Broadcasting would hide it: to a column (n, 1), an array (n,) adds up to a matrix (n, n).
    """
    named = re.findall(r"(\w+) \((.+?)\)", wanted)
    shapes = {name: np.shape(array) for (name, _), array in zip(named, arrays, strict=True)}
    lengths: dict[str, int] = {}
    for name, letters in named:
        axes = letters.split(", ")
        fits = len(axes) == len(shapes[name]) and all(
            n == (int(axis) if axis.isdigit() else lengths.setdefault(axis, n))
            for axis, n in zip(axes, shapes[name], strict=True)
        )
        if not fits:
            got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise ShapeError(operation, f"{name} does not fit", got=got, wanted=wanted)


def require_probabilities(operation: str, A: Array, Y: Array) -> None:
    """Refuse outputs at which a logarithm has no value, and labels that are none."""
    if not np.all((A > 0) & (A < 1)):
        raise ArgumentError(
            operation, "an output is not strictly between 0 and 1",
            got=f"numbers from {np.min(A)} to {np.max(A)}",
            wanted="σ(z) with |z| < 36; binary_cross_entropy_with_logits takes any z itself",
        )  # fmt: skip
    if not np.all((Y >= 0) & (Y <= 1)):
        raise ArgumentError(
            operation, "a label is not between 0 and 1",
            got=f"numbers from {np.min(Y)} to {np.max(Y)}", wanted="0 or 1",
        )  # fmt: skip
