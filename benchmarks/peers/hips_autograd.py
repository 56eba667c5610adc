"""The workloads in HIPS autograd, which is NumPy underneath as tinygrad_tr is."""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as np


def set_threads(n: int) -> None:
    """NumPy's threads are set by the environment, before it is loaded."""


def array(x: Any) -> Any:
    return np.asarray(x)


def scalar(a: float, b: float, c: float) -> Any:
    gradient = autograd.value_and_grad(lambda v: 3 * (v[0] + v[1] * v[2]))

    def step() -> Any:
        J, found = gradient((a, b, c))
        return J, *found

    return step


def chain(x: Any, w: Any, blocks: int) -> Any:
    def loss(v: Any) -> Any:
        x, w = v
        h = x
        for _ in range(blocks):
            h = np.sin(np.tanh(h) * w) + x
        return np.sum(h)

    gradient = autograd.value_and_grad(loss)

    def step() -> Any:
        value, found = gradient((x, w))
        return value, *found

    return step


def entropy(logits: Any, labels: Any) -> Any:
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    total = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(total - shifted[np.arange(len(labels)), labels])


def perceptron_sgd(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    parameters = [W.copy() for W in weights], [b.copy() for b in biases]

    def loss(parameters: Any) -> Any:
        weights, biases = parameters
        h = x
        for W, b in zip(weights[:-1], biases[:-1]):  # noqa: B905  its lists know no strict
            h = np.maximum(np.dot(h, W) + b, 0)
        return entropy(np.dot(h, weights[-1]) + biases[-1], labels)

    gradient = autograd.value_and_grad(loss)

    def step() -> Any:
        value, found = gradient(parameters)
        for old, new in zip(parameters, found, strict=True):
            for p, g in zip(old, new, strict=True):
                p -= rate * g
        return (value,)

    return step


def logistic(X: Any, Y: Any, w: Any, rate: float) -> Any:
    w, b = w.copy(), np.zeros(1, np.float32)

    def loss(v: Any) -> Any:
        w, b = v
        z = np.dot(w.T, X) + b
        return np.mean(np.logaddexp(0, z) - z * Y)

    gradient = autograd.value_and_grad(loss)

    def step() -> Any:
        nonlocal w, b
        value, (dw, db) = gradient((w, b))
        w, b = w - rate * dw, b - rate * db
        return (value,)

    return step


def cross_entropy(logits: Any, labels: Any) -> Any:
    gradient = autograd.value_and_grad(entropy)
    return lambda: gradient(logits, labels)


def curvature(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2 = parameters
        return np.mean(np.square(np.dot(np.tanh(np.dot(x, W1) + b1), W2) + b2 - y))

    gradient = autograd.grad(loss)

    def step() -> Any:
        pullback, _ = autograd.make_vjp(gradient)(parameters)  # the Hessian is symmetric
        return loss(parameters), *pullback(directions)

    return step
