"""All learning-rate schedules in one place, under PyTorch's names."""

from tinygrad_tr.optim.cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from tinygrad_tr.optim.decays import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    InverseSqrtLR,
    InverseTimeLR,
    LambdaLR,
    LinearLR,
    ManualLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from tinygrad_tr.optim.plateau import ReduceLROnPlateau
from tinygrad_tr.optim.schedules import ChainedScheduler, LRScheduler, Schedule, SequentialLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "InverseSqrtLR",
    "InverseTimeLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "ManualLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "Schedule",
    "SequentialLR",
    "StepLR",
]
