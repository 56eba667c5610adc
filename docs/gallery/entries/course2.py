"""Course 2: what helps a network to learn and to generalise."""

from __future__ import annotations

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture import Picture
from tinygrad_tr.picture.filming import Film


def l2_penalty() -> Picture:
    x, y = tt.Tensor([[1.0, 2.0], [0.0, -1.0]]), tt.Tensor([[1.0], [0.0]])
    W = tt.Tensor([[2.0, -1.0]], requires_grad=True)
    z = x @ W.T
    loss = F.binary_cross_entropy_with_logits(z, y)
    penalty = nn.l2_penalty(W, lam=0.4, m=2)
    J = loss + penalty
    return J.draw(values="full", rankdir="TB")


def dropout() -> Picture:
    tt.manual_seed(3)
    a = tt.Tensor([1.0, 2.0, 3.0, 4.0, 5.0], requires_grad=True)
    kept = F.dropout(a, p=0.2)
    return kept.draw(values="full")


def dropout_network() -> Picture:
    tt.manual_seed(3)
    model = nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Dropout(keep_prob=0.5), nn.Linear(5, 1))
    return tt.draw(model, tt.Tensor([[1.0, -2.0]]), values="full")


def vanishing_and_exploding() -> Picture:
    ends = []
    for c in (0.5, 1.5):
        a = tt.Tensor(1.0, requires_grad=True, name="x")
        for layer in range(1, 7):
            a = tt.Tensor(c, requires_grad=True, name=f"w{layer}") * a
            a.name = f"a{layer}"
        ends.append(a)
    vanished, exploded = ends
    return tt.draw([vanished, exploded], color="grad", rankdir="TB")


def deep_sigmoids() -> Picture:
    tt.manual_seed(0)
    model = nn.MLP([8, 8, 8, 8, 8, 1], activation=nn.Sigmoid)
    x = tt.randn(32, 8)
    return tt.draw(model, x, loss=lambda out: out.mean(), color="grad", depth=1, values="none")


def he_initialisation() -> Picture:
    tt.manual_seed(0)
    model = nn.MLP([8, 8, 8, 8, 8, 1], activation=nn.ReLU)
    for parameter in model.parameters():
        nn.init.he_(parameter) if parameter.ndim == 2 else nn.init.zeros_(parameter)
    x = tt.randn(32, 8)
    return tt.draw(model, x, loss=lambda out: out.mean(), color="grad", depth=1, values="none")


def gradient_check() -> Picture:
    tt.manual_seed(2)
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    x, y = tt.Tensor([[1.0, 2.0], [-1.0, 0.5]]), tt.Tensor([[1.0], [0.0]])
    return tt.draw(model, x, loss=lambda out: F.mse_loss(out, y), check=True)


def moving_average() -> Picture:
    theta = [tt.Tensor(t, requires_grad=True) for t in (40.0, 49.0, 45.0, 44.0)]
    v = tt.Tensor(0.0, name="v0")
    for t, today in enumerate(theta, start=1):
        v = 0.9 * v + 0.1 * today
        v.name = f"v{t}"
    return v.draw(rankdir="TB")


def momentum() -> Film:
    w1, w2 = (tt.Tensor(w, requires_grad=True) for w in (4.0, 1.0))

    def cost() -> tt.Tensor:
        return w1**2 / 10 + 2 * w2**2

    J = cost()
    film = tt.film(J, every=4, rankdir="TB")
    optimizer = optim.Momentum([w1, w2], lr=0.3)
    for _ in range(29):
        film()
        optimizer.minimize(cost)
    return film


def adam() -> Film:
    w = tt.Tensor(0.0, requires_grad=True)

    def cost() -> tt.Tensor:
        return w**2 - 10 * w + 25

    J = cost()
    film = tt.film(J, every=4, rankdir="TB")
    optimizer = optim.Adam([w], lr=0.5)
    for _ in range(33):
        film()
        optimizer.minimize(cost)
    return film


def batch_norm() -> Picture:
    z = tt.Tensor([1.0, 2.0, 3.0, 6.0], requires_grad=True)
    gamma = tt.Tensor(2.0, requires_grad=True, name="γ")
    beta = tt.Tensor(1.0, requires_grad=True, name="β")
    mu = z.mean()
    centred = z - mu
    variance = (centred**2).mean()
    z_norm = centred / np.sqrt(variance + 1e-5)
    z_tilde = gamma * z_norm + beta
    J = z_tilde[3]
    names = {"μ": mu, "σ²": variance, "z norm": z_norm, "z̃": z_tilde}
    return J.draw(values="full", rankdir="TB", names=names)


def batch_norm_training() -> Picture:
    tt.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3), nn.Tanh())
    x = tt.Tensor([[1.0, 20.0], [2.0, -10.0], [3.0, 40.0], [4.0, 0.0]])
    return tt.draw(model, x, loss=lambda a: F.mse_loss(a, tt.ones(4, 3)))


def batch_norm_evaluation() -> Picture:
    tt.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.BatchNorm1d(3), nn.Tanh())
    x = tt.Tensor([[1.0, 20.0], [2.0, -10.0], [3.0, 40.0], [4.0, 0.0]])
    for _ in range(50):
        model(x)
    model.eval()
    return tt.draw(model, x[:1], loss=lambda a: F.mse_loss(a, tt.ones(1, 3)))


def softmax() -> Picture:
    z = tt.Tensor([5.0, 2.0, -1.0, 3.0], requires_grad=True)
    y = tt.Tensor([0.0, 1.0, 0.0, 0.0])
    t = np.exp(z)
    a = t / t.sum()
    L = -(y * np.log(a)).sum()
    return L.draw(values="full", rankdir="TB")


def softmax_regression() -> Picture:
    tt.manual_seed(0)
    model = nn.Linear(2, 3)
    x, y = tt.Tensor([[1.0, 2.0], [-1.0, 0.5], [0.0, -2.0]]), np.array([0, 1, 2])
    return tt.draw(model, x, loss=lambda z: F.cross_entropy(z, y), values="full", rankdir="LR")
