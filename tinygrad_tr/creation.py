"""Making Tensors: from data, filled with a number, in steps, or at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_tr.errors import DtypeError, ShapeError, StateError, describe
from tinygrad_tr.graph import Variable, constant
from tinygrad_tr.modes import anew, outside
from tinygrad_tr.operands import Defaults
from tinygrad_tr.rule import answers, require_float
from tinygrad_tr.rules.shape import as_shape
from tinygrad_tr.tensor import Tensor

__all__ = [
    "arange", "eye", "full", "full_like", "get_rng_state", "linspace", "manual_seed", "ones",
    "ones_like", "rand", "randint", "randn", "set_rng_state", "tensor", "zeros", "zeros_like",
]  # fmt: skip

Shape = Any  # an integer or a sequence of integers


class Random:
    """The generator that everything random uses unless one is passed; made on first use."""

    generator: np.random.Generator | None = None


@outside
def manual_seed(seed: int) -> np.random.Generator:
    """Start the default generator afresh; the same seed gives the same numbers."""
    Random.generator = np.random.default_rng(seed)
    return Random.generator


def generator_or_default(generator: np.random.Generator | None = None) -> np.random.Generator:
    """The generator that was passed, or `manual_seed`'s, which begins with seed 0."""
    return generator or Random.generator or manual_seed(0)


@anew
def random_numbers(kind: str, *facts: Any, generator: np.random.Generator | None = None) -> Any:
    """An array of what the generator's method of that name draws."""
    return getattr(generator_or_default(generator), kind)(*facts)


@anew
def random_mask(shape: Shape, p: float, generator: np.random.Generator | None = None) -> Any:
    """An array of booleans, each of which is True with probability p."""
    return generator_or_default(generator).random(shape, np.float32) < p


def get_rng_state() -> dict[str, Any]:
    """Where the default generator is: names and integers, which JSON can hold."""
    return dict(generator_or_default().bit_generator.state)


@outside
def set_rng_state(state: Mapping[str, Any]) -> None:
    """Put the default generator where `get_rng_state()` was taken; an error changes nothing."""
    set_state("set_rng_state", generator_or_default(), state)


def set_state(operation: str, generator: np.random.Generator, state: Any) -> None:
    """Put a generator where `generator.bit_generator.state` was taken, or change nothing."""
    generator.bit_generator.state = generator_at(operation, generator, state).bit_generator.state


def generator_at(operation: str, generator: np.random.Generator, state: Any) -> np.random.Generator:
    """Another generator of the same kind, in the state."""
    kind = type(generator.bit_generator)
    twin = np.random.Generator(kind(0))
    try:
        twin.bit_generator.state = state
    except (KeyError, TypeError, ValueError, OverflowError):
        raise StateError(
            operation, "not the state of this random generator", got=describe(state),
            wanted=f"the bit_generator.state of a {kind.__name__}",
        ) from None  # fmt: skip
    return twin


def made(value: Any, dtype: Any, requires_grad: bool, name: str | None) -> Tensor:
    """A Tensor over an array that nobody else holds, without another copy."""
    tensor: Tensor = constant(value.astype(dtype or Defaults.dtype, copy=False)[()])
    tensor._name = name
    if requires_grad:
        require_float("requires_grad", tensor)
        tensor.tracked = True
    return tensor


def tensor(
    data: Any, *, requires_grad: bool = False, dtype: Any = None, name: str | None = None
) -> Tensor:
    """`Tensor(data)`, under PyTorch's name."""
    return Tensor(data, requires_grad=requires_grad, dtype=dtype, name=name)


def sizes(operation: str, shape: tuple[Shape, ...]) -> tuple[int, ...]:
    """`zeros(2, 3)` and `zeros((2, 3))` mean the same."""
    lengths = as_shape(shape[0]) if len(shape) == 1 else as_shape(shape)
    if any(n < 0 for n in lengths):
        raise ShapeError(operation, "a negative length", got=f"{lengths}", wanted="lengths ≥ 0")
    return lengths


def zeros(
    *shape: Shape, requires_grad: bool = False, dtype: Any = None, name: str | None = None
) -> Tensor:
    """A Tensor of zeros."""
    return made(np.zeros(sizes("zeros", shape)), dtype, requires_grad, name)


def ones(
    *shape: Shape, requires_grad: bool = False, dtype: Any = None, name: str | None = None
) -> Tensor:
    """A Tensor of ones."""
    return made(np.ones(sizes("ones", shape)), dtype, requires_grad, name)


def full(
    shape: Shape,
    fill_value: float,
    *,
    requires_grad: bool = False,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """A Tensor of one number."""
    return made(np.full(sizes("full", (shape,)), fill_value), dtype, requires_grad, name)


def eye(n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The identity, (n, n) or (n, m)."""
    return made(np.eye(n, m), dtype, requires_grad, None)


def arange(*limits: float, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Steps as `range` makes them: integers stay int64, floats get the default dtype."""
    whole = all(isinstance(limit, (int, np.integer)) for limit in limits)
    steps = np.arange(*limits)
    return made(steps, dtype or (np.int64 if whole else None), requires_grad, None)


def linspace(
    start: float, stop: float, num: int = 50, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """`num` numbers from start to stop, both included."""
    return made(np.linspace(start, stop, num), dtype, requires_grad, None)


def rand(
    *shape: Shape,
    generator: np.random.Generator | None = None,
    requires_grad: bool = False,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """Uniform in [0, 1)."""
    draw = random_numbers("random", sizes("rand", shape), generator=generator)
    return made(draw, dtype, requires_grad, name)


def randn(
    *shape: Shape,
    generator: np.random.Generator | None = None,
    requires_grad: bool = False,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """Standard normal."""
    draw = random_numbers("standard_normal", sizes("randn", shape), generator=generator)
    return made(draw, dtype, requires_grad, name)


def randint(
    low: int, high: int, shape: Shape, *, generator: np.random.Generator | None = None
) -> Tensor:
    """Integers in [low, high)."""
    draw = random_numbers("integers", low, high, sizes("randint", (shape,)), generator=generator)
    return made(draw, np.int64, False, None)


def like(operation: str, x: Any, dtype: Any) -> tuple[tuple[int, ...], Any]:
    if not isinstance(x, (Variable, np.ndarray, np.generic)):
        raise DtypeError(operation, "not a Tensor", got=type(x).__name__, wanted="a Tensor")
    return x.shape, dtype or x.dtype


@answers(np.zeros_like)
def zeros_like(a: Any, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape and dtype of a."""
    shape, dtype = like("zeros_like", a, dtype)
    return made(np.zeros(shape, dtype), dtype, requires_grad, None)


@answers(np.ones_like)
def ones_like(a: Any, dtype: Any = None, *, requires_grad: bool = False) -> Tensor:
    """Ones in the shape and dtype of a."""
    shape, dtype = like("ones_like", a, dtype)
    return made(np.ones(shape, dtype), dtype, requires_grad, None)


@answers(np.full_like)
def full_like(
    a: Any, fill_value: float, dtype: Any = None, *, requires_grad: bool = False
) -> Tensor:
    """One number in the shape and dtype of a."""
    shape, dtype = like("full_like", a, dtype)
    return made(np.full(shape, fill_value, dtype), dtype, requires_grad, None)
