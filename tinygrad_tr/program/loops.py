"""Loops compiled by numba, and kept: the files stay in a folder of the user's."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from . import elementary
from .elementary import CHOICES, FUNCTIONS

# Only multiply and add may become one instruction; the order of sums is free in `plus`.
FAST = {"contract", "arcp", "nsz"}


def folder() -> Path:
    """Where compiled loops are kept between processes."""
    if "NUMBA_CACHE_DIR" in os.environ:
        return Path(os.environ["NUMBA_CACHE_DIR"]) / "tinygrad_tr"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "tinygrad_tr" / "loops"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tinygrad_tr" / "loops"


@functools.cache
def scalar_functions() -> dict[str, Any]:
    """The elementary functions, compiled so that they become part of the loop that calls them."""
    import numba

    names = {name: x for name, x in vars(elementary).items() if not name.startswith("__")}
    names |= {"float32": numba.float32, "float64": numba.float64, "boolean": numba.boolean}
    names |= {"sqrt": np.sqrt, "floor": np.floor, "ceil": np.ceil}
    for function in (elementary.exp, elementary.log, elementary.turned):
        names[function.__name__] = ready(function, names)
    others = {*FUNCTIONS.values(), *CHOICES.values()}
    names.update({f.__name__: ready(f, names) for f in others if f.__name__ not in ("exp", "log")})
    names["plus"] = ready(elementary.plus, names, {*FAST, "reassoc"})
    return names


def ready(function: Callable[..., Any], names: dict[str, Any], fast: set[str] = FAST) -> Any:
    import numba

    own = types.FunctionType(function.__code__, names, function.__name__)
    return numba.njit(own, fastmath=fast, error_model="numpy", nogil=True, forceinline=True)


@functools.cache
def elementary_text() -> str:
    return Path(str(elementary.__file__)).read_text(encoding="utf-8")


@functools.cache
def compiled(text: str, kinds: tuple[str, ...]) -> Callable[..., None]:
    """The loop of a text, for arrays of these dtypes; from the folder if it is there."""
    import numba

    header = text.split(")", 1)[0]
    signature = numba.void(
        *[numba.int64] * (2 + header.count(" n")),
        *[numba.float64] * header.count(" given_"),
        *(numba.types.Array(numba.from_dtype(np.dtype(kind)), 1, "C") for kind in kinds),
    )
    options: dict[str, Any] = {"fastmath": FAST, "error_model": "numpy", "nogil": True}
    file = stored(text)
    if file is None:
        names = {**scalar_functions()}
        exec(compile(text, "<loop>", "exec"), names)
        return numba.njit(signature, **options)(names["loop"])
    name = f"tinygrad_tr_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(scalar_functions())
    sys.modules[name] = module  # numba looks for it there when it finds the loop compiled
    spec.loader.exec_module(module)
    return numba.njit(signature, cache=True, **options)(module.loop)


def stored(text: str) -> Path | None:
    """The file of the loop in the folder; None if there can be no such folder."""
    key = hashlib.sha256((elementary_text() + text).encode()).hexdigest()[:16]
    file = folder() / f"loop_{key}.py"
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            # Written beside and renamed: another process finds all of it or nothing.
            with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as part:
                part.write(text)
            os.replace(part.name, file)
    except OSError:
        return None
    return file
