"""Module: it finds its parameters wherever they are, and nothing gets lost."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn


class Scale(nn.Module):
    def __init__(self, n=3):
        self.factor = nn.Parameter(np.arange(1.0, n + 1))
        self.register_buffer("seen", np.zeros(n))

    def forward(self, x):
        return x * self.factor


class Everywhere(nn.Module):
    """Parameters and modules in attributes, lists, tuples and dicts, nested."""

    def __init__(self):
        self.first = Scale()
        self.many = [Scale(), (Scale(), {"deep": nn.Parameter([1.0])})]
        self.named = {"a": nn.Parameter([1.0, 2.0]), 7: Scale()}
        self.note = {"rate": 0.1, (1, 2): "keys of other things are free"}

    def forward(self, x):
        return self.first(x) + self.many[0](x)


def names(model):
    return [name for name, _ in model.named_parameters()]


# ------------------------------------------------------------------ finding


def test_parameters_are_found_in_attributes_lists_tuples_and_dicts():
    model = Everywhere()
    assert sorted(names(model)) == [
        "first.factor", "many.0.factor", "many.1.0.factor", "many.1.1.deep", "named.7.factor",
        "named.a",
    ]  # fmt: skip


def test_a_parameter_appended_later_is_found_too():
    model = Everywhere()
    model.many.append(Scale())
    assert "many.2.factor" in names(model)


def test_shared_parameters_come_once_and_are_saved_under_every_path():
    model = Everywhere()
    model.again = model.first
    model.tied = model.first.factor
    assert len(set(names(model))) == 6
    assert {"again.factor", "tied", "first.factor"} <= set(model.state_dict())
    assert sum(1 for m in model.modules() if m is model.first) == 1


def test_modules_that_refer_to_each_other_are_walked_once():
    parent = Scale()
    parent.child = Scale()
    parent.child.parent = parent
    assert names(parent) == ["factor", "child.factor"]
    assert [path for path, _ in parent.named_modules()] == ["", "child"]
    assert "child.factor" in parent.state_dict()


def test_children_are_one_level_down_and_modules_are_all_levels():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh(), nn.ReLU()))
    assert [name for name, _ in model.named_children()] == ["0", "1"]
    assert [path for path, _ in model.named_modules()] == ["", "0", "1", "1.0", "1.1"]
    assert len(list(model.children())) == 2


def test_super_init_may_be_left_out_or_called_late():
    class Late(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter([1.0])
            super().__init__()

    assert names(Late()) == ["weight"]
    assert names(Scale()) == ["factor"]


def test_parameters_take_the_name_of_their_attribute_unless_they_have_one():
    scale = Scale()
    assert scale.factor.name == "factor"
    scale.factor = nn.Parameter([1.0], name="mine")
    assert scale.factor.name == "mine"


def test_operations_on_parameters_give_plain_tensors():
    assert type(Scale().factor * 2) is tt.Tensor


REFUSED = {
    "a Tensor that would not be trained": (
        lambda m: setattr(m, "w", tt.ones(2, requires_grad=True)), tt.DtypeError, "nn.Parameter",
    ),
    "such a Tensor in a list": (
        lambda m: setattr(m, "w", [1, tt.ones(2, requires_grad=True)]), tt.DtypeError, "w.1",
    ),
    "such a Tensor appended later": (
        lambda m: m.many.append(tt.ones(2, requires_grad=True)) or list(m.parameters()),
        tt.DtypeError, "many.2",
    ),
    "modules in a set": (
        lambda m: setattr(m, "w", {Scale()}), tt.DtypeError, "no order",
    ),
    "a dict key with a dot": (
        lambda m: setattr(m, "w", {"a.b": Scale()}), tt.StateError, "without dots",
    ),
    "keys that are one as text": (
        lambda m: setattr(m, "w", {1: Scale(), "1": Scale()}) or names(m),
        tt.StateError, "w.1",
    ),
    "an array in the place of a parameter": (
        lambda m: setattr(m.first, "factor", np.ones(3)), tt.DtypeError, "assign",
    ),
    "a Tensor in the place of a parameter": (
        lambda m: setattr(m.first, "factor", tt.ones(3)), tt.DtypeError, "nn.Parameter",
    ),
    "an array in the place of a buffer": (
        lambda m: setattr(m.first, "seen", np.ones(3)), tt.DtypeError, "a Tensor or None",
    ),
    "an attribute that hides a method": (
        lambda m: setattr(m, "modules", []), tt.ArgumentError, r"Module.modules\(\)",
    ),
    "a buffer under a name that is taken": (
        lambda m: m.first.register_buffer("factor", np.ones(3)), tt.ArgumentError, "exists",
    ),
    "a buffer with a dot": (
        lambda m: m.register_buffer("a.b", np.ones(3)), tt.ArgumentError, "dot",
    ),
    "a module without forward": (
        lambda m: nn.Module()(1), tt.UnsupportedError, "def forward",
    ),
    "an unknown attribute": (
        lambda m: m.frist, AttributeError, "frist",
    ),
    "parameters of integers": (
        lambda m: m.to(np.int64), tt.DtypeError, "floating-point",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_modules_refuse(case):
    call, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        call(Everywhere())


def test_results_of_operations_may_be_kept_as_attributes():
    model = Scale()
    model.last = model(tt.ones(3))
    assert names(model) == ["factor"]


def test_a_parameter_may_be_set_to_none_and_back():
    model = Scale()
    model.factor = None
    assert names(model) == []
    model.factor = nn.Parameter([1.0])
    assert names(model) == ["factor"]


# ------------------------------------------------------------------ state


def test_state_dict_is_a_copy():
    model = Scale()
    state = model.state_dict()
    state["factor"][:] = 0
    assert model.factor.numpy().tolist() == [1, 2, 3]
    assert list(state) == ["factor", "seen"]


def test_state_goes_round():
    one, other = Everywhere(), Everywhere()
    for parameter in one.parameters():
        parameter.assign(np.random.default_rng(0).standard_normal(parameter.shape).astype("f"))
    assert other.load_state_dict(one.state_dict()) == ([], [])
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value, one.state_dict()[name])


def test_a_state_that_does_not_fit_raises_a_table_and_changes_nothing():
    model = Scale()
    state = {"factor": np.ones(4), "sene": np.ones(3)}
    with pytest.raises(nn.LoadError) as caught:
        model.load_state_dict(state)
    error = caught.value
    assert isinstance(error, tt.StateError)
    assert (error.missing, error.unexpected) == (["seen"], ["sene"])
    assert error.mismatched == {"factor": ("(4,) float64", "(3,) float64")}
    rows = [line.split() for line in str(error).splitlines()]
    assert ["seen", "missing"] in rows
    assert ["sene", "unexpected"] in rows
    assert ["factor", "mismatched", "(4,)", "float64", "(3,)", "float64"] in rows
    assert model.factor.numpy().tolist() == [1, 2, 3]


def test_without_strict_missing_and_unexpected_paths_are_returned():
    model = Scale()
    report = model.load_state_dict({"factor": np.zeros(3), "more": 1}, strict=False)
    assert (report.missing, report.unexpected) == (["seen"], ["more"])
    assert model.factor.numpy().tolist() == [0, 0, 0]
    with pytest.raises(nn.LoadError, match="mismatched"):
        model.load_state_dict({"factor": np.zeros(4)}, strict=False)


def test_values_that_would_lose_precision_do_not_fit():
    model = Scale().to(np.float32)
    third = {"factor": np.full(3, 1 / 3), "seen": np.zeros(3)}
    with pytest.raises(nn.LoadError, match="float64"):
        model.load_state_dict(third)
    model.load_state_dict({"factor": np.full(3, 0.5), "seen": np.zeros(3)})
    assert model.factor.dtype == np.float32


def test_one_parameter_under_two_paths_cannot_get_two_values():
    model = Scale()
    model.tied = model.factor
    state = model.state_dict()
    model.load_state_dict(state)
    state["tied"] = state["tied"] + 1
    with pytest.raises(nn.LoadError, match="shared with factor"):
        model.load_state_dict(state)


@pytest.mark.oracle
def test_states_of_pytorch_load_as_they_are():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.PReLU(), torch.nn.Bilinear(4, 4, 2, bias=False)
    )
    ours = nn.Sequential(nn.Linear(3, 4), nn.PReLU(), nn.Bilinear(4, 4, 2, bias=False))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name], value.numpy())
    ours.load_state_dict(theirs.to(torch.bfloat16).state_dict())
    back = {name: torch.tensor(value) for name, value in ours.state_dict().items()}
    theirs.load_state_dict(back)


def test_buffers_that_are_not_persistent_are_not_saved():
    model = Scale()
    model.register_buffer("cache", tt.ones(2), persistent=False)
    model.register_buffer("empty", None)
    assert [name for name, _ in model.named_buffers()] == ["seen", "cache"]
    assert list(model.state_dict()) == ["factor", "seen"]
    assert names(model) == ["factor"]


def test_a_deep_copy_has_parameters_and_buffers_of_its_own():
    model = Everywhere()
    model.again = model.first
    twin = copy.deepcopy(model)
    model.first.factor.assign(np.zeros(3))
    assert twin.first.factor.numpy().tolist() == [1, 2, 3]
    assert twin.again is twin.first
    assert list(twin.state_dict()) == list(model.state_dict())


# ------------------------------------------------------------------ acting on all of it


def test_train_and_eval_reach_every_module():
    model = Everywhere()
    assert all(m.training for m in model.modules())
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert all(m.training for m in model.train().modules())


def test_zero_grad_forgets_and_requires_grad_freezes():
    model = Scale()
    (model(tt.ones(3))).sum().backward()
    assert model.factor.grad is not None
    model.zero_grad()
    assert model.factor.grad is None
    model.requires_grad_(False)
    assert not model(tt.ones(3)).requires_grad
    assert names(model) == ["factor"]


def test_to_converts_floats_in_place_and_leaves_integers():
    model = Scale()
    model.register_buffer("steps", np.array(3))
    factor = model.factor
    assert model.to(np.float32) is model
    assert model.factor is factor
    assert (factor.dtype, model.seen.dtype, model.steps.dtype) == (np.float32, np.float32, np.int64)
    assert model(tt.ones(3)).dtype == np.float32


def test_a_graph_recorded_before_to_refuses_to_go_back():
    model = Scale()
    loss = model(tt.ones(3)).sum()
    model.to(np.float32)
    with pytest.raises(tt.GraphError, match="'factor' was changed"):
        loss.backward()


def test_apply_visits_children_before_parents():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh()))
    visited = []
    model.apply(visited.append)
    assert visited[-1] is model
    assert visited.index(model[1][0]) < visited.index(model[1])
    assert len(visited) == 4


# ------------------------------------------------------------------ hooks and watchers


def test_forward_hooks_may_replace_inputs_and_output_until_removed():
    model = Scale()
    handles = [
        model.register_forward_pre_hook(lambda module, inputs: inputs[0] + 1),
        model.register_forward_hook(lambda module, inputs, output: output * 10),
    ]
    assert model(tt.zeros(3)).numpy().tolist() == [10, 20, 30]
    for handle in handles:
        handle.remove()
    assert model(tt.zeros(3)).numpy().tolist() == [0, 0, 0]


def test_forward_hooks_may_only_look():
    model, seen = Scale(), []
    model.register_forward_hook(lambda *event: seen.append(event))
    x = tt.ones(3)
    out = model(x)
    assert seen[0][0] is model
    assert seen[0][1] == (x,)
    assert seen[0][2] is out


def test_watch_calls_tells_of_every_call_inside_and_of_none_outside():
    model = nn.Sequential(nn.Tanh(), nn.Sequential(nn.ReLU()))
    events = []
    x = tt.ones(2)
    with nn.watch_calls(lambda module, event, value: events.append((module, event, value))):
        out = model(x)
    model(x)
    assert [(type(m).__name__, e) for m, e, _ in events] == [
        ("Sequential", "enter"), ("Tanh", "enter"), ("Tanh", "leave"), ("Sequential", "enter"),
        ("ReLU", "enter"), ("ReLU", "leave"), ("Sequential", "leave"), ("Sequential", "leave"),
    ]  # fmt: skip
    assert events[0][2] == (x,)
    assert events[-1][2] is out


def test_watch_calls_passes_keywords_last_and_leaves_after_an_error():
    class Fails(nn.Module):
        def forward(self, x, factor):
            raise ValueError("no")

    events = []
    with nn.watch_calls(lambda *event: events.append(event)), pytest.raises(ValueError, match="no"):
        Fails()(1, factor=2)
    assert [event[1:] for event in events] == [("enter", (1, 2)), ("leave", None)]


def test_watch_calls_nests_and_is_of_one_thread():
    outer, inner = [], []
    module = nn.Tanh()
    with nn.watch_calls(lambda *event: outer.append(event)):
        thread = threading.Thread(target=module, args=(tt.ones(1),))
        thread.start()
        thread.join()
        assert outer == []
        with nn.watch_calls(lambda *event: inner.append(event)):
            module(tt.ones(1))
        module(tt.ones(1))
    assert (len(outer), len(inner)) == (4, 2)


# ------------------------------------------------------------------ in words


def test_repr_says_sizes():
    model = nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Dropout(0.1))
    assert repr(model).splitlines() == [
        "Sequential(  # 16 parameters",
        "  (0): Linear(in_features=3, out_features=4, bias=True)  # 16 parameters",
        "  (1): LeakyReLU(negative_slope=0.2)",
        "  (2): Dropout(p=0.1)",
        ")",
    ]
    assert repr(Scale()) == "Scale(factor=(3,))  # 3 parameters"


# ------------------------------------------------------------------ containers


def test_sequential_is_indexed_sliced_iterated_and_appended_to():
    a, b, c = nn.Tanh(), nn.ReLU(), nn.Identity()
    model = nn.Sequential(a, b)
    assert model.append(c) is model
    assert (len(model), model[0], model[-1], list(model)) == (3, a, c, [a, b, c])
    assert list(model[1:]) == [b, c]
    named = nn.Sequential({"first": nn.Linear(2, 3), "then": a})
    assert names(named) == ["first.weight", "first.bias"]
    assert named["then"] is a
    assert model(tt.Tensor([-1.0, 1.0])).numpy()[0] == 0


def test_module_list_is_a_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    layers.append(nn.Linear(2, 2, bias=False))
    layers.insert(0, nn.Tanh())
    del layers[1]
    layers[1] = nn.Linear(2, 5)
    assert [type(m).__name__ for m in layers] == ["Tanh", "Linear", "Linear", "Linear"]
    assert names(layers) == ["1.weight", "1.bias", "2.weight", "2.bias", "3.weight"]
    assert isinstance(layers[1:], nn.ModuleList)
    assert len(layers[1:]) == 3


def test_module_dict_is_a_dict():
    heads = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 3)})
    heads["c"] = nn.Tanh()
    del heads["a"]
    assert list(heads) == ["b", "c"]
    assert names(heads) == ["b.weight", "b.bias"]
    assert heads != nn.ModuleDict(dict(heads.items()))
    assert heads in {heads}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.Sequential(np.tanh), "modules only"),
        (lambda: nn.ModuleList([3]), "modules only"),
        (lambda: nn.ModuleDict({"a": None}), "modules only"),
        (lambda: nn.ModuleDict({"a.b": nn.Tanh()}), "without dots"),
        (lambda: nn.Sequential({1: nn.Tanh()}), "without dots"),
        (lambda: nn.MLP([3]), "two sizes"),
    ],
)
def test_containers_refuse(call, words):
    with pytest.raises(tt.TinygradError, match=words):
        call()


def test_mlp_of_the_course_has_its_shapes_and_66_parameters():
    model = nn.MLP([2, 3, 5, 4, 2, 1], nn.Tanh, output=nn.Sigmoid)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    assert list(shapes) == [f"layers.{i}.{kind}" for i in range(5) for kind in ("weight", "bias")]
    weights = [shapes[f"layers.{i}.weight"] for i in range(5)]
    assert weights == [(3, 2), (5, 3), (4, 5), (2, 4), (1, 2)]
    assert sum(p.size for p in model.parameters()) == 66
    for m in (1, 9):
        model.zero_grad()
        model(tt.ones(m, 2)).sum().backward()
        assert all(p.grad.shape == p.shape for p in model.parameters())


def test_mlp_is_its_layers_with_the_activation_between():
    model = nn.MLP([3, 4, 2], tt.tanh, bias=False, dtype=np.float64)
    x = np.random.default_rng(0).standard_normal((5, 3))
    first, last = (layer.weight.numpy() for layer in model.layers)
    np.testing.assert_allclose(model(tt.Tensor(x)).numpy(), np.tanh(x @ first.T) @ last.T)
