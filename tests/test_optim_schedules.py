"""Learning-rate schedules against their formulas and PyTorch. Numbers: course 2, week 2."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.test_optim import leaf
from tinygrad_tr.optim import SGD, lr_scheduler


def optimizer(*rates):
    return SGD([{"params": [leaf(1.0)], "lr": lr} for lr in rates])


def history(schedule, epochs):
    """The learning rates of all groups, epoch by epoch."""
    rates = [schedule.get_last_lr()]
    for _ in range(epochs):
        schedule.step()
        rates.append(schedule.get_last_lr())
    return np.array(rates)


SCHEDULES = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [3, 10, 20]}),
    ("MultiStepLR", {"milestones": [10, 10, 2], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("CosineAnnealingLR", {"T_max": 30}),
    ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 0.9**epoch, lambda epoch: 1 / (epoch + 1) ** 0.5]}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 12}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 25}),
]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize(("name", "arguments"), SCHEDULES)
def test_thirty_epochs_are_those_of_pytorch(name, arguments):
    torch = pytest.importorskip("torch")
    params = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    theirs = torch.optim.SGD(
        [{"params": [p], "lr": lr} for p, lr in zip(params, (0.2, 0.05), strict=True)]
    )
    reference = getattr(torch.optim.lr_scheduler, name)(theirs, **arguments)
    ours = getattr(lr_scheduler, name)(optimizer(0.2, 0.05), **arguments)
    np.testing.assert_allclose(history(ours, 30), history(reference, 30), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "arguments", "rates"),
    [
        ("InverseTimeLR", {"decay": 1}, [0.2, 0.1, 0.2 / 3, 0.05, 0.04]),
        ("ExponentialLR", {"gamma": 0.95}, [0.2, 0.19, 0.1805, 0.171475, 0.16290125]),
        (
            "LambdaLR",
            {"lr_lambda": lambda epoch: (epoch + 1) ** -0.5},
            [0.2, 0.1414213562373095, 0.11547005383792516, 0.1],
        ),
        ("StepLR", {"step_size": 2, "gamma": 0.5}, [0.2, 0.2, 0.1, 0.1, 0.05]),
        ("LinearLR", {"start_factor": 0.5, "total_iters": 2}, [0.1, 0.15, 0.2, 0.2]),
        ("CosineAnnealingLR", {"T_max": 2, "eta_min": 0.1}, [0.2, 0.15, 0.1, 0.15, 0.2]),
    ],
)
def test_the_rates_are_those_of_the_formula(name, arguments, rates):
    schedule = getattr(lr_scheduler, name)(optimizer(0.2), **arguments)
    np.testing.assert_allclose(history(schedule, len(rates) - 1)[:, 0], rates, rtol=1e-12)


def test_the_optimizer_uses_the_rate_of_the_schedule():
    w = leaf(0.0)
    descent = SGD([w], lr=1.0)
    schedule = lr_scheduler.StepLR(descent, step_size=1, gamma=0.5)
    for _ in range(3):
        w.grad = np.float64(-1)
        descent.step()
        schedule.step()
    assert w.item() == 1.75


def test_a_schedule_continues_where_it_was_saved():
    schedule = lr_scheduler.CosineAnnealingLR(optimizer(0.2, 0.1), T_max=9)
    history(schedule, 4)
    other = lr_scheduler.CosineAnnealingLR(optimizer(0.5, 0.5), T_max=9)
    other.load_state_dict(schedule.state_dict())
    np.testing.assert_array_equal(history(other, 10), history(schedule, 10))


def test_a_state_of_another_schedule_is_refused():
    schedule = lr_scheduler.StepLR(optimizer(0.2), step_size=3)
    for saved in ({}, {"epoch": 3, "base_lrs": [0.1, 0.2]}):
        with pytest.raises(tt.StateError, match="schedule"):
            schedule.load_state_dict(saved)


def test_a_rate_changed_behind_the_schedule_is_not_overwritten_unseen():
    descent = optimizer(0.2)
    schedule = lr_scheduler.ExponentialLR(descent, gamma=0.5)
    descent.param_groups[0]["lr"] = 0.05
    with pytest.raises(tt.ArgumentError, match="something else changed"):
        schedule.step()


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("StepLR", {"step_size": 0}, "step_size"),
        ("StepLR", {"step_size": 1.5}, "step_size"),
        ("StepLR", {"step_size": 2, "gamma": -1}, "gamma"),
        ("MultiStepLR", {"milestones": [0, 3]}, "milestones"),
        ("ExponentialLR", {"gamma": float("nan")}, "gamma"),
        ("CosineAnnealingLR", {"T_max": 0}, "T_max"),
        ("CosineAnnealingLR", {"T_max": 5, "eta_min": -1}, "eta_min"),
        ("InverseTimeLR", {"decay": -1}, "decay"),
        ("LinearLR", {"start_factor": 1.5}, "start_factor"),
        ("LinearLR", {"total_iters": 0}, "total_iters"),
        ("LambdaLR", {"lr_lambda": [lambda _: 1.0] * 2}, "functions"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_by_name(name, arguments, word):
    with pytest.raises(tt.ArgumentError, match=word):
        getattr(lr_scheduler, name)(optimizer(0.1), **arguments)


def test_a_schedule_wants_an_optimizer():
    with pytest.raises(tt.ArgumentError, match="optimizer"):
        lr_scheduler.StepLR([leaf(1.0)], step_size=1)


def test_a_function_may_depend_on_more_than_the_epoch():
    plateaus = []
    schedule = lr_scheduler.LambdaLR(optimizer(0.2), lambda _: 0.5 ** len(plateaus))
    plateaus.append("here")
    np.testing.assert_allclose(history(schedule, 1)[:, 0], [0.2, 0.1])
