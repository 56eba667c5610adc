"""Every rule, proved from the table of cases."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.cases import CASES, arithmetic, indexing, reduction
from tests.held import held_arrays, kept_share
from tests.leaves import leaves
from tinygrad_tr.graph import Node, Output, ancestors, end_of, is_tracked
from tinygrad_tr.reading import read
from tinygrad_tr.rule import rules

STEPS = [*arithmetic.STEPS, *arithmetic.INTEGER_STEPS, *reduction.STEPS, *indexing.STEPS]

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def float_places(inputs):
    return [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]


def gradients(case, inputs, cotangent, **options):
    """The output and the gradients of Σ output · cotangent."""
    tensors = leaves(inputs) if isinstance(inputs[0], np.ndarray) else inputs
    out = case.function(*tensors)
    wanted = [t for t in tensors if t.requires_grad]
    return out, tt.grad(out, wanted, cotangent, **options)


def cotangent_of(case, inputs):
    shape = np.shape(case.function(*leaves(inputs)))
    return np.random.default_rng(1).standard_normal(shape)


def test_every_rule_has_a_row():
    proved = {case.rule for case in CASES} | {name for name, _ in STEPS}
    ours = {n for n, r in rules.items() if (r.function.__module__ or "").startswith("tinygrad_tr")}
    assert ours - proved == set()
    assert len(ours) > 150


@every_case
def test_the_row_uses_the_rule_it_names(case):
    out = case.function(*leaves(case.sample()))
    assert case.rule in {node.rule.name for node in ancestors([end_of(out)])}


@every_case
def test_a_rule_returns_one_pullback_for_each_input_or_a_joint_one(case):
    out = case.function(*leaves(case.sample()))
    for node in ancestors([end_of(out)]):
        if not isinstance(node, Output):
            assert len(node.pullbacks) == (1 if node.rule.joint else len(node.inputs))


@every_case
def test_tensors_give_the_values_of_arrays(case):
    inputs = case.sample()
    out = case.function(*leaves(inputs))
    expected = case.value(*inputs) if case.value else case.function(*inputs)
    np.testing.assert_allclose(out.numpy(), getattr(expected, "value", expected), rtol=1e-12)


@every_case
def test_first_derivative_agrees_with_finite_differences(case):
    if "padding" in case.tags:
        pytest.skip("the padding row is left out of the gradient on purpose")
    assert tt.gradcheck(case.function, case.sample())


@every_case
def test_second_derivative_agrees_with_finite_differences(case):
    if "padding" in case.tags:
        pytest.skip("the padding row is left out of the gradient on purpose")
    assert tt.gradgradcheck(case.function, case.sample(), atol=1e-5, rtol=1e-4)


@every_case
def test_recorded_backward_gives_the_same_first_derivative(case):
    inputs = case.sample()
    cotangent = cotangent_of(case, inputs)
    _, plain = gradients(case, inputs, cotangent)
    _, recorded = gradients(case, inputs, cotangent, create_graph=True)
    for g, h in zip(plain, recorded, strict=True):
        np.testing.assert_allclose(h.numpy(), g.numpy(), rtol=1e-10, atol=1e-12)


FUSED = [case for case in CASES if rules[case.rule].reference is not None]


@pytest.mark.parametrize("case", FUSED, ids=lambda case: case.id)
def test_fused_rules_equal_the_composition_they_replace(case):
    """Value and gradients of the rule itself, node by node, against its reference's."""
    out = case.function(*leaves(case.sample()))
    nodes = ancestors([end_of(out)])
    values, readings = read(nodes, {}, recording=False)
    compared = 0
    for node in nodes:
        if node.rule.name != case.rule or isinstance(node, Output):
            continue
        inputs = [values[x] if isinstance(x, Node) else getattr(x, "value", x) for x in node.inputs]
        needs = [is_tracked(x) for x in node.inputs]
        tensors = [
            tt.Tensor(x, requires_grad=True) if needed else x
            for x, needed in zip(inputs, needs, strict=True)
        ]
        expected = node.rule.reference(*tensors, **node.keywords)
        several = isinstance(expected, tuple)
        outputs = expected if several else (expected,)
        for value, same in zip(values[node] if several else (values[node],), outputs, strict=True):
            np.testing.assert_allclose(value, same.numpy(), rtol=1e-12, atol=1e-14)
        rng = np.random.default_rng(2)
        seeds = [rng.standard_normal(same.shape)[()] for same in outputs]
        g = seeds if several else seeds[0]
        wanted = [t for t in tensors if isinstance(t, tt.Tensor)]
        pullbacks = readings[node]
        if node.rule.joint:
            ours = [found for found in pullbacks[0](g, needs) if found is not None]
        else:
            ours = [pullback(g) for pullback in pullbacks if pullback is not None]
        for found, h in zip(ours, tt.grad(outputs, wanted, seeds), strict=True):
            np.testing.assert_allclose(found, h.numpy(), rtol=1e-10, atol=1e-12)
            compared += 1
    assert compared


@pytest.mark.oracle
@every_case
def test_values_and_gradients_agree_with_pytorch(case):
    torch = pytest.importorskip("torch")
    if case.torch is None:
        pytest.skip("PyTorch does not have it")
    inputs = case.sample()
    cotangent = cotangent_of(case, inputs)
    out, ours = gradients(case, inputs, cotangent)
    tensors = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    expected = case.torch(torch, *tensors)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    if case.oracle_gradient:
        wanted = [t for t in tensors if t.requires_grad]
        theirs = torch.autograd.grad(expected, wanted, torch.tensor(cotangent), allow_unused=True)
        for g, h in zip(ours, theirs, strict=True):
            h = np.zeros(g.shape) if h is None else h.numpy()
            np.testing.assert_allclose(g.numpy(), h, rtol=1e-9, atol=1e-11)


@every_case
def test_float32_stays_float32_forward_and_backward(case):
    if "fixed dtype" in case.tags:
        pytest.skip("the row asks for a dtype")
    tensors = leaves(case.sample(), np.float32)
    out = case.function(*tensors)
    assert out.dtype == np.float32
    cotangent = np.ones(out.shape, np.float32)
    for options in ({}, {"create_graph": True}):
        out = case.function(*tensors)
        wanted = [t for t in tensors if t.requires_grad]
        for t, g in zip(wanted, tt.grad(out, wanted, cotangent, **options), strict=True):
            assert (g.dtype, g.shape) == (np.float32, t.shape)


@every_case
def test_no_pullback_needs_a_cast_of_its_gradient(case):
    """float32 must be kept by the pullback itself: a cast at the edge hides a slow float64."""
    if "fixed dtype" in case.tags:
        pytest.skip("the row asks for a dtype")
    tensors = leaves(case.sample(), np.float32)
    out = case.function(*tensors)
    seen = []

    def watch(node, g, made):
        seen.extend((node.rule.name, gx.dtype) for gx in made if gx is not None)

    seed = np.ones(out.shape, np.float32)[()]
    tt.sweep.sweep([end_of(out)], [seed], free=True, watch=watch)
    assert {dtype for _, dtype in seen} == {np.dtype(np.float32)}, seen


@every_case
def test_inputs_are_not_changed(case):
    inputs = case.sample()
    before = [x.copy() for x in inputs]
    tensors = [tt.from_numpy(np.asarray(x)) for x in inputs]
    for i in float_places(inputs):
        tensors[i].requires_grad = True
    out = case.function(*tensors)
    cotangent = np.ones(out.shape)
    tt.grad(out, [tensors[i] for i in float_places(inputs)], cotangent)
    for x, y in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(cotangent, np.ones(out.shape))


def strided(x):
    """The same numbers, neither contiguous nor with positive strides."""
    if x.ndim == 0:
        return x
    wide = np.zeros([2 * n for n in x.shape], x.dtype)
    view = wide[tuple(slice(None, None, -2) for _ in x.shape)]
    view[...] = x
    return view


@every_case
def test_strided_inputs_give_the_same_numbers(case):
    inputs = case.sample()
    cotangent = cotangent_of(case, inputs)
    out, expected = gradients(case, inputs, cotangent)
    tensors = [tt.from_numpy(np.asarray(strided(x))) for x in inputs]
    for i in float_places(inputs):
        tensors[i].requires_grad = True
    strided_out, got = gradients(case, tensors, strided(cotangent))
    np.testing.assert_allclose(strided_out.numpy(), out.numpy(), rtol=1e-12, atol=1e-14)
    for g, h in zip(got, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-10, atol=1e-13)


elementwise_cases = [c for c in CASES if rules[c.rule].elementwise]


@pytest.mark.parametrize("case", elementwise_cases, ids=lambda case: case.id)
def test_elementwise_rules_take_0d_and_broadcast_inputs(case):
    if case.label or "fixed shape" in case.tags:
        pytest.skip("shown by the rule's first row")
    inputs = case.sample()
    scalars = [np.asarray(x.flat[0]) if x.dtype.kind == "f" else x for x in inputs]
    assert tt.gradcheck(case.function, scalars)
    stretched = [
        np.broadcast_to(x.flat[0], (2, 1)[: i + 1]).copy() if x.dtype.kind == "f" else x
        for i, x in enumerate(scalars)
    ]
    assert tt.gradcheck(case.function, stretched)


UNARY = [c for c in elementwise_cases if len(c.inputs) == 1 and not c.label]


@pytest.mark.parametrize("case", UNARY, ids=lambda case: case.id)
def test_elementwise_rules_take_empty_inputs(case):
    t = tt.Tensor(np.zeros((0, 3)), requires_grad=True)
    out = case.function(t)
    assert out.shape == (0, 3)
    (g,) = tt.grad(out, t, np.zeros((0, 3)))
    assert g.shape == (0, 3)


def test_a_rule_may_be_defined_again_but_its_name_not_taken():
    def square(x):
        return x * x, lambda g: g * 2 * x

    square.__name__ = "planted"
    tt.rule.rule()(square)
    tt.rule.rule()(square)
    square.__name__ = "multiply"
    with pytest.raises(tt.ArgumentError, match="named 'multiply'"):
        tt.rule.rule()(square)
    del rules["planted"]


@every_case
def test_pullbacks_keep_no_more_than_they_declare(case):
    assert kept_share(case) <= case.keeps


LINEAR_KEEPERS = {"add", "subtract", "negative", "sum", "mean", "reshape", "transpose"}


@pytest.mark.parametrize("name", sorted(LINEAR_KEEPERS))
def test_linear_rules_keep_no_array_at_all(name):
    for case in CASES:
        if case.rule == name:
            out = case.function(*leaves(case.sample()))
            nodes = [n for n in ancestors([end_of(out)]) if n.rule.name == name]
            assert held_arrays(tuple(p for n in nodes for p in n.pullbacks), {}) == {}


@pytest.mark.parametrize(("name", "inputs"), STEPS, ids=lambda value: str(value)[:20])
def test_steps_compute_as_numpy_does_and_stop_the_gradient(name, inputs):
    rng = np.random.default_rng(0)
    arrays = [make(rng) for make in inputs]
    tensors = leaves(arrays)
    numpy = getattr(np, name)
    got, expected = numpy(*tensors), numpy(*arrays)
    pairs = zip(got, expected, strict=True) if isinstance(got, tuple) else [(got, expected)]
    for t, array in pairs:
        np.testing.assert_array_equal(t.numpy(), array)
        assert not t.requires_grad
        if tensors[0].requires_grad:
            assert t.origin == name


@pytest.mark.parametrize(
    ("what", "function", "at", "slope"), arithmetic.KINKS, ids=[k[0] for k in arithmetic.KINKS]
)
def test_derivatives_at_kinks_are_the_documented_ones(what, function, at, slope):
    t = tt.Tensor(at, requires_grad=True, dtype=np.float64)
    out = function(t)
    if slope is None:
        assert not out.requires_grad
    else:
        assert tt.grad(out, t)[0].item() == slope


def test_nodes_of_untracked_inputs_keep_no_pullback():
    x = tt.Tensor(np.ones(3), requires_grad=True)
    out = x * np.ones(3)
    assert isinstance(out.node, Node)
    assert [pullback is None for pullback in out.node.pullbacks] == [False, True]
