"""The workloads in MyGrad, which is NumPy underneath as tinygrad_tr is."""

from __future__ import annotations

from typing import Any

import mygrad
import numpy as np
from mygrad import nnet


def set_threads(n: int) -> None:
    """NumPy's threads are set by the environment, before it is loaded."""


def array(x: Any) -> Any:
    return np.asarray(x)


def scalar(a: float, b: float, c: float) -> Any:
    def step() -> Any:
        x, y, z = map(mygrad.tensor, (a, b, c))
        J = 3 * (x + y * z)
        J.backward()
        return J, x.grad, y.grad, z.grad

    return step


def chain(x: Any, w: Any, blocks: int) -> Any:
    x, w = mygrad.tensor(x), mygrad.tensor(w)

    def step() -> Any:
        h = x
        for _ in range(blocks):
            h = mygrad.sin(mygrad.tanh(h) * w) + x
        loss = h.sum()
        loss.backward()
        return loss, x.grad, w.grad

    return step


def descend(parameters: Any, rate: float) -> None:
    for p in parameters:
        p.data -= np.float32(rate) * p.grad


def perceptron_sgd(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    parameters = [mygrad.tensor(p) for pair in zip(weights, biases, strict=True) for p in pair]

    def step() -> Any:
        h = x
        for W, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            h = nnet.relu(h @ W + b)
        loss = nnet.softmax_crossentropy(h @ parameters[-2] + parameters[-1], labels)
        loss.backward()
        descend(parameters, rate)
        return (loss,)

    return step


def logistic(X: Any, Y: Any, w: Any, rate: float) -> Any:
    w, b = mygrad.tensor(w), mygrad.tensor(np.zeros(1, np.float32))

    def step() -> Any:
        z = w.T @ X + b
        loss = (mygrad.logaddexp(0, z) - z * Y).mean()
        loss.backward()
        descend((w, b), rate)
        return (loss,)

    return step


def cross_entropy(logits: Any, labels: Any) -> Any:
    logits = mygrad.tensor(logits)

    def step() -> Any:
        loss = nnet.softmax_crossentropy(logits, labels)
        loss.backward()
        return loss, logits.grad

    return step


def both_passes(function: Any, g: Any, *arrays: Any) -> Any:
    """Steps of function(x, weight, bias) and its pullback of g."""
    leaves = [mygrad.tensor(value) for value in arrays]

    def step() -> Any:
        out = function(*leaves)
        out.backward(g)
        return out, *(leaf.grad for leaf in leaves)

    return step


def batch_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return nnet.batchnorm(x, gamma=weight, beta=bias, eps=1e-5)

    return both_passes(function, g, x, weight, bias)


def conv2d(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return nnet.conv_nd(x, weight, stride=1, padding=1) + bias.reshape(-1, 1, 1)

    return both_passes(function, g, x, weight, bias)


def max_pool(x: Any, g: Any) -> Any:
    return both_passes(lambda x: nnet.max_pool(x, (2, 2), 2), g, x)
