"""Checkpoints: everything that a training goes on from, in one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any, Protocol

import numpy as np

from tinygrad_tr import files
from tinygrad_tr.creation import generator_or_default, set_state
from tinygrad_tr.errors import ArgumentError, FileError, StateError, describe
from tinygrad_tr.nn import Module


class Stateful(Protocol):
    """Whatever can be part of a checkpoint."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any) -> Any: ...


class Checkpoint:
    """A file with the state of all parts of a training, and of every random generator in them.

    `tt.train.fit` keeps one by itself; in a loop of your own it is

        checkpoint = tt.train.Checkpoint(
            "run.safetensors", model=model, optimizer=optimizer, loader=loader
        )
        if checkpoint.path.exists():
            checkpoint.load()
        ...
        checkpoint.save()

    A part is anything with `state_dict()` and `load_state_dict()`; None is left out. The
    generators are the default one and those that modules and a loader's transform hold, as
    `nn.Dropout(generator=...)` and `RandomCrop(28, generator=...)`.
    """

    def __init__(self, path: str | os.PathLike[str], **parts: Stateful | None) -> None:
        files.require_safetensors("Checkpoint")
        self.path = Path(path)
        given = {name: part for name, part in parts.items() if part is not None}
        for name, part in given.items():
            if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
                raise ArgumentError(
                    "Checkpoint", f"{name} has no state to keep", got=describe(part),
                    wanted="an object with state_dict() and load_state_dict()",
                )  # fmt: skip
        self.parts: dict[str, Stateful] = {**given, "random": Generators(given)}

    def save(self) -> None:
        """Put the state of now in the place of what the file holds."""
        files.save({"kinds": self.kinds(), "parts": self.state()}, self.path)

    def load(self) -> None:
        """Put every part where the file has it. All or nothing: an error changes no part."""
        saved = files.load(self.path)
        if not isinstance(saved, dict) or saved.keys() != {"kinds", "parts"}:
            raise FileError(
                "Checkpoint.load", f"{self.path} is no checkpoint",
                wanted="a file that Checkpoint.save, or fit(checkpoint=...), has written",
            )  # fmt: skip
        self.refuse_others(saved["kinds"])
        before = self.state()
        try:
            for name, part in self.parts.items():
                part.load_state_dict(saved["parts"][name])
        except Exception as error:
            for other, part in self.parts.items():
                part.load_state_dict(before[other])
            said = str(error).removesuffix(f"\n  at:     {getattr(error, 'at', '')}")
            raise self.refused(f"its {name} does not fit", "\n" + indent(said, "    ")) from error

    def refuse_others(self, kinds: dict[str, str]) -> None:
        """Refuse parts of another class: it would read the same numbers in another way."""
        own = self.kinds()
        other = [
            f"{name}: {kinds.get(name, 'nothing')} instead of {own.get(name, 'nothing')}"
            for name in own | kinds
            if own.get(name) != kinds.get(name)
        ]
        if other:
            raise self.refused("it has other parts", ", ".join(other))

    def kinds(self) -> dict[str, str]:
        """The class of each part."""
        return {name: type(part).__name__ for name, part in self.parts.items()}

    def state(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self.parts.items()}

    def refused(self, problem: str, got: str) -> StateError:
        return StateError(
            "Checkpoint.load", f"{self.path} is of another training: {problem}", got=got,
            wanted="the same model, optimizer, loader ...; or another file, or resume=False, "
            "which starts anew and replaces this one",
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}: {', '.join(self.parts)})"


class Generators:
    """The default generator, and those of modules and of transforms, as one part."""

    def __init__(self, parts: dict[str, Stateful]) -> None:
        self.parts = parts

    def named(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Every generator with its path."""
        yield "default", generator_or_default()
        for name, part in self.parts.items():
            if isinstance(part, Module):
                for path, module in part.named_modules(name):
                    yield from held(path, module)
            else:
                yield from held_by_transform(f"{name}.transform", getattr(part, "transform", None))

    def state_dict(self) -> dict[str, Any]:
        return {name: generator.bit_generator.state for name, generator in self.named()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        own = dict(self.named())
        if state.keys() != own.keys():
            raise StateError(
                "random generators", "others than were saved", got=", ".join(state),
                wanted=", ".join(own),
            )  # fmt: skip
        for name, generator in own.items():
            set_state(name, generator, state[name])


def held(path: str, owner: Any) -> Iterator[tuple[str, np.random.Generator]]:
    """The generators in the attributes of an object."""
    for attribute, value in getattr(owner, "__dict__", {}).items():
        if isinstance(value, np.random.Generator):
            yield f"{path}.{attribute}", value


def held_by_transform(path: str, transform: Any) -> Iterator[tuple[str, np.random.Generator]]:
    """The generators of a transform, and of those that a `Compose` is made of."""
    yield from held(path, transform)
    for i, inner in enumerate(getattr(transform, "transforms", ())):
        yield from held_by_transform(f"{path}.{i}", inner)
