"""Course 3: what counts in the cost, and where a gradient can go."""

from __future__ import annotations

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.nn import functional as F
from tinygrad_tr.picture import Picture


def weighted_error() -> Picture:
    z = tt.Tensor([2.0, 2.0, -1.0], requires_grad=True)
    y = tt.Tensor([0.0, 0.0, 1.0])
    weight = tt.Tensor([1.0, 10.0, 1.0])
    each = F.binary_cross_entropy_with_logits(z, y, reduction="none")
    J = (weight * each).sum() / 12
    return J.draw(values="full", rankdir="TB")


def pipeline() -> Picture:
    class Pipeline(nn.Module):
        def __init__(self) -> None:
            self.find_the_face = nn.Linear(4, 3)
            self.who_is_it = nn.Linear(3, 2)

        def forward(self, x: tt.Tensor) -> tt.Tensor:
            return self.who_is_it(self.find_the_face(x).detach())

    tt.manual_seed(0)
    x = tt.randn(2, 4)
    return tt.draw(Pipeline(), x, loss=lambda z: F.cross_entropy(z, [0, 1]))


def end_to_end() -> Picture:
    class EndToEnd(nn.Module):
        def __init__(self) -> None:
            self.find_the_face = nn.Linear(4, 3)
            self.who_is_it = nn.Linear(3, 2)

        def forward(self, x: tt.Tensor) -> tt.Tensor:
            return self.who_is_it(self.find_the_face(x))

    tt.manual_seed(0)
    x = tt.randn(2, 4)
    return tt.draw(EndToEnd(), x, loss=lambda z: F.cross_entropy(z, [0, 1]))
