"""The workloads in JAX, each whole step compiled; waits for the result, as JAX returns early."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

from . import jax_networks as networks


def set_threads(n: int) -> None:
    """XLA takes its threads from the cores that the process may use."""


def array(x: Any) -> Any:
    return np.asarray(x)


def device(data: Any) -> Any:
    return jax.tree.map(jnp.asarray, data)


def calls(function: Any, *data: Any) -> Any:
    """Steps of one compiled function of the same data: constants would be worked on beforehand."""
    compiled, data = jax.jit(function), device(data)
    return lambda: jax.block_until_ready(compiled(*data))


def trained(update: Any, state: Any, *data: Any) -> Any:
    """Steps of `update(*state, *data) -> outputs, state`, into the memory of the old state."""
    compiled = jax.jit(update, donate_argnums=range(len(state)))
    # A copy, as what is given away may be NumPy's memory, shared.
    state, data = jax.tree.map(jnp.array, state), device(data)

    def step() -> Any:
        nonlocal state
        out, state = jax.block_until_ready(compiled(*state, *data))
        return out

    return step


def scalar(a: float, b: float, c: float) -> Any:
    compiled = jax.jit(jax.value_and_grad(lambda x, y, z: 3 * (x + y * z), (0, 1, 2)))

    def step() -> Any:
        J, found = jax.block_until_ready(compiled(a, b, c))
        return J, *found

    return step


def chain(x: Any, w: Any, blocks: int) -> Any:
    def loss(x: Any, w: Any) -> Any:
        h = x
        for _ in range(blocks):
            h = jnp.sin(jnp.tanh(h) * w) + x
        return h.sum()

    def both(x: Any, w: Any) -> Any:
        value, found = jax.value_and_grad(loss, (0, 1))(x, w)
        return value, *found

    return calls(both, x, w)


# --------------------------------------------------------------------------- training


def entropy(logits: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(nn.log_softmax(logits), labels[:, None], 1)
    return -chosen.mean()


def adam_update(
    p: Any, g: Any, m: Any, v: Any, t: Any, rate: float, decay: float = 0.0
) -> tuple[Any, Any, Any]:
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    scale = jnp.sqrt(v / (1 - 0.999**t)) + 1e-8
    return (1 - rate * decay) * p - rate / (1 - 0.9**t) * m / scale, m, v


def with_adam(loss: Any, parameters: Any, rate: float, *data: Any) -> Any:
    """Steps of Adam on loss(parameters, *data)."""

    def update(parameters: Any, means: Any, squares: Any, t: Any, *data: Any) -> Any:
        value, found = jax.value_and_grad(loss)(parameters, *data)
        new = jax.tree.map(partial(adam_update, t=t, rate=rate), parameters, found, means, squares)
        state = jax.tree.transpose(jax.tree.structure(found), jax.tree.structure((0, 0, 0)), new)
        return (value,), (*state, t + 1)

    zeros = jax.tree.map(np.zeros_like, parameters)
    return trained(update, (parameters, zeros, zeros, jnp.float32(1)), *data)


def with_sgd(loss: Any, parameters: Any, rate: float, *data: Any) -> Any:
    """Steps of gradient descent on loss(parameters, *data)."""

    def update(parameters: Any, *data: Any) -> Any:
        value, found = jax.value_and_grad(loss)(parameters, *data)
        return (value,), (jax.tree.map(lambda p, g: p - rate * g, parameters, found),)

    return trained(update, (parameters,), *data)


def with_momentum(loss: Any, parameters: Any, rate: float, *data: Any) -> Any:
    """Steps of gradient descent with momentum 0.9 on loss(parameters, *data)."""

    def update(parameters: Any, velocities: Any, *data: Any) -> Any:
        value, found = jax.value_and_grad(loss)(parameters, *data)
        velocities = jax.tree.map(lambda v, g: 0.9 * v + g, velocities, found)
        return (value,), (
            jax.tree.map(lambda p, v: p - rate * v, parameters, velocities),
            velocities,
        )

    return trained(update, (parameters, jax.tree.map(np.zeros_like, parameters)), *data)


def perceptron_loss(parameters: Any, x: Any, labels: Any) -> Any:
    weights, biases = parameters
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        x = nn.relu(x @ W + b)
    return entropy(x @ weights[-1] + biases[-1], labels)


def perceptron_sgd(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    return with_sgd(perceptron_loss, (weights, biases), rate, x, labels)


def perceptron_adam(weights: Any, biases: Any, x: Any, labels: Any, rate: float) -> Any:
    return with_adam(perceptron_loss, (weights, biases), rate, x, labels)


def logistic(X: Any, Y: Any, w: Any, rate: float) -> Any:
    def loss(parameters: Any, X: Any, Y: Any) -> Any:
        w, b = parameters
        z = w.T @ X + b
        return (nn.softplus(z) - z * Y).mean()

    return with_sgd(loss, (w, np.zeros(1, np.float32)), rate, X, Y)


def network_training(optimizer: Any, network: Any, x: Any, labels: Any, rate: float) -> Any:
    def loss(parameters: Any, x: Any, labels: Any) -> Any:
        logits = networks.apply(network, parameters, x)
        return entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))

    return optimizer(loss, networks.initial(network, x), rate, x, labels)


def lenet(x: Any, labels: Any, rate: float) -> Any:
    return network_training(with_adam, networks.lenet, x, labels, rate)


def resnet(x: Any, labels: Any, rate: float) -> Any:
    return network_training(with_momentum, networks.resnet20, x, labels, rate)


def inverted_residuals(x: Any, labels: Any, rate: float) -> Any:
    return network_training(with_sgd, networks.inverted_residuals, x, labels, rate)


def unet(x: Any, labels: Any, rate: float) -> Any:
    return network_training(with_adam, networks.unet, x, labels, rate)


def recurrent(
    tokens: Any, targets: Any, vocabulary: int, kind: str, hidden: int, rate: float
) -> Any:
    body = partial({"LSTM": networks.lstm, "GRU": networks.gru}[kind], hidden=hidden)
    model = partial(networks.language_model, body=body, vocabulary=vocabulary, width=hidden)
    return network_training(with_adam, model, tokens, targets, rate)


def transformer(
    tokens: Any, targets: Any, vocabulary: int, features: int, heads: int, layers: int, inner: int,
    rate: float,
) -> Any:  # fmt: skip
    body = partial(networks.blocks, heads=heads, layers=layers, inner=inner)
    model = partial(networks.language_model, body=body, vocabulary=vocabulary, width=features)
    return network_training(with_adam, model, tokens, targets, rate)


def skip_gram(words: Any, others: Any, truth: Any, tables: Any, rate: float) -> Any:
    """Gradients of the rows that were looked up, added to the tables in place."""

    def loss(e: Any, theta: Any, truth: Any) -> Any:
        z = (theta @ e[:, :, None])[:, :, 0]
        return (nn.softplus(z) - z * truth).mean()

    def update(inner: Any, outer: Any, words: Any, others: Any, truth: Any) -> Any:
        e, theta = inner[words], outer[others]
        value, (de, dtheta) = jax.value_and_grad(loss, (0, 1))(e, theta, truth)
        state = inner.at[words].add(-rate * de), outer.at[others].add(-rate * dtheta)
        return (value,), state

    compiled = jax.jit(update, donate_argnums=(0, 1))
    inner, outer = map(jnp.array, tables)
    words, others, truth = device((words, others, truth))

    def step() -> Any:
        nonlocal inner, outer
        out, (inner, outer) = jax.block_until_ready(compiled(inner, outer, words, others, truth))
        return *out, inner, outer

    return step


# --------------------------------------------------------------------------- updates


def updates(update: Any, p: Any, g: Any, *state: Any) -> Any:
    """Steps of `update(p, g, *state) -> p, *state`."""
    compiled = jax.jit(update, donate_argnums=(0, *range(2, 2 + len(state))))
    p, g, state = jnp.array(p), device(g), device(state)

    def step() -> Any:
        nonlocal p, state
        p, *state = jax.block_until_ready(compiled(p, g, *state))
        return (p,)

    return step


def momentum(p: Any, g: Any, rate: float) -> Any:
    def update(p: Any, g: Any, v: Any) -> Any:
        v = 0.9 * v + g
        return p - rate * v, v

    return updates(update, p, g, jnp.zeros_like(p))


def rmsprop(p: Any, g: Any, rate: float) -> Any:
    def update(p: Any, g: Any, s: Any) -> Any:
        s = 0.99 * s + 0.01 * g * g
        return p - rate * g / (jnp.sqrt(s) + 1e-8), s

    return updates(update, p, g, jnp.zeros_like(p))


def adam(p: Any, g: Any, rate: float, decay: float = 0.0) -> Any:
    def update(p: Any, g: Any, m: Any, v: Any, t: Any) -> Any:
        return *adam_update(p, g, m, v, t, rate, decay), t + 1

    return updates(update, p, g, jnp.zeros_like(p), jnp.zeros_like(p), jnp.float32(1))


def adamw(p: Any, g: Any, rate: float) -> Any:
    return adam(p, g, rate, decay=1e-2)


# --------------------------------------------------------------------------- single operations


def cross_entropy(logits: Any, labels: Any) -> Any:
    return calls(jax.value_and_grad(entropy), logits, labels)


def both_passes(function: Any, g: Any, *arrays: Any) -> Any:
    """Steps of function(x, weight, bias) and its pullback of g."""

    def passes(g: Any, *arrays: Any) -> Any:
        out, pullback = jax.vjp(function, *arrays)
        return out, *pullback(g)

    return calls(passes, g, *arrays)


def batch_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        normed = networks.normalized(x, (0, 2, 3))
        return normed * weight[:, None, None] + bias[:, None, None]

    return both_passes(function, g, x, weight, bias)


def layer_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return networks.normalized(x, -1) * weight + bias

    return both_passes(function, g, x, weight, bias)


def group_norm(x: Any, g: Any, weight: Any, bias: Any, groups: int) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        normed = networks.normalized(x.reshape(len(x), groups, -1), -1).reshape(x.shape)
        return normed * weight[:, None, None] + bias[:, None, None]

    return both_passes(function, g, x, weight, bias)


def conv2d(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return lax.conv_general_dilated(x, weight, (1, 1), "SAME") + bias[:, None, None]

    return both_passes(function, g, x, weight, bias)


def max_pool(x: Any, g: Any) -> Any:
    def function(x: Any) -> Any:
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))

    return both_passes(function, g, x)


def embedding(table: Any, ids: Any, g: Any) -> Any:
    def passes(table: Any, ids: Any, g: Any) -> Any:
        out, pullback = jax.vjp(lambda table: table[ids], table)
        return out, *pullback(g)

    return calls(passes, table, ids, g)


def dropout(x: Any, p: float) -> Any:
    def passes(key: Any, x: Any) -> Any:
        key, now = jax.random.split(key)
        scaled = jax.random.bernoulli(now, 1 - p, x.shape) / (1 - p)
        value, gradient = jax.value_and_grad(lambda x: (x * scaled).mean())(x)
        return (value, gradient), (key,)

    step = trained(passes, (jax.random.key(0),), x)
    return lambda: step()[:1]


def curvature(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
    def loss(parameters: Any, x: Any, y: Any) -> Any:
        W1, b1, W2, b2 = parameters
        return jnp.mean(jnp.square(jnp.tanh(x @ W1 + b1) @ W2 + b2 - y))

    def product(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
        gradient = jax.value_and_grad(lambda parameters: loss(parameters, x, y))
        (value, _), (_, curved) = jax.jvp(gradient, (parameters,), (directions,))
        return value, *curved

    return calls(product, parameters, directions, x, y)
