"""Course 2, weeks 1 to 3: optimizers, averages, decays, saddles; the numbers of the notes."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_tr as tt
from tests.leaves import leaf
from tinygrad_tr import optim
from tinygrad_tr.examples import course2_averages, course2_decay, course2_minimize, course2_paths

# ---------------------------------------------------------------------- 2.05 weight decay


def test_weight_decay_is_the_l2_penalty_under_plain_descent():
    alpha, lam, m = 0.1, 0.7, 10
    rng = np.random.default_rng(0)
    start, X, y = rng.standard_normal(4), rng.standard_normal((m, 4)), rng.standard_normal(m)
    decayed, penalised = leaf(start), leaf(start)

    def cost(w):
        return ((X @ w - y) ** 2).sum() / (2 * m)

    by_option = optim.SGD([decayed], lr=alpha, weight_decay=lam / m)
    by_penalty = optim.SGD([penalised], lr=alpha)
    for _ in range(20):
        by_option.minimize(lambda: cost(decayed))
        by_penalty.minimize(lambda: cost(penalised) + lam / (2 * m) * (penalised**2).sum())
        np.testing.assert_allclose(decayed.numpy(), penalised.numpy(), rtol=0, atol=1e-15)


def test_without_a_data_gradient_the_weights_shrink_by_0_993_a_step():
    start = np.array([1.0, -2.0, 30.0])
    w = leaf(start)
    optimizer = optim.SGD([w], lr=0.1, weight_decay=0.7 / 10)
    for k in range(1, 101):
        w.grad = np.zeros(3)
        optimizer.step()
        np.testing.assert_allclose(w.numpy(), 0.993**k * start, rtol=1e-13)


@pytest.mark.oracle
def test_weight_decay_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    w = leaf([1.0, -2.0])
    v = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    ours = optim.SGD([w], lr=0.1, weight_decay=0.07)
    theirs = torch.optim.SGD([v], lr=0.1, weight_decay=0.07)
    for _ in range(20):
        ours.minimize(lambda: tt.sin(w).sum())
        theirs.zero_grad()
        torch.sin(v).sum().backward()
        theirs.step()
    np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-14)


def test_in_adam_the_penalty_is_divided_by_the_size_of_the_gradient_and_the_decay_is_not():
    gradients = np.random.default_rng(0).standard_normal((200, 2)) * [1e-3, 1e3]
    shares = {}
    for algorithm in (optim.Adam, optim.AdamW):
        for weight_decay in (0, 0.1):
            w = leaf([1.0, 1.0])
            optimizer = algorithm([w], lr=1e-4, weight_decay=weight_decay)
            for g in gradients:
                w.grad = g
                optimizer.step()
            shares[algorithm.__name__, weight_decay] = w.numpy().copy()
    np.testing.assert_array_equal(shares["AdamW", 0], shares["Adam", 0])
    lost = {name: shares[name, 0] - shares[name, 0.1] for name in ("Adam", "AdamW")}
    # Decoupled: both weights lose 200·lr·λ of themselves, whatever their gradients.
    np.testing.assert_allclose(lost["AdamW"], 200 * 1e-4 * 0.1, rtol=0.02)
    # In the gradient: the weight of small gradients loses all it can, the other one nothing.
    assert lost["Adam"][0] > 5 * lost["AdamW"][0]
    assert abs(lost["Adam"][1]) < 0.01 * lost["AdamW"][1]


# ---------------------------------------------------------------------- 2.16 averages


def test_the_average_of_three_days_and_the_one_number_it_keeps():
    mean = optim.EWA(0.9)
    found = [mean.update(x) for x in (40, 49, 45)]
    np.testing.assert_allclose(found, [4, 8.5, 12.15], rtol=1e-14)
    kept = [x for x in mean.state_dict().values() if isinstance(x, np.ndarray)]
    assert [x.shape for x in kept] == [()]


def test_a_streamed_average_is_the_sum_of_a_hundred_days_with_falling_weights():
    series = course2_averages.year()[:100]
    closed = 0.1 * sum(0.9**k * series[99 - k] for k in range(100))
    assert course2_averages.averages(series, 0.9, False)[-1] == pytest.approx(closed, rel=1e-12)


def test_the_weights_fall_to_a_third_in_ten_days_and_add_up_to_1_minus_beta_to_the_t():
    weights = course2_averages.weights(0.9, 100)
    np.testing.assert_allclose(weights[:5], [0.1, 0.09, 0.081, 0.0729, 0.06561], rtol=1e-13)
    assert weights.sum() == pytest.approx(0.99997344, abs=1e-8)
    assert weights[10] / weights[0] == pytest.approx(0.348678, abs=1e-6)
    assert weights[10] / weights[0] == pytest.approx(1 / math.e, rel=0.06)


@pytest.mark.parametrize(("beta", "days"), [(0.5, 2), (0.9, 10), (0.98, 50), (0.99, 100)])
def test_beta_is_a_memory_of_1_over_1_minus_beta_days(beta, days):
    # The mean age of what is averaged, today counted as the first day. The notes have 50 for 0.99.
    weights = course2_averages.weights(beta, 4000)
    assert weights @ np.arange(1, 4001) == pytest.approx(days, rel=1e-9)


def test_a_larger_beta_is_smoother_and_later():
    curves = [course2_averages.averages(course2_averages.year(), b) for b in (0.5, 0.9, 0.98)]
    rough = [course2_averages.roughness(curve) for curve in curves]
    late = [course2_averages.lag(curve) for curve in curves]
    assert rough[0] > 3 * rough[1] > 3 * 1.5 * rough[2]
    assert late[0] + 3 <= late[1]
    assert late[1] + 15 <= late[2]


# ---------------------------------------------------------------------- 2.17 bias correction


def test_the_correction_of_the_first_two_days():
    plain, corrected = optim.EWA(0.98), optim.EWA(0.98, bias_correction=True)
    np.testing.assert_allclose([plain.update(x) for x in (40, 49)], [0.8, 1.764], rtol=1e-13)
    found = [corrected.update(x) for x in (40, 49)]
    np.testing.assert_allclose(found, [40, (0.0196 * 40 + 0.02 * 49) / 0.0396], rtol=1e-13)
    assert found[1] == pytest.approx(44.545454, abs=1e-6)


def test_a_corrected_average_of_one_value_is_that_value_from_the_first_day_on():
    corrected = optim.EWA(0.98, bias_correction=True)
    found = [corrected.update(51.5) for _ in range(1000)]
    np.testing.assert_allclose(found, 51.5, rtol=1e-14)


def test_after_700_days_the_correction_is_nothing():
    series = np.concatenate([course2_averages.year(seed) for seed in (0, 1)])[:700]
    plain, corrected = (course2_averages.averages(series, 0.98, c) for c in (False, True))
    assert abs(plain[0] / corrected[0]) < 0.03
    assert plain[-1] != corrected[-1]
    assert plain[-1] == pytest.approx(corrected[-1], rel=1e-6)


# ---------------------------------------------------------------------- 2.18 momentum


def walk(optimizer, w, steps):
    """A path along gradients that depend on place and step."""
    for k in range(steps):
        w.grad = np.sin(3 * w.numpy()) + 0.3 * w.numpy() + 0.2 * np.cos(k + w.numpy())
        optimizer.step()
    return w.numpy()


START = np.linspace(-2, 2, 7)


@pytest.mark.parametrize(("alpha", "beta"), [(0.1, 0.9), (0.3, 0.8)])
def test_the_two_forms_of_momentum_are_one_path_at_rates_1_minus_beta_apart(alpha, beta):
    a, b, c = leaf(START), leaf(START), leaf(START)
    averaged = walk(optim.Momentum([a], lr=alpha, beta=beta), a, 50)
    classical = optim.Momentum([b], lr=alpha * (1 - beta), beta=beta, dampen=False)
    np.testing.assert_allclose(walk(classical, b, 50), averaged, rtol=1e-12)
    sgd = optim.SGD([c], lr=alpha * (1 - beta), momentum=beta)
    np.testing.assert_allclose(walk(sgd, c, 50), averaged, rtol=1e-12)


@pytest.mark.oracle
def test_momentum_is_pytorchs_at_a_smaller_rate_and_not_its_dampening():
    torch = pytest.importorskip("torch")
    ends = []
    for options in ({"lr": 0.01, "momentum": 0.9}, {"lr": 0.1, "momentum": 0.9, "dampening": 0.9}):
        v = torch.tensor(START, requires_grad=True)
        theirs = torch.optim.SGD([v], **options)
        for k in range(20):
            x = v.detach().numpy()
            v.grad = torch.from_numpy(np.sin(3 * x) + 0.3 * x + 0.2 * np.cos(k + x))
            theirs.step()
        ends.append(v.detach().numpy())
    w = leaf(START)
    ours = walk(optim.Momentum([w], lr=0.1, beta=0.9), w, 20)
    np.testing.assert_allclose(ours, ends[0], rtol=1e-13, atol=1e-15)
    assert np.abs(ours - ends[1]).max() > 0.01


def test_momentum_needs_at_most_half_the_steps_of_descent_in_a_rotated_valley():
    turn = np.array([[math.cos(0.5), -math.sin(0.5)], [math.sin(0.5), math.cos(0.5)]])
    hessian = turn @ np.diag([1.0, 100.0]) @ turn.T

    def steps(make, rates):
        """The fewest steps until f < 1e-6, over the rates."""
        fewest = 500
        for alpha in rates:
            w = leaf([3.0, 1.0])
            optimizer = make([w], alpha)
            for k in range(fewest):
                g = hessian @ w.numpy()
                if w.numpy() @ g / 2 < 1e-6:
                    fewest = k
                    break
                w.grad = g
                optimizer.step()
        return fewest

    descent = steps(lambda p, a: optim.SGD(p, lr=a), np.linspace(0.017, 0.0199, 7))
    momentum = {
        beta: steps(
            lambda p, a, b=beta: optim.Momentum(p, lr=a, beta=b), np.geomspace(0.04, 0.3, 9)
        )
        for beta in (0.9, 0.8)
    }
    assert 300 < descent < 450
    assert momentum[0.9] <= descent / 2
    assert momentum[0.8] < momentum[0.9]


# ---------------------------------------------------------------------- 2.19 and 2.20


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-8}),
        ("Adam", {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8}),
    ],
)
def test_twenty_steps_are_those_of_pytorch(name, options):
    torch = pytest.importorskip("torch")
    w, v = leaf(START), torch.tensor(START, requires_grad=True)
    ours, theirs = getattr(optim, name)([w], **options), getattr(torch.optim, name)([v], **options)
    for k in range(20):
        g = np.sin(3 * w.numpy()) + 0.2 * np.cos(k + w.numpy())
        w.grad, v.grad = g, torch.from_numpy(g.copy())
        ours.step()
        theirs.step()
    np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_the_first_step_of_rmsprop_is_alpha_over_the_root_of_1_minus_beta_in_each_coordinate():
    w = leaf([0.0, 0.0, 0.0])
    w.grad = np.array([0.5, -1.0, 1e3])
    optim.RMSprop([w], lr=0.01, alpha=0.9).step()
    np.testing.assert_allclose(np.abs(w.numpy()), 0.01 * 3.1622776, rtol=1e-6)
    np.testing.assert_array_equal(np.sign(w.numpy()), [-1, 1, -1])


@pytest.mark.parametrize("algorithm", [optim.RMSprop, optim.Adam])
def test_a_gradient_that_is_zero_moves_nothing_because_of_epsilon(algorithm):
    w = leaf([2.0])
    w.grad = np.zeros(1)
    algorithm([w]).step()
    assert w.item() == 2


def test_the_first_step_of_adam_is_alpha_g_over_size_of_g_plus_epsilon():
    g = np.array([1e-8, 1e-3, -1.0, 1e3])
    w = leaf(np.zeros(4))
    w.grad = g
    optim.Adam([w], lr=0.1).step()
    np.testing.assert_allclose(w.numpy(), -0.1 * g / (np.abs(g) + 1e-8), rtol=1e-9)


def test_adam_has_the_defaults_of_the_course():
    options = optim.Adam([leaf(1.0)]).param_groups[0].options()
    assert (options["betas"], options["eps"]) == ((0.9, 0.999), 1e-8)


def test_a_thousand_times_the_loss_is_the_same_path_for_adam():
    paths = []
    for scale in (1, 1000):
        w = leaf(0.0)
        adam = optim.Adam([w], lr=0.1)
        path = []
        for _ in range(200):
            adam.minimize(lambda: scale * (w**2 - 10 * w + 25))  # noqa: B023  called at once
            path.append(w.item())
        paths.append(path)
    np.testing.assert_allclose(paths[1], paths[0], rtol=0, atol=1e-6)


# ---------------------------------------------------------------------- 2.21 decay


@pytest.mark.parametrize(
    ("name", "first_epoch", "rates"),
    [
        ("α₀ / (1 + epoch)", 1, [0.1, 0.2 / 3, 0.05, 0.04]),
        ("0.95^epoch α₀", 1, [0.19, 0.1805, 0.171475, 0.16290125]),
        ("α₀ / √(epoch + 1)", 0, [0.2, 0.2 / math.sqrt(2), 0.2 / math.sqrt(3), 0.1]),
        ("staircase", 9, [0.2, 0.1]),
        ("by hand", 4, [0.2, 0.15, 0.15]),
    ],
)
def test_the_tables_of_the_learning_rate(name, first_epoch, rates):
    found = course2_decay.table(course2_decay.COURSE[name], first_epoch + len(rates))
    np.testing.assert_allclose(found[first_epoch:], rates, rtol=1e-12)


def test_a_constant_rate_ends_at_the_noise_floor_and_decay_at_less_than_a_tenth_of_it():
    floor = 10 * 0.2 / (2 - 0.2)
    assert floor == pytest.approx(1.111, abs=1e-3)
    names = list(course2_decay.COURSE)[:4]
    ends = [course2_decay.distances(course2_decay.COURSE[n], seed=1)[-20:].mean() for n in names]
    assert ends[0] == pytest.approx(floor, rel=0.15)
    assert all(end < floor / 10 for end in ends[1:])


# ---------------------------------------------------------------------- 2.22 saddles


def test_how_many_steps_each_algorithm_needs_to_leave_the_saddle():
    saddle = next(s for s in course2_paths.SURFACES if s.name == "saddle")
    paths = {name: saddle.path(make) for name, make in saddle.walkers.items()}
    steps = {name: len(path) - 1 for name, path in paths.items()}
    assert steps["descent"] == 931 == math.ceil(math.log(1e8) / math.log(1.02))
    for name, expected in {
        "RMSprop": 73,
        "Adam": 77,
        "momentum": 185,
        "momentum with 1 − β": 1079,
    }.items():
        assert steps[name] == pytest.approx(expected, rel=0.02), name
    # The notes' form at the notes' rate is later than descent; at α / (1 − β) it is the other one.
    retuned = saddle.path(lambda w: optim.Momentum(w, lr=0.1, beta=0.9))
    np.testing.assert_allclose(retuned, paths["momentum"], rtol=1e-9)


def test_a_zero_gradient_in_many_dimensions_is_a_saddle_and_no_minimum():
    slopes = np.linalg.eigvalsh(course2_paths.symmetric(1000, 10))
    assert np.mean((slopes > 0).all(axis=1)) == 0
    at_zero = tt.hessian(lambda w: course2_paths.saddle(w[0], w[1]))(np.zeros(2))
    np.testing.assert_allclose(np.linalg.eigvalsh(at_zero.numpy()), [-2, 2])


# ---------------------------------------------------------------------- 2.31 minimize


def test_by_hand_in_one_call_and_with_data_are_the_same_bits():
    path = course2_minimize.by_hand()
    np.testing.assert_array_equal(course2_minimize.forward_only(), path)
    end, costs = course2_minimize.with_data()
    assert end == path[-1]
    assert costs.shape == (1001,)
    np.testing.assert_allclose(costs, (path - 5) ** 2, rtol=0, atol=2e-14)


def test_adam_goes_through_the_numbers_of_the_course():
    path = course2_minimize.by_hand()
    np.testing.assert_allclose(
        path[[1, 10, 50, 100, 200]],
        [0.0999999999, 0.992398378916, 4.098880895634, 5.039004031224, 5.000109539925],
        rtol=1e-11,
    )
    assert path.max() == pytest.approx(5.039642, abs=1e-6)
    assert abs(path[1000] - 5) < 1e-12


def test_descent_is_5_minus_5_times_0_8_to_the_k():
    path = course2_minimize.forward_only(optim.SGD, 30)
    np.testing.assert_allclose(path, 5 - 5 * 0.8 ** np.arange(31.0), rtol=1e-13, atol=1e-15)


@pytest.mark.oracle
def test_adams_path_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    w = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([w], lr=0.1)
    path = [0.0]
    for _ in range(1000):
        adam.zero_grad()
        (w**2 - 10 * w + 25).backward()
        adam.step()
        path.append(w.item())
    np.testing.assert_allclose(course2_minimize.by_hand(), path, rtol=1e-12, atol=1e-15)


def test_at_the_start_the_cost_is_25_and_the_slope_minus_10_as_the_picture_says():
    w = course2_minimize.start()
    J = w**2 - 10 * w + 25
    source = tt.draw(J, names={"w": w, "J": J}).source
    J.backward()
    assert (J.item(), w.grad.item()) == (25, -10)
    assert "25" in source
    assert "(−10) = −10" in source


def test_minimize_takes_an_algorithm_with_its_options_and_the_cost_falls():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    y = X @ [1.0, -2.0, 3.0]
    w = leaf(np.zeros(3))
    costs = optim.minimize(
        lambda: ((X @ w - y) ** 2).mean(), [w], optimizer=optim.SGD, steps=200, lr=0.1, momentum=0.5
    )
    np.testing.assert_allclose(w.numpy(), [1, -2, 3], rtol=1e-6)
    assert costs[0] == pytest.approx(np.mean(y**2))
    assert costs[-1] < 1e-12


def test_minimize_records_a_graph_for_each_step_and_none_for_the_cost_at_the_end():
    w, recorded = leaf(1.0), []

    def cost():
        recorded.append(tt.is_grad_enabled())
        return w**2

    optim.minimize(cost, [w], steps=3)
    assert recorded == [True, True, True, False]


@pytest.mark.parametrize("steps", [0, -1, 2.5, True])
def test_minimize_refuses_a_number_of_steps_that_is_none(steps):
    with pytest.raises(tt.ArgumentError, match="number of times"):
        optim.minimize(lambda: None, [leaf(1.0)], steps=steps)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_minimize_says_when_the_cost_left_the_numbers():
    w = leaf(1.0)
    with pytest.raises(tt.AnomalyError, match=r"after \d+ steps is not finite"):
        optim.minimize(lambda: w**4, [w], optimizer=optim.SGD, lr=10.0, steps=20)
