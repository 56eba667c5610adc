"""The workloads in tinygrad_tr."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_tr as tt


def set_threads(n: int) -> None:
    """NumPy's threads are set by the environment, before it is loaded."""


def array(x: Any) -> Any:
    return x.numpy()


def scalar(a: float, b: float, c: float) -> Any:
    def step() -> Any:
        x, y, z = (tt.Tensor(value, requires_grad=True) for value in (a, b, c))
        J = 3 * (x + y * z)
        J.backward()
        return J, x.grad, y.grad, z.grad

    return step


def chain(x: Any, w: Any, blocks: int) -> Any:
    x, w = tt.Tensor(x, requires_grad=True), tt.Tensor(w, requires_grad=True)

    def step() -> Any:
        x.grad = w.grad = None
        h = x
        for _ in range(blocks):
            h = np.sin(np.tanh(h) * w) + x
        loss = h.sum()
        loss.backward()
        return loss, x.grad, w.grad

    return step


def network(weights: Any, biases: Any) -> Any:
    layers: list[Any] = []
    for W, b in zip(weights, biases, strict=True):
        linear: Any = tt.nn.Linear(*W.shape)
        linear.weight.assign(W.T)
        linear.bias.assign(b)
        layers += [linear, tt.nn.ReLU()]
    return tt.nn.Sequential(*layers[:-1])


def training(model: Any, optimizer: Any, x: Any, labels: Any) -> Any:
    x, labels = tt.Tensor(x), tt.Tensor(labels)

    def step() -> Any:
        optimizer.zero_grad()
        loss = tt.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return (loss,)

    return step


def perceptron_sgd(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    model = network(weights, biases)
    return training(model, tt.optim.SGD(model.parameters(), lr=rate), x, labels)


def perceptron_adam(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    model = network(weights, biases)
    return training(model, tt.optim.Adam(model.parameters(), lr=rate), x, labels)


def logistic(X: Any, Y: Any, w: Any, rate: float) -> Any:
    X, Y = tt.Tensor(X), tt.Tensor(Y)
    w, b = tt.Tensor(w, requires_grad=True), tt.zeros(1, requires_grad=True)
    optimizer = tt.optim.SGD([w, b], lr=rate)

    def step() -> Any:
        optimizer.zero_grad()
        loss = tt.nn.functional.binary_cross_entropy_with_logits(w.T @ X + b, Y)
        loss.backward()
        optimizer.step()
        return (loss,)

    return step


def adam(p: Any, g: Any, rate: float) -> Any:
    p = tt.Tensor(p, requires_grad=True)
    p.grad = tt.Tensor(g)
    optimizer = tt.optim.Adam([p], lr=rate)

    def step() -> Any:
        optimizer.step()
        return (p,)

    return step


def cross_entropy(logits: Any, labels: Any) -> Any:
    logits, labels = tt.Tensor(logits, requires_grad=True), tt.Tensor(labels)

    def step() -> Any:
        logits.grad = None
        loss = tt.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        return loss, logits.grad

    return step


def curvature(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
    parameters, directions = list(map(tt.Tensor, parameters)), list(map(tt.Tensor, directions))
    x, y = tt.Tensor(x), tt.Tensor(y)

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        return np.mean(np.square(np.tanh(x @ W1 + b1) @ W2 + b2 - y))

    def step() -> Any:
        value, product = tt.hvp(loss, parameters, directions)
        return value, *product

    return step
