"""Every error of the library: what was done, what it got, what it wanted, and the user's own line.

Each class is also the built-in exception that users of NumPy and PyTorch would expect,
so `except ValueError` keeps working.
"""

from __future__ import annotations

import functools
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = [
    "AnomalyError",
    "ArgumentError",
    "CompileError",
    "DtypeError",
    "FileError",
    "GradientCheckError",
    "GraphError",
    "IndexingError",
    "LinearAlgebraError",
    "MissingDependencyError",
    "ShapeError",
    "StateError",
    "TinygradError",
    "UnsupportedError",
]


class TinygradError(Exception):
    """An operation that was refused.

    The message has up to four parts: `operation: problem`, then what it `got`, what it
    `wanted`, and `at`, the first line of the call stack that is not this library's.
    """

    def __init__(self, operation: str, problem: str, *, got: str = "", wanted: str = "") -> None:
        self.operation, self.problem, self.got, self.wanted = operation, problem, got, wanted
        self.at = users_line()
        parts = [("got", got), ("wanted", wanted), ("at", self.at)]
        lines = [f"  {name + ':':<8}{text}" for name, text in parts if text]
        super().__init__("\n".join([f"{operation}: {problem}", *lines]))

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would print its message in quotes


class ShapeError(TinygradError, ValueError):
    """Shapes or axes that do not fit the operation."""


class DtypeError(TinygradError, TypeError):
    """A type of number, or no number at all, that the operation cannot take."""


class ArgumentError(TinygradError, ValueError):
    """An option outside its allowed values."""


class IndexingError(TinygradError, IndexError):
    """An index outside its axis, or something that is no index."""


class GraphError(TinygradError, RuntimeError):
    """A graph used in a way that has no meaning, or no longer has one."""


class UnsupportedError(TinygradError, TypeError):
    """A NumPy function or a keyword of it that the library does not differentiate."""


class LinearAlgebraError(TinygradError, np.linalg.LinAlgError):
    """A matrix for which the operation or its derivative does not exist."""


class AnomalyError(TinygradError, FloatingPointError):
    """The first operation that made a NaN or an infinity out of finite numbers."""


class CompileError(TinygradError, RuntimeError):
    """A step that `tt.compile` could not keep true: it is refused."""


class StateError(TinygradError, KeyError):
    """A saved state that does not fit the object it is loaded into."""


class FileError(TinygradError, OSError):
    """A file that is missing, cut off, damaged, or not what it was taken for."""


class GradientCheckError(TinygradError, AssertionError):
    """A derivative that disagrees with finite differences."""


class MissingDependencyError(TinygradError, ImportError):
    """An optional package that is not installed."""


_HOUSE = os.path.dirname(os.path.realpath(__file__))
# nn/ and optim/ stand beside the engine in a checkout and inside it once installed.
_OURS = tuple(
    os.path.join(path, "")
    for path in (
        _HOUSE,
        os.path.realpath(os.path.join(_HOUSE, "nn")),
        os.path.realpath(os.path.join(_HOUSE, "optim")),
        os.path.dirname(np.__file__),
    )
)


@functools.cache
def is_ours(file: str) -> bool:
    """Whether a source file is this library's or NumPy's."""
    return os.path.realpath(file).startswith(_OURS) or file.startswith("<__array_f")


def users_line() -> str:
    """`file:line: code` of the innermost frame outside this library and NumPy, or ''."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not is_ours(file):
            code = linecache.getline(file, frame.f_lineno).strip()
            return f"{file}:{frame.f_lineno}" + (f": {code}" if code else "")
        frame = frame.f_back  # type: ignore[assignment]  # the outermost frame has None
    return ""


def describe(value: Any) -> str:
    """How an error names a value: `(2, 3) float32`, `3.5`, `None`, `str 'abc'`."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.shape} {value.dtype}" if value.shape else f"{value} {value.dtype}"
    if value is None or isinstance(value, (bool, int, float, complex)):
        return repr(value)
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def describe_call(inputs: Sequence[Any], keywords: Mapping[str, Any]) -> str:
    """`(2, 3) float32, (4,) float32, axis=1`: the arguments of an operation, for a message."""
    facts = [
        f"{name}={describe(value) if hasattr(value, 'shape') else repr(value)}"
        for name, value in keywords.items()
    ]
    return ", ".join([*map(describe, inputs), *facts])


def explain(
    rule: Any, inputs: Sequence[Any], keywords: Mapping[str, Any], error: Exception
) -> TinygradError:
    """The error of ours that says what NumPy's `error` meant, for the rule that met it."""
    got = describe_call(inputs, keywords)
    shapes = [np.shape(x) for x in inputs if x is not None]
    if isinstance(error, np.exceptions.AxisError):
        return ShapeError(rule.name, str(error), got=got, wanted="an axis that the array has")
    if isinstance(error, np.linalg.LinAlgError):
        singular = "Singular" in str(error)
        wanted = "an invertible matrix; pinv and lstsq take any" if singular else "finite numbers"
        return LinearAlgebraError(rule.name, str(error), got=got, wanted=wanted)
    if isinstance(error, IndexError):
        return IndexingError(rule.name, str(error), got=got)
    if isinstance(error, AttributeError):
        if not any(isinstance(x, (bool, int, float)) for x in inputs):
            raise error  # not the caller's fault
        return ShapeError(
            rule.name, "a Python number has no axes", got=got, wanted="Tensors or NumPy arrays"
        )
    if isinstance(error, TypeError):
        strange = [x for x in inputs if not is_number_like(x)]
        problem = f"{describe(strange[0])} is not a number" if strange else str(error)
        return DtypeError(rule.name, problem, got=got, wanted="Tensors, NumPy arrays or numbers")
    if rule.elementwise and broadcast_clash(shapes):
        return ShapeError(
            rule.name,
            broadcast_clash(shapes),
            got=got,
            wanted="shapes that broadcast: from the last axis on, equal lengths or 1",
        )
    return ShapeError(rule.name, str(error), got=got)


def is_number_like(value: Any) -> bool:
    return isinstance(value, (bool, int, float)) or hasattr(value, "dtype")


def broadcast_clash(shapes: Sequence[tuple[int, ...]]) -> str:
    """Where the shapes fail to broadcast, or '' if they fit."""
    for back in range(1, max(map(len, shapes), default=0) + 1):
        lengths = {shape[-back] for shape in shapes if len(shape) >= back} - {1}
        if len(lengths) > 1:
            listed = " and ".join(map(str, shapes))
            return f"{listed} do not broadcast: axis -{back} has lengths {sorted(lengths)}"
    return ""
