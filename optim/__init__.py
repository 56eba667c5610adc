"""Optimizers, learning-rate schedules and averages of weights, under PyTorch's names.

    optimizer = tt.optim.Adam(model.named_parameters(), lr=1e-3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

Each algorithm is a file; what they share is in optimizer.py. Clipping is also `nn.utils`'s.
"""

from tinygrad_tr.nn.utils import clip_grad_norm_, clip_grad_value_
from tinygrad_tr.optim import lr_scheduler
from tinygrad_tr.optim.adam import Adam
from tinygrad_tr.optim.adamw import AdamW
from tinygrad_tr.optim.averages import EMA, EWA
from tinygrad_tr.optim.lr_scheduler import *
from tinygrad_tr.optim.minimizing import minimize
from tinygrad_tr.optim.momentum import Momentum
from tinygrad_tr.optim.optimizer import Optimizer
from tinygrad_tr.optim.rmsprop import RMSprop
from tinygrad_tr.optim.sgd import SGD

__all__ = [
    "EMA",
    "EWA",
    "SGD",
    "Adam",
    "AdamW",
    "Momentum",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
    "minimize",
]
__all__ += lr_scheduler.__all__
