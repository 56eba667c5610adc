"""Saving and loading: nested dicts and lists of arrays, numbers and text in one file.

    tt.save({"model": model.state_dict(), "epoch": 3}, "run.safetensors")
    state = tt.load("run.safetensors")
    model.load_state_dict(state["model"])

The file is in the safetensors format, which Hugging Face and PyTorch read too: arrays are its
tensors, each under the path of its keys ("model.0.weight"), and everything else is JSON in its
metadata. Loading runs no code. A file is replaced as a whole: after a crash at any moment there
is the old one or the new one; what a crash left half written has another name, which begins
with a dot and ends with ".unfinished".
"""

from __future__ import annotations

import json
import math
import os
import secrets
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_tr.errors import DtypeError, FileError, MissingDependencyError, describe
from tinygrad_tr.graph import Variable

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]

DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BOOL": "?",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip
WRITABLE = {np.dtype(code) for code in DTYPES.values()}
STATE, CHECKSUM = "tinygrad_tr", "tinygrad_tr.crc32"  # our entries of the metadata


def save(state: Any, path: str | os.PathLike[str]) -> Path:
    """Write a state to a file, so that `load` gives the same back to the last bit.

    A state is made of dicts with text as keys, lists, tuples, arrays, Tensors, numbers, bools,
    text and None; anything else is refused before the file is touched. Folders are made.
    Tensors and NumPy's numbers come back as arrays.
    """
    library = require_safetensors("save")
    arrays: Arrays = {}
    text = json.dumps(packed(state, "", arrays), allow_nan=False)
    metadata = {STATE: text, CHECKSUM: str(zlib.crc32(text.encode()))}
    file = Path(path)
    try:
        replace(file, library.numpy.save(arrays, metadata))
    except OSError as error:
        raise FileError("save", f"{file} cannot be written", got=str(error)) from error
    return file


def load(path: str | os.PathLike[str]) -> Any:
    """What `save` wrote; of other safetensors files the tensors by name, as a flat dict.

    bfloat16, which NumPy does not have, becomes float32.
    """
    library = require_safetensors("load")
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FileError("load", f"{file} cannot be read", got=str(error)) from error
    try:
        entries = library.deserialize(data)
    except library.SafetensorError as error:
        raise FileError(
            "load", f"{file} is cut off, damaged, or no safetensors file",
            got=f"{len(data):,} bytes: {error}", wanted="a whole file, written by save",
        ) from None  # fmt: skip
    arrays = {name: array_of(file, name, entry) for name, entry in entries}
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    ours = STATE in metadata or CHECKSUM in metadata
    return unpacked(file, metadata, arrays) if ours else arrays


def require_safetensors(operation: str) -> ModuleType:
    """The library, if it is installed."""
    try:
        import safetensors.numpy
    except ImportError:
        raise MissingDependencyError(
            operation, "files need safetensors, which is not installed",
            wanted="pip install 'tinygrad_tr[train]'",
        ) from None  # fmt: skip
    return safetensors


# ------------------------------------------------------------------ a state as JSON


def packed(value: Any, path: str, arrays: Arrays) -> Any:
    """The value as JSON has it; its arrays are put aside, under their paths.

    What JSON does not have is an object of one key that begins with one "$".
    """
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if abs(value) < 2**53 else {"$int": hex(value)}  # others' JSON rounds it
    if kind is float:
        return value if math.isfinite(value) else {"$float": str(value)}
    if kind in (list, tuple):
        items = [packed(item, joined(path, i), arrays) for i, item in enumerate(value)]
        return items if kind is list else {"$tuple": items}
    if isinstance(value, dict):
        return {key_of(path, key): packed(value[key], joined(path, key), arrays) for key in value}
    if isinstance(value, (Variable, np.ndarray, np.generic)):
        array = little_endian(value, path)
        name = free_name(path, arrays)
        arrays[name] = array
        return {"$array": [name, checksum(array)]}
    raise DtypeError(
        "save", f"{path or 'the state'} cannot be kept in a file", got=describe(value),
        wanted="dicts, lists, arrays, Tensors, numbers, text, None; of an object its state_dict()",
    )  # fmt: skip


def unpacked(file: Path, metadata: dict[str, str], arrays: Arrays) -> Any:
    """The state of which `packed` made the text, with its arrays in their places."""
    text = metadata.get(STATE, "")
    if metadata.get(CHECKSUM) != str(zlib.crc32(text.encode())):
        raise damaged(file, "its text")

    def whole(entry: list[Any]) -> Array:
        name, saved = entry
        if checksum(arrays[name]) != saved:
            raise damaged(file, name)
        return arrays[name]

    kinds: dict[str, Callable[[Any], Any]] = {
        "$array": whole, "$float": float, "$int": lambda text: int(text, 16), "$tuple": tuple,
    }  # fmt: skip

    def value_of(entry: dict[str, Any]) -> Any:
        for kind in entry.keys() & kinds.keys():
            return kinds[kind](entry[kind])
        return {key.removeprefix("$"): value for key, value in entry.items()}

    try:
        return json.loads(text, object_hook=value_of)
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(file, f"its text: {error}") from error


def key_of(path: str, key: Any) -> str:
    """A key of a dict as JSON has it: one that begins with "$" gets a second one."""
    if not isinstance(key, str):
        raise DtypeError(
            "save", f"a key of {path or 'the state'} is not text", got=describe(key),
            wanted="str, the only keys that JSON has",
        )  # fmt: skip
    return f"${key}" if key.startswith("$") else key


def joined(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def free_name(path: str, arrays: Arrays) -> str:
    """The path as the name of a tensor, unless another has it: {"a.b": x, "a": {"b": y}}."""
    name = path.encode(errors="backslashreplace").decode()
    while name in arrays or name == "__metadata__":
        name += "'"
    return name


def little_endian(value: Any, path: str) -> Array:
    """The numbers of an array or Tensor in one piece, as files have them."""
    value = value.value if isinstance(value, Variable) else value
    dtype = value.dtype.newbyteorder("<")
    if dtype not in WRITABLE or isinstance(value, np.ma.MaskedArray):
        raise DtypeError(
            "save", f"{path or 'the array'} is of a kind that files do not have",
            got=f"{type(value).__name__} {describe(value)}",
            wanted="floats of 16 to 64 bits, integers or bools; complex numbers as two arrays",
        )  # fmt: skip
    return np.asarray(value, dtype, order="C")


def checksum(array: Array) -> int:
    return zlib.crc32(array.reshape(-1).view(np.uint8).data)


def array_of(file: Path, name: str, entry: dict[str, Any]) -> Array:
    """A tensor of the file as an array that can be written to."""
    kind, data = entry["dtype"], entry["data"]
    if kind == "BF16":  # the upper half of a float32
        flat = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif kind in DTYPES:
        flat = np.frombuffer(data, DTYPES[kind])
    else:
        raise FileError(
            "load", f"{file}: {name!r} has numbers that NumPy does not have", got=kind,
            wanted=", ".join([*DTYPES, "BF16"]),
        )  # fmt: skip
    return flat.reshape(entry["shape"])


def damaged(file: Path, part: str) -> FileError:
    return FileError(
        "load", f"{file} was changed or damaged after it was saved", got=f"another {part}",
        wanted="the bytes that save wrote; remove the file, or take an older one",
    )  # fmt: skip


# ------------------------------------------------------------------ a file as a whole


def replace(file: Path, data: bytes) -> None:
    """Put the data in the place of the file, of which readers never see a part."""
    file = file.resolve()  # through a link, the file it leads to
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}.unfinished")
    try:
        with unfinished.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the new name is on the disk once its folder is
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
