"""tt.compile: a program does what the step does, or the step is refused."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.programs import arrays_of, assert_same, program_of
from tinygrad_tr import nn, optim
from tinygrad_tr.errors import CompileError, IndexingError

F = nn.functional


# ---------------------------------------------------------------------- training steps


def batches(n, shape, classes, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (
            tt.Tensor(rng.standard_normal(shape).astype(np.float32)),
            tt.Tensor(rng.integers(0, classes, shape[0])),
        )
        for _ in range(n)
    ]


def perceptron():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def convolutional():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(36, 3),
    )  # fmt: skip


class Recurrent(nn.Module):
    def __init__(self):
        self.cell, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


def attentive():
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    return nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3))


MODELS = {
    "perceptron": (perceptron, (5, 6)),
    "convolutional": (convolutional, (4, 2, 6, 6)),
    "recurrent": (Recurrent, (3, 5, 4)),
    "attentive": (attentive, (2, 5, 8)),
}

OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
}


def trained(name, optimizer, compiled):
    """The losses of eight steps, then the state of the model, with a schedule and clipping."""
    tt.manual_seed(0)
    make, shape = MODELS[name]
    model = make()
    algorithm = OPTIMIZERS[optimizer](model.parameters())
    schedule = optim.lr_scheduler.StepLR(algorithm, step_size=3, gamma=0.5)

    def step(x, y):
        algorithm.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        algorithm.step()
        schedule.step()
        return loss

    run = tt.compile(step) if compiled else step
    losses = [run(x, y).item() for x, y in batches(8, shape, 3)]
    if compiled:
        assert program_of(run)
    return losses, model.state_dict(), schedule.get_last_lr()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_training_is_the_same_with_all_that_a_step_changes(name, optimizer):
    losses, state, rates = trained(name, optimizer, compiled=False)
    ours, our_state, our_rates = trained(name, optimizer, compiled=True)
    np.testing.assert_allclose(ours, losses, rtol=2e-5)
    assert our_rates == rates
    assert our_state.keys() == state.keys()
    for key, value in state.items():
        # A key's bias changes no attention: its gradient is rounding, which Adam makes large.
        if (name, optimizer) != ("attentive", "adamw"):
            np.testing.assert_allclose(our_state[key], value, rtol=1e-4, atol=1e-5, err_msg=key)


def test_it_works_without_a_compiler_too():
    with tt.kernels.use("numpy"):
        losses, state, _ = trained("perceptron", "adamw", compiled=False)
        ours, our_state, _ = trained("perceptron", "adamw", compiled=True)
    np.testing.assert_allclose(ours, losses, rtol=1e-5)
    for key, value in state.items():
        np.testing.assert_allclose(our_state[key], value, rtol=1e-5, atol=1e-6)


def test_gradients_add_up_over_calls_until_they_are_cleared():
    w = tt.Tensor(np.ones(3, np.float32), requires_grad=True)

    def step(x):
        (w * x * w).sum().backward()

    compiled = tt.compile(step)
    x = tt.Tensor(np.arange(3, dtype=np.float32))
    for n in range(1, 7):
        compiled(x)
        np.testing.assert_array_equal(w.grad.numpy(), 2 * n * x.numpy())
    w.grad = None
    for n in range(1, 4):
        compiled(x)
        np.testing.assert_array_equal(w.grad.numpy(), 2 * n * x.numpy())


def test_two_optimizers_take_turns_in_one_step():
    def losses(compiled):
        tt.manual_seed(3)
        maker, judge = nn.Linear(2, 4), nn.Linear(4, 1)
        first, second = (optim.SGD(m.parameters(), lr=0.1) for m in (maker, judge))

        def step(z, real):
            second.zero_grad()
            fake = maker(z)
            doubt = (F.softplus(judge(fake.detach())) + F.softplus(-judge(real))).mean()
            doubt.backward()
            second.step()
            first.zero_grad()
            deceit = F.softplus(-judge(fake)).mean()
            deceit.backward()
            first.step()
            return doubt, deceit

        run = tt.compile(step) if compiled else step
        rng = np.random.default_rng(0)
        found = []
        for _ in range(6):
            z, real = (rng.standard_normal((5, n)).astype(np.float32) for n in (2, 4))
            found.append([x.item() for x in run(tt.Tensor(z), tt.Tensor(real))])
        return found

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-5)


def test_derivatives_of_derivatives_and_checkpoints_compile():
    w = tt.Tensor(np.linspace(-1, 1, 6).reshape(3, 2), requires_grad=True)

    def loss(w, x):
        return np.mean(np.square(np.tanh(x @ w)))

    def step(x):
        inside = tt.checkpoint(lambda x: np.tanh(x @ w) * 2, x)
        (g,) = tt.grad(inside.sum(), [w])
        return tt.hvp(lambda w: loss(w, x), w, w), tt.hessian(lambda w: loss(w, x))(w), g

    compiled = tt.compile(step)
    rng = np.random.default_rng(0)
    for _ in range(4):
        x = tt.Tensor(rng.standard_normal((4, 3)))
        assert_same(arrays_of(compiled(x)), arrays_of(step(x)), 1e-10, 1e-12)


def test_random_numbers_are_drawn_anew_from_the_same_stream():
    def step():
        return tt.rand(4), F.dropout(tt.ones(50), 0.5)

    compiled = tt.compile(step)
    tt.manual_seed(5)
    expected = [arrays_of(step()) for _ in range(5)]
    tt.manual_seed(5)
    for same in expected:
        assert_same(arrays_of(compiled()), same, 0, 0)


# ---------------------------------------------------------------------- what leaves a program


def test_results_are_the_users_own():
    x = tt.Tensor(np.ones(4, np.float32), requires_grad=True)

    def step(s):
        x.grad = None
        y = x * s
        y.sum().backward()
        return y, y.reshape(2, 2), x.grad, x

    compiled = tt.compile(step)
    runs = [(compiled(tt.Tensor(np.float32(s))), x.grad) for s in range(5)]
    for s, ((y, view, g, same), kept) in enumerate(runs):
        np.testing.assert_array_equal(y.numpy(), np.full(4, s))
        np.testing.assert_array_equal(view.numpy(), np.full((2, 2), s))
        np.testing.assert_array_equal(g.numpy(), np.full(4, s))
        np.testing.assert_array_equal(kept.numpy(), np.full(4, s))
        assert same is x


def test_results_have_no_graph_and_say_why():
    x = tt.Tensor(np.ones(2), requires_grad=True)
    compiled = tt.compile(lambda: (x * x).sum())
    for _ in range(4):
        out = compiled()
        assert not out.requires_grad
        with pytest.raises(tt.GraphError, match="a compiled step"):
            out.backward()


def test_arguments_may_be_arrays_trees_and_leaves_that_get_gradients():
    def step(batch, scale, *, names):
        assert names == "xy"
        x, y = batch["x"], batch["y"]
        loss = ((x * y[0] + y[1]) * scale).sum()
        loss.backward()
        return {"loss": loss, "more": [x.grad, None, 3]}

    compiled = tt.compile(step)
    rng = np.random.default_rng(0)
    for _ in range(4):
        a, b, c = rng.standard_normal((3, 4))
        x, twin = tt.Tensor(a, requires_grad=True), tt.Tensor(a, requires_grad=True)
        made = compiled({"x": x, "y": (b, c)}, np.float64(2), names="xy")
        same = step({"x": twin, "y": (b, c)}, np.float64(2), names="xy")
        np.testing.assert_allclose(made["loss"].numpy(), same["loss"].numpy(), rtol=1e-12)
        np.testing.assert_array_equal(made["more"][0].numpy(), 2 * b)
        assert made["more"][1:] == [None, 3]
        np.testing.assert_array_equal(x.grad.numpy(), twin.grad.numpy())


def test_one_tensor_in_two_places_is_not_two():
    def step(x, y):
        x.grad = y.grad = None
        (x * x * y).sum().backward()
        return x.grad, y.grad

    compiled = tt.compile(step)
    a, b = (tt.Tensor(np.array([v]), requires_grad=True) for v in (3.0, 5.0))
    for _ in range(3):
        assert [g.item() for g in compiled(a, a)] == [27.0, 27.0]
        assert [g.item() for g in compiled(a, b)] == [30.0, 9.0]


def test_leaves_that_the_step_makes_itself_are_its_own_affair():
    def step(a, b, c):
        a, b, c = (tt.Tensor(x, requires_grad=True) for x in (a, b, c))
        J = 3 * (a + b * c)
        J.backward()
        return J, a.grad, b.grad, c.grad

    compiled = tt.compile(step)
    for b in (3.0, 3.0, 3.0, 4.0):
        made = compiled(*(tt.Tensor(v) for v in (5.0, b, 2.0)))
        assert [x.item() for x in made] == [3 * (5 + 2 * b), 3, 6, 3 * b]
    assert program_of(compiled)


# ---------------------------------------------------------------------- recording again


def test_other_shapes_and_dtypes_get_programs_of_their_own():
    compiled = tt.compile(lambda x: (x * 2).sum())
    for _ in range(3):
        for x in (np.ones(3), np.ones((2, 2)), np.ones(3, np.float32)):
            out = compiled(tt.Tensor(x))
            assert (out.item(), out.dtype) == (2.0 * x.size, x.dtype)
    assert len(compiled.kinds) == 3


def test_eval_train_and_other_attributes_of_modules_are_noticed():
    layer = nn.Dropout(0.5)
    model = nn.Sequential(nn.BatchNorm1d(3), layer)
    compiled = tt.compile(lambda x: model(x))
    x = tt.Tensor(np.ones((4, 3), np.float32))
    for _ in range(3):
        compiled(x)
    model.eval()
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x).numpy(), model(x).numpy())
    model.train()
    layer.p = 0.0
    for _ in range(3):
        assert (compiled(x).numpy() == 0).all()
    assert "BatchNorm1d" in compiled.explain() or "Sequential" in compiled.explain()


def test_each_call_asks_what_its_arguments_are():
    weight = tt.Tensor(np.full(2, 3.0))

    def step(x, options, *rest):
        scale = options["scale"] if isinstance(options, dict) else 1
        return sum(((x * weight) * scale).sum() + y for y in rest)

    compiled = tt.compile(step)
    x, other = (tt.Tensor(np.array([v, 2.0])) for v in (1, 4))
    calls = [
        (x, {"scale": 2}, np.float64(1)), (x, {"scale": 3}, np.float64(1)),
        (x, {"scale": 2.0}, np.float64(1)), (x, {"scale": 2}, np.float32(1)),
        (x, {"scale": 2}, np.ones(())), (x, {"scale": 2, "more": None}, np.float64(1)),
        (x, [1], np.float64(5)), (x, {"scale": 2}, x, other), (x, {"scale": 2}, x, x),
        (weight, {"scale": 2}, np.float64(1)), (other, {"scale": 2}, weight, x),
    ]  # fmt: skip
    for _ in range(3):
        for arguments in calls:
            for _ in range(2):
                assert_same(arrays_of([compiled(*arguments)]), arrays_of([step(*arguments)]))


def test_names_that_mean_something_else_are_noticed():
    rate = 2.0
    w = tt.Tensor(np.ones(2))

    def inner(x):
        return x * rate

    compiled = tt.compile(lambda x: inner(x) + w)
    x = tt.Tensor(np.ones(2))
    for value in (2.0, 5.0):
        rate = value
        for _ in range(3):
            np.testing.assert_array_equal(compiled(x).numpy(), [1 + value] * 2)
    w = tt.Tensor(np.zeros(2))
    for _ in range(3):
        np.testing.assert_array_equal(compiled(x).numpy(), [5.0] * 2)
    assert "rate is 5.0, it was 2.0" in compiled.explain()


def test_a_replaced_layer_and_loaded_weights_are_noticed():
    class Model(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(x)

    model = Model()
    compiled = tt.compile(lambda x: model(x))
    x = tt.Tensor(np.ones((1, 2), np.float32))
    for _ in range(3):
        compiled(x)
    model.load_state_dict({k: v + 1 for k, v in model.state_dict().items()})
    np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-6)
    model.layer = nn.Linear(2, 2)
    for _ in range(3):
        np.testing.assert_allclose(compiled(x).numpy(), model(x).numpy(), rtol=1e-6)


def test_a_frozen_parameter_gets_no_gradient():
    model = nn.Linear(2, 1)

    def step(x):
        model.zero_grad()
        model(x).sum().backward()

    compiled = tt.compile(step)
    x = tt.Tensor(np.ones((3, 2), np.float32))
    for _ in range(3):
        compiled(x)
    model.weight.requires_grad = False
    for _ in range(3):
        compiled(x)
        assert model.weight.grad is None
        np.testing.assert_array_equal(model.bias.grad.numpy(), [3])


def test_the_librarys_own_checks_hold_in_every_run():
    def step(x, y):
        return F.cross_entropy(x, y)

    compiled = tt.compile(step)
    x = tt.Tensor(np.random.default_rng(0).standard_normal((4, 3)))
    y = np.array([0, 1, 2, 0])
    for _ in range(3):
        compiled(x, tt.Tensor(y))
    with pytest.raises(IndexingError, match="class 7 does not exist"):
        compiled(x, tt.Tensor(np.array([0, 7, 1, 2])))
    ignoring = tt.Tensor(np.array([0, -100, 1, 2]))
    for _ in range(4):
        assert compiled(x, ignoring).item() == pytest.approx(step(x, ignoring).item())
        assert compiled(x, tt.Tensor(y)).item() == pytest.approx(step(x, tt.Tensor(y)).item())


# ---------------------------------------------------------------------- what is refused

SOMETHING = tt.Tensor(np.arange(3.0))
TABLE = np.arange(3.0)


def branching(x):
    return x * 2 if x.sum() > 0 else x


def converting(x):
    return x * float(x.sum())


def using_item(x):
    return x * x.sum().item()


def leaving(x):
    return tt.Tensor(np.asarray(x.numpy()) * 2)


def captured(x):
    return x * TABLE


COUNTER = iter(range(1000))


def counting(x):
    return x * next(COUNTER)


def drawing(x):
    return x * np.random.default_rng().standard_normal(3)


def growing(x):
    for _ in range(next(COUNTER)):
        x = x + 1
    return x


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (branching, r"bool\(\)"), (converting, r"float\(\)"), (using_item, r"item\(\)"),
        (leaving, "looks at a number"), (captured, "the array 'TABLE'"),
        (counting, "not do the same"), (drawing, "another in each call"),
        (growing, "not do the same"),
    ],
)  # fmt: skip
def test_what_a_program_cannot_keep_true_is_refused(step, message):
    with pytest.raises(CompileError, match=message) as caught:
        compiled = tt.compile(step)
        for _ in range(3):
            compiled(SOMETHING)
    assert "test_compile.py" in str(caught.value)


def test_a_refused_step_leaves_tensors_as_they_were():
    w = tt.Tensor(np.ones(2), requires_grad=True)

    def step():
        (w * w).sum().backward()
        return float(w.grad.sum())

    with pytest.raises(CompileError, match=r"float\(\)"):
        tt.compile(step)()
    np.testing.assert_array_equal(w.grad.numpy(), [2, 2])
    w.grad = None
    (w * 3).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [3, 3])


def test_a_tensor_kept_from_inside_says_that_the_step_is_over():
    kept = []

    def step(x):
        kept.append(x * 2)
        return x + 1

    compiled = tt.compile(step)
    compiled(SOMETHING)
    with pytest.raises(CompileError, match="after it ended"):
        kept[0] + 1
    with pytest.raises(CompileError, match="after it ended"):
        repr(kept[0])


def test_numbers_that_change_must_be_given_as_arrays():
    compiled = tt.compile(lambda x, rate: x * rate)
    with pytest.raises(CompileError, match="kinds of arguments"):
        for i in range(200):
            compiled(SOMETHING, float(i))
    compiled = tt.compile(lambda x, rate: x * rate)
    for i in range(200):
        compiled(SOMETHING, np.float64(i))
    assert len(compiled.kinds) == 1


def test_a_result_of_recorded_operations_is_no_argument():
    x = tt.Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(CompileError, match="recorded operations"):
        tt.compile(lambda y: y * 2)(x * 3)


def test_nor_is_it_one_of_a_step_that_has_run_with_leaves():
    compiled = tt.compile(lambda y: y * 2)
    x = tt.Tensor(np.ones(2), requires_grad=True)
    for _ in range(4):
        compiled(x)
    with pytest.raises(CompileError, match="recorded operations"):
        compiled(x * 3)


def test_what_is_no_function_is_refused():
    with pytest.raises(CompileError, match="not a function"):
        tt.compile(3)
