"""Learning-rate schedules against their formulas and PyTorch. Numbers: course 2, week 2."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr.optim import SGD, Adam, Momentum, RMSprop, lr_scheduler


def optimizer(*rates, **options):
    return SGD([{"params": [leaf(1.0)], "lr": lr} for lr in rates], **options)


def torch_optimizer(torch, *rates, **options):
    params = [torch.zeros(1, requires_grad=True) for _ in rates]
    groups = [{"params": [p], "lr": lr} for p, lr in zip(params, rates, strict=True)]
    return torch.optim.SGD(groups, **options)


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
    ("MultiStepLR", {"milestones": [2, 10], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("CosineAnnealingLR", {"T_max": 30}),
    ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 0.9**epoch, lambda epoch: 1 / (epoch + 1) ** 0.5]}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 12}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 25}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 12}),
    ("PolynomialLR", {}),
    ("PolynomialLR", {"total_iters": 20, "power": 2.5}),
    ("CosineAnnealingWarmRestarts", {"T_0": 7}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.001}),
]

ONE_CYCLE = {"max_lr": [0.3, 0.1], "total_steps": 31}
CYCLIC = {"base_lr": [0.01, 0.02], "max_lr": 0.1, "step_size_up": 4}
CYCLES = [
    ("OneCycleLR", ONE_CYCLE),
    ("OneCycleLR", {"max_lr": 0.3, "epochs": 8, "steps_per_epoch": 4}),
    ("OneCycleLR", {**ONE_CYCLE, "three_phase": True}),
    ("OneCycleLR", {**ONE_CYCLE, "anneal_strategy": "linear", "pct_start": 0.5}),
    ("OneCycleLR", {**ONE_CYCLE, "div_factor": 5, "final_div_factor": 0.5, "max_momentum": 0.9}),
    ("OneCycleLR", {**ONE_CYCLE, "pct_start": 0.0}),
    ("OneCycleLR", {**ONE_CYCLE, "pct_start": 1.0, "base_momentum": 0.5}),
    ("OneCycleLR", {**ONE_CYCLE, "cycle_momentum": False}),
    ("CyclicLR", CYCLIC),
    ("CyclicLR", {**CYCLIC, "mode": "triangular2", "step_size_down": 7}),
    ("CyclicLR", {**CYCLIC, "mode": "exp_range", "gamma": 0.9, "base_momentum": 0.5}),
    ("CyclicLR", {**CYCLIC, "scale_fn": lambda cycle: 1 / cycle}),
    ("CyclicLR", {**CYCLIC, "scale_fn": lambda t: 0.99**t, "scale_mode": "iterations"}),
]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize(("name", "arguments"), SCHEDULES + CYCLES)
def test_thirty_epochs_are_those_of_pytorch(name, arguments):
    torch = pytest.importorskip("torch")
    theirs = torch_optimizer(torch, 0.2, 0.05, momentum=0.9)
    reference = getattr(torch.optim.lr_scheduler, name)(theirs, **arguments)
    ours = getattr(lr_scheduler, name)(optimizer(0.2, 0.05, momentum=0.9), **arguments)
    np.testing.assert_allclose(history(ours, 30), history(reference, 30), rtol=1e-12, atol=1e-15)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize(("name", "arguments"), CYCLES)
def test_the_momentum_cycles_as_in_pytorch(name, arguments):
    torch = pytest.importorskip("torch")
    theirs, ours = (
        torch_optimizer(torch, 0.2, 0.05, momentum=0.9),
        optimizer(0.2, 0.05, momentum=0.9),
    )
    pairs = [
        (getattr(torch.optim.lr_scheduler, name)(theirs, **arguments), theirs),
        (getattr(lr_scheduler, name)(ours, **arguments), ours),
    ]
    for _ in range(30):
        first, second = ([g["momentum"] for g in o.param_groups] for _, o in pairs)
        np.testing.assert_allclose(second, first, rtol=1e-12)
        for schedule, _ in pairs:
            schedule.step()


@pytest.mark.parametrize(
    ("name", "arguments", "rates"),
    [
        ("InverseTimeLR", {"decay": 1}, [0.2, 0.1, 0.2 / 3, 0.05, 0.04]),
        ("ExponentialLR", {"gamma": 0.95}, [0.2, 0.19, 0.1805, 0.171475, 0.16290125]),
        ("InverseSqrtLR", {}, [0.2, 0.1414213562373095, 0.11547005383792516, 0.1]),
        ("InverseSqrtLR", {"k": 0.5}, [0.1, 0.1 / 2**0.5, 0.1 / 3**0.5, 0.05]),
        ("ManualLR", {"table": {3: 0.01, 1: 0.1}}, [0.2, 0.1, 0.1, 0.01, 0.01]),
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
        ("LambdaLR", {"lr_lambda": lambda _: -1.0}, "epoch 0"),
        ("MultiStepLR", {"milestones": []}, "milestones"),
        ("MultiStepLR", {"milestones": [5, 3]}, "milestones"),
        ("MultiStepLR", {"milestones": [5, 5]}, "milestones"),
        ("MultiStepLR", {"milestones": 5.0}, "milestones"),
        ("ManualLR", {"table": {}}, "no rates"),
        ("ManualLR", {"table": [0.1, 0.2]}, "no rates"),
        ("ManualLR", {"table": {-1: 0.1}}, "epoch"),
        ("ManualLR", {"table": {"one": 0.1, 2: 0.1}}, "epoch"),
        ("ManualLR", {"table": {1: -0.1}}, "rate"),
        ("InverseSqrtLR", {"k": 0}, "k has no such"),
        ("ConstantLR", {"factor": 2}, "factor"),
        ("ConstantLR", {"total_iters": 0}, "total_iters"),
        ("PolynomialLR", {"power": -1}, "power"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, "T_0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 0.5}, "T_mult"),
        ("OneCycleLR", {"max_lr": 0.1}, "length"),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "epochs": 3, "steps_per_epoch": 3}, "len"),
        ("OneCycleLR", {"max_lr": -0.1, "total_steps": 9}, "max_lr"),
        ("OneCycleLR", {"max_lr": [0.1, 0.2], "total_steps": 9}, "max_lr"),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "pct_start": 30}, "pct_start"),
        (
            "OneCycleLR",
            {"max_lr": 0.1, "total_steps": 9, "pct_start": 0.6, "three_phase": True},
            "pct_start",
        ),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "div_factor": 0}, "div_factor"),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "anneal_strategy": "log"}, "way"),
        ("OneCycleLR", {"max_lr": 0.1, "total_steps": 9, "max_momentum": 0.5}, "max_momentum"),
        ("CyclicLR", {"base_lr": 0.2, "max_lr": 0.1}, "fall before it rises"),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.2, "mode": "square"}, "mode"),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.2, "step_size_up": 0}, "step_size_up"),
        ("ReduceLROnPlateau", {"mode": "lowest"}, "mode"),
        ("ReduceLROnPlateau", {"threshold_mode": "log"}, "mode"),
        ("ReduceLROnPlateau", {"factor": 1.0}, "factor"),
        ("ReduceLROnPlateau", {"patience": -1}, "patience"),
        ("ReduceLROnPlateau", {"threshold": -1e-4}, "threshold"),
        ("ReduceLROnPlateau", {"min_lr": [0.1, 0.1]}, "min_lr"),
        ("ReduceLROnPlateau", {"min_lr": -1}, "min_lr"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_by_name(name, arguments, word):
    with pytest.raises(tt.ArgumentError, match=word):
        getattr(lr_scheduler, name)(optimizer(0.1, momentum=0.9), **arguments)


def test_a_function_may_depend_on_more_than_the_epoch():
    plateaus = []
    schedule = lr_scheduler.LambdaLR(optimizer(0.2), lambda _: 0.5 ** len(plateaus))
    plateaus.append("here")
    np.testing.assert_allclose(history(schedule, 1)[:, 0], [0.2, 0.1])


# ---------------------------------------------------------------------- put together


def warm_up_then_cosine(library, descent):
    warmup = library.LinearLR(descent, start_factor=0.1, total_iters=5)
    cosine = library.CosineAnnealingLR(descent, T_max=20, eta_min=0.001)
    return library.SequentialLR(descent, [warmup, cosine], milestones=[5])


def three_in_a_row(library, descent):
    warmup = library.ConstantLR(descent, factor=0.1, total_iters=20)
    steps = library.StepLR(descent, step_size=3, gamma=0.5)
    decay = library.PolynomialLR(descent, total_iters=8)
    return library.SequentialLR(descent, [warmup, steps, decay], milestones=[4, 15])


def product(library, descent):
    warmup = library.LinearLR(descent, start_factor=0.25, total_iters=4)
    decay = library.ExponentialLR(descent, gamma=0.9)
    return library.ChainedScheduler([warmup, decay])


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
@pytest.mark.parametrize("make", [warm_up_then_cosine, three_in_a_row, product])
def test_schedules_put_together_are_those_of_pytorch(make):
    torch = pytest.importorskip("torch")
    reference = make(torch.optim.lr_scheduler, torch_optimizer(torch, 0.2, 0.05))
    ours = make(lr_scheduler, optimizer(0.2, 0.05))
    np.testing.assert_allclose(history(ours, 30), history(reference, 30), rtol=1e-12, atol=1e-15)


def test_parts_can_be_made_in_any_order_and_nested():
    descent = optimizer(0.2)
    late = lr_scheduler.ExponentialLR(descent, gamma=0.5)
    early = lr_scheduler.ConstantLR(descent, factor=0.1, total_iters=9)
    pair = lr_scheduler.SequentialLR(descent, [early, late], milestones=[2])
    end = lr_scheduler.ManualLR(descent, {0: 0.003})
    whole = lr_scheduler.SequentialLR(descent, [pair, end], milestones=[5])
    expected = [0.02, 0.02, 0.2, 0.1, 0.05, 0.003, 0.003]
    np.testing.assert_allclose(history(whole, 6)[:, 0], expected, rtol=1e-12)


def test_functions_for_each_group_can_be_parts():
    descent = optimizer(0.2, 0.1)
    own = lr_scheduler.LambdaLR(descent, [lambda epoch: 0.5**epoch, lambda epoch: 1.0])
    both = lr_scheduler.ChainedScheduler([own, lr_scheduler.StepLR(descent, 1, gamma=0.1)])
    np.testing.assert_allclose(history(both, 1), [[0.2, 0.1], [0.01, 0.01]], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda d, a, b: lr_scheduler.SequentialLR(d, [a, b], []), "one milestone less"),
        (lambda d, a, b: lr_scheduler.SequentialLR(d, [a, b], [0]), "milestones"),
        (lambda d, a, b: lr_scheduler.SequentialLR(d, [a, b, a], [7, 5]), "milestones"),
        (lambda d, a, b: lr_scheduler.SequentialLR(d, [], []), "no optimizer in common"),
        (lambda d, a, b: lr_scheduler.SequentialLR(d, [a, 3], [5]), "not a schedule"),
        (lambda d, a, b: lr_scheduler.SequentialLR(optimizer(0.1), [a, b], [5]), "in common"),
        (
            lambda d, a, b: lr_scheduler.ChainedScheduler([a, lr_scheduler.ReduceLROnPlateau(d)]),
            "not a schedule that can be a part",
        ),
        (
            lambda d, a, b: lr_scheduler.ChainedScheduler([lr_scheduler.OneCycleLR(d, 1.0, 9)]),
            "cycle_momentum=False",
        ),
    ],
)
def test_schedules_that_cannot_be_put_together_are_refused(make, word):
    descent = optimizer(0.1, momentum=0.9)
    a, b = lr_scheduler.StepLR(descent, 3), lr_scheduler.ConstantLR(descent)
    with pytest.raises(tt.ArgumentError, match=word):
        make(descent, a, b)


# ---------------------------------------------------------------------- cycles


@pytest.mark.parametrize(
    ("make", "momentum"),
    [
        (lambda p: SGD(p, momentum=0.5), lambda g: g["momentum"]),
        (lambda p: RMSprop(p, momentum=0.5), lambda g: g["momentum"]),
        (lambda p: Momentum(p), lambda g: g["beta"]),
        (lambda p: Adam(p, betas=(0.5, 0.99)), lambda g: g["betas"][0]),
    ],
)
def test_the_momentum_of_every_algorithm_can_cycle(make, momentum):
    descent = make([leaf(1.0)])
    schedule = lr_scheduler.OneCycleLR(descent, 1.0, total_steps=10, pct_start=0.5)
    seen = []
    for _ in range(10):
        seen.append(momentum(descent.param_groups[0]))
        schedule.step()
    assert seen[0] == pytest.approx(0.95)
    assert min(seen) == pytest.approx(0.85)
    assert descent.param_groups[0].get("betas", (0, 0.99))[1] == 0.99


@pytest.mark.parametrize("make", [SGD, lambda p: RMSprop(p)])
def test_a_cycle_of_a_momentum_that_is_off_is_refused(make):
    with pytest.raises(tt.ArgumentError, match="no momentum to cycle"):
        lr_scheduler.OneCycleLR(make([leaf(1.0)]), 0.1, total_steps=10)


def test_one_cycle_takes_the_step_after_its_last_mini_batch_and_no_more():
    schedule = lr_scheduler.OneCycleLR(optimizer(0.1), 0.3, total_steps=4, cycle_momentum=False)
    rates = history(schedule, 4)
    assert rates[4] == rates[3] == pytest.approx(0.3 / 25 / 1e4)
    with pytest.raises(tt.ArgumentError, match="the cycle is over"):
        schedule.step()
    assert schedule.epoch == 4


# ---------------------------------------------------------------------- plateaus

METRICS = np.repeat(
    [5, 4, 3, 3.1, 2.99995, 2.9, 3, 2.5, 2], [1, 1, 3, 1, 1, 2, 5, 7, 3]
)  # once 2.99995 is better than 3, by less than every threshold


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("sign", "options"),
    [
        (1, {}),
        (1, {"patience": 2}),
        (1, {"patience": 0, "factor": 0.5}),
        (1, {"patience": 1, "cooldown": 2, "factor": 0.3}),
        (1, {"patience": 1, "threshold": 0.2, "factor": 0.5}),
        (1, {"patience": 1, "threshold": 0.3, "threshold_mode": "abs"}),
        (1, {"patience": 1, "min_lr": 0.01}),
        (1, {"patience": 1, "min_lr": [0.01, 0.001], "factor": 0.0}),
        (1, {"patience": 1, "eps": 0.03, "factor": 0.5}),
        (-1, {"patience": 1, "mode": "max", "threshold_mode": "abs"}),
        (-1, {"patience": 1, "mode": "max", "threshold": 0.1}),
    ],
)
def test_plateaus_are_those_of_pytorch(sign, options):
    torch = pytest.importorskip("torch")
    metrics = METRICS if sign == 1 else 6 - METRICS
    theirs, ours = torch_optimizer(torch, 0.2, 0.05), optimizer(0.2, 0.05)
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    schedule = lr_scheduler.ReduceLROnPlateau(ours, **options)
    for metric in metrics:
        schedule.step(metric)
        reference.step(metric)
        expected = [group["lr"] for group in theirs.param_groups]
        np.testing.assert_allclose(schedule.get_last_lr(), expected, rtol=1e-12)


def test_a_plateau_continues_where_it_was_saved():
    options = {"patience": 1, "cooldown": 2, "factor": 0.5}
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer(0.2, 0.1), **options)
    for metric in METRICS[:6]:
        schedule.step(metric)
    other = lr_scheduler.ReduceLROnPlateau(optimizer(0.2, 0.1), **options)
    other.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
    for metric in METRICS[6:]:
        assert other.get_last_lr() == schedule.get_last_lr()
        for each in (schedule, other):
            each.step(metric)
    with pytest.raises(tt.StateError, match="not the state"):
        schedule.load_state_dict({"epoch": 3, "base_lrs": [0.1, 0.2]})


def test_a_share_of_a_negative_best_is_an_improvement_all_the_same():
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer(0.2), patience=0, threshold=0.1)
    schedule.step(-10.0)
    schedule.step(-9.5)  # worse, and above -10·(1 - 0.1)
    assert schedule.get_last_lr() == pytest.approx([0.02])


def test_a_plateau_takes_a_loss_and_refuses_what_cannot_be_compared():
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer(0.2), patience=0)
    for metric in (tt.Tensor(3.0), np.float32(3), 3):
        schedule.step(metric)
    assert schedule.get_last_lr() == pytest.approx([0.002])
    for metric in (math.nan, math.inf, "low", [1, 2], None):
        with pytest.raises(tt.ArgumentError, match="cannot be compared"):
            schedule.step(metric)


# ---------------------------------------------------------------------- every schedule

EVERY = (
    SCHEDULES
    + CYCLES
    + [
        ("InverseTimeLR", {"decay": 0.3}),
        ("InverseSqrtLR", {"k": 0.5}),
        ("ManualLR", {"table": {3: 0.1, 9: 0.01}}),
    ]
)


@pytest.mark.parametrize(("name", "arguments"), EVERY)
def test_every_schedule_continues_from_a_state_that_went_through_json(name, arguments):
    make = getattr(lr_scheduler, name)
    schedule = make(optimizer(0.2, 0.1, momentum=0.5), **arguments)
    history(schedule, 7)
    other = make(optimizer(0.4, 0.4, momentum=0.5), **arguments)
    other.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
    np.testing.assert_array_equal(history(other, 10), history(schedule, 10))
    options = [[g.options() for g in s.optimizer.param_groups] for s in (schedule, other)]
    assert options[0] == options[1]


@pytest.mark.parametrize("make", [warm_up_then_cosine, three_in_a_row, product])
def test_schedules_put_together_continue_too(make):
    schedule = make(lr_scheduler, optimizer(0.2, 0.1))
    history(schedule, 7)
    other = make(lr_scheduler, optimizer(0.4, 0.4))
    other.load_state_dict(schedule.state_dict())
    np.testing.assert_array_equal(history(other, 12), history(schedule, 12))


def test_every_name_is_at_both_doors():
    for name in lr_scheduler.__all__:
        assert getattr(tt.optim, name) is getattr(lr_scheduler, name)


@pytest.mark.parametrize(("name", "arguments"), [*EVERY, ("ReduceLROnPlateau", {})])
def test_a_schedule_wants_an_optimizer(name, arguments):
    with pytest.raises(tt.ArgumentError, match="not an optimizer"):
        getattr(lr_scheduler, name)([leaf(1.0)], **arguments)


def test_a_second_schedule_begins_with_the_rate_that_was_given():
    descent = optimizer(0.2)
    history(lr_scheduler.ExponentialLR(descent, gamma=0.5), 3)
    assert lr_scheduler.StepLR(descent, 5).get_last_lr() == [0.2]
    descent.param_groups[0]["lr"] = 0.07
    assert lr_scheduler.StepLR(descent, 5).get_last_lr() == [0.07]


@pytest.mark.parametrize("factor", [-1.0, math.nan, math.inf, 1j, "half"])
def test_a_rate_that_no_optimizer_can_use_is_refused_with_its_epoch(factor):
    class Odd(lr_scheduler.Schedule):
        def rate(self, lr0, epoch):
            return lr0 if epoch < 3 else factor

    schedule = Odd(optimizer(0.2))
    history(schedule, 2)
    with pytest.raises(tt.ArgumentError, match=r"Odd: epoch 3 has a rate .*\n.*got: +lr="):
        schedule.step()
    assert (schedule.epoch, schedule.get_last_lr()) == (2, [0.2])


def test_fit_gives_a_plateau_the_number_that_it_monitors():
    model = tt.nn.Linear(1, 1)
    still = SGD(model.named_parameters(), lr=1e-9)
    schedule = lr_scheduler.ReduceLROnPlateau(still, patience=1, eps=0, monitor="train loss")
    x = np.ones((4, 1), np.float32)
    tt.train.fit(
        model, [(x, x)], tt.nn.functional.mse_loss, still, epochs=5, schedule=schedule,
        progress=False,
    )  # fmt: skip
    assert schedule.get_last_lr() == pytest.approx([1e-11])
