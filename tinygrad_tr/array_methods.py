"""Python's operators and NumPy's array methods, each one word over a rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_tr.errors import IndexingError, ShapeError, describe
from tinygrad_tr.graph import NO_FACTS, record_one, record_pair, value_of
from tinygrad_tr.rule import Rule, answer, numpy_functions
from tinygrad_tr.rules import arithmetic, indexing, products, reduction, shape

if TYPE_CHECKING:
    from tinygrad_tr.tensor import Tensor

Axis = int | tuple[int, ...] | None
Operand = Any  # a Tensor, a NumPy array, a number or a list of numbers


class ArrayMethods:
    """What a Tensor shares with `np.ndarray`."""

    __slots__ = ()
    __array_priority__ = 1000

    value: Any

    # ------------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method != "__call__":
            ufunc = getattr(ufunc, method)
        elif not keywords:
            ours = numpy_functions.get(ufunc)
            if ours.__class__ is Rule:  # the usual call, as the operators make it
                if len(inputs) == 1:
                    return record_one(ours, inputs[0])
                return record_pair(ours, inputs[0], inputs[1])
        return answer(ufunc, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, inputs: Any, keywords: Any) -> Any:
        return answer(function, inputs, keywords)

    # ------------------------------------------------------------------ operators

    def __add__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.add, self, other)

    def __radd__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.add, other, self)

    def __sub__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.subtract, self, other)

    def __rsub__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.subtract, other, self)

    def __mul__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.multiply, self, other)

    def __rmul__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.multiply, other, self)

    def __truediv__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.divide, self, other)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.divide, other, self)

    def __floordiv__(self, other: Operand) -> Tensor:
        return np.floor_divide(self, other)  # type: ignore[call-overload]

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return np.floor_divide(other, self)  # type: ignore[call-overload]

    def __mod__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.remainder, self, other)

    def __rmod__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.remainder, other, self)

    def __divmod__(self, other: Operand) -> tuple[Tensor, Tensor]:
        return arithmetic.divmod(self, other)

    def __rdivmod__(self, other: Operand) -> tuple[Tensor, Tensor]:
        return arithmetic.divmod(other, self)

    def __pow__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.power, self, other)

    def __rpow__(self, other: Operand) -> Tensor:
        return record_pair(arithmetic.power, other, self)

    def __matmul__(self, other: Operand) -> Tensor:
        return record_pair(products.matmul, self, other)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return record_pair(products.matmul, other, self)

    def __neg__(self) -> Tensor:
        return record_one(arithmetic.negative, self)

    def __pos__(self) -> Tensor:
        return record_one(arithmetic.positive, self)

    def __abs__(self) -> Tensor:
        return record_one(arithmetic.absolute, self)

    def __invert__(self) -> Tensor:
        return answer(np.invert, (self,), NO_FACTS)

    def __round__(self, decimals: int = 0) -> Tensor:
        return arithmetic.round(self, decimals)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return answer(np.equal, (self, other), NO_FACTS)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return answer(np.not_equal, (self, other), NO_FACTS)

    def __lt__(self, other: Operand) -> Tensor:
        return answer(np.less, (self, other), NO_FACTS)

    def __le__(self, other: Operand) -> Tensor:
        return answer(np.less_equal, (self, other), NO_FACTS)

    def __gt__(self, other: Operand) -> Tensor:
        return answer(np.greater, (self, other), NO_FACTS)

    def __ge__(self, other: Operand) -> Tensor:
        return answer(np.greater_equal, (self, other), NO_FACTS)

    def __and__(self, other: Operand) -> Tensor:
        return answer(np.bitwise_and, (self, other), NO_FACTS)

    def __or__(self, other: Operand) -> Tensor:
        return answer(np.bitwise_or, (self, other), NO_FACTS)

    def __xor__(self, other: Operand) -> Tensor:
        return answer(np.bitwise_xor, (self, other), NO_FACTS)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    __hash__ = object.__hash__  # by identity: equal values are different leaves

    # ------------------------------------------------------------------ one number

    def __bool__(self) -> bool:
        return bool(self.only("bool()"))

    def __float__(self) -> float:
        return float(self.only("float()"))

    def __int__(self) -> int:
        return int(self.only("int()"))

    def __index__(self) -> int:
        number = self.only("index()")
        if number.dtype.kind not in "iu":
            raise IndexingError(
                "index()", "only an integer can be an index", got=describe(number), wanted="int64"
            )
        return int(number)

    def __format__(self, spec: str) -> str:
        return format(self.only("format()").item(), spec) if spec else str(self)

    def item(self) -> Any:
        """The only element, as a Python number."""
        return self.only("item()").item()

    def only(self, operation: str) -> Any:
        """The only element of the array, or an error in the operation's name."""
        if self.value.size != 1:
            raise ShapeError(
                operation,
                "there is no single value",
                got=f"shape {self.value.shape}, {self.value.size} elements",
                wanted="one element; for truth use np.any(t) or np.all(t)",
            )
        return value_of(self).reshape(())[()]

    # ------------------------------------------------------------------ facts

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.value.size

    @property
    def nbytes(self) -> int:
        """The memory of the values in bytes."""
        return self.value.nbytes

    def __len__(self) -> int:
        if self.value.ndim == 0:
            raise IndexingError(
                "len()", "a number has no length", got="shape ()", wanted="at least one axis"
            )
        return len(self.value)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, number: Any) -> bool:
        return bool((value_of(self) == value_of(number)).any())

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return value_of(self).tolist()

    # ------------------------------------------------------------------ indexing

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.getitem(self, index=plain_index(index))

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        """The elements `indices` along the axis (of the flattened array for None)."""
        return indexing.take(self, indices, axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        """Each element `repeats` times."""
        return indexing.repeat(self, repeats, axis)

    def sort(self, axis: int | None = -1) -> Tensor:
        """A sorted copy; unlike NumPy's method it does not sort in place."""
        return indexing.sort(self, axis)

    def argsort(self, axis: int | None = -1) -> Tensor:
        """The indices that sort along the axis."""
        return indexing.argsort(self, axis)

    def nonzero(self) -> tuple[Tensor, ...]:
        """The indices of the elements that are not 0."""
        return indexing.nonzero(self)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The diagonal of two axes."""
        return shape.diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The sum of the diagonal."""
        return shape.trace(self, offset, axis1, axis2)

    # ------------------------------------------------------------------ reductions

    def sum(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Σ along the axes."""
        return reduction.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Σ / n along the axes."""
        return reduction.mean(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Π along the axes."""
        return reduction.prod(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """The largest element along the axes."""
        return reduction.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """The smallest element along the axes."""
        return reduction.min(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """The variance, Σ(x − mean)²/(n − ddof)."""
        return reduction.var(self, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """√var."""
        return reduction.std(self, axis=axis, ddof=ddof, keepdims=keepdims)

    def any(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Whether any element is not 0."""
        return reduction.any(self, axis=axis, keepdims=keepdims)

    def all(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Whether no element is 0."""
        return reduction.all(self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The index of the largest element."""
        return reduction.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The index of the smallest element."""
        return reduction.argmin(self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        """Running sums."""
        return reduction.cumsum(self, axis=axis)

    def cumprod(self, axis: int | None = None) -> Tensor:
        """Running products."""
        return reduction.cumprod(self, axis=axis)

    # ------------------------------------------------------------------ shape

    @property
    def T(self) -> Tensor:  # noqa: N802  NumPy's own name
        """All axes in reverse order; with one axis there is nothing to reverse: (5,) stays (5,)."""
        return shape.transpose(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802  NumPy's own name
        """The last two axes exchanged."""
        if self.ndim < 2:
            raise ShapeError("mT", "no matrix", got=f"shape {self.value.shape}", wanted="2 axes")
        return shape.swapaxes(self, -1, -2)

    def reshape(self, *lengths: int | Sequence[int]) -> Tensor:
        """The same numbers in another shape; one length may be −1."""
        return shape.reshape(self, lengths[0] if len(lengths) == 1 else lengths)

    def ravel(self) -> Tensor:
        """One long vector."""
        return shape.ravel(self)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The axes from start_dim to end_dim made one."""
        return shape.flatten(self, start_dim, end_dim)

    def transpose(self, *axes: int | Sequence[int] | None) -> Tensor:
        """The axes in another order, reversed when none is given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else (axes or None)
        return shape.transpose(self, axes=order if order is None else tuple(order))

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        return shape.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Axis = None) -> Tensor:
        """Without the axes of length 1."""
        return shape.squeeze(self, axis=axis)

    # ------------------------------------------------------------------ values

    def astype(self, dtype: Any) -> Tensor:
        """As another dtype; integers and booleans stop the gradient."""
        return shape.astype(self, dtype)

    def clip(self, min: Operand = None, max: Operand = None) -> Tensor:  # noqa: A002
        """Limited to [min, max]."""
        return arithmetic.clip(self, min, max)

    def round(self, decimals: int = 0) -> Tensor:
        """To the given number of decimals; stops the gradient."""
        return arithmetic.round(self, decimals)

    def dot(self, other: Operand) -> Tensor:
        """NumPy's dot."""
        return products.dot(self, other)

    def copy(self) -> Tensor:
        """The same numbers in memory of their own, recorded."""
        return shape.copy(self)


def plain_index(index: Any) -> Any:
    """An index with Tensors and lists in it made arrays, and floats refused."""
    if isinstance(index, tuple):
        return tuple(map(plain_part, index))
    return plain_part(index)


def plain_part(part: Any) -> Any:
    if part is None or part is Ellipsis or isinstance(part, (slice, int)):
        return part
    array = value_of(part)
    array = array if hasattr(array, "dtype") else np.asarray(array)
    if array.size == 0 and isinstance(part, list):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise IndexingError(
            "getitem",
            f"{describe(part)} is no index",
            got=f"dtype {array.dtype}",
            wanted="integers, booleans, slices, None or ...",
        )
    return array if array.ndim else array[()]
