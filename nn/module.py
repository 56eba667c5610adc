"""Module: a function with parameters. It finds them wherever they are kept.

    class Scale(nn.Module):
        def __init__(self, n):
            self.factor = nn.Parameter(np.ones(n))

        def forward(self, x):
            return x * self.factor

Parameters and modules are found in attributes and in the lists, tuples and dicts that
attributes hold, however nested; nothing has to be registered, and `super().__init__()` may be
left out. What could get lost is an error at once: a Tensor that requires a gradient and is no
`Parameter`, parameters in a set, an attribute that hides a method of Module.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, StateError, UnsupportedError, describe
from tinygrad_tr.tensor import HookHandle, Tensor

from .calls import calls, watched_call
from .state import Loaded, load

next_hook = itertools.count().__next__


class Parameter(Tensor):
    """A Tensor that a module trains: `Parameter(data)` copies and requires a gradient.

    As an attribute of a module it takes the attribute's name, unless it has one.
    """

    __slots__ = ()

    def __init__(
        self, data: Any, requires_grad: bool = True, *, dtype: Any = None, name: str | None = None
    ) -> None:
        super().__init__(data, requires_grad=requires_grad, dtype=dtype, name=name)


class Module:
    """A function of Tensors with parameters, buffers and modules inside it.

    Subclasses define `forward`; `module(x)` calls it. `training` is what Dropout and the like
    ask; `train()` and `eval()` set it for the whole tree.
    """

    # Kept out of vars(self), which holds what the user assigned and nothing else.
    __slots__ = ("__dict__", "__weakref__", "_buffers", "_hooks")

    training: bool
    _buffers: dict[str, bool]  # name -> whether state_dict holds it
    _hooks: dict[int, tuple[str, Callable[..., Any]]]

    def __new__(cls, *_: Any, **__: Any) -> Self:
        self = super().__new__(cls)
        object.__setattr__(self, "_buffers", {})
        object.__setattr__(self, "_hooks", {})
        self.__dict__["training"] = True
        return self

    # ------------------------------------------------------------------ calling

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """`forward`, with the hooks around it."""
        if self._hooks or calls.watchers:
            return watched_call(self, inputs, keywords)
        return self.forward(*inputs, **keywords)

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise UnsupportedError(
            type(self).__name__, "the module has no forward method",
            wanted=f"def forward(self, x): ... in class {type(self).__name__}",
        )  # fmt: skip

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, inputs)` before each forward; a result replaces the inputs."""
        return self._register("before", hook)

    def register_forward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Call `hook(module, inputs, output)` after each forward; a result replaces the output."""
        return self._register("after", hook)

    def _register(self, when: str, hook: Callable[..., Any]) -> HookHandle:
        key = next_hook()
        self._hooks[key] = (when, hook)
        return HookHandle(self._hooks, key)

    # ------------------------------------------------------------------ what is inside

    def attributes(self) -> Iterable[tuple[str, Any]]:
        """The names and values among which parameters and modules are looked for."""
        return vars(self).items()

    def members(self) -> dict[str, Parameter | Module]:
        """The parameters and modules directly inside, by path: `weight`, `layers.0`."""
        inside: dict[str, Parameter | Module] = {}
        for attribute, value in self.attributes():
            if value.__class__ in HOLD_NOTHING:
                continue
            for path, member in found_in(attribute, value):
                if path in inside:
                    raise StateError(
                        type(self).__name__, f"two of its members have the path {path!r}",
                        wanted="keys and attributes that differ, also as text",
                    )  # fmt: skip
                inside[path] = member
        return inside

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, each once, with their paths."""
        seen = set()
        for name, member in self.members().items():
            if isinstance(member, Module) and member not in seen:
                seen.add(member)
                yield name, member

    def children(self) -> Iterator[Module]:
        """The modules directly inside, each once."""
        return (child for _, child in self.named_children())

    def named_modules(
        self, prefix: str = "", *, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all inside it, parents first, with their paths ("" for itself).

        A module found under several paths comes once, or under each without `remove_duplicate`.
        """
        seen: set[Module] = set()
        open_: list[tuple[str, Module, frozenset[Module]]] = [(prefix, self, frozenset())]
        while open_:
            path, module, parents = open_.pop()
            if module in (seen if remove_duplicate else parents):
                continue
            seen.add(module)
            yield path, module
            inside = [
                (joined(path, name), member, parents | {module})
                for name, member in module.members().items()
                if isinstance(member, Module)
            ]
            open_.extend(reversed(inside))

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once, parents first."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", *, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its path, such as `layers.0.weight`.

        A shared one comes once, under its first path, or under each without `remove_duplicate`.
        """
        seen = set()
        for path, module in self.named_modules(prefix, remove_duplicate=remove_duplicate):
            for name, member in module.members().items():
                if isinstance(member, Parameter) and not (remove_duplicate and member in seen):
                    seen.add(member)
                    yield joined(path, name), member

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def register_buffer(self, name: str, tensor: Any, *, persistent: bool = True) -> None:
        """Keep a Tensor (or None) that belongs to the state and is not trained.

        From then on it is the attribute `name`. Only persistent buffers are in `state_dict()`.
        """
        if hasattr(self, name) or "." in name:
            raise ArgumentError(
                "register_buffer", f"{name!r} cannot be the name of a buffer",
                got="a name with a dot" if "." in name else "an attribute that exists",
                wanted="a new name without dots",
            )  # fmt: skip
        self._buffers[name] = persistent
        setattr(self, name, tensor if tensor is None or is_tensor(tensor) else Tensor(tensor))

    def named_buffers(
        self, prefix: str = "", *, remove_duplicate: bool = True, persistent_only: bool = False
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer with its path."""
        seen = set()
        for path, module in self.named_modules(prefix, remove_duplicate=remove_duplicate):
            for name, persistent in module._buffers.items():
                buffer = getattr(module, name)
                skipped = persistent_only and not persistent
                if buffer is None or skipped or (remove_duplicate and buffer in seen):
                    continue
                seen.add(buffer)
                yield joined(path, name), buffer

    def buffers(self) -> Iterator[Tensor]:
        """Every buffer, each once."""
        return (buffer for _, buffer in self.named_buffers())

    def __setattr__(self, name: str, value: Any) -> None:
        if name in HIDDEN:
            raise ArgumentError(
                f"{type(self).__name__}.{name}", f"the attribute would hide Module.{name}()",
                got=describe(value), wanted="another name",
            )  # fmt: skip
        is_parameter = isinstance(vars(self).get(name), Parameter)
        kind = Parameter if is_parameter else Tensor if name in self._buffers else object
        if not (value is None or isinstance(value, kind)):
            raise DtypeError(
                f"{type(self).__name__}.{name}", f"only a {kind.__name__} can take this place",
                got=describe(value),
                wanted=f"a {kind.__name__} or None; .{name}.assign(...) changes the values",
            )  # fmt: skip
        for _ in found_in(name, value):
            pass  # raises for what could not be found again later
        if isinstance(value, Parameter) and value.name is None:
            value.name = name
        super().__setattr__(name, value)

    # ------------------------------------------------------------------ acting on all of it

    def train(self, mode: bool = True) -> Self:
        """Set `training` here and in every module inside."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """`train(False)`: dropout passes everything, statistics stay as they are."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget every gradient: `.grad` is None afterwards."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self, flag: bool = True) -> Self:
        """Train every parameter, or freeze them all."""
        for parameter in self.parameters():
            parameter.requires_grad = flag
        return self

    def to(self, dtype: Any) -> Self:
        """Convert all floating-point parameters and buffers, in place; gradients are dropped."""
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise DtypeError(
                "Module.to", "parameters are floating-point numbers", got=str(dtype),
                wanted="np.float32 or np.float64",
            )  # fmt: skip
        for tensor in itertools.chain(self.parameters(), self.buffers()):
            if tensor.dtype.kind == "f" and tensor.dtype != dtype:
                tensor.value = tensor.value.astype(dtype)
                tensor.grad = None
                tensor.touch()
        return self

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` with every module inside, then with this one."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def state_dict(self) -> dict[str, np.ndarray[Any, Any]]:
        """All parameters and persistent buffers: path -> a copy as a NumPy array."""
        return {name: np.array(tensor.value) for name, tensor in self.named_state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Loaded:
        """Assign the values of `state_dict()`, ours or PyTorch's (Tensors or arrays by path).

        All or nothing: a path that is missing or unexpected (unless `strict` is False), a
        shape that differs or a dtype that would lose precision raises a LoadError with a
        table of all of them. Returns the paths that were missing and unexpected.
        """
        return load(dict(self.named_state()), state, strict)

    def named_state(self) -> Iterator[tuple[str, Tensor]]:
        """What `state_dict` holds, under every path, in PyTorch's order."""
        for path, module in self.named_modules(remove_duplicate=False):
            for name, member in module.members().items():
                if isinstance(member, Parameter):
                    yield joined(path, name), member
            for name, persistent in module._buffers.items():
                if persistent and getattr(module, name) is not None:
                    yield joined(path, name), getattr(module, name)

    # ------------------------------------------------------------------ in words

    def extra_repr(self) -> str:
        """What `repr` writes in the brackets: here a dataclass's fields, and parameters' shapes."""
        fields = getattr(self, "__dataclass_fields__", {})
        shown = {name: repr(getattr(self, name)) for name in fields}
        for name, member in self.members().items():
            if isinstance(member, Parameter):
                shown[name] = str(member.shape)
        return ", ".join(f"{name}={text}" for name, text in shown.items())

    def __repr__(self) -> str:
        count = sum(parameter.size for parameter in self.parameters())
        size = f"  # {count:,} parameters" if count else ""
        name, extra = type(self).__name__, self.extra_repr()
        inside = [f"({path}): {child!r}" for path, child in self.named_children()]
        if not inside:
            return f"{name}({extra}){size}"
        lines = "\n".join(inside).replace("\n", "\n  ")
        return f"{name}({extra}{size}\n  {lines}\n)"


# `self.modules = [...]` would silently take a method's place.
HIDDEN = {name for name in vars(Module) if callable(getattr(Module, name))} - {"forward"}


# ------------------------------------------------------------------ finding


HOLD_NOTHING = frozenset({bool, int, float, str, type(None)})


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def found_in(path: str, value: Any) -> Iterator[tuple[str, Parameter | Module]]:
    """The parameters and modules in a value: itself, or inside lists, tuples and dicts."""
    if isinstance(value, (Parameter, Module)):
        yield path, value
    elif isinstance(value, Tensor):
        if value.requires_grad and value.is_leaf:
            raise DtypeError(
                path, "a Tensor that requires a gradient and is no Parameter would not be trained",
                got=describe(value), wanted="nn.Parameter(...), or a Tensor without requires_grad",
            )  # fmt: skip
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from found_in(f"{path}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            for name, member in found_in(f"{path}.{key}", item):
                if not isinstance(key, (str, int)) or "." in str(key):
                    raise StateError(
                        path, "the key makes no path", got=repr(key),
                        wanted="a string without dots, or an integer",
                    )  # fmt: skip
                yield name, member
    elif isinstance(value, (set, frozenset)) and any(
        isinstance(item, (Parameter, Module)) for item in value
    ):
        raise DtypeError(
            path, "parameters and modules in a set have no order, hence no names",
            got=type(value).__name__, wanted="a list, tuple or dict",
        )  # fmt: skip
