"""Modules that hold modules, and the multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, MutableSequence
from collections.abc import Sequence as Series
from itertools import pairwise
from typing import Any, overload

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, describe
from tinygrad_tr.tensor import Tensor

from .activations import ReLU
from .linear import Linear
from .module import Module


def require_module(operation: str, module: Any) -> Module:
    if not isinstance(module, Module):
        raise DtypeError(
            operation, "it holds modules only", got=describe(module),
            wanted="a Module; for a function, a subclass of Module with that forward",
        )  # fmt: skip
    return module


def require_name(operation: str, name: Any) -> str:
    if not isinstance(name, str) or not name or "." in name:
        raise ArgumentError(
            operation, "no name for a module", got=repr(name), wanted="a string without dots"
        )
    return name


class Sequential(Module):
    """One module after the other: `Sequential(Linear(3, 4), Tanh())`, or a dict of names."""

    __slots__ = ("_items",)
    _items: dict[str, Module]

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        named: Iterable[tuple[str, Any]] = ((str(i), m) for i, m in enumerate(modules))
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = modules[0].items()
        self._items = {
            require_name("Sequential", name): require_module("Sequential", module)
            for name, module in named
        }

    def attributes(self) -> Iterable[tuple[str, Any]]:
        return [*self._items.items(), *super().attributes()]

    def forward(self, x: Any) -> Any:
        for module in self._items.values():
            x = module(x)
        return x

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, named by its place."""
        self._items[str(len(self))] = require_module("Sequential", module)
        return self

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._items.values())

    @overload
    def __getitem__(self, index: int | str) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | str | slice) -> Module:
        if isinstance(index, slice):
            return Sequential(dict(list(self._items.items())[index]))
        return self._items[index] if isinstance(index, str) else list(self)[index]


class ModuleList(Module, MutableSequence[Module]):
    """A list of modules: what a plain list in an attribute is too, as a module of its own."""

    __slots__ = ("_items",)
    _items: list[Module]

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._items = []
        self.extend(modules)

    def attributes(self) -> Iterable[tuple[str, Any]]:
        return [*((str(i), m) for i, m in enumerate(self._items)), *super().attributes()]

    def insert(self, index: int, value: Module) -> None:
        self._items.insert(index, require_module("ModuleList", value))

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> ModuleList: ...
    def __getitem__(self, index: int | slice) -> Module:
        return ModuleList(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._items[index] = [require_module("ModuleList", module) for module in value]
        else:
            self._items[index] = require_module("ModuleList", value)

    def __delitem__(self, index: int | slice) -> None:
        del self._items[index]


class ModuleDict(Module, MutableMapping[str, Module]):
    """A dict of modules: what a plain dict in an attribute is too, as a module of its own."""

    __slots__ = ("_items",)
    _items: dict[str, Module]

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self._items = {}
        self.update(modules)

    def attributes(self) -> Iterable[tuple[str, Any]]:
        return [*self._items.items(), *super().attributes()]

    def __getitem__(self, key: str) -> Module:
        return self._items[key]

    def __setitem__(self, key: str, value: Module) -> None:
        self._items[require_name("ModuleDict", key)] = require_module("ModuleDict", value)

    def __delitem__(self, key: str) -> None:
        del self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    # A module is itself and no other, whatever dicts say of equality.
    __eq__, __hash__ = Module.__eq__, Module.__hash__


class MLP(Module):
    """Linear layers with an activation between them: (N, sizes[0]) -> (N, sizes[-1]).

    `activation` and `output`, which follows the last layer, are functions, modules or classes
    of modules. Course 1, week 4: `MLP([2, 3, 5, 4, 2, 1])` has the parameters `layers.0.weight`
    (3, 2) to `layers.4.bias` (1,), 66 numbers.
    """

    layers: list[Linear]

    def __init__(
        self,
        sizes: Series[int],
        activation: Callable[..., Any] = ReLU,
        output: Callable[..., Any] | None = None,
        *,
        bias: bool = True,
        generator: np.random.Generator | None = None,
        dtype: Any = None,
    ) -> None:
        if len(sizes) < 2:
            raise ArgumentError("MLP", "no layer", got=f"{sizes}", wanted="at least two sizes")
        self.layers = [
            Linear(n, m, bias, generator=generator, dtype=dtype) for n, m in pairwise(sizes)
        ]
        self.activation = activation() if isinstance(activation, type) else activation
        self.output = output() if isinstance(output, type) else output

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        x = last(x)
        return x if self.output is None else self.output(x)
