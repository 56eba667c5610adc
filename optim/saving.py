"""The state of an optimizer as a dictionary, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, StateError, describe

if TYPE_CHECKING:
    from tinygrad_tr.optim.optimizer import Optimizer


def state_of(optimizer: Optimizer) -> dict[str, Any]:
    """`{"state": {name: {"step": 3, ...}}, "param_groups": [{"params": [name], ...}]}`."""
    return {
        "state": {slot.name: copied(slot.state) for slot in optimizer.slots() if slot.state},
        "param_groups": [
            {**group.options(), "params": [slot.name for slot in group.slots]}
            for group in optimizer.param_groups
        ],
    }


def load(optimizer: Optimizer, saved: Mapping[str, Any]) -> None:
    """Set state and options from what `state_of` made, after all of it was checked."""
    try:
        states, groups = dict(saved["state"]), [dict(group) for group in saved["param_groups"]]
        names = [list(group.pop("params")) for group in groups]
    except (KeyError, TypeError, ValueError):
        raise StateError(
            f"{optimizer.kind}.load_state_dict", "not the state of an optimizer",
            got=describe(saved), wanted='{"state": ..., "param_groups": ...}, from state_dict()',
        ) from None  # fmt: skip
    problems = [*misfits(optimizer, states, names, groups)]
    if problems:
        raise StateError(
            f"{optimizer.kind}.load_state_dict", "the saved state does not fit this optimizer",
            got="\n          ".join(problems), wanted=f"the state of {optimizer!r}",
        )  # fmt: skip
    for group, options in zip(optimizer.param_groups, groups, strict=True):
        for name, value in options.items():
            group[name] = value
        for slot in group.slots:
            slot.state = copied(states.get(slot.name, {}))
            if slot.state:
                slot.state["step"] = int(slot.state["step"])
            slot.array = None  # the next step looks at everything anew


def misfits(
    optimizer: Optimizer,
    states: Mapping[str, Any],
    names: list[list[str]],
    groups: list[dict[str, Any]],
) -> Iterator[str]:
    """A line for each thing in a saved state that the optimizer cannot take."""
    ours = [[slot.name for slot in group.slots] for group in optimizer.param_groups]
    if names != ours:
        yield f"the parameters {names} instead of {ours}"
        return
    for group, options in zip(optimizer.param_groups, groups, strict=True):
        for name in sorted(options.keys() ^ group.options().keys()):
            yield f"{name}: {'unexpected option' if name in options else 'missing option'}"
        for name in options.keys() & group.options().keys():
            try:
                group.checked(name, options[name])
            except ArgumentError as error:
                yield f"{name}: {error.problem}"
        for slot in group.slots:
            if slot.name in states:
                wanted = {"step": 0, **optimizer.init(slot.tensor.value, group)}
                yield from differences(slot.name, states[slot.name], wanted)
    for name in states.keys() - {slot.name for slot in optimizer.slots()}:
        yield f"{name}: state of an unknown parameter"


def differences(name: str, saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """A line for each entry of a parameter's saved state that is not as wanted."""
    for key in sorted(saved.keys() ^ wanted.keys()):
        yield f"{name}.{key}: {'unexpected' if key in saved else 'missing'}"
    for key in saved.keys() & wanted.keys():
        got, want = np.asarray(saved[key]), np.asarray(wanted[key])
        if (got.shape, got.dtype) != (want.shape, want.dtype):
            yield f"{name}.{key}: {got.shape} {got.dtype} instead of {want.shape} {want.dtype}"


def copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state that later steps do not change."""
    return {
        key: kept.copy() if isinstance(kept, np.ndarray) else kept for key, kept in state.items()
    }
