"""The workloads in PyTorch, eager, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim import SGD, Adam, AdamW, RMSprop

from ..workloads import parameters_of
from . import torch_networks as networks

set_threads = torch.set_num_threads


def array(x: Any) -> Any:
    return x.detach().numpy()


def tensor(x: Any) -> Any:
    return torch.from_numpy(np.array(x))


def leaf(x: Any) -> Any:
    return tensor(x).requires_grad_()


def scalar(a: float, b: float, c: float) -> Any:
    def step() -> Any:
        x, y, z = (torch.tensor(value, requires_grad=True) for value in (a, b, c))
        J: Any = 3 * (x + y * z)
        J.backward()
        return J, x.grad, y.grad, z.grad

    return step


def chain(x: Any, w: Any, blocks: int) -> Any:
    x, w = leaf(x), leaf(w)

    def step() -> Any:
        x.grad = w.grad = None
        h = x
        for _ in range(blocks):
            h = torch.sin(torch.tanh(h) * w) + x
        loss: Any = h.sum()
        loss.backward()
        return loss, x.grad, w.grad

    return step


def network(weights: Any, biases: Any) -> Any:
    layers: list[Any] = []
    for W, b in zip(weights, biases, strict=True):
        linear = nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(tensor(W.T))
            linear.bias.copy_(tensor(b))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def training(model: Any, optimizer: Any, x: Any, labels: Any) -> Any:
    x, labels = tensor(x), tensor(labels)

    def step() -> Any:
        optimizer.zero_grad()
        loss: Any = functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return (loss,)

    return step


def perceptron_sgd(
    weights: Any, biases: Any, x: Any, labels: Any, rate: float, fused: Any = None
) -> Any:
    model = network(weights, biases)
    return training(model, SGD(model.parameters(), lr=rate, fused=fused), x, labels)


def perceptron_adam(
    weights: Any, biases: Any, x: Any, labels: Any, rate: float, fused: Any = None
) -> Any:
    model = network(weights, biases)
    return training(model, Adam(model.parameters(), lr=rate, fused=fused), x, labels)


def logistic(X: Any, Y: Any, w: Any, rate: float, fused: Any = None) -> Any:
    X, Y = tensor(X), tensor(Y)
    w, b = leaf(w), torch.zeros(1, requires_grad=True)
    optimizer = SGD([w, b], lr=rate, fused=fused)

    def step() -> Any:
        optimizer.zero_grad()
        loss: Any = functional.binary_cross_entropy_with_logits(w.T @ X + b, Y)
        loss.backward()
        optimizer.step()
        return (loss,)

    return step


def updates(optimizer: Any, p: Any, g: Any, rate: float, **options: Any) -> Any:
    p = leaf(p)
    p.grad = tensor(g)
    algorithm = optimizer([p], lr=rate, **options)

    def step() -> Any:
        algorithm.step()
        return (p,)

    return step


def momentum(p: Any, g: Any, rate: float, fused: Any = None) -> Any:
    return updates(SGD, p, g, rate, momentum=0.9, fused=fused)


def rmsprop(p: Any, g: Any, rate: float) -> Any:
    return updates(RMSprop, p, g, rate)


def adam(p: Any, g: Any, rate: float, fused: Any = None) -> Any:
    return updates(Adam, p, g, rate, fused=fused)


def adamw(p: Any, g: Any, rate: float, fused: Any = None) -> Any:
    return updates(AdamW, p, g, rate, fused=fused)


def cross_entropy(logits: Any, labels: Any) -> Any:
    logits, labels = leaf(logits), tensor(labels)

    def step() -> Any:
        logits.grad = None
        loss: Any = functional.cross_entropy(logits, labels)
        loss.backward()
        return loss, logits.grad

    return step


def both_passes(function: Any, g: Any, *arrays: Any) -> Any:
    """Steps of function(x, weight, bias) and its pullback of g."""
    leaves, g = list(map(leaf, arrays)), tensor(g)

    def step() -> Any:
        for x in leaves:
            x.grad = None
        out = function(*leaves)
        out.backward(g)
        return out, *(x.grad for x in leaves)

    return step


def batch_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    mean, var = torch.zeros(len(weight)), torch.ones(len(weight))

    def function(x: Any, weight: Any, bias: Any) -> Any:
        return functional.batch_norm(x, mean, var, weight, bias, training=True)

    return both_passes(function, g, x, weight, bias)


def layer_norm(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return functional.layer_norm(x, weight.shape, weight, bias)

    return both_passes(function, g, x, weight, bias)


def group_norm(x: Any, g: Any, weight: Any, bias: Any, groups: int) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return functional.group_norm(x, groups, weight, bias)

    return both_passes(function, g, x, weight, bias)


def conv2d(x: Any, g: Any, weight: Any, bias: Any) -> Any:
    def function(x: Any, weight: Any, bias: Any) -> Any:
        return functional.conv2d(x, weight, bias, padding=1)

    return both_passes(function, g, x, weight, bias)


def max_pool(x: Any, g: Any) -> Any:
    return both_passes(lambda x: functional.max_pool2d(x, 2), g, x)


def filled(model: Any) -> Any:
    """The network with the numbers that every peer gives it."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in parameters_of({n: p.shape for n, p in parameters.items()}).items():
            parameters[name].copy_(tensor(value))
    return model


def lenet(x: Any, labels: Any, rate: float, fused: Any = None) -> Any:
    model = filled(networks.LeNet5(in_channels=1))
    return training(model, Adam(model.parameters(), lr=rate, fused=fused), x, labels)


def resnet(x: Any, labels: Any, rate: float, fused: Any = None) -> Any:
    model = filled(networks.ResNet20())
    optimizer = SGD(model.parameters(), lr=rate, momentum=0.9, fused=fused)
    return training(model, optimizer, x, labels)


def inverted_residuals(x: Any, labels: Any, rate: float, fused: Any = None) -> Any:
    channels = x.shape[1]
    blocks = [networks.InvertedResidual(channels) for _ in range(3)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]
    model = filled(nn.Sequential(*blocks, *head))
    return training(model, SGD(model.parameters(), lr=rate, fused=fused), x, labels)


def unet(x: Any, labels: Any, rate: float, fused: Any = None) -> Any:
    model = filled(networks.UNet(x.shape[1], 4, width=8))
    return training(model, Adam(model.parameters(), lr=rate, fused=fused), x, labels)


def recurrent(
    tokens: Any, targets: Any, vocabulary: int, kind: str, hidden: int, rate: float,
    fused: Any = None,
) -> Any:  # fmt: skip
    layer = getattr(nn, kind)(hidden, hidden, batch_first=True)
    model = filled(networks.LanguageModel(vocabulary, hidden, layer))
    optimizer = Adam(model.parameters(), lr=rate, fused=fused)
    return training(model, optimizer, tokens, targets.reshape(-1))


def transformer(
    tokens: Any, targets: Any, vocabulary: int, features: int, heads: int, layers: int, inner: int,
    rate: float, fused: Any = None,
) -> Any:  # fmt: skip
    blocks = networks.Blocks(tokens.shape[1], features, heads, layers, inner)
    model = filled(networks.LanguageModel(vocabulary, features, blocks))
    optimizer = Adam(model.parameters(), lr=rate, fused=fused)
    return training(model, optimizer, tokens, targets.reshape(-1))


def skip_gram(
    words: Any, others: Any, truth: Any, tables: Any, rate: float, sparse: bool = False
) -> Any:
    inner, outer = (
        nn.Embedding(len(t), t.shape[1], _weight=tensor(t), sparse=sparse) for t in tables
    )
    optimizer = SGD([inner.weight, outer.weight], lr=rate)
    words, others, labels = tensor(words), tensor(others), tensor(truth)

    def step() -> Any:
        optimizer.zero_grad()
        scores = outer(others) @ inner(words)[:, :, None]
        loss: Any = functional.binary_cross_entropy_with_logits(scores[:, :, 0], labels)
        loss.backward()
        optimizer.step()
        return loss, inner.weight, outer.weight

    return step


def embedding(table: Any, ids: Any, g: Any) -> Any:
    rows = tensor(ids)
    return both_passes(lambda weight: functional.embedding(rows, weight), g, table)


def dropout(x: Any, p: float) -> Any:
    x = leaf(x)

    def step() -> Any:
        x.grad = None
        loss: Any = functional.dropout(x, p).mean()
        loss.backward()
        return (loss,)

    return step


def curvature(parameters: Any, directions: Any, x: Any, y: Any) -> Any:
    parameters, directions = list(map(leaf, parameters)), list(map(tensor, directions))
    x, y = tensor(x), tensor(y)

    def step() -> Any:
        W1, b1, W2, b2 = parameters
        loss = torch.mean(torch.square(torch.tanh(x @ W1 + b1) @ W2 + b2 - y))
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        return loss, *torch.autograd.grad(gradients, parameters, directions)

    return step
