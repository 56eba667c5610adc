"""Proof by finite differences: is this derivative right?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.errors import DtypeError, GradientCheckError, describe
from tinygrad_tr.graph import Output, ancestors, end_of
from tinygrad_tr.tensor import Tensor
from tinygrad_tr.transforms import as_list, grad

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
        if arguments[i].dtype != np.float64:
            raise DtypeError(
                "gradcheck", "finite differences need float64",
                got=f"input {i}: {describe(arguments[i])}", wanted="float64 inputs",
            )  # fmt: skip
        value = getattr(arguments[i], "value", arguments[i])
        arguments[i] = Tensor(np.asarray(value), requires_grad=True)
    return arguments, places


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
        x = np.array(arguments[i].value)
        columns = []
        for index in np.ndindex(x.shape):
            pair = []
            for step in (eps, -eps):
                moved = x.copy()
                moved[index] += step
                changed = [*arguments[:i], Tensor(moved, requires_grad=True), *arguments[i + 1 :]]
                results = [y for y in as_list(function(*changed)) if isinstance(y, Tensor)]
                pair.append(np.asarray(results[which].value, np.float64).ravel())
            columns.append((pair[0] - pair[1]) / (2 * eps))
        table = np.stack(columns, axis=1) if columns else np.zeros((rows, 0))
        tables.append(table.reshape(rows, *x.shape))
    return tables


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
