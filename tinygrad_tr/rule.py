"""Rules: a value and its way back, in one function, registered under NumPy's name.

    @rule(np.tanh)
    def tanh(x):
        \"\"\"tanh x. The derivative 1 - tanh² x needs the output only.\"\"\"
        out = np.tanh(x)
        return out, lambda g: g * (1 - out * out)

Arrays come by position, facts (axis, stride, keepdims) by keyword. A rule is pure: it changes
no input, reads no global state and draws no random numbers. It computes only what the value
needs; the rest belongs in the pullback. Take `shape = x.shape` before the lambda, so that the
pullback does not keep x. Called on Tensors, the same body records itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, ParamSpec

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, UnsupportedError
from tinygrad_tr.graph import (
    Variable,
    ancestors,
    end_of,
    is_tracked,
    record,
    record_one,
    record_pair,
)
from tinygrad_tr.modes import enable_grad, modes
from tinygrad_tr.reading import read
from tinygrad_tr.sweep import sweep

P = ParamSpec("P")
CO_VARARGS = 4  # inspect's flag; importing it would cost more than the rest of this file

rules: dict[str, Rule[...]] = {}
"""Every rule by name."""

numpy_functions: dict[Any, Callable[..., Any]] = {}
"""What a NumPy function does when a Tensor is among its arguments."""


class Rule(Generic[P]):
    """A differentiable operation. Called on Tensors it records, on arrays it computes.

    elementwise  inputs broadcast; the engine sums their gradients back to their shapes
    linear       linear in its inputs, at least piecewise: the pullbacks depend on them only
                 through masks and orders, so a second reading need not record them
    joint        one pullback `(g, needs) -> gradients` for all inputs, sharing its work
    reference    the composition of plain rules that a fused rule replaces
    symbol       what a picture writes on it, as the user would: `×`, `+`, `@`
    """

    def __init__(
        self,
        function: Callable[..., Any],
        numpy: Any,
        *,
        symbol: str | None,
        elementwise: bool | None,
        linear: bool,
        joint: bool,
        reference: Callable[..., Any] | None,
    ) -> None:
        self.function = function
        self.numpy = numpy
        self.name = function.__name__.rstrip("_")
        self.symbol = symbol or self.name
        self.elementwise = (
            isinstance(numpy, np.ufunc) and numpy.signature is None
            if elementwise is None
            else elementwise
        )
        self.linear = linear
        self.joint = joint
        self.reference = reference
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        # Arrays by position, facts by keyword, both as the function itself declares them.
        code = function.__code__
        named = code.co_varnames[: code.co_argcount]
        optional = len(function.__defaults__ or ())
        self.arrays = named[: len(named) - optional]
        self.by_position = named[len(named) - optional :]
        keyword_only = code.co_varnames[code.co_argcount :][: code.co_kwonlyargcount]
        self.facts = (*self.by_position, *keyword_only)
        self.fact_names = frozenset(self.facts)
        self.variadic = bool(code.co_flags & CO_VARARGS)

    def __call__(self, *inputs: P.args, **keywords: P.kwargs) -> Any:
        """The value: a Tensor if any input is one, else a NumPy array."""
        if (self.variadic or len(inputs) == len(self.arrays)) and (
            not keywords or self.fact_names.issuperset(keywords)
        ):
            if len(inputs) == 1:
                return record_one(self, inputs[0], keywords)
            if len(inputs) == 2 and not keywords and not self.joint:
                return record_pair(self, inputs[0], inputs[1])
            return record(self, inputs, keywords)
        return record(self, *self.bind(inputs, keywords))

    def __repr__(self) -> str:
        arrays = [*self.arrays, "*arrays"] if self.variadic else self.arrays
        return f"{self.name}({', '.join([*arrays, *(f'{fact}=' for fact in self.facts)])})"

    def bind(
        self, inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """The call with arrays by position and facts by keyword, as rules want it."""
        facts = dict(keywords)
        if self.variadic:
            arrays = list(inputs)
        else:
            arrays = list(inputs[: len(self.arrays)])
            for name in self.arrays[len(arrays) :]:
                if name not in facts:
                    raise UnsupportedError(
                        self.name, f"the argument {name!r} is missing", wanted=f"{self!r}"
                    )
                arrays.append(facts.pop(name))
            for name, value in zip(self.by_position, inputs[len(self.arrays) :], strict=False):
                if name in facts:
                    raise UnsupportedError(
                        self.name, f"the argument {name!r} is given twice", wanted=f"{self!r}"
                    )
                facts[name] = value
            if len(inputs) > len(self.arrays) + len(self.by_position):
                raise UnsupportedError(
                    self.name, "too many arguments", got=f"{len(inputs)}", wanted=f"{self!r}"
                )
        for name in facts:
            if name not in self.facts:
                raise UnsupportedError(
                    self.name,
                    f"the argument {name!r} is not supported for Tensors",
                    got=f"{name}={facts[name]!r}",
                    wanted=f"{self!r}",
                )
        return arrays, facts

    def reference_reading(
        self, inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[Any, Any]:
        """The value and recording pullbacks of a fused rule, through its reference."""
        assert self.reference is not None
        out = self.reference(*inputs, **keywords)
        border = {x.node: x for x in inputs if is_tracked(x) and x.node is not None}
        # Taken now: the outputs are bound to the fused rule's node later.
        end_of_out = [end_of(part) for part in (out if isinstance(out, tuple) else (out,))]

        def joint(g: Any, needs: Sequence[bool]) -> list[Any]:
            ends = [end_of(x) if is_tracked(x) else None for x in inputs]
            aims = [end for end in ends if end is not None]
            arrived = zip(end_of_out, g if isinstance(out, tuple) else (g,), strict=True)
            roots, seeds = zip(*((end, g) for end, g in arrived if g is not None), strict=True)
            with enable_grad():
                _, readings = read(ancestors(roots, border), border, recording=True)
                found = sweep(
                    roots, seeds, free=False, readings=readings, targets=aims, beyond=False
                )
            return [found.get(end) for end in ends]

        if self.joint:
            return out, (joint,)
        swept: list[Any] = [None, []]  # the last g, and what it became: one sweep serves all

        def to(i: int) -> Callable[[Any], Any]:
            def pullback(g: Any) -> Any:
                if swept[0] is not g:
                    swept[:] = g, joint(g, ())
                return swept[1][i]

            return pullback

        return out, tuple(to(i) if is_tracked(x) else None for i, x in enumerate(inputs))


def rule(
    numpy: Any = None,
    *,
    symbol: str | None = None,
    elementwise: bool | None = None,
    linear: bool = False,
    joint: bool = False,
    reference: Callable[..., Any] | None = None,
) -> Callable[[Callable[P, Any]], Rule[P]]:
    """Make a function a rule, and the answer to the NumPy function of that name, if any."""

    def register(function: Callable[P, Any]) -> Rule[P]:
        made: Rule[P] = Rule(
            function,
            numpy,
            symbol=symbol,
            elementwise=elementwise,
            linear=linear,
            joint=joint,
            reference=reference,
        )
        namesake = rules.get(made.name)
        # A notebook's cell may be run again; another function may not take the name.
        if namesake is not None and namesake.function.__module__ != function.__module__:
            raise ArgumentError(
                "rule", f"two rules would be named {made.name!r}", got=function.__module__ or "",
                wanted=f"another name than that of {namesake.function.__module__}",
            )  # fmt: skip
        rules[made.name] = made
        if numpy is not None:
            numpy_functions[numpy] = made
        return made

    return register


def answers(*numpy: Any) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Make a composition of rules the answer to NumPy functions called with Tensors."""

    def register(function: Callable[P, Any]) -> Callable[P, Any]:
        for f in numpy:
            numpy_functions[f] = function
        return function

    return register


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a kernel be called as NumPy's functions are: with Tensors, it goes to its rule."""

    @functools.wraps(function)
    def dispatching(*inputs: Any, **keywords: Any) -> Any:
        for x in inputs:
            if isinstance(x, Variable):
                return numpy_functions[dispatching](*inputs, **keywords)
        trace = modes.flags[2]
        if trace is not None:
            return trace.kernel(function, inputs, keywords)
        return function(*inputs, **keywords)

    return dispatching


def answer(function: Any, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """What a NumPy function returns for arguments among which is a Tensor."""
    ours = numpy_functions.get(function)
    if ours is None:
        name = getattr(function, "__name__", str(function))
        raise UnsupportedError(
            f"np.{name}",
            "NumPy's function has no derivative here, and a Tensor never leaves the graph unseen",
            wanted="t.detach().numpy() to compute without a gradient",
        )
    if keywords.get("out") is not None:
        raise UnsupportedError(
            f"np.{getattr(function, '__name__', function)}",
            "the argument 'out' would overwrite an array that the graph may need",
            wanted="the result as a new Tensor, such as `y = y + t` for `y += t`",
        )
    try:
        return ours(*inputs, **keywords)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise  # from inside; the call itself was right
        import inspect  # slow to import, and only errors need it

        raise UnsupportedError(
            f"np.{getattr(function, '__name__', function)}", str(error),
            wanted=f"{getattr(ours, '__name__', ours)}{inspect.signature(ours)}",
        ) from None  # fmt: skip


def require_float(operation: str, x: Any) -> None:
    """Refuse integers and booleans where a derivative was asked for."""
    if not isinstance(x, Variable) or x.dtype.kind != "f":
        raise DtypeError(
            operation,
            "only floating-point Tensors carry a gradient",
            got=f"dtype {getattr(x, 'dtype', type(x).__name__)}",
            wanted="float32 or float64, such as t.astype(np.float32)",
        )
