"""Optimizers and learning-rate schedules, under PyTorch's names.

    optimizer = tt.optim.Adam(model.named_parameters(), lr=1e-3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

Each algorithm is a file; what they share is in optimizer.py. Clipping is also `nn.utils`'s.
"""

from tinygrad_tr.nn.utils import clip_grad_norm_, clip_grad_value_
from tinygrad_tr.optim import schedules as lr_scheduler
from tinygrad_tr.optim.adam import Adam
from tinygrad_tr.optim.adamw import AdamW
from tinygrad_tr.optim.momentum import Momentum
from tinygrad_tr.optim.optimizer import Optimizer
from tinygrad_tr.optim.rmsprop import RMSprop
from tinygrad_tr.optim.schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    InverseTimeLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    Schedule,
    StepLR,
)
from tinygrad_tr.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "InverseTimeLR",
    "LambdaLR",
    "LinearLR",
    "Momentum",
    "MultiStepLR",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "StepLR",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]
