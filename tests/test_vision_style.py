"""Neural style transfer: course 4, week 4, rows 4.31 to 4.33."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_tr as tt
from tinygrad_tr import nn, vision
from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_tr.vision.style import cost_of_picture, roughness

RNG = np.random.default_rng(0)


def network(width=4, seed=0, dtype=np.float64):
    """Two convolutions, at random."""
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, generator=rng, dtype=dtype), nn.Tanh(),
        nn.Conv2d(width, 2 * width, 3, padding=1, generator=rng, dtype=dtype), nn.Tanh(),
    )  # fmt: skip


# ------------------------------------------------------------------ the costs


def test_the_content_cost_is_zero_for_the_content_and_its_gradient_is_the_difference():
    a_C, a_G = RNG.standard_normal((2, 1, 4, 3, 5))
    generated = tt.Tensor(a_G, requires_grad=True)
    cost = vision.content_cost(tt.Tensor(a_C), generated)
    assert cost.item() == pytest.approx(0.5 * np.sum((a_C - a_G) ** 2))
    (gradient,) = tt.grad(cost, [generated])
    np.testing.assert_allclose(gradient.numpy(), a_G - a_C)
    assert vision.content_cost(tt.Tensor(a_C), tt.Tensor(a_C)).item() == 0


def test_the_gram_matrix_of_the_course():
    a = np.arange(12.0).reshape(2, 2, 3)  # height, width, channels
    gram = vision.gram_matrix(np.moveaxis(a, 2, 0))
    np.testing.assert_array_equal(gram, [[126, 144, 162], [144, 166, 188], [162, 188, 214]])


def test_a_gram_matrix_is_symmetric_semidefinite_and_knows_no_places():
    a = RNG.standard_normal((6, 4, 5))
    gram = vision.gram_matrix(a)
    np.testing.assert_allclose(gram, gram.T)
    assert np.linalg.eigvalsh(gram).min() > -1e-10
    shuffled = a.reshape(6, -1)[:, RNG.permutation(20)].reshape(a.shape)
    np.testing.assert_allclose(vision.gram_matrix(shuffled), gram)
    batch = vision.gram_matrix(np.stack([a, 2 * a]))
    np.testing.assert_allclose(batch, [gram, 4 * gram])


def test_the_style_cost_is_the_course_s_formula():
    a_S, a_G = RNG.standard_normal((2, 3, 4, 5))
    cost = vision.style_cost(a_S, tt.Tensor(a_G)).item()
    by_hand = 0.0
    for k in range(3):
        for other in range(3):
            G_S, G_G = (np.sum(a[k] * a[other]) for a in (a_S, a_G))
            by_hand += (G_S - G_G) ** 2
    assert cost == pytest.approx(by_hand / (2 * 4 * 5 * 3) ** 2)
    assert vision.style_cost(a_S, tt.Tensor(a_S)).item() == 0


def test_a_style_may_be_of_another_size():
    """A picture four times as large, of the same four tiles, has the same style."""
    a = RNG.standard_normal((3, 4, 5))
    tiled = np.tile(a, (1, 2, 2))
    assert vision.style_cost(tiled, tt.Tensor(a)).item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("cost", [vision.content_cost, vision.style_cost])
def test_the_gradients_of_the_costs_agree_with_finite_differences(cost):
    wanted = RNG.standard_normal((1, 3, 3, 4))
    x = RNG.standard_normal((1, 3, 3, 4))
    assert tt.gradcheck(lambda a: cost(wanted, a), x)
    assert tt.gradgradcheck(lambda a: cost(wanted, a), x)


def test_roughness_adds_squared_steps():
    picture = tt.Tensor(np.array([[[0.0, 1], [3, 1]]]))
    assert roughness(picture).item() == 1 + 4 + 9 + 0


def test_the_gradient_to_the_picture_agrees_with_finite_differences():
    model, (C, S) = network(), RNG.random((2, 3, 6, 6))
    cost = cost_of_picture(model, C, S, "3", {"1": 0.3, "3": 0.7}, 1.0, 1e2, 0.1)
    assert tt.gradcheck(lambda G: cost(G)[0], RNG.random((1, 3, 6, 6)))


# ------------------------------------------------------------------ what layers return


def test_activations_are_what_the_layers_of_these_names_return():
    model, x = network(), tt.Tensor(RNG.random((1, 3, 6, 6)), requires_grad=True)
    found = vision.activations(model, x, ["3", "0"])
    assert list(found) == ["3", "0"]
    np.testing.assert_array_equal(found["0"].numpy(), model[0](x).numpy())
    np.testing.assert_array_equal(found["3"].numpy(), model(x).numpy())
    found["0"].sum().backward()
    assert x.grad is not None


def test_layers_that_are_not_there_or_not_called_are_named():
    model = network()
    with pytest.raises(ArgumentError, match=r"no such layers\n.*'7'.*\n.*0, 1, 2, 3"):
        vision.activations(model, tt.zeros(1, 3, 6, 6), ["0", "7"])
    with pytest.raises(ArgumentError, match="no layers"):
        vision.activations(model, tt.zeros(1, 3, 6, 6), [])

    class Half(nn.Module):
        def __init__(self):
            self.used, self.idle = nn.ReLU(), nn.Tanh()

        def forward(self, x):
            return self.used(x)

    with pytest.raises(ArgumentError, match=r"did not call\n.*idle"):
        vision.activations(Half(), tt.zeros(2), ["idle"])


# ------------------------------------------------------------------ the transfer


@pytest.fixture(scope="module")
def transferred():
    """24 × 24, a random network of two layers, Adam 0.02, 300 steps."""
    model = network(width=8, dtype=np.float32)
    C, S = np.random.default_rng(1).random((2, 3, 24, 24), dtype=np.float32)
    S[:, ::4] = 1  # stripes
    start = np.random.default_rng(2).random(C.shape, dtype=np.float32)
    result = vision.transfer(
        model, C, S, content_layer="3", style_layers=["1", "3"], beta=1e4, steps=300, start=start
    )
    return model, C, result


def test_the_cost_falls_to_a_third_and_the_content_comes_back(transferred):
    _, C, result = transferred
    assert len(result.total) == 300
    assert result.total[0] > 3 * result.total[-1]
    assert result.content[0] > 3 * result.content[-1]
    assert result.picture.shape == C.shape
    assert result.picture.min() >= 0
    assert result.picture.max() <= 1


def test_only_the_picture_is_trained(transferred):
    model, _, _ = transferred
    untouched = network(8, 0, np.float32).parameters()
    for found, fresh in zip(model.parameters(), untouched, strict=True):
        assert found.grad is None
        assert found.requires_grad  # as before
        np.testing.assert_array_equal(found.numpy(), fresh.numpy())
    assert model.training


def test_without_style_the_content_stays_and_without_content_the_style_wins():
    model = network(dtype=np.float32)
    C, S = np.random.default_rng(1).random((2, 3, 12, 12), dtype=np.float32)
    facts = {"content_layer": "3", "style_layers": {"1": 1.0}, "steps": 40}
    still = vision.transfer(model, C, S, beta=0, **facts)
    np.testing.assert_allclose(still.picture, C, atol=1e-6)
    styled = vision.transfer(model, C, S, alpha=0, beta=1e4, **facts)
    assert styled.style[-1] < styled.style[0] / 3


def styled(model, content_layer, style_layers):
    return vision.transfer(model, C0, C0, content_layer=content_layer, style_layers=style_layers)


C0 = np.full((3, 8, 8), 0.5, np.float32)
FACTS = {"content_layer": "3", "style_layers": ["1"], "steps": 1}
REFUSED = [
    (lambda m: vision.transfer(m, (255 * C0).astype(np.uint8), C0, **FACTS), DtypeError, "bytes"),
    (lambda m: vision.transfer(m, 255 * C0, C0, **FACTS), ArgumentError, r"\[0, 1\]"),
    (lambda m: vision.transfer(m, C0 * np.nan, C0, **FACTS), ArgumentError, r"\[0, 1\]"),
    (lambda m: vision.transfer(m, C0[0], C0, **FACTS), ShapeError, r"\(C, H, W\)"),
    (lambda m: vision.transfer(m, C0, C0, start=C0[:, :4], **FACTS), ShapeError, "start"),
    (lambda m: styled(m, "3", []), ArgumentError, "style"),
    (lambda m: styled(m, "9", ["1"]), ArgumentError, "9"),
    (lambda m: vision.transfer(m, C0, C0, beta=-1, **FACTS), ArgumentError, "beta"),
    (lambda m: vision.transfer(m, C0, C0, lr=0, **FACTS), ArgumentError, "lr"),
    (lambda m: vision.content_cost(tt.Tensor(C0), tt.Tensor(C0[:2])), ShapeError, "one layer"),
    (lambda m: vision.style_cost(C0, tt.Tensor(C0[:2])), ShapeError, "channels"),
    (lambda m: vision.gram_matrix(np.ones((3, 4, 4), int)), DtypeError, "floats"),
    (lambda m: vision.gram_matrix(np.ones((4, 4))), ShapeError, r"\(C, H, W\)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused_at_once(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call(network(dtype=np.float32))
    assert "test_vision_style.py" in str(caught.value)
