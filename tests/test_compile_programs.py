"""tt.compile: the programs of every rule, and what they are made of: loops, sums, buffers."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_tr as tt
from tests.cases import CASES
from tests.leaves import leaf, leaves
from tests.programs import arrays_of, assert_same, program_of
from tinygrad_tr import nn
from tinygrad_tr.program import agreement

# ---------------------------------------------------------------------- every rule


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_program_of_every_rule_gives_its_value_and_its_gradients(case, dtype, monkeypatch):
    # The rows hold index arrays and masks in their functions.
    monkeypatch.setattr(agreement, "refuse_captured", lambda *_: None)

    def sample(seed):
        shapes = [x.shape for x in case.sample()]
        made = case.sample(seed)
        made = made if [x.shape for x in made] == shapes else case.sample()
        keep = "fixed dtype" in case.tags
        return leaves([x if keep or x.dtype.kind != "f" else x.astype(dtype) for x in made])

    first = case.function(*sample(0))
    cotangent = np.random.default_rng(1).standard_normal(first.shape)
    cotangent = tt.Tensor(cotangent.astype(first.dtype))

    def step(*tensors):
        out = case.function(*tensors)
        return out, tt.grad(out, [t for t in tensors if t.requires_grad], cotangent)

    compiled = tt.compile(step)
    compiled(*sample(0))
    compiled(*sample(0))
    assert program_of(compiled)
    other = sample(3)
    rtol = 1e-4 if first.dtype == np.float32 else 1e-9
    assert_same(arrays_of(compiled(*other)), arrays_of(step(*other)), rtol, rtol)


# ---------------------------------------------------------------------- the program itself


def test_elementwise_operations_of_both_passes_are_one_loop():
    pytest.importorskip("numba")
    x = tt.Tensor(np.linspace(-1, 1, 10, dtype=np.float32), requires_grad=True)

    def step():
        x.grad = None
        np.sin(np.tanh(x) * x + 1).sum().backward()
        return x.grad

    compiled = tt.compile(step)
    for _ in range(3):
        compiled()
    loops = [step for step in program_of(compiled).steps if step.name == "loop"]
    assert len(loops) == 1
    text = compiled.explain()
    assert "tanh(" in text
    assert "1 buffers" in text or "in 0 buffers" in text
    assert "def program():" in text


def test_arrays_whose_lives_do_not_overlap_share_a_buffer():
    def step(x):
        for _ in range(10):
            x = np.tanh(x @ x)
        return x.sum()

    compiled = tt.compile(step)
    x = tt.Tensor(np.eye(20, dtype=np.float32))
    with tt.kernels.use("numpy"):
        for _ in range(3):
            out = compiled(x)
    np.testing.assert_allclose(out.numpy(), step(x).numpy(), rtol=1e-6)
    layout = program_of(compiled).layout
    assert len(layout.sizes) <= 3 < len(layout.places)


# ---------------------------------------------------------------------- sums in loops


def normalised_step(norm, v):
    """A step over a normalisation between others: x plays two parts, and so does the result."""

    def step(x, g):
        norm.weight.grad = norm.bias.grad = v.grad = None
        y = nn.functional.relu(norm(x * v)) + x
        y.backward(g)
        return y, norm.weight.grad, norm.bias.grad, v.grad, norm.running_mean, norm.running_var

    return step


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_passes_of_batch_norm_and_of_what_stands_around_it_are_one_loop(dtype):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(2):
        norm = nn.BatchNorm2d(8)
        for t in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            t.value = t.value.astype(dtype)
        steps.append(normalised_step(norm, leaf(np.ones((1, 8, 1, 1)), dtype)))
    compiled, plain = tt.compile(steps[0]), steps[1]
    for round_ in range(4):
        x = (rng.standard_normal((17, 8, 15, 17)) * 3 + 50).astype(dtype)
        if round_ == 3:
            x[2, 3, 1, 1], x[5, 6, 7, 8] = np.nan, np.inf  # which spoil their channels alone
        g = rng.standard_normal(x.shape).astype(dtype)
        given = tt.Tensor(x), tt.Tensor(g)
        tolerance = 2e-3 if dtype == np.float32 else 1e-9
        with np.errstate(all="ignore"):
            made, expected = arrays_of(compiled(*given)), arrays_of(plain(*given))
        assert_same(made, expected, tolerance, tolerance)
    loops = [s for s in program_of(compiled).steps if s.name == "loop" and s.rows is not None]
    assert len(loops) == 1
    assert not any(value.dtype == bool for loop in loops for value in loop.outputs)


@pytest.mark.parametrize("axis", [(0, 2), (2,), (0, 1, 2)])
def test_means_and_deviations_over_some_axes_are_those_of_the_step(axis):
    def step(x, w):
        d = x - x.mean(axis=axis, keepdims=True)
        out = d / np.sqrt((d * d).mean(axis=axis, keepdims=True) + 1e-3) * w
        return out, out.sum(axis=axis), np.clip(out, -1, 1).mean()

    compiled = tt.compile(step)
    rng = np.random.default_rng(1)
    for _ in range(3):
        x = tt.Tensor(rng.standard_normal((9, 16, 300)).astype(np.float32))
        w = tt.Tensor(rng.standard_normal((16, 1)).astype(np.float32))
        assert_same(arrays_of(compiled(x, w)), arrays_of(step(x, w)), 1e-4, 1e-4)


def test_what_a_layer_keeps_makes_the_mask_of_a_relu_again():
    pytest.importorskip("numba")
    first, second = nn.Linear(64, 64), nn.Linear(64, 64)

    def step(x):
        first.zero_grad()
        second.zero_grad()
        loss = np.square(second(nn.functional.relu(first(x)))).mean()
        loss.backward()
        return loss, first.weight.grad

    compiled = tt.compile(step)
    for seed in range(3):
        x = tt.Tensor(np.random.default_rng(seed).standard_normal((32, 64)).astype(np.float32))
        made = arrays_of(compiled(x))
        assert_same(made, arrays_of(step(x)), 1e-4, 1e-6)
    outputs = [value for step in program_of(compiled).steps for value in step.outputs]
    assert not any(value.dtype == bool and value.shape for value in outputs)


def test_a_loop_writes_over_arrays_however_they_lie():
    x = np.random.default_rng(0).standard_normal((500, 700)).astype(np.float32).T

    def step(x, y):
        return np.tanh(np.logaddexp(x, y)) * 2 + y  # in the order of x and y: by columns

    compiled = tt.compile(step)
    for scale in (1, 2, 3):
        given = tt.from_numpy(x), tt.from_numpy(x * scale)
        assert_same(arrays_of([compiled(*given)]), arrays_of([step(*given)]))
        np.testing.assert_array_equal(given[1].numpy(), x * scale)


# ---------------------------------------------------------------------- anything


UNARY = [np.negative, np.absolute, np.square, np.tanh, np.exp, np.sin, np.cos, np.sign]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.minimum]
SHAPES = [(3, 4), (4,), (3, 1), (1, 4), (), (2, 3, 4), (2, 1, 1), (2, 3, 1)]


@st.composite
def expressions(draw):
    """Leaves and a list of operations on what is there, by places."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4))
    count = len(shapes)
    operations = []
    for _ in range(draw(st.integers(2, 12))):
        if draw(st.booleans()):
            operations.append((draw(st.sampled_from(UNARY)), draw(st.integers(0, count - 1))))
        else:
            pair = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
            operations.append((draw(st.sampled_from(BINARY)), *pair))
        count += 1
    return shapes, operations


@settings(max_examples=25, deadline=None)
@given(expressions(), st.sampled_from([np.float32, np.float64]))
def test_random_expressions_and_their_gradients_are_those_of_the_step(expression, dtype):
    shapes, operations = expression
    rng = np.random.default_rng(0)

    def sample():
        return [
            tt.Tensor(rng.uniform(-1, 1, shape).astype(dtype), requires_grad=True)
            for shape in shapes
        ]

    def step(*tensors):
        made = list(tensors)
        for function, *places in operations:
            made.append(np.clip(function(*(made[i] for i in places)), -3, 3))
        loss = sum((x * x).sum() for x in made[-3:])
        loss.backward()
        return loss, [x.grad for x in tensors]

    compiled = tt.compile(step)
    for _ in range(3):
        values = sample()
        twins = [tt.Tensor(x.numpy(), requires_grad=True) for x in values]
        tolerance = 2e-3 if dtype == np.float32 else 1e-9
        assert_same(arrays_of(compiled(*values)), arrays_of(step(*twins)), tolerance, tolerance)


def test_views_negative_strides_and_empty_arrays():
    def step(x):
        return np.tanh(x) * x + x.T.sum(), (x + x).sum(axis=0)

    compiled = tt.compile(step)
    base = np.arange(24, dtype=np.float32).reshape(4, 6) / 24
    for x in (base, base[::-1], base[:, ::2], base.T, base[:0]):
        for _ in range(3):
            t = tt.from_numpy(x)
            assert_same(arrays_of(compiled(t)), arrays_of(step(t)))


def test_another_process_finds_the_loops_compiled(tmp_path):
    pytest.importorskip("numba")
    code = """
import numpy as np, tinygrad_tr as tt
step = tt.compile(lambda x: np.exp(np.tanh(x) * 2).sum())
for _ in range(3):
    out = step(tt.Tensor(np.ones(5, np.float32)))
import numba
loop, = [f for n, f in step.kinds.popitem()[1].programs[0].run.__globals__.items()
         if isinstance(f, numba.core.dispatcher.Dispatcher)]
print(sum(loop.stats.cache_hits.values()), out.item())
"""
    found = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={"NUMBA_CACHE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        found.append(run.stdout.split())
    assert [hits for hits, _ in found] == ["0", "1"]
    assert found[0][1] == found[1][1]


def test_a_dropped_step_lets_go_of_its_arrays():
    norm = nn.BatchNorm2d(8)

    def step(x):
        norm.zero_grad()
        norm(x).sum().backward()

    compiled = tt.compile(step)
    x = tt.Tensor(np.ones((16, 8, 16, 16), np.float32))
    for _ in range(3):
        compiled(x)
    compiled.explain()
    program = weakref.ref(program_of(compiled))
    gc.collect()
    gc.disable()
    try:
        del compiled
        assert program() is None
    finally:
        gc.enable()
