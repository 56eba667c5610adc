"""Proof by finite differences: is this derivative right?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, GradientCheckError, GraphError, describe
from tinygrad_tr.graph import Output, ancestors, end_of
from tinygrad_tr.modes import enable_grad
from tinygrad_tr.tables import aligned
from tinygrad_tr.tensor import Tensor
from tinygrad_tr.transforms import as_list, check_output, grad, gradients_or_zeros

# The cube root of float64's machine epsilon: truncation and rounding errors balance there.
STEP = 6e-6


def gradcheck(
    function: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = STEP,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    raise_exception: bool = True,
) -> bool:
    """Whether the derivatives of `function` agree with central differences, entry by entry.

    `inputs` are float64 Tensors or arrays; those Tensors that require a gradient (all of them,
    if none does) are checked. Any disagreement raises a GradientCheckError that names function,
    input, index, got and expected, or returns False without `raise_exception`. Course 2, week 1.
    """
    arguments, places = prepared(inputs)
    outputs = [y for y in as_list(function(*arguments)) if isinstance(y, Tensor)]
    for which, y in enumerate(outputs):
        if y.dtype.kind != "f":
            continue
        leaves = [arguments[i] for i in places]
        expected = differences(function, arguments, places, which, y.size, eps)
        for flat in range(y.size):
            unit = np.zeros(y.size)
            unit[flat] = 1
            gradients: Sequence[Any] = [None] * len(leaves)
            if y.requires_grad:
                gradients = grad(
                    y, leaves, unit.reshape(y.shape), retain_graph=True, allow_unused=True
                )
            for i, g, table in zip(places, gradients, expected, strict=True):
                got = np.zeros(table.shape[1:]) if g is None else np.asarray(g.value)
                wrong = ~np.isclose(got, table[flat], rtol=rtol, atol=atol, equal_nan=True)
                if wrong.any():
                    if not raise_exception:
                        return False
                    at = tuple(map(int, np.argwhere(wrong)[0]))
                    report(function, y, which, flat, i, at, got[at], table[flat][at], wrong.sum())
    return True


def gradgradcheck(
    function: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = STEP,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    raise_exception: bool = True,
) -> bool:
    """`gradcheck` of the derivative itself, in a random direction: second derivatives.

    The direction is an input too, so that the backward pass is checked as a function of it.
    """
    arguments, places = prepared(inputs)
    rng = np.random.default_rng(0)
    outputs = [y for y in as_list(function(*arguments)) if isinstance(y, Tensor)]
    tracked = [i for i, y in enumerate(outputs) if y.requires_grad]
    directions = [
        Tensor(rng.standard_normal(outputs[i].shape), requires_grad=True) for i in tracked
    ]

    def first_derivative(*everything: Any) -> list[Tensor]:
        values = list(everything[: len(arguments)])
        results = [y for y in as_list(function(*values)) if isinstance(y, Tensor)]
        gradients = grad(
            [results[i] for i in tracked],
            [values[i] for i in places],
            list(everything[len(arguments) :]),
            create_graph=True,
            allow_unused=True,
        )
        return [g for g in gradients if g is not None]

    first_derivative.__name__ = f"the derivative of {name_of(function)}"
    return gradcheck(
        first_derivative,
        [*arguments, *directions],
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )


def prepared(inputs: Any) -> tuple[list[Any], list[int]]:
    """The arguments with leaves of their own in place of what is to be checked, and where."""
    arguments = as_list(inputs)
    floats = [
        i
        for i, x in enumerate(arguments)
        if isinstance(x, (Tensor, np.ndarray, np.generic)) and x.dtype.kind == "f"
    ]
    marked = [i for i in floats if isinstance(arguments[i], Tensor) and arguments[i].requires_grad]
    places = marked or floats
    for i in places:
        require_float64("gradcheck", f"input {i}", arguments[i])
        value = getattr(arguments[i], "value", arguments[i])
        arguments[i] = Tensor(np.asarray(value), requires_grad=True)
    return arguments, places


def require_float64(operation: str, name: str, x: Any) -> None:
    if x.dtype != np.float64:
        raise DtypeError(
            operation, "finite differences need float64", got=f"{name}: {describe(x)}",
            wanted="float64, by astype(np.float64) or tt.set_default_dtype(np.float64)",
        )  # fmt: skip


def differences(
    function: Callable[..., Any],
    arguments: list[Any],
    places: list[int],
    which: int,
    rows: int,
    eps: float,
) -> list[Any]:
    """Central differences of output `which`: one (rows, *x.shape) table per checked input."""
    tables = []
    for i in places:

        def output(moved: Any, i: int = i) -> Any:
            changed = [*arguments[:i], Tensor(moved, requires_grad=True), *arguments[i + 1 :]]
            results = [y for y in as_list(function(*changed)) if isinstance(y, Tensor)]
            return np.asarray(results[which].value, np.float64)

        tables.append(central_differences(output, arguments[i].value, rows, eps))
    return tables


def central_differences(function: Callable[[Any], Any], x: Any, rows: int, eps: float) -> Any:
    """(f(x + eps) − f(x − eps))/2eps for each entry of x: `rows` numbers -> (rows, *x.shape)."""
    columns = []
    for index in np.ndindex(x.shape):
        pair = []
        for step in (eps, -eps):
            moved = np.array(x)
            moved[index] += step
            pair.append(np.ravel(function(moved)))
        columns.append((pair[0] - pair[1]) / (2 * eps))
    table = np.stack(columns, axis=1) if columns else np.zeros((rows, 0))
    return table.reshape(rows, *x.shape)


def name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", None) or repr(function)


def report(
    function: Callable[..., Any],
    y: Tensor,
    which: int,
    flat: int,
    place: int,
    at: tuple[int, ...],
    got: float,
    expected: float,
    wrong: int,
) -> None:
    rules = ", ".join(
        dict.fromkeys(
            node.rule.name for node in ancestors([end_of(y)]) if not isinstance(node, Output)
        )
    )
    out_at = tuple(map(int, np.unravel_index(flat, y.shape))) if y.shape else ()
    raise GradientCheckError(
        "gradcheck",
        f"{name_of(function)}: ∂ output {which}{list(out_at)} / ∂ input {place}{list(at)} is wrong"
        f" ({wrong} entries of this row)",
        got=f"{got:.10g} by backward through {rules}",
        wanted=f"{expected:.10g} by central differences",
    )


def nudge(function: Callable[..., Any], inputs: Any, eps: float = 1e-3) -> list[float]:
    """(f(x + eps) − f(x))/eps for each input in turn: a derivative by nudging. Course 1, week 2.

    Inputs are numbers, the function returns one number.
    """
    arguments = [float(x) for x in as_list(inputs)]

    def value(numbers: list[float]) -> float:
        return float(function(*(Tensor(np.float64(x)) for x in numbers)))

    before = value(arguments)
    moved = ([*arguments[:i], x + eps, *arguments[i + 1 :]] for i, x in enumerate(arguments))
    return [(value(numbers) - before) / eps for numbers in moved]


class GradientDifference(NamedTuple):
    """‖g − g_num‖ / (‖g‖ + ‖g_num‖) of all parameters as one vector, and of each by its name.

    0 means equal, 1 that they have nothing in common. Where a derivative is wrong, `each` says
    in which parameters; printed, it is a table.
    """

    total: float
    each: dict[str, float]

    def __str__(self) -> str:
        rows = {**self.each, "together": self.total}
        return "\n".join(aligned([[name, f"{x:.1e}"] for name, x in rows.items()], left=(0,)))


def gradient_difference(
    loss: Callable[[], Any], parameters: Any, *, eps: float = STEP
) -> GradientDifference:
    """How far the gradient of `loss` is from (J(θ + eps) − J(θ − eps))/2eps, entry by entry of θ.

    `loss` is a function without arguments that computes J; θ are `parameters`: a model, a dict
    of Tensors, or a list of them, all float64. A right derivative stays below 1e-7. Two
    evaluations for each entry: check a small network. Nothing is changed, `.grad` neither.
    Course 2, week 1, where eps is 1e-7.
    """
    named = named_leaves(parameters)
    if not 0 < eps < math.inf:
        raise ArgumentError("gradient_difference", "eps is no step", got=f"{eps=}", wanted="> 0")
    with enable_grad():
        J = loss()
        check_output("gradient_difference", J, scalar=True)
        require_repeatable(J.item(), loss().item())
        gradients = gradients_or_zeros([J], list(named.values()), [None], False)
        numeric = [slopes_of(loss, theta, eps) for theta in named.values()]
    analytic = [g.numpy() for g in gradients]
    each = map(relative_difference, analytic, numeric)
    together = (np.concatenate([np.ravel(g) for g in side]) for side in (analytic, numeric))
    return GradientDifference(relative_difference(*together), dict(zip(named, each, strict=True)))


def named_leaves(parameters: Any) -> dict[str, Tensor]:
    """The Tensors to be moved, by path, by the dict's names, or by their places."""
    if hasattr(parameters, "named_parameters"):
        named = {name: p for name, p in parameters.named_parameters() if p.requires_grad}
    elif isinstance(parameters, Mapping):
        named = dict(parameters)
    else:
        given = [parameters] if isinstance(parameters, Tensor) else parameters
        named = {str(place): p for place, p in enumerate(given)}
    for name, p in named.items():
        if not isinstance(p, Tensor) or not p.is_leaf or not p.requires_grad:
            raise GraphError(
                "gradient_difference", "not a parameter", got=f"{name}: {describe(p)}",
                wanted="Tensors made with requires_grad=True, no results of operations",
            )  # fmt: skip
        require_float64("gradient_difference", name, p)
    if not named:
        raise ArgumentError(
            "gradient_difference", "no parameters", got=describe(parameters), wanted="at least one"
        )
    return named


def require_repeatable(first: float, second: float) -> None:
    """Refuse a loss that is random, or no number: its differences would mean nothing."""
    if not (math.isfinite(first) and math.isclose(first, second, rel_tol=1e-12)):
        raise ArgumentError(
            "gradient_difference", "the loss is not repeatable, or no finite number",
            got=f"{first!r}, then {second!r}",
            wanted="the same number twice: model.eval() switches dropout off; one fixed batch",
        )  # fmt: skip


def slopes_of(loss: Callable[[], Any], theta: Tensor, eps: float) -> Any:
    """∂J/∂θ by central differences. θ has its own array again afterwards, so no graph is stale."""
    original = theta.value

    def moved_loss(moved: Any) -> Any:
        theta.value = moved[()]
        return loss().item()

    try:
        return central_differences(moved_loss, original, 1, eps)[0]
    finally:
        theta.value = original


def relative_difference(a: Any, b: Any) -> float:
    """‖a − b‖ / (‖a‖ + ‖b‖), 0 for zeros."""
    size = np.linalg.norm(a) + np.linalg.norm(b)
    return float(np.linalg.norm(a - b) / size) if size else 0.0
