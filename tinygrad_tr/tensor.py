"""The one class that users touch: an array that remembers how it was made."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_tr import sweep
from tinygrad_tr.array_methods import ArrayMethods, plain_index
from tinygrad_tr.errors import DtypeError, GraphError, ShapeError, describe
from tinygrad_tr.graph import Changes, Variable, constant, next_stamp, value_of
from tinygrad_tr.kernels.scattering import Rows
from tinygrad_tr.modes import modes
from tinygrad_tr.operands import Defaults, as_array
from tinygrad_tr.rule import require_float
from tinygrad_tr.rules import indexing

next_hook = itertools.count().__next__


class Tensor(ArrayMethods, Variable):
    """An n-dimensional array of numbers that records the operations made with it.

    `Tensor(data)` copies. Python numbers and lists become float32 (`tt.set_default_dtype`),
    NumPy arrays keep their dtype. With `requires_grad` it is a leaf of the graph: `backward()`
    on what was computed from it adds the derivative to `.grad`. `name` labels it in pictures.
    """

    __slots__ = ()

    def __init__(
        self,
        data: Any,
        *,
        requires_grad: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        plain = data.__class__ is float and dtype is None
        self.value = Defaults.scalar(data) if plain else new_value(data, dtype)
        self.node = None
        self.tracked = requires_grad
        self._grad = None
        self._name = name
        self.version = [next_stamp()]
        self.origin = None
        self.hooks = None
        if requires_grad and not plain and self.value.dtype.kind != "f":
            require_float("requires_grad", self)

    # ------------------------------------------------------------------ the graph

    @property
    def requires_grad(self) -> bool:
        """Whether backward() makes a gradient for this Tensor or passes one through it."""
        return self.tracked

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if self.node is not None and not flag:
            raise GraphError(
                "requires_grad",
                f"the result of {self.node.rule.name} cannot stop requiring a gradient",
                wanted="t.detach(), or computing it inside no_grad()",
            )
        if flag:
            require_float("requires_grad", self)
        self.tracked = bool(flag)

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Set `requires_grad` and return the Tensor."""
        self.requires_grad = flag
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the user made it, rather than a recorded operation."""
        return self.node is None

    @property
    def grad(self) -> Tensor | None:
        """The derivative added up by backward(): a Tensor of the same shape and dtype, or None.

        For results of operations only after `retain_grad()`.
        """
        if self._grad.__class__ is Rows:
            self._grad = constant(sweep.whole(self._grad))
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        if grad is not None:
            grad = grad if isinstance(grad, Tensor) else constant(np.asarray(grad))
            if grad.shape != self.shape or grad.dtype != self.dtype:
                raise ShapeError(
                    "grad", "a gradient has the shape and dtype of its Tensor",
                    got=describe(grad), wanted=f"{self.shape} {self.dtype}",
                )  # fmt: skip
        elif modes.flags[2] is not None:
            modes.flags[2].clear_grad(self)
        self._grad = grad

    @property
    def grad_rows(self) -> Rows | None:
        """The gradient as the rows of a table that were looked up, while it is kept as those.

        Asking for `.grad` puts them into their places, once and for all.
        """
        return self._grad if self._grad.__class__ is Rows else None

    def backward(
        self, gradient: Any = None, *, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        """Add the derivative of this Tensor to `.grad` of every leaf it was made from.

        A Tensor of more than one element needs `gradient`, the derivative of what follows with
        respect to it, in its own shape. The graph is freed unless `retain_graph`;
        `create_graph` records the backward pass, so that it can be differentiated again.
        """
        seed = seed_of("backward", self, gradient)
        if not create_graph and isinstance(seed, Variable):
            seed = value_of(seed)
        free = not (create_graph if retain_graph is None else retain_graph)
        root = self if self.node is None else self.node
        sweep.backward(root, seed, free=free, create_graph=create_graph)

    def retain_grad(self) -> None:
        """Keep the gradient of this result of an operation in `.grad`, as leaves do."""
        if not self.tracked:
            raise GraphError("retain_grad", *no_graph(self))
        if self.node is not None:
            here = weakref.ref(self)  # the node must not keep its Tensor alive

            def keep(g: Tensor) -> None:
                tensor = here()
                if tensor is not None:
                    sweep.accumulate(tensor, g)

            self.register_hook(keep)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> HookHandle:
        """Call `hook` with the gradient of this Tensor in each backward pass.

        What it returns, if not None, replaces the gradient. `.remove()` of the result ends it.
        """
        if not self.tracked:
            raise GraphError("register_hook", *no_graph(self))
        owner = self if self.node is None else self.node
        owner.hooks = {} if owner.hooks is None else owner.hooks
        key = next_hook()
        owner.hooks[key] = hook
        return HookHandle(owner.hooks, key)

    def detach(self) -> Tensor:
        """The same values, cut from the graph: a constant that shares the memory."""
        if self.node is None:
            out = constant(value_of(self), "detach")
            if isinstance(self.value, np.ndarray):
                out.version = self.version  # one memory, one history of changes
            return out
        return constant(read_only(self.value), "detach")

    # ------------------------------------------------------------------ changing in place

    def assign(self, value: Any) -> Tensor:
        """Replace the values in place: the one way to change a Tensor. Returns the Tensor.

        The shape must be the same, and the dtype must not lose precision. Graphs that
        recorded the old values refuse to go backward afterwards.
        """
        if self.node is not None:
            raise GraphError(
                "assign", f"the result of {self.node.rule.name} cannot be changed",
                wanted="a leaf; compute a new Tensor instead",
            )  # fmt: skip
        new = value_of(value)
        new = as_array(new, "assign") if not hasattr(new, "dtype") else new
        if new.shape != self.value.shape:
            raise ShapeError(
                "assign", "the shape must stay", got=f"{new.shape}", wanted=f"{self.value.shape}"
            )
        is_plain = isinstance(value, (bool, int, float, list, tuple))
        if not is_plain and not np.can_cast(new.dtype, self.value.dtype, "safe"):
            raise DtypeError(
                "assign", f"{new.dtype} values would lose precision",
                got=f"{new.dtype}", wanted=f"{self.value.dtype}, by .astype()",
            )  # fmt: skip
        if modes.flags[2] is None:
            self.put(new)
        else:
            modes.flags[2].assign(self, new)
        return self

    def put(self, new: Any) -> None:
        """Replace the values by an array that is known to fit."""
        self.touch()
        if isinstance(self.value, np.ndarray) and self.value.flags.writeable:
            np.copyto(self.value, new, casting="unsafe")
        else:
            self.value = np.array(new, self.value.dtype)[()]

    def touch(self) -> None:
        """Stamp a change of the values: graphs recorded earlier refuse to go backward."""
        self.version[0] = Changes.latest = next_stamp()

    def __setitem__(self, index: Any, value: Any) -> None:
        """x[index] = value. A recorded x becomes the result of a rule; a leaf may refuse."""
        index = plain_index(index)
        touches_graph = self.tracked or (isinstance(value, Variable) and value.tracked)
        if not (touches_graph and modes.flags[0]):
            if self.node is not None:
                raise GraphError(
                    "setitem", "a recorded Tensor cannot be changed inside no_grad()",
                    wanted="t.detach().copy() first",
                )  # fmt: skip
            changed = indexing.setitem(value_of(self), value_of(value), index=index)
            self.assign(changed)
            return
        if self.tracked and self.node is None:
            raise GraphError(
                "setitem", "a leaf that requires a gradient cannot be changed while recording",
                got=describe(self), wanted="no_grad(), assign(), or a copy: t.copy()[...] = value",
            )  # fmt: skip
        changed = indexing.setitem(self, value, index=index)
        name = self.name
        self.value, self.node, self.tracked = changed.value, changed.node, True
        if name is not None:
            self.name = name

    def in_place(self, result: Tensor, operator: str) -> Tensor:
        """What `t += u` leaves in t: a leaf changes in place, a recorded Tensor is rebound."""
        if self.node is None and not result.tracked:
            return self.assign(result)
        if self.node is None and self.tracked:
            raise GraphError(
                operator, "a leaf that requires a gradient cannot be changed while recording",
                got=describe(self), wanted="no_grad() around it, or `t = t + u` for a new Tensor",
            )  # fmt: skip
        return result

    def __iadd__(self, other: Any) -> Tensor:
        return self.in_place(self + other, "+=")

    def __isub__(self, other: Any) -> Tensor:
        return self.in_place(self - other, "-=")

    def __imul__(self, other: Any) -> Tensor:
        return self.in_place(self * other, "*=")

    def __itruediv__(self, other: Any) -> Tensor:
        return self.in_place(self / other, "/=")

    def __ipow__(self, other: Any) -> Tensor:  # returns what ** returns
        return self.in_place(self**other, "**=")

    # ------------------------------------------------------------------ the way out

    def numpy(self) -> np.ndarray[Any, Any]:
        """The values as a read-only NumPy array, without a copy; it follows `assign`."""
        return read_only(np.asarray(value_of(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        if self.tracked:
            raise GraphError(
                "np.asarray", "a Tensor that requires a gradient would leave the graph unseen",
                got=describe(self), wanted="t.numpy() or t.detach(); tt.stack for lists of Tensors",
            )  # fmt: skip
        array = read_only(np.asarray(value_of(self)))
        return np.array(array, dtype) if copy or dtype not in (None, array.dtype) else array

    def draw(self, **options: Any) -> Any:
        """The picture of the graph that made this Tensor; see `tt.draw`."""
        from tinygrad_tr.picture import draw

        return draw(self, **options)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """In a notebook: the picture for a result of operations, the text for a leaf."""
        if self.node is None:
            return {"text/plain": repr(self)}
        bundle: dict[str, Any] = self.draw()._repr_mimebundle_(include, exclude)
        return {**bundle, "text/plain": repr(self)}

    def __repr__(self) -> str:
        numbers = np.array2string(np.asarray(value_of(self)), separator=", ", prefix="Tensor(")
        parts = [numbers]
        if self.dtype != Defaults.dtype:
            parts.append(f"dtype={self.dtype}")
        if self.node is not None:
            parts.append(f"from={self.node.rule.name}")
        elif self.tracked:
            parts.append("requires_grad=True")
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def __reduce__(self) -> Any:
        if self.node is not None:
            raise GraphError(
                "copy", f"the result of {self.node.rule.name} belongs to its graph",
                wanted="t.detach() to copy the values alone",
            )  # fmt: skip
        return remade, (type(self), self.value, self.tracked, self._name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        function, (kind, value, *rest) = self.__reduce__()
        copied: Tensor = function(kind, np.array(value)[()], *rest)
        copied._grad = None if self.grad is None else constant(np.array(self.grad.value))
        memo[id(self)] = copied
        return copied


Variable.kind = Tensor  # operations on a subclass such as nn.Parameter give plain Tensors


class HookHandle:
    """What `register_hook` returns: `remove()` ends the hook."""

    def __init__(self, hooks: dict[int, Any], key: int) -> None:
        self.hooks, self.key = hooks, key

    def remove(self) -> None:
        self.hooks.pop(self.key, None)


def remade(kind: type[Tensor], value: Any, tracked: bool, name: str | None) -> Any:
    """A leaf of the class from what was saved of it."""
    out = kind.__new__(kind)
    Tensor.__init__(out, value)
    out.tracked, out._name = tracked, name
    return out


def new_value(data: Any, dtype: Any) -> Any:
    """The memory of a new Tensor, copied from data: a scalar for 0-d, else an array."""
    if dtype is not None and np.dtype(dtype).kind not in "fiub":
        raise DtypeError(
            "Tensor", f"{np.dtype(dtype)} numbers are not supported", got=f"dtype={dtype}",
            wanted="a float, integer or boolean dtype",
        )  # fmt: skip
    if isinstance(data, Variable):
        if data.tracked:
            raise GraphError(
                "Tensor", "copying a Tensor that requires a gradient would cut the graph unseen",
                got=describe(data), wanted="t.detach() to cut it, t.copy() to stay in the graph",
            )  # fmt: skip
        data = value_of(data)
    if not hasattr(data, "dtype"):
        return as_array(data, "Tensor", dtype)[()]
    if data.dtype.kind not in "fiub":
        raise DtypeError(
            "Tensor", f"{data.dtype} numbers are not supported", got=describe(data),
            wanted="real floats, integers or booleans",
        )  # fmt: skip
    return data.astype(dtype or data.dtype)[()]


def read_only(value: Any) -> Any:
    """A view that cannot be written through; scalars are immutable already."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def no_graph(tensor: Tensor) -> tuple[str]:
    """Why nothing flows back through a Tensor, for an error."""
    reasons = {
        None: "no operation was recorded: none of its inputs requires a gradient",
        "detach": "it was detached from the graph",
        "no_grad": "it was computed inside no_grad()",
    }
    origin = getattr(tensor, "origin", None)
    return (reasons.get(origin, f"{origin} has no derivative, so the graph stops there"),)


# The seeds of most backward passes: the losses are numbers.
ONES = {kind: kind(1) for kind in (np.float32, np.float64)}


def seed_of(operation: str, tensor: Any, gradient: Any) -> Any:
    """The gradient that a backward pass starts from, checked against its Tensor."""
    if not isinstance(tensor, Tensor):
        raise DtypeError(operation, "not a Tensor", got=describe(tensor), wanted="a Tensor")
    if not tensor.tracked:
        raise GraphError(
            operation, *no_graph(tensor), got=describe(tensor),
            wanted="a result of operations on Tensors with requires_grad=True",
        )  # fmt: skip
    if gradient is None:
        if tensor.value.__class__ in ONES:
            return ONES[tensor.value.__class__]
        if tensor.value.size != 1:
            raise GraphError(
                operation, "only one number can be differentiated without a gradient",
                got=f"shape {tensor.shape}",
                wanted="a scalar such as t.sum(), or gradient= in the Tensor's own shape",
            )  # fmt: skip
        one = tensor.value.dtype.type(1.0)
        seed = one if tensor.value.ndim == 0 else np.full(tensor.shape, one)
        trace = modes.flags[2]
        return seed if trace is None else trace.constant(seed)
    if isinstance(gradient, Tensor):
        seed = gradient
    else:
        given = gradient if hasattr(gradient, "dtype") else as_array(gradient, operation)
        seed = constant(given.astype(tensor.dtype)[()])
    if seed.shape != tensor.shape:
        raise ShapeError(
            operation, "the gradient must have the Tensor's shape", got=f"{seed.shape}",
            wanted=f"{tensor.shape}",
        )  # fmt: skip
    return seed


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A Tensor over the array's own memory: changing one changes the other."""
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise DtypeError(
            "from_numpy", "not an array of real numbers", got=describe(array),
            wanted="np.ndarray of floats, integers or booleans",
        )  # fmt: skip
    return constant(array)


def set_default_dtype(dtype: Any) -> None:
    """What Python numbers and lists become: float32 at the start. All threads."""
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise DtypeError(
            "set_default_dtype", "not a float", got=str(dtype), wanted="np.float32 or np.float64"
        )
    Defaults.dtype, Defaults.scalar = dtype, dtype.type


def get_default_dtype() -> np.dtype[Any]:
    """What Python numbers and lists become."""
    return Defaults.dtype
