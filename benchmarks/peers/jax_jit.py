"""The workloads in JAX, each whole step compiled; waits for the result, as JAX returns early."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import nn


def set_threads(n: int) -> None:
    """XLA takes its threads from the cores that the process may use."""


def array(x: Any) -> Any:
    return np.asarray(x)


def device(data: Any) -> Any:
    return jax.tree.map(jnp.asarray, data)


def scalar(a: float, b: float, c: float) -> Any:
    compiled = jax.jit(jax.value_and_grad(lambda x, y, z: 3 * (x + y * z), (0, 1, 2)))

    def step() -> Any:
        J, found = jax.block_until_ready(compiled(a, b, c))
        return J, *found

    return step


def chain(x: Any, w: Any, blocks: int) -> Any:
    x, w = device((x, w))

    def loss(x: Any, w: Any) -> Any:
        h = x
        for _ in range(blocks):
            h = jnp.sin(jnp.tanh(h) * w) + x
        return h.sum()

    compiled = jax.jit(jax.value_and_grad(loss, (0, 1)))

    def step() -> Any:
        value, found = jax.block_until_ready(compiled(x, w))
        return value, *found

    return step


def entropy(logits: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(nn.log_softmax(logits), labels[:, None], 1)
    return -chosen.mean()


def perceptron_loss(parameters: Any, x: Any, labels: Any) -> Any:
    weights, biases = parameters
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        x = nn.relu(x @ W + b)
    return entropy(x @ weights[-1] + biases[-1], labels)


def training(update: Any, state: Any) -> Any:
    """Steps of `update(*state) -> loss, *new state`, into the memory of the old state."""
    compiled = jax.jit(update, donate_argnums=range(len(state)))

    def step() -> Any:
        nonlocal state
        loss, *state = jax.block_until_ready(compiled(*state))
        return (loss,)

    return step


def perceptron_sgd(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    x, labels = device((x, labels))

    def update(parameters: Any) -> Any:
        loss, found = jax.value_and_grad(perceptron_loss)(parameters, x, labels)
        return loss, jax.tree.map(lambda p, g: p - rate * g, parameters, found)

    return training(update, [device((weights, biases))])


def adam_update(p: Any, g: Any, m: Any, v: Any, t: Any, rate: float) -> Any:
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    scale = jnp.sqrt(v / (1 - 0.999**t)) + 1e-8
    return p - rate / (1 - 0.9**t) * m / scale, m, v


def perceptron_adam(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    x, labels = device((x, labels))
    parameters, tree = jax.tree.flatten(device((weights, biases)))

    def update(parameters: Any, means: Any, squares: Any, t: Any) -> Any:
        loss, found = jax.value_and_grad(perceptron_loss)(tree.unflatten(parameters), x, labels)
        updates = map(
            partial(adam_update, t=t, rate=rate),
            parameters, jax.tree.leaves(found), means, squares,
        )  # fmt: skip
        return loss, *map(list, zip(*updates, strict=True)), t + 1

    def zeros() -> Any:
        return [jnp.zeros_like(p) for p in parameters]

    return training(update, [parameters, zeros(), zeros(), jnp.float32(1)])


def logistic(X: Any, Y: Any, w: Any, rate: float) -> Any:
    X, Y = device((X, Y))

    def loss(w: Any, b: Any) -> Any:
        z = w.T @ X + b
        return (nn.softplus(z) - z * Y).mean()

    def update(w: Any, b: Any) -> Any:
        value, (dw, db) = jax.value_and_grad(loss, (0, 1))(w, b)
        return value, w - rate * dw, b - rate * db

    return training(update, [device(w), jnp.zeros(1)])


def adam(p: Any, g: Any, rate: float) -> Any:
    p, g = device((p, g))
    compiled = jax.jit(partial(adam_update, rate=rate), donate_argnums=(0, 2, 3))
    m, v, t = jnp.zeros_like(p), jnp.zeros_like(p), 0

    def step() -> Any:
        nonlocal p, m, v, t
        t += 1
        p, m, v = jax.block_until_ready(compiled(p, g, m, v, jnp.float32(t)))
        return (p,)

    return step


def cross_entropy(logits: Any, labels: Any) -> Any:
    logits, labels = device((logits, labels))
    compiled = jax.jit(jax.value_and_grad(entropy))
    return lambda: jax.block_until_ready(compiled(logits, labels))


def curvature(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
    parameters, directions, x, y = device((parameters, directions, x, y))

    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2 = parameters
        return jnp.mean(jnp.square(jnp.tanh(x @ W1 + b1) @ W2 + b2 - y))

    def product(parameters: Any, directions: Any) -> Any:
        (value, _), (_, curved) = jax.jvp(jax.value_and_grad(loss), (parameters,), (directions,))
        return value, *curved

    compiled = jax.jit(product)
    return lambda: jax.block_until_ready(compiled(parameters, directions))
