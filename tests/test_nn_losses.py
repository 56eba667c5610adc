"""Losses: PyTorch's numbers for every option, and what they refuse."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn

F = nn.functional
rng = np.random.default_rng(0)
REDUCTIONS = ("mean", "sum", "none")


def agree(name, arrays, targets, options, *, tensors=(), rtol=1e-10):
    """Our F.name and PyTorch's: values, and gradients of a weighted sum of them, in float64.

    `arrays` are differentiated, `targets` are not; options named in `tensors` are arrays.
    """
    torch = pytest.importorskip("torch")
    ours = [tt.Tensor(x, requires_grad=True) for x in arrays]
    out = getattr(F, name)(*ours, *targets, **options)
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    converted = {k: torch.tensor(v) if k in tensors else v for k, v in options.items()}
    expected = getattr(torch.nn.functional, name)(*theirs, *map(torch.tensor, targets), **converted)
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-12)
    seed = np.random.default_rng(1).standard_normal(out.shape)
    gradients = tt.grad(out, ours, seed)
    wanted = torch.autograd.grad(expected, theirs, torch.tensor(seed))
    for g, h in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=rtol, atol=1e-12)


X, Y = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
P, Q = rng.uniform(0.05, 0.95, (4, 3)), rng.uniform(0.05, 0.95, (4, 3))


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.3}),
        ("smooth_l1_loss", {"beta": 0}),
        ("huber_loss", {}),
        ("huber_loss", {"delta": 0.4}),
    ],
)
def test_losses_of_differences_agree_with_pytorch(name, options, reduction):
    agree(name, [X, Y], [], {"reduction": reduction, **options})


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, rng.uniform(0.5, 2, (4, 3)), rng.uniform(0.5, 2, 3)])
def test_binary_cross_entropies_agree_with_pytorch(reduction, weight):
    options = {"reduction": reduction, "weight": weight}
    agree("binary_cross_entropy", [P, Q], [], options, tensors=["weight"] * (weight is not None))
    for pos_weight in (None, np.array([2.0, 0.5, 3.0])):
        given = {**options, "pos_weight": pos_weight}
        tensors = [k for k in ("weight", "pos_weight") if given[k] is not None]
        agree("binary_cross_entropy_with_logits", [X, Q], [], given, tensors=tensors)


@pytest.mark.oracle
def test_binary_cross_entropy_is_clamped_as_in_pytorch_at_0_and_1():
    p, y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    # PyTorch's floor of the denominator is 1e-12 rounded to float32.
    agree("binary_cross_entropy", [p], [y], {"reduction": "none"}, rtol=1e-8)


def test_binary_cross_entropy_of_large_logits_neither_overflows_nor_vanishes():
    x = tt.Tensor([-1000.0, 1000.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, tt.Tensor([1.0, 0.0]), reduction="sum")
    loss.backward()
    assert loss.item() == 2000
    np.testing.assert_array_equal(x.grad.numpy(), [-1, 1])


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:reduction. 'mean':UserWarning")  # PyTorch's, of its own mean
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div_agrees_with_pytorch(reduction):
    agree("kl_div", [np.log(P), Q], [], {"reduction": reduction})
    agree("kl_div", [np.log(P), np.log(Q)], [], {"reduction": reduction, "log_target": True})
    zeros = Q * (Q > 0.3)
    agree("kl_div", [np.log(P)], [zeros], {"reduction": reduction})


CLASS_SHAPES = [((5, 4), (5,)), ((4,), ()), ((3, 4, 2), (3, 2)), ((2, 4, 3, 2), (2, 3, 2))]


def class_samples(shape, target_shape, ignored):
    scores = np.random.default_rng(2).standard_normal(shape)
    targets = np.random.default_rng(3).integers(0, 4, target_shape)
    if ignored and targets.ndim:
        targets.reshape(-1)[:2] = ignored
    return scores, targets


@pytest.mark.oracle
@pytest.mark.parametrize("shapes", CLASS_SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_indices_agrees_with_pytorch(shapes, reduction):
    weights = np.array([0.5, 1.0, 2.0, 0.1])
    for weight, ignore, smoothing in product((None, weights), (-100, 1), (0.0, 0.1)):
        scores, targets = class_samples(*shapes, ignore)
        if shapes[1] == () and ignore == targets:
            continue  # the mean of nothing is an error here, and NaN in PyTorch
        options = {
            "weight": weight, "ignore_index": ignore, "reduction": reduction,
            "label_smoothing": smoothing,
        }  # fmt: skip
        tensors = ["weight"] * (weight is not None)
        agree("cross_entropy", [scores], [targets], options, tensors=tensors)


@pytest.mark.oracle
@pytest.mark.parametrize("shapes", CLASS_SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_probabilities_agrees_with_pytorch(shapes, reduction):
    scores, _ = class_samples(*shapes, 0)
    targets = np.random.default_rng(4).uniform(0, 1, shapes[0])
    for weight, smoothing in product((None, np.array([0.5, 1.0, 2.0, 0.1])), (0.0, 0.1)):
        options = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
        tensors = ["weight"] * (weight is not None)
        agree("cross_entropy", [scores, targets], [], options, tensors=tensors)


@pytest.mark.oracle
@pytest.mark.parametrize("shapes", CLASS_SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss_agrees_with_pytorch(shapes, reduction):
    for weight, ignore in product((None, np.array([0.5, 1.0, 2.0, 0.1])), (-100, 1)):
        scores, targets = class_samples(*shapes, ignore)
        if shapes[1] == () and ignore == targets:
            continue
        options = {"weight": weight, "ignore_index": ignore, "reduction": reduction}
        tensors = ["weight"] * (weight is not None)
        agree("nll_loss", [scores], [targets], options, tensors=tensors)


def test_nll_loss_of_log_softmax_is_cross_entropy():
    scores, targets = class_samples((5, 4), (5,), -100)
    x = tt.Tensor(scores)
    whole = F.cross_entropy(x, targets)
    assert F.nll_loss(F.log_softmax(x), targets).item() == pytest.approx(whole.item(), rel=1e-14)


def test_cross_entropy_survives_large_logits():
    x = tt.Tensor(np.array([[1e4, 0.0], [0.0, 1e4]]), requires_grad=True)
    loss = F.cross_entropy(x, [0, 0])
    loss.backward()
    assert loss.item() == 5000
    np.testing.assert_array_equal(x.grad.numpy(), [[0, 0], [-0.5, 0.5]])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.2}, {"weight": np.array([0.5, 1, 2.0, 0.1])}], ids=str
)
def test_second_derivatives_of_cross_entropy(reduction, options):
    scores, targets = class_samples((3, 4, 2), (3, 2), -100)
    assert tt.gradgradcheck(
        lambda x: F.cross_entropy(x, targets, reduction=reduction, **options), scores
    )


@pytest.mark.parametrize(
    "loss", [F.smooth_l1_loss, F.huber_loss, F.mse_loss, F.binary_cross_entropy_with_logits]
)
def test_second_derivatives_of_losses_between_equal_shapes(loss):
    assert tt.gradgradcheck(loss, [X * 3, Y * 3])


def test_third_derivative_goes_through_the_reference_of_a_fused_loss():
    x = tt.Tensor(np.array([[0.3, -0.2]]), requires_grad=True)
    (g,) = tt.grad(F.cross_entropy(x, [0]), x, create_graph=True)
    (gg,) = tt.grad(g[0, 0], x, create_graph=True)
    (ggg,) = tt.grad(gg[0, 0], x)
    a = 1 / (1 + np.exp(-0.5))  # d³/dx³ of −ln σ(x − y) is a(1 − a)(1 − 2a)
    assert ggg.numpy()[0, 0] == pytest.approx(a * (1 - a) * (1 - 2 * a), rel=1e-12)


def test_float32_logits_give_float32_losses_for_every_option():
    scores = tt.Tensor(X.astype(np.float32), requires_grad=True)
    for weight, ignore, smoothing in product((None, [1, 2.0, 3]), (-100, 1), (0.0, 0.1)):
        for reduction in REDUCTIONS:
            loss = F.cross_entropy(scores, [0, 1, 2, 2], weight, ignore, reduction, smoothing)
            assert loss.dtype == np.float32
    assert F.nll_loss(scores, [0, 1, 2, 2], [1, 2.0, 3], 1).dtype == np.float32


# ------------------------------------------------------------------ modules


MODULES = [
    ("MSELoss", {"reduction": "sum"}),
    ("L1Loss", {}),
    ("SmoothL1Loss", {"beta": 0.5}),
    ("HuberLoss", {"delta": 0.5}),
    ("KLDivLoss", {"reduction": "batchmean"}),
    ("BCEWithLogitsLoss", {"reduction": "none"}),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "options"), MODULES)
def test_loss_modules_agree_with_pytorch(name, options):
    torch = pytest.importorskip("torch")
    ours = getattr(nn, name)(**options)(tt.Tensor(X), tt.Tensor(Q))
    theirs = getattr(torch.nn, name)(**options)(torch.tensor(X), torch.tensor(Q))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-12)


@pytest.mark.oracle
def test_weighted_loss_modules_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    weight = np.array([0.5, 1.0, 2.0])
    options = {"weight": weight, "ignore_index": 1, "label_smoothing": 0.1}
    ours = nn.CrossEntropyLoss(**options)
    theirs = torch.nn.CrossEntropyLoss(**{**options, "weight": torch.tensor(weight)})
    y = np.array([0, 1, 2, 2])
    loss = theirs(torch.tensor(X), torch.tensor(y)).item()
    assert ours(tt.Tensor(X), y).item() == pytest.approx(loss, rel=1e-12)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"]
    loss = torch.nn.NLLLoss(torch.tensor(weight))(torch.tensor(X), torch.tensor(y)).item()
    assert nn.NLLLoss(weight)(tt.Tensor(X), y).item() == pytest.approx(loss, rel=1e-12)
    loss = torch.nn.BCELoss(torch.tensor(weight))(torch.tensor(P), torch.tensor(Q)).item()
    assert nn.BCELoss(weight)(tt.Tensor(P), Q).item() == pytest.approx(loss, rel=1e-12)
    both = {"weight": weight, "pos_weight": 2 * weight}
    module = torch.nn.BCEWithLogitsLoss(**{k: torch.tensor(v) for k, v in both.items()})
    loss = module(torch.tensor(X), torch.tensor(Q)).item()
    ours = nn.BCEWithLogitsLoss(**both)
    assert ours(tt.Tensor(X), tt.Tensor(Q)).item() == pytest.approx(loss, rel=1e-12)


# ------------------------------------------------------------------ what is refused

x34, x43 = tt.Tensor(np.zeros((3, 4), np.float32)), tt.Tensor(np.zeros((4, 3), np.float32))

REFUSED = {
    "mse that would broadcast": (
        lambda: F.mse_loss(x34, tt.zeros(3, 1)), tt.ShapeError, "one shape",
    ),
    "bce that would broadcast": (
        lambda: F.binary_cross_entropy_with_logits(x34, tt.zeros(4)), tt.ShapeError, "one shape",
    ),
    "integer targets": (
        lambda: F.mse_loss(x34, np.zeros((3, 4), int)), tt.DtypeError, "must be floats",
    ),
    "a list instead of a Tensor": (
        lambda: F.mse_loss([1.0], [1.0]), tt.DtypeError, "must be floats",
    ),
    "unknown reduction": (
        lambda: F.l1_loss(x34, x34, reduction="avg"), tt.ArgumentError, "mean or sum or none",
    ),
    "unknown reduction in a module": (
        lambda: nn.CrossEntropyLoss(reduction="avg"), tt.ArgumentError, "mean or sum or none",
    ),
    "float class targets": (
        lambda: F.cross_entropy(x34, tt.Tensor([0, 1, 2])), tt.DtypeError, "dtype=np.int64",
    ),
    "boolean class targets": (
        lambda: F.cross_entropy(x34, np.array([True, False, True])), tt.DtypeError, "integers",
    ),
    "one-hot integers": (
        lambda: F.cross_entropy(x34, np.zeros((3, 4), int)), tt.ShapeError, "probabilities",
    ),
    "class that does not exist": (
        lambda: F.cross_entropy(x34, [0, 4, 1]), tt.IndexingError, "class 4 does not exist",
    ),
    "negative class": (
        lambda: F.nll_loss(x34, [0, -1, 1]), tt.IndexingError, "class -1 does not exist",
    ),
    "too few targets": (
        lambda: F.cross_entropy(x34, [0, 1]), tt.ShapeError, r"integers \(3,\)",
    ),
    "nothing but ignored targets": (
        lambda: F.cross_entropy(x34, [-100, -100, -100]), tt.ArgumentError, "not ignored",
    ),
    "weights of another length": (
        lambda: F.cross_entropy(x34, [0, 1, 2], weight=[1.0, 2.0]), tt.ShapeError, "per class",
    ),
    "trained class weights": (
        lambda: F.cross_entropy(x34, [0, 1, 2], weight=tt.ones(4, requires_grad=True)),
        tt.ShapeError, "without a gradient",
    ),
    "weights that stretch the losses": (
        lambda: F.binary_cross_entropy_with_logits(x34, x34, weight=tt.ones(2, 3, 4)),
        tt.ShapeError, "does not broadcast",
    ),
    "label smoothing above 1": (
        lambda: F.cross_entropy(x34, [0, 1, 2], label_smoothing=1.5), tt.ArgumentError, r"\[0, 1\]",
    ),
    "logits as probabilities": (
        lambda: F.binary_cross_entropy(x34 - 1, x34), tt.ArgumentError, "with_logits",
    ),
    "negative delta": (
        lambda: F.huber_loss(x34, x34, delta=-1), tt.ArgumentError, "> 0",
    ),
    "no classes": (
        lambda: F.cross_entropy(tt.Tensor(1.0), np.array(0)), tt.ShapeError, "no classes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_losses_refuse(case):
    call, error, words = REFUSED[case]
    with pytest.raises(error, match=words):
        call()


def test_lists_of_integers_are_class_targets():
    assert F.cross_entropy(x34, [0, 1, 2]).item() == pytest.approx(np.log(4))
