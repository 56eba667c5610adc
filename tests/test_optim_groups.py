"""Parameter groups, options, and saving: what an optimizer accepts, keeps and refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.test_optim import every_algorithm, leaf, run, starts
from tinygrad_tr.optim import SGD, Adam, AdamW, Momentum, RMSprop

# ---------------------------------------------------------------------- parameters


def test_parameters_may_be_tensors_pairs_a_generator_or_groups():
    a, b = leaf(1.0), leaf([2.0])
    for params in ([a, b], (p for p in (a, b)), [("a", a), ("b", b)], [{"params": [a, b]}]):
        optimizer = SGD(params)
        assert [p for group in optimizer.param_groups for p in group["params"]] == [a, b]


def test_groups_have_options_of_their_own():
    a, b, c = leaf(1.0), leaf(1.0), leaf(1.0)
    optimizer = SGD(
        [{"params": [a], "lr": 0.5}, {"params": (p for p in [b])}], lr=0.1, momentum=0.5
    )
    optimizer.add_param_group({"params": [("c", c)], "momentum": 0})
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1, 0.1]
    for p in (a, b, c):
        p.grad = np.float64(1)
    optimizer.step()
    optimizer.step()
    np.testing.assert_allclose([a.item(), b.item(), c.item()], [-0.25, 0.75, 0.8])


def test_an_option_can_be_changed_between_steps():
    w = leaf(1.0)
    optimizer = SGD([w], lr=0.1)
    optimizer.param_groups[0]["lr"] = np.float32(0.5)
    w.grad = np.float64(1)
    optimizer.step()
    assert w.item() == 0.5


def test_a_frozen_parameter_is_accepted():
    run(SGD([leaf(1.0), tt.Tensor(2.0)]), [], 1)


BAD_PARAMETERS = {
    "an empty list": ([], tt.ArgumentError, "no parameters"),
    "a used generator": (iter(()), tt.ArgumentError, "used up"),
    "an empty group": ([{"params": []}], tt.ArgumentError, "no parameters"),
    "one Tensor": (leaf([1.0, 2.0]), tt.ArgumentError, "iterable"),
    "a number": (3, tt.ArgumentError, "iterable"),
    "a dict": ({"w": leaf(1.0)}, tt.ArgumentError, "iterable"),
    "an array": ([np.ones(3)], tt.ArgumentError, "'0' is not a Tensor"),
    "a named array": ([("w", np.ones(3))], tt.ArgumentError, "'w' is not a Tensor"),
    "a result": ([("w", leaf(1.0) * 2)], tt.GraphError, "'w' is the result of multiply"),
    "integers": ([tt.Tensor(np.arange(3))], tt.DtypeError, "gradient"),
    "a group without params": ([{"lr": 0.1}], tt.ArgumentError, "group"),
    "Tensors among groups": ([{"params": [leaf(1.0)]}, leaf(1.0)], tt.ArgumentError, "group"),
    "an unknown option": (
        [{"params": [leaf(1.0)], "learning_rate": 1}],
        tt.ArgumentError,
        "'learning_rate' is not an option",
    ),
}


@pytest.mark.parametrize("case", BAD_PARAMETERS)
def test_parameters_that_cannot_be_optimized_are_refused(case):
    params, error, word = BAD_PARAMETERS[case]
    with pytest.raises(error, match=word):
        SGD(params)


def test_a_parameter_or_a_name_given_twice_is_refused():
    a, b = leaf(1.0), leaf(1.0)
    with pytest.raises(tt.ArgumentError, match="given twice"):
        SGD([a, b, a])
    with pytest.raises(tt.ArgumentError, match="given twice"):
        SGD([{"params": [a]}, {"params": [("again", a)]}])
    with pytest.raises(tt.ArgumentError, match="shares its name"):
        SGD([("w", a), ("w", b)])


# ---------------------------------------------------------------------- options

BAD_OPTIONS = [
    (SGD, {"lr": -0.1}),
    (SGD, {"lr": float("nan")}),
    (SGD, {"lr": "0.1"}),
    (SGD, {"lr": True}),
    (SGD, {"lr": None}),
    (SGD, {"momentum": -1}),
    (SGD, {"momentum": 0.9, "dampening": float("inf")}),
    (SGD, {"weight_decay": -1e-4}),
    (SGD, {"momentum": 0.9, "nesterov": 1}),
    (SGD, {"maximize": "yes"}),
    (Momentum, {"beta": 1.0}),
    (Momentum, {"dampen": None}),
    (RMSprop, {"alpha": 1.5}),
    (RMSprop, {"eps": -1e-8}),
    (RMSprop, {"centered": 2}),
    (Adam, {"betas": (0.9, 1.0)}),
    (Adam, {"betas": (-0.1, 0.999)}),
    (Adam, {"betas": 0.9}),
    (Adam, {"betas": (0.9, 0.99, 0.999)}),
    (Adam, {"betas": "99"}),
    (AdamW, {"weight_decay": float("inf")}),
    (AdamW, {"amsgrad": "no"}),
]


@pytest.mark.parametrize(("algorithm", "options"), BAD_OPTIONS)
def test_an_option_outside_its_values_is_refused_by_name(algorithm, options):
    with pytest.raises(tt.ArgumentError, match=f"{list(options)[-1]} has no such value"):
        algorithm([leaf(1.0)], **options)


@pytest.mark.parametrize(
    "options",
    [
        {"nesterov": True},
        {"nesterov": True, "momentum": 0.9, "dampening": 0.1},
        {"dampening": 0.1},
    ],
)
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(tt.ArgumentError, match="momentum"):
        SGD([leaf(1.0)], **options)


def test_a_change_of_an_option_is_checked():
    group = Adam([leaf(1.0)]).param_groups[0]
    with pytest.raises(tt.ArgumentError, match="lr has no such value"):
        group["lr"] = -1
    with pytest.raises(tt.ArgumentError, match="'learning_rate' is not an option"):
        group["learning_rate"] = 0.1
    with pytest.raises(tt.ArgumentError, match="'params' is not an option"):
        group["params"] = []
    with pytest.raises(tt.ArgumentError, match="amsgrad cannot be switched"):
        group["amsgrad"] = True
    assert group["lr"] == 1e-3


def test_repr_says_what_is_optimized_and_how():
    text = repr(SGD([leaf(np.ones((2, 3))), leaf(1.0)], lr=0.1))
    assert text.startswith("SGD(2 parameters of 7 numbers, lr=0.1, momentum=0.0")
    text = repr(Adam([{"params": [leaf(1.0)], "lr": 0.5}, {"params": [leaf(1.0)]}]))
    assert "lr=0.5" in text
    assert "lr=0.001" in text


# ---------------------------------------------------------------------- saving


def named(dtype=np.float64):
    names = ("weight", "bias", "scale")
    return [(name, leaf(start, dtype)) for name, start in zip(names, starts(), strict=True)]


@every_algorithm
def test_a_loaded_state_continues_bit_for_bit(make):
    original = named()
    optimizer = make(original, weight_decay=0.01)
    run(optimizer, [p for _, p in original], 7)
    resumed = [(name, leaf(p.numpy())) for name, p in original]
    other = make(resumed)
    other.load_state_dict(optimizer.state_dict())
    for k in range(7, 14):
        run(optimizer, [p for _, p in original], 1, first=k)
        run(other, [p for _, p in resumed], 1, first=k)
    for (_, p), (_, q) in zip(original, resumed, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_a_state_can_be_loaded_over_a_running_one():
    params = named()
    optimizer = Adam(params)
    fresh = optimizer.state_dict()
    run(optimizer, [p for _, p in params], 1)
    after_one = optimizer.state_dict()["state"]["bias"]["m"]
    optimizer.load_state_dict(fresh)
    for (_, p), start in zip(params, starts(), strict=True):
        p.assign(start)
    run(optimizer, [p for _, p in params], 1)
    np.testing.assert_array_equal(optimizer.state_dict()["state"]["bias"]["m"], after_one)


def test_a_state_is_not_changed_by_later_steps():
    params = named()
    optimizer = Adam(params)
    run(optimizer, [p for _, p in params], 1)
    saved = optimizer.state_dict()
    kept = saved["state"]["weight"]["m"].copy()
    run(optimizer, [p for _, p in params], 3)
    np.testing.assert_array_equal(saved["state"]["weight"]["m"], kept)
    assert saved["state"]["weight"]["step"] == 1
    optimizer.load_state_dict(saved)
    run(optimizer, [p for _, p in params], 3)
    np.testing.assert_array_equal(saved["state"]["weight"]["m"], kept)


def test_the_options_of_a_state_survive_json():
    optimizer = Adam(named(), lr=0.3, betas=(0.8, 0.9))
    groups = json.loads(json.dumps(optimizer.state_dict()["param_groups"]))
    other = Adam(named())
    other.load_state_dict({"state": {}, "param_groups": groups})
    assert other.param_groups[0].options() == optimizer.param_groups[0].options()


def test_a_state_is_kept_under_the_names_of_the_parameters():
    params = named()
    optimizer = Adam(params)
    run(optimizer, [p for _, p in params], 2)
    state = optimizer.state_dict()
    assert list(state["state"]) == ["weight", "bias", "scale"]
    assert state["state"]["scale"].keys() == {"step", "m", "v"}
    assert state["param_groups"][0]["params"] == ["weight", "bias", "scale"]


def spoiled(change):
    params = named()
    optimizer = Adam(params)
    run(optimizer, [p for _, p in params], 1)
    saved = optimizer.state_dict()
    change(saved)
    return optimizer, saved


SPOILS = {
    "not a state": (lambda s: s.clear(), "not the state of an optimizer"),
    "names": (lambda s: s["param_groups"][0].update(params=["a"]), "the parameters"),
    "missing option": (lambda s: s["param_groups"][0].pop("eps"), "eps: missing option"),
    "unknown option": (lambda s: s["param_groups"][0].update(rho=1), "rho: unexpected option"),
    "bad option": (lambda s: s["param_groups"][0].update(lr=-1), "lr has no such value"),
    "structure": (lambda s: s["param_groups"][0].update(amsgrad=True), "amsgrad cannot"),
    "missing array": (lambda s: s["state"]["bias"].pop("m"), r"bias\.m: missing"),
    "unknown array": (lambda s: s["state"]["bias"].update(x=0), r"bias\.x: unexpected"),
    "unknown parameter": (lambda s: s["state"].update(w={}), "w: state of an unknown"),
    "shape": (
        lambda s: s["state"]["bias"].update(m=np.zeros(5)),
        r"bias\.m: \(5,\) float64 instead of \(4,\) float64",
    ),
    "dtype": (
        lambda s: s["state"]["bias"].update(m=np.zeros(4, np.float32)),
        r"bias\.m: \(4,\) float32 instead of \(4,\) float64",
    ),
    "step": (lambda s: s["state"]["bias"].update(step="one"), r"bias\.step"),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_changed(spoil):
    change, word = SPOILS[spoil]
    optimizer, saved = spoiled(change)
    before = optimizer.state_dict()
    with pytest.raises(tt.StateError, match=word):
        optimizer.load_state_dict(saved)
    np.testing.assert_equal(optimizer.state_dict(), before)
