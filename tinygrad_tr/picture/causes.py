"""Why an operation lets little of a gradient through: looked up by its rule, from its numbers.

Each cause is a function of a node, its inputs, its output and the gain of its gradient. It gives
(kind, severity, weight, facts), as `health.Finding` has them, or None where all is well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_tr.kernels.shape import stretched_axes
from tinygrad_tr.rules.activations import softmax
from tinygrad_tr.rules.attention import attention_weights

Array = Any
Cause = tuple[str, str, float, dict[str, float | str]]

FLAT = 0.05  # a slope below this lets next to nothing through
CERTAIN = 0.999  # a probability above this is one
OFTEN, MOSTLY = 0.5, 0.9  # shares from which something is worth a note, or a warning
ENOUGH = 8  # examples; in fewer, that a unit is silent says little
SILENT = 0.25  # a share of silent units that is worth a note
FEW = 0.1  # a share of clipped numbers, of wrong answers, of equal inputs that is


def cause_of(node: Any, inputs: Sequence[Array], output: Array, gain: float | None) -> Cause | None:
    """What the operation does to its gradient, if that is worth telling."""
    find = CAUSES.get(node.rule.name)
    first = output[0] if isinstance(output, tuple) else output
    if find is None or not np.size(first):
        return None
    return find(node, inputs, first, gain)


def severity(share: float) -> str:
    return "warning" if share >= MOSTLY else "note"


def multiplied(gain: float | None) -> dict[str, float | str]:
    """The fact of the gain, if there is one."""
    return {} if gain is None else {"gain": gain}


# ------------------------------------------------------------------ activations


def dead(node: Any, inputs: Sequence[Array], output: Array, gain: float | None) -> Cause | None:
    """ReLUs whose inputs are not above 0, and units that are silent for the whole batch."""
    asleep = np.asarray(inputs[0]) <= 0
    share = float(asleep.mean())
    silent, units = silent_units(asleep)
    if share < MOSTLY and silent < SILENT * max(units, 1):
        return None
    facts: dict[str, float | str] = {"share": share, "silent": silent, "units": units}
    if share == 1:
        return "all dead", "error", share, facts
    if not silent:
        return "dead", "warning", share, facts
    level = severity(share) if silent < OFTEN * units else "warning"
    return "silent", level, max(share, silent / units), facts


def silent_units(asleep: Array) -> tuple[int, int]:
    """How many units are asleep in every example, and how many there are; 0 of 0 if unknown.

    Units are the last axis, of images (N, C, H, W) the channels.
    """
    if asleep.ndim < 2:
        return 0, 0
    unit = 1 if asleep.ndim == 4 else asleep.ndim - 1
    others = tuple(axis for axis in range(asleep.ndim) if axis != unit)
    if asleep.size < ENOUGH * asleep.shape[unit]:
        return 0, 0
    return int(asleep.all(axis=others).sum()), asleep.shape[unit]


SLOPES: Mapping[str, Callable[[Array, Array], Array]] = {  # from the input and the output
    "sigmoid": lambda x, out: out * (1 - out),
    "tanh": lambda x, out: 1 - out * out,
    "softsign": lambda x, out: np.square(1 - np.absolute(out)),
    "rnn": lambda x, out: 1 - out * out,
}


def saturated(
    node: Any, inputs: Sequence[Array], output: Array, gain: float | None
) -> Cause | None:
    """Sigmoids and tanhs so far from 0 that they are flat there."""
    x = np.asarray(inputs[0])
    share = float((SLOPES[node.rule.name](x, output) < FLAT).mean())
    if share < OFTEN:
        return None
    facts = {"share": share, "mean": float(np.absolute(x).mean()), **multiplied(gain)}
    return "saturated", severity(share), share, facts


def saturated_states(
    node: Any, inputs: Sequence[Array], output: Array, gain: float | None
) -> Cause | None:
    """The states of a recurrent layer of tanhs; all dead, of one of ReLUs."""
    if node.keywords["nonlinearity"] == "relu":
        return dead(node, [output], output, gain)
    share = float((SLOPES["rnn"](None, output) < FLAT).mean())
    return None if share < OFTEN else ("saturated states", severity(share), share, {"share": share})


# ------------------------------------------------------------------ probabilities


def peaked(probabilities: Array, axis: int, choices: Array | None = None) -> float:
    """The share of the rows in which one of several choices has all the probability."""
    certain = np.max(probabilities, axis=axis, initial=0) > CERTAIN
    if choices is not None:
        certain = certain[choices]
    return float(certain.mean()) if certain.size else 0.0


def certain(node: Any, inputs: Sequence[Array], output: Array, gain: float | None) -> Cause | None:
    """A softmax that is 0 or 1: its slopes p(1 − p) are 0 at both."""
    axis = node.keywords.get("axis", -1)
    if np.shape(output)[axis] < 2:
        return None
    p = np.exp(output) if node.rule.name == "log_softmax" else output
    share = peaked(p, axis)
    if share < OFTEN:
        return None
    return "certain", severity(share), share, {"share": share, **multiplied(gain)}


def attentive(
    node: Any, inputs: Sequence[Array], output: Array, gain: float | None
) -> Cause | None:
    """Attention that looks at one key only, where it may look at several."""
    q, k, _, bias, _ = inputs
    where, scale = node.keywords["where"], node.keywords["scale"]
    weights = attention_weights(q, k, bias, where=where, scale=scale)
    several = np.full(weights.shape[:-1], weights.shape[-1] > 1)
    if where is not None:
        several &= np.broadcast_to(where, weights.shape).sum(axis=-1) > 1
    share = peaked(weights, -1, several)
    return None if share < OFTEN else ("attentive", severity(share), share, {"share": share})


def sure(node: Any, inputs: Sequence[Array], output: Array, gain: float | None) -> Cause | None:
    """A cross-entropy whose softmax is at 1, and how often it is wrong there."""
    x, target = inputs[:2]
    p = softmax(np.asarray(x), axis=1)
    wanted = target if node.rule.name == "cross_entropy" else np.argmax(target, axis=1)
    rows = np.max(p, axis=1, initial=0) > CERTAIN
    share = float(rows.mean()) if rows.size else 0.0
    if share < OFTEN or p.shape[1] < 2:
        return None
    wrong = float((np.argmax(p, axis=1) != wanted)[rows].mean())
    size = float(np.absolute(x).max())
    facts: dict[str, float | str] = {"share": share, "share wrong": wrong, "largest": size}
    if wrong >= FEW:
        return "sure and wrong", "warning", wrong, facts
    return "sure", "note", share, facts


# ------------------------------------------------------------------ normalisation and masks


def level(node: Any, inputs: Sequence[Array], output: Array, gain: float | None) -> Cause | None:
    """A normalisation of numbers that hardly differ: ε is larger than their variance."""
    x = np.asarray(inputs[0], np.float64)
    axes, eps = node.keywords["axes"], node.keywords["eps"]
    if not math.prod(x.shape[axis] for axis in axes):
        return None
    centred = node.keywords.get("centred", True)
    variance = x.var(axis=axes) if centred else np.mean(np.square(x), axis=axes)
    count, of = int((variance < eps).sum()), int(np.size(variance))
    if not count:
        return None
    facts: dict[str, float | str] = {"count": count, "of": of, "eps": eps, **multiplied(gain)}
    return "level", "warning" if count >= FEW * of else "note", count / of, facts


def bounds(node: Any, inputs: Sequence[Array]) -> tuple[Any, Any]:
    """Outside of which a clipping operation is flat."""
    if node.rule.name == "clip":
        return inputs[1], inputs[2]
    if node.rule.name == "hardtanh":
        facts = {"min_val": -1.0, "max_val": 1.0} | dict(node.keywords)
        return facts["min_val"], facts["max_val"]
    return -3.0, 3.0  # hardsigmoid


def clipped(node: Any, inputs: Sequence[Array], output: Array, gain: float | None) -> Cause | None:
    """Numbers outside of the bounds, which get no gradient."""
    x, (low, high) = inputs[0], bounds(node, inputs)
    outside = np.zeros(np.shape(output), bool)
    if low is not None:
        outside |= np.less(x, low)
    if high is not None:
        outside |= np.greater(x, high)
    share = float(outside.mean())
    return None if share < FEW else ("clipped", severity(share), share, {"share": share})


def masked(node: Any, inputs: Sequence[Array], output: Array, gain: float | None) -> Cause | None:
    """A choice or a mask that keeps most of the gradient from a tensor that needs it."""
    kept = MASKS[node.rule.name](*inputs)
    shares = [0.0]
    for i, mask in kept.items():
        stretched = bool(stretched_axes(np.shape(output), np.shape(inputs[i])))
        if gets_gradient(node.inputs[i]) and not stretched:
            shares.append(1 - float(np.broadcast_to(mask, np.shape(output)).mean()))
    share, enough = max(shares), MOSTLY if node.rule.name == "dropout" else OFTEN
    return None if share <= enough else ("masked", severity(share), share, {"share": share})


def gets_gradient(x: Any) -> bool:
    """Whether an input of a node is a result, or a leaf that requires a gradient."""
    return bool(getattr(x, "tracked", hasattr(x, "rule")))


# By the place of the input, where it gets the gradient.
MASKS: Mapping[str, Callable[..., dict[int, Array]]] = {
    "maximum": lambda x, y: {0: np.greater_equal(x, y), 1: np.greater_equal(y, x)},
    "fmax": lambda x, y: {0: np.greater_equal(x, y), 1: np.greater_equal(y, x)},
    "minimum": lambda x, y: {0: np.less_equal(x, y), 1: np.less_equal(y, x)},
    "fmin": lambda x, y: {0: np.less_equal(x, y), 1: np.less_equal(y, x)},
    "where": lambda condition, x, y: {1: condition, 2: np.logical_not(condition)},
    "dropout": lambda x, mask: {0: mask},
}

CAUSES: Mapping[str, Callable[..., Cause | None]] = {
    "relu": dead, "relu6": dead,
    "sigmoid": saturated, "tanh": saturated, "softsign": saturated, "rnn": saturated_states,
    "softmax": certain, "log_softmax": certain, "attention": attentive,
    "cross_entropy": sure, "soft_cross_entropy": sure,
    "normalize": level, "normalize_with_moments": level,
    "clip": clipped, "hardtanh": clipped, "hardsigmoid": clipped,
    **dict.fromkeys(MASKS, masked),
}  # fmt: skip
