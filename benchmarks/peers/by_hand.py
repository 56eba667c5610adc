"""The workloads in plain NumPy, derivatives worked out by hand: the ceiling.

What these take is NumPy itself. No engine that calls it operation by operation can be faster,
except by doing less; the distance to them is the price of recording.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..workloads import parameters_of
from .by_hand_images import LENET, LeNet, conv2d, max_pool

__all__ = ["conv2d", "max_pool"]  # programs written next door


def set_threads(n: int) -> None:
    """NumPy's threads are set by the environment, before it is loaded."""


def array(x: Any) -> Any:
    return np.asarray(x)


def scalar(a: float, b: float, c: float) -> Any:
    def step() -> Any:
        x, y, z = np.float32(a), np.float32(b), np.float32(c)
        J = 3 * (x + y * z)
        dv = np.float32(1) * 3
        return J, dv, dv * z, dv * y

    return step


def chain(x: Any, w: Any, blocks: int) -> Any:
    def step() -> Any:
        kept = []
        h = x
        for _ in range(blocks):
            t = np.tanh(h)
            product = t * w
            h = np.sin(product) + x
            kept.append((t, product))
        loss = h.sum()
        g = np.ones_like(h)
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for t, product in reversed(kept):
            dx += g
            g = g * np.cos(product)
            dw += g * t
            g = g * w * (1 - t * t)
        dx += g
        return loss, dx, dw

    return step


def softmax_loss(logits: Any, labels: Any) -> tuple[Any, Any]:
    """The mean cross-entropy, and its gradient (softmax − one-hot)/N."""
    n = len(labels)
    rows = np.arange(n)
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - shifted[rows, labels]).mean()
    e /= total
    e[rows, labels] -= 1
    e /= n
    return loss, e


def gradients(weights: Any, biases: Any, x: Any, labels: Any) -> tuple[Any, list[Any]]:
    """Loss and [dW1, db1, dW2, ...] of a ReLU network."""
    activations = [x]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        z = activations[-1] @ W
        z += b
        activations.append(np.maximum(z, 0, out=z))
    loss, g = softmax_loss(activations[-1] @ weights[-1] + biases[-1], labels)
    found: list[Any] = []
    for i in reversed(range(len(weights))):
        found += [g.sum(axis=0), activations[i].T @ g]
        if i:
            g = g @ weights[i].T
            g *= activations[i] > 0
    return loss, found[::-1]


def flat(weights: Any, biases: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """Copies of weights and biases, and both in the order of their gradients."""
    weights, biases = [W.copy() for W in weights], [b.copy() for b in biases]
    return weights, biases, [p for pair in zip(weights, biases, strict=True) for p in pair]


def perceptron_sgd(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    weights, biases, parameters = flat(weights, biases)

    def step() -> Any:
        loss, found = gradients(weights, biases, x, labels)
        for p, g in zip(parameters, found, strict=True):
            g *= rate
            p -= g
        return (loss,)

    return step


def perceptron_adam(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    weights, biases, parameters = flat(weights, biases)
    updates = [adam_update(p, rate) for p in parameters]

    def step() -> Any:
        loss, found = gradients(weights, biases, x, labels)
        for update, g in zip(updates, found, strict=True):
            update(g)
        return (loss,)

    return step


def lenet(x: Any, labels: Any, rate: float) -> Any:
    network = LeNet(parameters_of(LENET))
    updates = {name: adam_update(p, rate) for name, p in network.parameters.items()}

    def step() -> Any:
        loss, found = network.gradients(x, labels, softmax_loss)
        for name, update in updates.items():
            update(found[name])
        return (loss,)

    return step


def adam_update(p: Any, rate: float, beta1: float = 0.9, beta2: float = 0.999) -> Any:
    """p ← p − rate · m̂ / (√v̂ + ε) in place, in as few passes as NumPy has."""
    m, v, scratch = np.zeros_like(p), np.zeros_like(p), np.empty_like(p)
    steps = 0

    def update(g: Any) -> None:
        nonlocal steps
        steps += 1
        np.multiply(m, beta1, out=m)
        np.add(m, np.multiply(g, 1 - beta1, out=scratch), out=m)
        np.multiply(v, beta2, out=v)
        np.multiply(g, g, out=scratch)
        np.add(v, np.multiply(scratch, 1 - beta2, out=scratch), out=v)
        root = (1 - beta2**steps) ** 0.5  # √v̂ + ε = (√v + ε root) / root
        np.add(np.sqrt(v, out=scratch), 1e-8 * root, out=scratch)
        np.divide(m, scratch, out=scratch)
        np.multiply(scratch, rate * root / (1 - beta1**steps), out=scratch)
        np.subtract(p, scratch, out=p)

    return update


def logistic(X: Any, Y: Any, w: Any, rate: float) -> Any:
    w, b = w.copy(), np.zeros(1, np.float32)

    def step() -> Any:
        z = w.T @ X + b
        e = np.exp(-np.abs(z))
        loss = (np.maximum(z, 0) - z * Y + np.log1p(e)).mean()
        g = (np.where(z >= 0, 1, e) / (1 + e) - Y) / z.size
        np.subtract(w, rate * (X @ g.T), out=w)
        np.subtract(b, rate * g.sum(), out=b)
        return (loss,)

    return step


def momentum(p: Any, g: Any, rate: float) -> Any:
    p = p.copy()
    v, scratch = np.zeros_like(p), np.empty_like(p)

    def step() -> Any:
        np.multiply(v, 0.9, out=v)
        np.add(v, g, out=v)
        np.subtract(p, np.multiply(v, rate, out=scratch), out=p)
        return (p,)

    return step


def rmsprop(p: Any, g: Any, rate: float) -> Any:
    p = p.copy()
    s, scratch = np.zeros_like(p), np.empty_like(p)

    def step() -> Any:
        np.multiply(s, 0.99, out=s)
        np.multiply(g, g, out=scratch)
        np.add(s, np.multiply(scratch, 0.01, out=scratch), out=s)
        np.add(np.sqrt(s, out=scratch), 1e-8, out=scratch)
        np.multiply(np.divide(g, scratch, out=scratch), rate, out=scratch)
        np.subtract(p, scratch, out=p)
        return (p,)

    return step


def adam(p: Any, g: Any, rate: float, decay: float = 0.0) -> Any:
    p = p.copy()
    update = adam_update(p, rate)

    def step() -> Any:
        if decay:
            np.multiply(p, 1 - rate * decay, out=p)
        update(g)
        return (p,)

    return step


def adamw(p: Any, g: Any, rate: float) -> Any:
    return adam(p, g, rate, decay=1e-2)


def cross_entropy(logits: Any, labels: Any) -> Any:
    return lambda: softmax_loss(logits, labels)


def batch_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    weight, bias = weight[:, None, None], bias[:, None, None]
    return normalisation(x, g, weight, bias, axes=(0, 2, 3), shared=(0, 2, 3))


def layer_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    return normalisation(x, g, weight, bias, axes=(1,), shared=(0,))


def group_norm(x: Any, g: Any, weight: Any, bias: Any, groups: int) -> Any:
    N, C, H, W = x.shape
    x, g = (a.reshape(N, groups, C // groups, H * W) for a in (x, g))
    weight, bias = (p.reshape(groups, C // groups, 1) for p in (weight, bias))
    return normalisation(x, g, weight, bias, axes=(2, 3), shared=(0, 3))


def normalisation(x: Any, g: Any, weight: Any, bias: Any, axes: Any, shared: Any) -> Any:
    """γ x̂ + β, x̂ normalised over the axes; γ and β are shared by the axes `shared`."""

    def step() -> Any:
        normed = x - x.mean(axis=axes, keepdims=True)
        scale = 1 / np.sqrt(np.square(normed).mean(axis=axes, keepdims=True) + 1e-5)
        normed *= scale
        out = normed * weight
        out += bias

        dnormed = g * weight
        product = dnormed * normed
        dx = dnormed - dnormed.mean(axis=axes, keepdims=True)
        dx -= normed * product.mean(axis=axes, keepdims=True)
        dx *= scale
        return out, dx, (g * normed).sum(axis=shared), g.sum(axis=shared)

    return step


def skip_gram(words: Any, others: Any, truth: Any, tables: Any, rate: float) -> Any:
    inner, outer = (table.copy() for table in tables)

    def step() -> Any:
        e, theta = inner[words], outer[others]
        z = np.matmul(theta, e[:, :, None])[:, :, 0]
        loss = (np.logaddexp(0, z) - truth * z).mean()
        dz = (1 / (1 + np.exp(-z)) - truth) * np.float32(rate / z.size)
        de = np.matmul(dz[:, None], theta)[:, 0]
        np.subtract.at(outer, others, dz[:, :, None] * e[:, None])
        np.subtract.at(inner, words, de)
        return loss, inner, outer

    return step


def embedding(table: Any, ids: Any, g: Any) -> Any:
    def step() -> Any:
        dtable = np.zeros_like(table)
        np.add.at(dtable, ids, g)
        return table[ids], dtable

    return step


def dropout(x: Any, p: float) -> Any:
    rng = np.random.default_rng(0)

    def step() -> Any:
        mask = rng.random(x.shape, np.float32) < 1 - p
        scaled = mask * np.float32(1 / (1 - p))
        loss = (x * scaled).mean()
        scaled /= x.size  # the gradient
        return (loss,)

    return step


def curvature(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
    """The derivative of the gradient along the direction, line by line (Pearlmutter's R{})."""
    W1, b1, W2, b2 = parameters
    V1, c1, V2, c2 = directions

    def step() -> Any:
        h = np.tanh(x @ W1 + b1)
        error = h @ W2 + b2 - y
        scale = 2 / error.size
        slope = 1 - h * h
        g = scale * error
        back = g @ W2.T

        Rh = slope * (x @ V1 + c1)
        Rg = scale * (Rh @ W2 + h @ V2 + c2)
        Rz = (Rg @ W2.T + g @ V2.T) * slope - 2 * back * h * Rh
        loss = np.square(error).mean()
        return loss, x.T @ Rz, Rz.sum(axis=0), Rh.T @ g + h.T @ Rg, Rg.sum(axis=0)

    return step
