"""Derivatives of functions: gradients, Jacobians, Hessians and their products with vectors.

Functions take Tensors (or arrays, which become Tensors) and return a Tensor. Nothing here
touches `.grad`. The names are those of `torch.autograd.grad` and `torch.func`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.errors import DtypeError, GraphError, ShapeError, describe
from tinygrad_tr.graph import Variable, ancestors, constant, end_of, next_stamp, value_of
from tinygrad_tr.modes import enable_grad, modes
from tinygrad_tr.reading import Region
from tinygrad_tr.rule import require_float
from tinygrad_tr.rules.joining import stack
from tinygrad_tr.rules.shape import reshape
from tinygrad_tr.sweep import differentiate
from tinygrad_tr.tensor import Tensor, seed_of

Function = Callable[..., Any]


def grad(
    outputs: Any,
    inputs: Any,
    gradient: Any = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
) -> list[Any]:
    """[∂ Σ output · gradient / ∂ input, ...] as Tensors, as `torch.autograd.grad`.

    Inputs may be leaves or results of operations. An input on which no output depends is an
    error, or gives None with `allow_unused`.
    """
    outputs = as_list(outputs)
    inputs = as_list(inputs)
    given = as_list(gradient) if gradient is not None else [None] * len(outputs)
    if len(given) != len(outputs):
        raise ShapeError(
            "grad", "one gradient for each output", got=f"{len(given)} gradients",
            wanted=f"{len(outputs)}",
        )  # fmt: skip
    for x in inputs:
        if not isinstance(x, Tensor) or not x.tracked:
            raise GraphError(
                "grad", "an input does not require a gradient", got=describe(x),
                wanted="Tensors with requires_grad=True, or results made from them",
            )  # fmt: skip
    seeds = [seed_of("grad", y, g) for y, g in zip(outputs, given, strict=True)]
    if not create_graph:
        seeds = [value_of(seed) for seed in seeds]
    free = not (create_graph if retain_graph is None else retain_graph)
    found = differentiate(
        [end_of(y) for y in outputs], seeds,
        free=free, create_graph=create_graph, targets=[end_of(x) for x in inputs],
    )  # fmt: skip
    gradients = [found.get(end_of(x)) for x in inputs]
    for x, g in zip(inputs, gradients, strict=True):
        if g is None and not allow_unused:
            raise GraphError(
                "grad", "an input was not used to compute the output", got=describe(x),
                wanted="inputs of the graph, or allow_unused=True for None",
            )  # fmt: skip
    return [g if g is None or isinstance(g, Variable) else constant(g) for g in gradients]


def as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def leaf(operation: str, x: Any) -> Tensor:
    """A leaf over the values of x, of its own, that requires a gradient.

    A recorded x stays in its graph, so that transforms nest.
    """
    if isinstance(x, Tensor) and x.tracked:
        return x + 0  # a node of its own: x may also be used by the function directly
    tensor = Tensor(value_of(x))
    require_float(operation, tensor)
    tensor.tracked = True
    return tensor


def positions(argnums: int | Sequence[int]) -> list[int]:
    return [argnums] if isinstance(argnums, int) else list(argnums)


def value_and_grad(
    function: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that returns (f(...), ∂f/∂args[argnums]); f must return one number.

    With `has_aux`, f returns (number, anything) and the result is ((number, anything), grads).
    """

    def evaluated(*inputs: Any, **keywords: Any) -> tuple[Any, Any]:
        nested = any(isinstance(x, Tensor) and x.tracked for x in inputs) and modes.flags[0]
        places = positions(argnums)
        arguments = list(inputs)
        with enable_grad():
            for i in places:
                arguments[i] = leaf("value_and_grad", inputs[i])
            result = function(*arguments, **keywords)
            value, aux = result if has_aux else (result, None)
            check_output("value_and_grad", value, scalar=True)
            wanted = [arguments[i] for i in places]
            gradients = gradients_or_zeros([value], wanted, [None], nested)
        shown = value if nested else detached(value)
        return (
            (shown, aux) if has_aux else shown,
            gradients[0] if isinstance(argnums, int) else tuple(gradients),
        )

    return evaluated


def gradients_or_zeros(
    outputs: Sequence[Tensor | None],
    inputs: list[Tensor],
    gradients: Sequence[Any],
    create_graph: bool,
) -> list[Tensor]:
    """[∂ Σ output · gradient / ∂ input, ...], zeros where no output depends on the input."""
    pairs = zip(outputs, gradients, strict=True)
    tracked = [(y, g) for y, g in pairs if y is not None and y.tracked]
    found: list[Any] = [None] * len(inputs)
    if tracked:
        found = grad(
            [y for y, _ in tracked], inputs, [g for _, g in tracked],
            create_graph=create_graph, retain_graph=True, allow_unused=True,
        )  # fmt: skip
    return [
        constant(np.zeros(x.shape, x.dtype)[()]) if g is None else g
        for g, x in zip(found, inputs, strict=True)
    ]


def check_output(operation: str, y: Any, scalar: bool = False) -> None:
    if not isinstance(y, Tensor):
        raise DtypeError(
            operation, "the function must return a Tensor", got=describe(y), wanted="a Tensor"
        )
    if scalar and y.size != 1:
        raise ShapeError(
            operation, "the function must return one number", got=f"shape {y.shape}",
            wanted="a scalar, such as t.sum(); tt.jacobian takes more",
        )  # fmt: skip


def detached(y: Tensor) -> Tensor:
    return y.detach() if y.tracked else y


def vjp(function: Function, *inputs: Any) -> tuple[Tensor, Callable[[Any], tuple[Tensor, ...]]]:
    """f(*inputs), and the function v -> (vᵀ ∂f/∂x, ...) that may be called many times."""
    with enable_grad():
        leaves = [leaf("vjp", x) for x in inputs]
        y = function(*leaves)
        check_output("vjp", y)

    def pull(v: Any) -> tuple[Tensor, ...]:
        recording = isinstance(v, Tensor) and v.tracked
        return tuple(gradients_or_zeros([y], leaves, [v], recording))

    return detached(y), pull


def jvp(function: Function, inputs: Any, directions: Any) -> tuple[Tensor, Tensor]:
    """f(*inputs), and Σ ∂f/∂x · direction, the derivative along the directions.

    By reversing twice: vᵀJ is linear in v, and its own reverse is J · direction.
    """
    inputs, directions = as_list(inputs), as_list(directions)
    if len(inputs) != len(directions):
        raise ShapeError(
            "jvp", "one direction for each input", got=f"{len(directions)} directions",
            wanted=f"{len(inputs)}",
        )  # fmt: skip
    with enable_grad():
        leaves = [leaf("jvp", x) for x in inputs]
        y = function(*leaves)
        check_output("jvp", y)
        if not y.tracked:
            return y, constant(np.zeros(y.shape, y.dtype)[()])
        dummy = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True)
        pulled = grad(y, leaves, dummy, create_graph=True, allow_unused=True)
        seeds = [direction("jvp", d, x) for d, x in zip(directions, leaves, strict=True)]
        (along,) = gradients_or_zeros(pulled, [dummy], seeds, False)
    return detached(y), along


def jacobian(function: Function, argnums: int = 0) -> Callable[..., Tensor]:
    """A function that returns ∂f/∂x of shape f(x).shape + x.shape, one row by one sweep."""

    def evaluated(*inputs: Any) -> Tensor:
        nested = any(isinstance(x, Tensor) and x.tracked for x in inputs) and modes.flags[0]
        arguments = list(inputs)
        with enable_grad():
            x = arguments[argnums] = leaf("jacobian", inputs[argnums])
            y = function(*arguments)
            check_output("jacobian", y)
            rows = []
            for i in range(y.size):
                unit = np.zeros(y.size, y.dtype)
                unit[i] = 1
                rows += gradients_or_zeros([y], [x], [unit.reshape(y.shape)], nested)
            if not rows:
                return Tensor(np.zeros(y.shape + x.shape, y.dtype))
            return reshape(stack(rows), y.shape + x.shape)

    return evaluated


def hessian(function: Function, argnums: int = 0) -> Callable[..., Tensor]:
    """A function that returns ∂²f/∂x², of shape x.shape + x.shape; f must return one number."""

    def gradient(*inputs: Any) -> Tensor:
        return value_and_grad(function, argnums)(*inputs)[1]

    return jacobian(gradient, argnums)


def hvp(function: Function, inputs: Any, directions: Any) -> tuple[Tensor, list[Tensor]]:
    """f(*inputs), and the Hessian times the directions, without the Hessian itself."""
    inputs, directions = as_list(inputs), as_list(directions)
    with enable_grad():
        leaves = [leaf("hvp", x) for x in inputs]
        y = function(*leaves)
        check_output("hvp", y, scalar=True)
        gradients = gradients_or_zeros([y], leaves, [None], True)
        seeds = [direction("hvp", d, x) for d, x in zip(directions, leaves, strict=True)]
        return detached(y), gradients_or_zeros(gradients, leaves, seeds, False)


def direction(operation: str, d: Any, x: Tensor) -> Tensor:
    """A direction in which an input may move, as a Tensor of the input's shape and dtype."""
    shape = d.shape if isinstance(d, Tensor) else np.shape(d)
    if shape != x.shape:
        raise ShapeError(
            operation, "a direction has the shape of its input", got=f"{shape}",
            wanted=f"{x.shape}",
        )  # fmt: skip
    if not isinstance(d, Tensor):
        return constant(np.asarray(d, x.dtype)[()])
    return d if d.dtype == x.dtype else d.astype(x.dtype)


def checkpoint(function: Function, *inputs: Any) -> Any:
    """function(*inputs), keeping nothing inside for the way back: it is computed again there.

    Saves memory for time. Source: arXiv 1604.06174. The inside is read again from the recorded
    operations, so the function runs once and its random numbers are the same both times.
    """
    start = next_stamp()
    border = {x.node: x.value for x in inputs if isinstance(x, Tensor) and x.node is not None}
    outputs = function(*inputs)
    ends = [y.node for y in as_list(outputs) if isinstance(y, Tensor) and y.node is not None]
    region = Region(border)
    for node in ancestors(ends, border):
        if node.stamp > start and node.pullbacks.__class__ is tuple:
            node.pullbacks = region
    return outputs
