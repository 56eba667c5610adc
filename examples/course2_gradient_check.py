"""Course 2, week 1: gradient checking, the proof that a backward pass is right.

A small network whose derivatives are right, the same with a mistake in one place, and the same
with its first layer cut from the graph: ‖g − g_num‖ / (‖g‖ + ‖g_num‖) tells them apart by many
orders of magnitude, and the table says in which parameters the mistake is. Then the step eps: too
large, and the rest of Taylor's series spoils the difference; too small, and rounding does.

    python -m tinygrad_tr.examples.course2_gradient_check
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

import tinygrad_tr as tt
from tinygrad_tr import nn
from tinygrad_tr.check import GradientDifference
from tinygrad_tr.examples.outcome import FOLDER, Goal, Outcome
from tinygrad_tr.examples.plots import canvas, saved
from tinygrad_tr.nn import functional as F

M, RIGHT = 8, 1e-7  # the course's limit: below it, the derivative is right
STEPS = 10.0 ** -np.arange(1, 13)


def network() -> nn.MLP:
    """3 -> 4 -> 4 -> 2 with tanh, in float64: differences of float32 would be noise."""
    rng = np.random.default_rng(0)
    return nn.MLP([3, 4, 4, 2], activation=nn.Tanh, generator=rng, dtype=np.float64)


def loss_of(model: Callable[[tt.Tensor], tt.Tensor]) -> Callable[[], tt.Tensor]:
    """The cost of one fixed batch, as a function of nothing but the parameters."""
    rng = np.random.default_rng(1)
    x, y = tt.Tensor(rng.standard_normal((M, 3))), rng.integers(0, 2, M)
    return lambda: F.cross_entropy(model(x), y)


def with_a_wrong_derivative() -> GradientDifference:
    """As if somebody had forgotten the 1/m of one db."""
    model = network()
    bias = model.layers[1].bias
    assert bias is not None
    bias.register_hook(lambda g: M * g)
    return tt.gradient_difference(loss_of(model), model)


def with_a_cut() -> GradientDifference:
    """As if somebody had taken the numbers out of the graph on the way."""
    model = network()
    first, second, last = model.layers

    def cut(x: tt.Tensor) -> tt.Tensor:
        return last(np.tanh(second(np.tanh(first(x)).detach())))

    return tt.gradient_difference(loss_of(cut), model)


def main(folder: Path = FOLDER) -> Outcome:
    """Check three networks, then one with many steps."""
    model = network()
    right = tt.gradient_difference(loss_of(model), model)
    wrong, cut = with_a_wrong_derivative(), with_a_cut()
    titles = {"right": right, "1/m forgotten": wrong, "cut": cut}
    print(f"{'‖g − g_num‖ / (‖g‖ + ‖g_num‖)':32}" + "".join(f"{name:>15}" for name in titles))
    for name in right.each:
        print(f"{name:32}" + "".join(f"{found.each[name]:15.1e}" for found in titles.values()))
    print(f"{'together':32}" + "".join(f"{found.total:15.1e}" for found in titles.values()))

    errors = [tt.gradient_difference(loss_of(model), model, eps=eps).total for eps in STEPS]
    print("\neps       difference")
    for eps, error in zip(STEPS, errors, strict=True):
        print(f"{eps:.0e}     {error:.1e}{'' if error < RIGHT else '   too much'}")

    figure, axes = canvas(size=(6.4, 4))
    axes.loglog(STEPS, errors, "o-", label="measured")
    axes.loglog(STEPS, errors[0] * (STEPS / STEPS[0]) ** 2, ":", label="Taylor's rest: ∝ eps²")
    axes.loglog(STEPS, errors[-1] * (STEPS[-1] / STEPS), ":", label="rounding: ∝ 1/eps")
    axes.axhline(RIGHT, color="black", linewidth=0.8, linestyle="--", label="right below 1e-7")
    axes.set(title="The best step is neither large nor small", xlabel="eps", ylim=(1e-14, 1e-1),
             ylabel="‖g − g_num‖ / (‖g‖ + ‖g_num‖)")  # fmt: skip
    axes.legend(loc="lower left")
    best = float(STEPS[int(np.argmin(errors))])
    at_fault = max(wrong.each, key=lambda name: wrong.each[name])
    others = max(found for name, found in wrong.each.items() if name != at_fault)
    print(f"\nthe mistake is in {at_fault}; the best step is {best:.0e}")
    return Outcome(
        [
            Goal("right derivatives", right.total, at_most=RIGHT),
            Goal("right derivatives with the course's eps = 1e-7", errors[6], at_most=RIGHT),
            Goal("a wrong derivative", wrong.total, at_least=1e-2),
            Goal("the parameters that are not wrong", others, at_most=RIGHT),
            Goal("a layer cut off", cut.each["layers.0.weight"], 1, 1),
            Goal("the best step", best, 1e-6, 1e-4),
        ],
        [saved(figure, folder / "gradient-check.png")],
    )


if __name__ == "__main__":
    print(main())
