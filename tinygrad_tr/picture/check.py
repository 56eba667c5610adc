"""The gradient by finite differences, to be shown beside the one that the pullbacks made.

J is evaluated again in float64 with one tensor moved up and down a little: of a small tensor
each entry, of a large one all entries along a few random directions. Only the operations behind
the tensor are evaluated anew. Where a gradient is another by convention, at kinks, of symmetric
matrices or the padding of an embedding, they disagree rightly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_tr.check import STEP, relative_difference
from tinygrad_tr.graph import Node, Output, Variable, is_tracked, value_of
from tinygrad_tr.picture.numbers import SMALL, Numbers, measure
from tinygrad_tr.picture.passes import Passes, undisturbed

Array = Any

DIRECTIONS = 3
MOST = 300_000_000  # numbers computed; what would take more is left unchecked
CALL = 1000  # an operation costs as much as so many numbers
TOLERANCES = {8: 1e-5, 4: 1e-2}  # by the bytes of a number; a ReLU may fall on the other side
COARSE = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """A gradient compared with central differences.

    numeric     the differences: for all entries of a small gradient, or along some directions
    analytic    what the gradient says of these directions, None where all entries were compared
    difference  ‖a − n‖ / (‖a‖ + ‖n‖)
    agrees      whether it is as little as rounding allows
    """

    numeric: Numbers
    analytic: Numbers | None
    difference: float
    agrees: bool


def checks(ends: Sequence[Any], passes: Passes) -> dict[Any, Check]:
    """The checks of all leaves with a gradient, and of the results whose gradient is small."""
    with undisturbed():
        return dict(checked(ends, passes))


def checked(ends: Sequence[Any], passes: Passes) -> Iterator[tuple[Any, Check]]:
    """The leaves first, as long as it does not take too long."""
    base = evaluated(passes.nodes, {})
    tracked = [end for end in dict.fromkeys(ends) if is_tracked(end)]
    norms = [gradient.norm for gradient in passes.gradients.values() if not gradient.strange]
    spent = 0

    def objective(values: Mapping[Any, Array]) -> float:
        return float(sum(np.sum(value_in(values, end)) for end in tracked))

    J = objective(base)
    for x in sorted(passes.gradients, key=lambda x: isinstance(x, Node)):
        g = gradient_at(x, passes)
        if g is None or not np.size(g):
            continue
        spent += CALL * len(passes.nodes)  # to find what is behind it
        if spent > MOST:
            return
        behind = downstream(passes.nodes, x)
        moves = np.eye(np.size(g)) if np.size(g) <= SMALL else directions(np.size(g))
        cost = 2 * len(moves) * sum(CALL + numbers_in(base[node]) for node in behind)
        if spent + cost > MOST:
            continue
        spent += cost
        x0 = value_in(base, x)
        step = STEP * max(1.0, float(np.sqrt(np.mean(np.square(x0)))))
        slopes = []
        for move in moves:
            way = step * move.reshape(np.shape(x0))
            up, down = (
                objective(evaluated(behind, {**base, x: moved})) for moved in (x0 + way, x0 - way)
            )
            slopes.append((up - down) / (2 * step))
        # So far may rounding lead: of J in float64, and of the gradients in their own dtype.
        rounding = 100 * np.finfo(np.float64).eps * (1 + abs(J)) / step
        rounding += 10 * np.finfo(g.dtype).eps * max(norms, default=0.0)
        yield x, compared(g, moves, np.array(slopes), rounding)


def gradient_at(x: Any, passes: Passes) -> Array | None:
    """The gradient as an array: of a leaf, or of a result that has few entries."""
    if x in passes.arrays:
        return np.asarray(passes.arrays[x])
    gradient = passes.gradients[x]
    if gradient.entries is None:
        return None
    dtype = None if gradient.dtype == "float" else gradient.dtype
    return np.reshape(np.array(gradient.entries, dtype), gradient.shape)


def compared(g: Array, moves: Array, numeric: Array, rounding: float) -> Check:
    """The check of a gradient, from the differences along the moves (k, size of g)."""
    analytic = moves @ np.ravel(g).astype(np.float64)
    length = np.linalg.norm(analytic) + np.linalg.norm(numeric)
    apart = np.linalg.norm(analytic - numeric)
    tolerance = TOLERANCES.get(g.dtype.itemsize, COARSE)
    entrywise = np.size(g) <= SMALL
    return Check(
        measure(numeric.reshape(g.shape)[()] if entrywise else numeric, SMALL),
        None if entrywise else measure(analytic, SMALL),
        relative_difference(analytic, numeric),
        bool(apart <= tolerance * length + rounding),
    )


def numbers_in(value: Array) -> int:
    """How many numbers an operation made."""
    return sum(map(np.size, value)) if isinstance(value, tuple) else np.size(value)


def directions(n: int) -> Array:
    """Some random directions of length 1, the same at each call: (DIRECTIONS, n)."""
    moves = np.random.default_rng(n).standard_normal((DIRECTIONS, n))
    return moves / np.linalg.norm(moves, axis=1, keepdims=True)


def downstream(nodes: Sequence[Node], x: Any) -> list[Node]:
    """The nodes that depend on x, without x itself."""
    behind = {x}
    found = []
    for node in nodes:
        if node not in behind and any(isinstance(i, (Node, Variable)) and i in behind
                                      for i in node.inputs):  # fmt: skip
            behind.add(node)
            found.append(node)
    return found


def value_in(values: Mapping[Any, Array], x: Any) -> Array:
    """The value of a node, leaf or plain input in float64, moved if `values` has it so."""
    if isinstance(x, (Node, Variable)) and x in values:
        return values[x]
    return doubled(value_of(x))


def evaluated(nodes: Sequence[Node], given: Mapping[Any, Array]) -> dict[Any, Array]:
    """The values of nodes (by rising stamp) from those given, everything in float64."""
    values = dict(given)
    for node in nodes:
        inputs = [value_in(values, x) for x in node.inputs]
        if node.__class__ is Output:
            values[node] = inputs[0][node.keywords["index"]]
        elif node.rule.name == "astype":  # to less than float64 would undo the point of it
            values[node] = inputs[0]
        else:
            values[node] = node.rule.function(*inputs, **node.keywords)[0]
    return values


def doubled(x: Any) -> Any:
    """Numbers of any float dtype in float64, all else as it is."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f":
        return x.astype(np.float64)
    return x
