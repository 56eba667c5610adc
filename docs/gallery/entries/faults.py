"""Beyond the courses: derivatives of derivatives, and pictures that find faults."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn, optim
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture import Picture


def backward_graph() -> Picture:
    a = tt.Tensor(5.0, requires_grad=True)
    b = tt.Tensor(3.0, requires_grad=True)
    c = tt.Tensor(2.0, requires_grad=True)
    u = b * c
    v = a + u
    J = 3 * v
    return J.draw(passes="backward")


def second_order() -> Picture:
    x = tt.Tensor(3.0, requires_grad=True)
    y = x**3
    (slope,) = tt.grad(y, x, create_graph=True)
    return slope.draw()


def detached() -> Picture:
    a = tt.Tensor(3.0, requires_grad=True)
    b = tt.Tensor(2.0, requires_grad=True)
    u = a * b
    J = u * u.detach()
    return J.draw()


def forgotten_zero_grad() -> Picture:
    w = tt.Tensor(3.0, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    J = (w - 1) ** 2
    J.backward()
    optimizer.step()
    J = (w - 1) ** 2
    return J.draw()


def first_bad_number() -> Picture:
    z = tt.Tensor([2.0, 0.0, -1.0], requires_grad=True)
    p = F.relu(z)
    log_p = np.log(p)
    L = -log_p.mean()
    return L.draw(values="full", rankdir="TB")


def dead_relu() -> Picture:
    tt.manual_seed(0)
    x = tt.randn(5, 3)
    W = tt.randn(4, 3, requires_grad=True)
    b = tt.Tensor([-9.0, 1.0, -9.0, 1.0], requires_grad=True)
    v = tt.randn(4, requires_grad=True)
    h = F.relu(F.linear(x, W, b))
    L = (h @ v).mean()
    return L.draw(values="full", rankdir="TB")


def missing_parameter() -> Picture:
    class Model(nn.Module):
        def __init__(self) -> None:
            self.used = nn.Linear(2, 2)
            self.forgotten = nn.Linear(2, 2)

        def forward(self, x: tt.Tensor) -> tt.Tensor:
            return self.used(x)

    tt.manual_seed(0)
    return tt.draw(Model(), tt.ones(1, 2), loss=lambda out: out.sum(), rankdir="LR")


def compare() -> Picture:
    tt.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x, y = tt.randn(8, 2), tt.ones(8, 1)

    def loss(out: tt.Tensor) -> tt.Tensor:
        return F.mse_loss(out, y)

    before = tt.draw(deepcopy(model), x, loss=loss)
    optim.SGD(model.parameters(), lr=0.5).minimize(lambda: loss(model(x)))
    return before.compare(tt.draw(model, x, loss=loss))
