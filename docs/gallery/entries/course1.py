"""Course 1: one neuron, logistic regression, and networks of dense layers."""

from __future__ import annotations

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture import Picture


def lecture() -> Picture:
    a = tt.Tensor(5.0, requires_grad=True)
    b = tt.Tensor(3.0, requires_grad=True)
    c = tt.Tensor(2.0, requires_grad=True)
    u = b * c
    v = a + u
    J = 3 * v
    return J.draw()


def nudge() -> Picture:
    a = tt.Tensor(5.0, requires_grad=True)
    f = a * a
    return f.draw(check=True)


def neuron() -> Picture:
    size = tt.Tensor(2.0)
    price = tt.Tensor(1.5)
    w = tt.Tensor(0.5, requires_grad=True)
    b = tt.Tensor(0.1, requires_grad=True)
    z = w * size + b
    a = F.relu(z)
    L = (a - price) ** 2
    return L.draw(rankdir="TB")


def logistic() -> Picture:
    x1, x2, y = tt.Tensor(1.0), tt.Tensor(-2.0), tt.Tensor(1.0)
    w1 = tt.Tensor(0.5, requires_grad=True)
    w2 = tt.Tensor(0.25, requires_grad=True)
    b = tt.Tensor(0.0, requires_grad=True)
    z = w1 * x1 + w2 * x2 + b
    a = tt.sigmoid(z)
    L = F.binary_cross_entropy(a, y)
    return L.draw(rankdir="TB")


def logistic_batch() -> Picture:
    X = tt.Tensor([[1.0, 2.0, -1.0, 0.5], [0.0, -1.0, 1.0, 2.0]])
    Y = tt.Tensor([[1.0, 1.0, 0.0, 0.0]])
    w = tt.Tensor([[0.5], [-0.5]], requires_grad=True)
    b = tt.Tensor(0.0, requires_grad=True)
    Z = w.T @ X + b
    J = F.binary_cross_entropy_with_logits(Z, Y)
    return J.draw(values="full", rankdir="TB")


def calories() -> Picture:
    rows = [[56.0, 0.0, 4.4, 68.0], [1.2, 104.0, 52.0, 8.0], [1.8, 135.0, 99.0, 0.9]]
    A = tt.Tensor(rows, requires_grad=True)
    total = A.sum(axis=0)
    percent = 100 * A / total
    carbohydrates = percent[0].mean()
    return carbohydrates.draw(values="full", rankdir="TB")


def broadcasting() -> Picture:
    column = tt.Tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    row = tt.Tensor([[10.0, 20.0, 30.0, 40.0]], requires_grad=True)
    table = column * row
    J = table.sum()
    return J.draw(values="full")


def activations() -> Picture:
    z = tt.Tensor(4.0, requires_grad=True)
    logistic = tt.sigmoid(z)
    tangent = np.tanh(z)
    rectified = F.relu(z)
    leaky = F.leaky_relu(z)
    return tt.draw([logistic, tangent, rectified, leaky], rankdir="TB")


def two_layers() -> Picture:
    tt.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    x = tt.Tensor([[0.0, 1.0], [1.0, 0.5], [-1.0, 0.2], [0.3, -1.0], [-0.6, -0.7]])
    y = tt.Tensor([[1.0], [1.0], [0.0], [0.0], [1.0]])
    return tt.draw(model, x, loss=lambda z: F.binary_cross_entropy_with_logits(z, y))


def symmetry() -> Picture:
    X = tt.Tensor([[1.0, -0.5, 2.0], [0.5, 1.0, -1.0]])
    y = tt.Tensor([[1.0, 0.0, 1.0]])
    W1 = tt.Tensor([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], requires_grad=True)
    W2 = tt.Tensor([[0.5, 0.5, 0.5]], requires_grad=True)
    A1 = np.tanh(W1 @ X)
    z = W2 @ A1
    J = F.binary_cross_entropy_with_logits(z, y)
    return J.draw(values="full", rankdir="TB")


def deep() -> Picture:
    tt.manual_seed(0)
    model = nn.MLP([3, 5, 4, 1])
    x, y = tt.randn(4, 3), tt.Tensor([[1.0], [0.0], [1.0], [0.0]])
    return tt.draw(model, x, loss=lambda z: F.binary_cross_entropy_with_logits(z, y), depth=1)
