"""What each rule is called with when it is timed: about n numbers, and the facts it needs.

An elementwise rule takes n numbers for each of its arrays, which its registration tells. Any
other says here how it is called; one that does not is named in the listing as not timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_tr.kernels.windows import sliding
from tinygrad_tr.rule import Rule


class Call(NamedTuple):
    """Arrays by position, facts by keyword."""

    arrays: list[Any]
    facts: dict[str, Any]


# Where an elementwise function is not defined on (0, 1), where all others are.
RANGES = {"arccosh": (1.1, 1.9)}
CONDITIONS = {"condition", "mask"}  # arguments that are booleans
FACTS = {"dropout": {"keep": 0.9}}  # keywords without which a rule cannot be called

WIDTH = 64  # of the tables, features and channels below
ORDER = 16  # of the matrices that are factored: a stack of them


def call(made: Rule[...], n: int) -> Call | None:
    """How the rule is called with about n numbers; None if nobody has said."""
    if made.elementwise:
        return Call(operands(made, n), FACTS.get(made.name, {}))
    sample = SAMPLES.get(made.name)
    return sample(n) if sample else None


def operands(made: Rule[...], n: int) -> list[Any]:
    """An array of n numbers for each argument, inside an elementwise rule's domain."""
    rng = np.random.default_rng(0)
    if made.variadic:  # a step of NumPy's: some take only integers
        wide = any(kinds.startswith("f") for kinds in made.numpy.types)
        dtype = np.float32 if wide else np.int64
        return [rng.uniform(1, 9, n).astype(dtype) for _ in range(made.numpy.nin)]
    low, high = RANGES.get(made.name, (0.1, 0.9))
    return [
        rng.random(n) < 0.5 if name in CONDITIONS else rng.uniform(low, high, n).astype(np.float32)
        for name in made.arrays
    ]


# --------------------------------------------------------------------------- arrays


def numbers(*shape: int) -> Any:
    """Numbers in (0.5, 1.5), whose products neither vanish nor overflow soon."""
    return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)


def side(n: int) -> int:
    """Of a square of n numbers."""
    return max(round(n**0.5), 1)


def square(n: int) -> Any:
    return numbers(side(n), side(n))


def rows(n: int, width: int = WIDTH) -> Any:
    """(n / width, width)."""
    return numbers(max(n // width, 1), width)


def picture(n: int, channels: int = 16, of: int = 1) -> Any:
    """(1, C, S, S) with a side that is a multiple of `of`."""
    length = max(side(n // channels) // of, 1) * of
    return numbers(1, channels, length, length)


def matrices(n: int) -> Any:
    """A stack of symmetric positive definite matrices, far from singular."""
    x = numbers(max(n // ORDER**2, 1), ORDER, ORDER) - 1
    return x @ x.swapaxes(1, 2) + np.diag(1 + np.arange(ORDER, dtype=np.float32))


def places(n: int, *shape: int) -> Any:
    """Indices below n, some twice."""
    return np.random.default_rng(1).integers(0, n, shape)


# --------------------------------------------------------------------------- how they are called


def of(make: Callable[[int], Any], **facts: Any) -> Callable[[int], Call]:
    """The rule of one array, with facts that do not depend on the size."""
    return lambda n: Call([make(n)], facts)


def pair(n: int, **facts: Any) -> Call:
    return Call([square(n), square(n)], facts)


def picked(x: Any, count: int, **facts: Any) -> Call:
    """Rows of x by their numbers, as many as there are."""
    return Call([x], {"indices": places(len(x), count), **facts})


def along_axis(n: int) -> Any:
    x = square(n)
    return x, places(len(x), *x.shape)


def filters(n: int) -> tuple[Any, Any]:
    """A picture, and 16 filters of 3 × 3 for its channels."""
    return picture(n), numbers(16, 16, 3, 3) / 72


SAME = {"size": (3, 3), "stride": (1, 1), "padding": (1, 1), "dilation": (1, 1)}


def conv(n: int) -> Call:
    x, weight = filters(n)
    return Call([x, weight, numbers(16)], SAME)


def conv_transpose(n: int) -> Call:
    x, weight = filters(n)
    return Call([x, weight, numbers(16)], {**SAME, "size": x.shape[2:]})


def conv_filter(n: int) -> Call:
    return Call([picture(n), picture(n)], SAME)


def windows(n: int) -> tuple[Any, Any]:
    """A picture, and windows of 2 × 2 over it."""
    x = picture(n, of=2)
    return x, [sliding(x.shape[2], 2, 2)] * 2


def pooled(n: int, **facts: Any) -> Call:
    x, over = windows(n)
    return Call([x], {"windows": over, **facts})


def spread(n: int) -> Call:
    x, over = windows(n)
    return Call([x[..., ::2, ::2].copy()], {"windows": over, "plane": x.shape[2:]})


def quarter(n: int) -> tuple[Any, Any, Any]:
    """A picture, the numbers of a quarter of its places, and these places."""
    x = picture(n, of=2)
    plane = x.shape[2] * x.shape[3]
    small = x[..., ::2, ::2].copy()
    return x, small, np.broadcast_to(np.arange(0, plane, 4).reshape(small.shape[2:]), small.shape)


def unpool(n: int) -> Call:
    x, small, where = quarter(n)
    return Call([small], {"places": where, "shape": x.shape, "axes": 2})


def pick(n: int) -> Call:
    x, _, where = quarter(n)
    return Call([x], {"places": where, "axes": 2})


UNIT = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}


def unfold(n: int) -> Call:
    x = picture(n)
    positions = tuple(length - 2 for length in x.shape[2:])
    return Call([x], {"kernel": (3, 3), "positions": positions, **UNIT})


def fold(n: int) -> Call:
    length = picture(n // 9).shape[2]
    size = (length + 2, length + 2)
    return Call([numbers(1, 16, 3, 3, length, length)], {"size": size, **UNIT})


def normalize(n: int) -> Call:
    x = rows(n)
    return Call([x, *numbers(2, WIDTH)], {"axes": (1,), "eps": 1e-5, "centred": True})


def normalize_with_moments(n: int) -> Call:
    x = rows(n)
    return Call([x, *numbers(2, WIDTH)], {"axes": (0,), "eps": 1e-5})


def attention(n: int) -> Call:
    """Heads of 16 features over 64 steps."""
    q, k, v = (numbers(max(n // 1024, 1), 64, 16) for _ in range(3))
    return Call([q, k, v, None, None], {"where": None, "scale": 0.25, "keep": 1.0})


def classes(n: int) -> Call:
    x = rows(n)
    return Call([x, places(WIDTH, len(x)), 1 / len(x)], {"total": True})


def soft_classes(n: int) -> Call:
    x = rows(n)
    return Call([x, np.full_like(x, 1 / WIDTH), 1 / len(x)], {"total": True})


def ctc(n: int) -> Call:
    """As many steps as fit of 8 sequences over 32 signs, of 4 targets each."""
    steps = max(n // 256, 8)
    x = -np.log(np.full((steps, 8, 32), 32, np.float32))
    return Call([x, places(31, 8, 4) + 1, np.full(8, steps), np.full(8, 4)], {"blank": 0})


def recurrent(gates: int, biases: int, states: int = 1, after: Any = (), **facts: Any) -> Any:
    """Steps of 32 sequences with 32 features and as many units, `gates` of each."""

    def sample(n: int) -> Call:
        x, state = numbers(max(n // 1024, 1), 32, 32) - 1, numbers(32, 32) - 1
        weights = [(numbers(32 * gates, 32) - 1) / 8 for _ in range(2)]
        bias = [numbers(32 * gates) - 1 for _ in range(biases)]
        return Call([x, *[state] * states, *weights, *bias, *after], {"going": None, **facts})

    return sample


def linear(n: int) -> Call:
    return Call([rows(n), numbers(WIDTH, WIDTH), numbers(WIDTH)], {})


SAMPLES: dict[str, Callable[[int], Call]] = {
    # shape
    "broadcast_to": lambda n: Call([numbers(side(n))], {"shape": (side(n), side(n))}),
    "reshape": lambda n: Call([square(n)], {"shape": (side(n) ** 2,)}),
    "transpose": of(square), "swapaxes": of(square, axis1=0, axis2=1),
    "moveaxis": of(square, source=0, destination=1), "expand_dims": of(square, axis=0),
    "squeeze": of(lambda n: square(n)[None]), "flip": of(square),
    "roll": of(square, shift=1, axis=0), "rot90": of(square),
    "pad": of(square, widths=((1, 1), (1, 1)), value=0.0),
    "tril": of(square), "triu": of(square), "diagflat": lambda n: Call([numbers(side(n))], {}),
    "astype": of(square, dtype=np.dtype(np.float64)), "copy": of(square),
    "concatenate": pair, "stack": pair,
    "split": lambda n: Call([square(n)], {"at": (side(n) // 2,), "axis": 0}),
    # indexing
    "getitem": of(square, index=slice(None, None, 2)),
    "scatter": lambda n: Call(
        [square(n)], {"index": slice(None, side(n)), "shape": (2 * side(n), side(n))}
    ),
    "setitem": lambda n: Call([square(n), numbers(side(n))], {"index": 0}),
    "take": lambda n: picked(square(n), side(n), axis=0),
    "scatter_rows": lambda n: picked(square(n), side(n), axis=0, shape=square(n).shape),
    "take_along_axis": lambda n: Call(
        [square(n)], {"indices": places(side(n), side(n), side(n)), "axis": 1}
    ),
    "scatter_along_axis": lambda n: Call(
        [square(n)],
        {"indices": places(side(n), side(n), side(n)), "axis": 1, "shape": (side(n), side(n))},
    ),
    "scatter_add": lambda n: pair(n, index=places(side(n), side(n), side(n)), axis=0),
    "embedding": lambda n: picked(rows(n), len(rows(n)), share=None),
    "sort": of(square, axis=-1, descending=False),
    "argsort": of(square, axis=-1, descending=False), "nonzero": of(square),
    # reductions
    **{
        name: of(square, axis=1)
        for name in (
            "sum", "mean", "prod", "max", "min", "var", "std", "logsumexp", "cumsum", "cumprod",
            "any", "all", "argmax", "argmin", "count_nonzero", "softmax", "log_softmax",
        )
    },
    "norm": of(square, axis=(1,), keepdims=False),
    "p_norm": of(square, p=3, axis=(1,), keepdims=False),
    # products, layers, losses
    "matmul": pair, "einsum": lambda n: pair(n, subscripts="ij,ij->i"),
    "linear": linear, "normalize": normalize,
    "normalize_with_moments": normalize_with_moments, "attention": attention,
    "mse_loss": lambda n: pair(n, reduction="mean"),
    "binary_cross_entropy_with_logits": lambda n: pair(n, reduction="mean"),
    "cross_entropy": classes, "soft_cross_entropy": soft_classes, "ctc": ctc,
    # windows
    "conv": conv, "conv_transpose": conv_transpose, "conv_filter": conv_filter,
    "max_pool": pooled, "avg_pool": lambda n: pooled(n, divisor=4), "spread": spread,
    "unpool": unpool, "pick": pick, "unfold": unfold, "fold": fold,
    # recurrence
    "rnn": recurrent(1, 1, nonlinearity="tanh"), "gru": recurrent(3, 2),
    "lstm": recurrent(4, 1, states=2, after=(None,)),
    # linear algebra
    "inv": of(matrices), "det": of(matrices), "cofactors": of(matrices), "slogdet": of(matrices),
    "solve": lambda n: Call([matrices(n), numbers(len(matrices(n)), ORDER, 1)], {}),
    "cholesky": of(matrices), "qr": of(matrices, complete=False), "svd": of(matrices, full=False),
    "svdvals": of(matrices), "eigh": of(matrices, UPLO="L"), "eigvalsh": of(matrices),
    "pinv": of(matrices, rcond=np.float32(1e-6)),
}  # fmt: skip
"""By the name of the rule: how it is called with about n numbers."""
