"""Rows for tinygrad_tr/rules/reduction.py."""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, apart, fixed, normal, uniform

x = normal(2, 3, 4)
zeros = fixed([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0], [1.0, 2.0, -1.0]])


def both(rule, numpy, torch_call, inputs, **options):
    """The reduction over all axes, over one, and over two kept ones."""
    return [
        Case(rule, numpy, [inputs], lambda torch, a: torch_call(torch, a, None, False), **options),
        Case(rule, lambda a: numpy(a, axis=1), [inputs],
             lambda torch, a: torch_call(torch, a, 1, False), label="axis", **options),
        Case(rule, lambda a: numpy(a, axis=(0, -1), keepdims=True), [inputs],
             lambda torch, a: torch_call(torch, a, (0, 2), True), label="axes", **options),
    ]  # fmt: skip


CASES = [
    *both("sum", np.sum, lambda torch, a, dim, keep: torch.sum(a, dim, keep), x),
    *both("mean", np.mean, lambda torch, a, dim, keep: torch.mean(a, dim, keep), x),
    *both("max", np.max,
          lambda torch, a, dim, keep: torch.amax(a, () if dim is None else dim, keep),
          apart(2, 3, 4)),
    *both("min", np.min,
          lambda torch, a, dim, keep: torch.amin(a, () if dim is None else dim, keep),
          apart(2, 3, 4)),
    *both("var", np.var,
          lambda torch, a, dim, keep: torch.var(a, dim, correction=0, keepdim=keep), x),
    *both("std", np.std,
          lambda torch, a, dim, keep: torch.std(a, dim, correction=0, keepdim=keep), x),
    *both("logsumexp", tt.logsumexp,
          lambda torch, a, dim, keep: torch.logsumexp(a, (0, 1, 2) if dim is None else dim, keep),
          x),
    Case("var", lambda a: np.var(a, axis=0, ddof=1), [x],
         lambda torch, a: torch.var(a, 0), label="ddof"),
    Case("std", lambda a: tt.std(a, axis=-1, correction=1), [x],
         lambda torch, a: torch.std(a, -1), label="correction"),
    Case("prod", np.prod, [uniform(0.5, 2, 2, 3)], lambda torch, a: torch.prod(a)),
    Case("prod", lambda a: np.prod(a, axis=1), [x], lambda torch, a: torch.prod(a, 1),
         label="axis"),
    Case("prod", lambda a: np.prod(a, axis=(0, 2), keepdims=True), [x], label="axes",
         value=lambda a: np.prod(a, axis=(0, 2), keepdims=True)),
    Case("prod", lambda a: np.prod(a, axis=1), [zeros], lambda torch, a: torch.prod(a, 1),
         label="zeros"),
    Case("cumsum", lambda a: np.cumsum(a, axis=1), [x], lambda torch, a: torch.cumsum(a, 1)),
    Case("cumsum", np.cumsum, [x], lambda torch, a: torch.cumsum(a.flatten(), 0), label="flat"),
    Case("cumprod", lambda a: np.cumprod(a, axis=1), [x], lambda torch, a: torch.cumprod(a, 1)),
    Case("cumprod", lambda a: np.cumprod(a, axis=0), [zeros],
         lambda torch, a: torch.cumprod(a, 0), label="zeros"),
    Case("cumprod", np.cumprod, [x], lambda torch, a: torch.cumprod(a.flatten(), 0), label="flat"),
]  # fmt: skip

STEPS = [
    ("any", [x]), ("all", [x]), ("argmax", [x]), ("argmin", [x]), ("count_nonzero", [x]),
]  # fmt: skip
