"""The workloads in tinygrad_tr."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_tr as tt

from ..workloads import parameters_of


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


def updates(optimizer: Any, p: Any, g: Any, rate: float, **options: Any) -> Any:
    p = tt.Tensor(p, requires_grad=True)
    p.grad = tt.Tensor(g)
    algorithm = optimizer([p], lr=rate, **options)

    def step() -> Any:
        algorithm.step()
        return (p,)

    return step


def momentum(p: Any, g: Any, rate: float) -> Any:
    return updates(tt.optim.SGD, p, g, rate, momentum=0.9)


def rmsprop(p: Any, g: Any, rate: float) -> Any:
    return updates(tt.optim.RMSprop, p, g, rate)


def adam(p: Any, g: Any, rate: float) -> Any:
    return updates(tt.optim.Adam, p, g, rate)


def adamw(p: Any, g: Any, rate: float) -> Any:
    return updates(tt.optim.AdamW, p, g, rate)


def cross_entropy(logits: Any, labels: Any) -> Any:
    logits, labels = tt.Tensor(logits, requires_grad=True), tt.Tensor(labels)

    def step() -> Any:
        logits.grad = None
        loss = tt.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        return loss, logits.grad

    return step


def both_passes(function: Any, g: Any, *arrays: Any) -> Any:
    """Steps of function(x, weight, bias) and its pullback of g."""
    leaves = [tt.Tensor(value, requires_grad=True) for value in arrays]
    g = tt.Tensor(g)

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        out = function(*leaves)
        out.backward(g)
        return out, *(leaf.grad for leaf in leaves)

    return step


def batch_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    mean, var = tt.zeros(len(weight)), tt.ones(len(weight))

    def function(x: Any, weight: Any, bias: Any) -> Any:
        return tt.nn.functional.batch_norm(x, mean, var, weight, bias, training=True)

    return both_passes(function, g, x, weight, bias)


def layer_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return tt.nn.functional.layer_norm(x, weight.shape, weight, bias)

    return both_passes(function, g, x, weight, bias)


def group_norm(x: Any, g: Any, weight: Any, bias: Any, groups: int) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return tt.nn.functional.group_norm(x, groups, weight, bias)

    return both_passes(function, g, x, weight, bias)


def conv2d(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return tt.nn.functional.conv2d(x, weight, bias, padding=1)

    return both_passes(function, g, x, weight, bias)


def max_pool(x: Any, g: Any) -> Any:
    return both_passes(lambda x: tt.nn.functional.max_pool2d(x, 2), g, x)


def filled(model: Any) -> Any:
    """The network with the numbers that every peer gives it."""
    for name, value in parameters_of({n: p.shape for n, p in model.named_parameters()}).items():
        dict(model.named_parameters())[name].assign(value)
    return model


def lenet(x: Any, labels: Any, rate: float) -> Any:
    model = filled(tt.nn.models.LeNet5(in_channels=1))
    return training(model, tt.optim.Adam(model.parameters(), lr=rate), x, labels)


def resnet(x: Any, labels: Any, rate: float) -> Any:
    model = filled(tt.nn.models.resnet20(shortcut="projection"))
    return training(model, tt.optim.SGD(model.parameters(), lr=rate, momentum=0.9), x, labels)


def inverted_residuals(x: Any, labels: Any, rate: float) -> Any:
    channels = x.shape[1]
    blocks = [tt.nn.models.InvertedResidual(channels, channels) for _ in range(3)]
    head = [tt.nn.AdaptiveAvgPool2d(1), tt.nn.Flatten(), tt.nn.Linear(channels, 10)]
    model = filled(tt.nn.Sequential(*blocks, *head))
    return training(model, tt.optim.SGD(model.parameters(), lr=rate), x, labels)


def unet(x: Any, labels: Any, rate: float) -> Any:
    model = filled(tt.nn.models.UNet(x.shape[1], 4, width=8, depth=2))
    return training(model, tt.optim.Adam(model.parameters(), lr=rate), x, labels)


class LanguageModel(tt.nn.Module):
    """Tokens (N, T) to logits (N·T, V), with some layers between table and logits."""

    def __init__(self, vocabulary: int, width: int, body: Any) -> None:
        self.table = tt.nn.Embedding(vocabulary, width)
        self.body, self.head = body, tt.nn.Linear(width, vocabulary)

    def forward(self, tokens: Any) -> Any:
        x = self.body(self.table(tokens))
        x = x[0] if isinstance(x, tuple) else x
        return self.head(x).reshape(-1, self.table.num_embeddings)


class Blocks(tt.nn.Module):
    """Positions, and layers of a transformer in which no step looks ahead."""

    def __init__(self, steps: int, features: int, heads: int, layers: int, inner: int) -> None:
        self.mask = tt.nn.Transformer.generate_square_subsequent_mask(steps)
        self.positions = tt.nn.Parameter(np.zeros((steps, features), np.float32))
        self.layers = tt.nn.ModuleList(
            tt.nn.TransformerEncoderLayer(features, heads, inner, dropout=0.0, batch_first=True)
            for _ in range(layers)
        )

    def forward(self, x: Any) -> Any:
        x = x + self.positions
        for layer in self.layers:
            x = layer(x, src_mask=self.mask, is_causal=True)
        return x


def recurrent(
    tokens: Any, targets: Any, vocabulary: int, kind: str, hidden: int, rate: float
) -> Any:
    layer = getattr(tt.nn, kind)(hidden, hidden, batch_first=True)
    model = filled(LanguageModel(vocabulary, hidden, layer))
    optimizer = tt.optim.Adam(model.parameters(), lr=rate)
    return training(model, optimizer, tokens, targets.reshape(-1))


def transformer(
    tokens: Any, targets: Any, vocabulary: int, features: int, heads: int, layers: int, inner: int,
    rate: float,
) -> Any:  # fmt: skip
    blocks = Blocks(tokens.shape[1], features, heads, layers, inner)
    model = filled(LanguageModel(vocabulary, features, blocks))
    optimizer = tt.optim.Adam(model.parameters(), lr=rate)
    return training(model, optimizer, tokens, targets.reshape(-1))


def skip_gram(words: Any, others: Any, truth: Any, tables: Any, rate: float) -> Any:
    inner, outer = (tt.nn.Embedding.from_pretrained(table, freeze=False) for table in tables)
    optimizer = tt.optim.SGD([inner.weight, outer.weight], lr=rate)
    words, others, labels = tt.Tensor(words), tt.Tensor(others), tt.Tensor(truth)

    def step() -> Any:
        optimizer.zero_grad()
        scores = outer(others) @ inner(words)[:, :, None]
        loss = tt.nn.functional.binary_cross_entropy_with_logits(scores[:, :, 0], labels)
        loss.backward()
        optimizer.step()
        return loss, inner.weight, outer.weight

    return step


def embedding(table: Any, ids: Any, g: Any) -> Any:
    rows = tt.Tensor(ids)
    return both_passes(lambda weight: tt.nn.functional.embedding(rows, weight), g, table)


def dropout(x: Any, p: float) -> Any:
    x = tt.Tensor(x, requires_grad=True)

    def step() -> Any:
        x.grad = None
        loss = tt.nn.functional.dropout(x, p).mean()
        loss.backward()
        return (loss,)

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
