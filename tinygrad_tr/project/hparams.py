"""Hyperparameters: what is chosen, apart from the parameters, which are learned."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, describe


class HParams(Mapping[str, Any]):
    """Names and values that never change: `HParams(lr=0.01, layers=(64, 10))`.

        hparams.lr, hparams["lr"], hparams.replace(lr=0.1), network(**hparams)

    Values are numbers, text, bools, None, and tuples of these; lists become tuples, and NumPy's
    numbers Python's. It can be a key of a dict, and `HParams.from_json(hparams.to_json())` is
    equal to it. Course 1, week 4.
    """

    _values: dict[str, Any]

    def __init__(self, /, **values: Any) -> None:
        self.__dict__["_values"] = {name: kept(name, value) for name, value in values.items()}

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        if name not in values:
            raise AttributeError(f"no hyperparameter {name!r}; there are {', '.join(values)}")
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"hyperparameters do not change: use replace({name}={value!r})")

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def replace(self, /, **changes: Any) -> HParams:
        """The same with other values; the names stay what they are."""
        if unknown := sorted(changes.keys() - self.keys()):
            raise ArgumentError(
                "HParams.replace", "no such hyperparameter", got=", ".join(unknown),
                wanted=", ".join(self),
            )  # fmt: skip
        return HParams(**{**self._values, **changes})

    def to_json(self) -> str:
        """One line of text, from which `from_json` makes an equal HParams."""
        return json.dumps(self._values, allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> HParams:
        """The HParams of which `to_json` made the text."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ArgumentError(
                "HParams.from_json", "no JSON", got=str(error), wanted="what to_json() gave"
            ) from None
        if not isinstance(values, dict):
            raise ArgumentError(
                "HParams.from_json", "no object of names and values", got=describe(values),
                wanted="what to_json() gave",
            )  # fmt: skip
        return cls(**values)

    def __repr__(self) -> str:
        return f"HParams({', '.join(f'{name}={value!r}' for name, value in self.items())})"


def kept(name: str, value: Any) -> Any:
    """The value as JSON can hold it and a dict can have it as key."""
    if isinstance(value, (list, tuple)):
        return tuple(kept(name, item) for item in value)
    if isinstance(value, np.generic):
        value = value.item()
    finite = not isinstance(value, float) or math.isfinite(value)
    if not finite or not (value is None or isinstance(value, (bool, int, float, str))):
        raise DtypeError(
            "HParams", f"{name} cannot be written down", got=describe(value),
            wanted="finite numbers, text, bools, None, or tuples of these; of a class its name",
        )  # fmt: skip
    return value
