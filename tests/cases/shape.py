"""Rows for tinygrad_tr/rules/shape.py."""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, normal

x = normal(2, 3, 4)
matrix = normal(3, 4)
vector = normal(3)


def case(rule, function, inputs, torch=None, label="", **options):
    """All of these are linear, so their second derivative is 0: checked all the same."""
    value = None if torch else function
    return Case(rule, function, inputs, torch, value=value, label=label, **options)


CASES = [
    case("broadcast_to", lambda a: np.broadcast_to(a, (2, 3, 4)), [normal(3, 1)],
         lambda torch, a: a.expand(2, 3, 4)),
    case("broadcast_to", lambda a: np.broadcast_to(a, (70, 80)), [normal(80)],
         lambda torch, a: a.expand(70, 80), label="large", keeps=80.0),
    case("reshape", lambda a: a.reshape(4, -1), [x], lambda torch, a: a.reshape(4, -1)),
    case("reshape", lambda a: tt.flatten(a, 1), [x], lambda torch, a: a.flatten(1),
         label="flatten"),
    case("reshape", np.ravel, [x], lambda torch, a: a.flatten(), label="ravel"),
    case("transpose", lambda a: a.T, [matrix], lambda torch, a: a.T),
    case("transpose", lambda a: np.transpose(a, (2, 0, 1)), [x],
         lambda torch, a: a.permute(2, 0, 1), label="axes"),
    case("transpose", lambda a: a.transpose(-1, 0, 1), [x],
         lambda torch, a: a.permute(2, 0, 1), label="method"),
    case("swapaxes", lambda a: np.swapaxes(a, 0, -1), [x], lambda torch, a: a.swapaxes(0, -1)),
    case("swapaxes", lambda a: a.mT, [x], lambda torch, a: a.mT, label="mT"),
    case("moveaxis", lambda a: np.moveaxis(a, 0, -1), [x],
         lambda torch, a: torch.moveaxis(a, 0, -1)),
    case("moveaxis", lambda a: np.moveaxis(a, (0, 1), (1, 2)), [x],
         lambda torch, a: torch.moveaxis(a, (0, 1), (1, 2)), label="axes"),
    case("expand_dims", lambda a: np.expand_dims(a, 1), [matrix],
         lambda torch, a: a.unsqueeze(1)),
    case("squeeze", np.squeeze, [normal(1, 3, 1)], lambda torch, a: a.squeeze()),
    case("squeeze", lambda a: a.squeeze(0), [normal(1, 3, 1)], lambda torch, a: a.squeeze(0),
         label="axis"),
    case("concatenate", lambda a, b: np.concatenate([a, b, a], axis=1), [matrix, normal(3, 2)],
         lambda torch, a, b: torch.cat([a, b, a], 1)),
    case("concatenate", lambda a, b: np.concatenate([a, b], axis=None), [matrix, normal(3, 2)],
         lambda torch, a, b: torch.cat([a.flatten(), b.flatten()]), label="flat"),
    case("concatenate", lambda a, b: np.hstack([a, b]), [matrix, normal(3, 2)],
         lambda torch, a, b: torch.hstack([a, b]), label="hstack"),
    case("concatenate", lambda a, b: np.vstack([a, b]), [vector, normal(3)],
         lambda torch, a, b: torch.vstack([a, b]), label="vstack"),
    case("concatenate", lambda a, b: np.dstack([a, b]), [matrix, normal(3, 4)],
         lambda torch, a, b: torch.dstack([a, b]), label="dstack"),
    case("concatenate", lambda a, b: np.column_stack([a, b]), [vector, matrix],
         lambda torch, a, b: torch.column_stack([a, b]), label="column_stack"),
    case("stack", lambda a, b: np.stack([a, b], axis=1), [matrix, normal(3, 4)],
         lambda torch, a, b: torch.stack([a, b], 1)),
    case("stack", lambda a, b: np.stack([a, b, a], axis=-1), [vector, normal(3)],
         lambda torch, a, b: torch.stack([a, b, a], -1), label="last"),
    case("split", lambda a: np.split(a, 2, axis=2)[1], [x],
         lambda torch, a: torch.split(a, 2, 2)[1]),
    case("split", lambda a: np.square(np.array_split(a, 3, axis=2)[0]), [x],
         lambda torch, a: torch.tensor_split(a, 3, 2)[0] ** 2, label="array_split"),
    case("split", lambda a: sum(p.sum() for p in np.split(a, [1, 3], axis=2)), [x],
         lambda torch, a: a.sum(), label="all"),
    case("flip", np.flip, [x], lambda torch, a: a.flip(0, 1, 2)),
    case("flip", lambda a: np.flip(a, 1), [x], lambda torch, a: a.flip(1), label="axis"),
    case("flip", np.fliplr, [matrix], lambda torch, a: a.fliplr(), label="fliplr"),
    case("roll", lambda a: np.roll(a, 2, axis=1), [x], lambda torch, a: a.roll(2, 1)),
    case("roll", lambda a: np.roll(a, 5), [x], lambda torch, a: a.roll(5), label="flat"),
    case("roll", lambda a: np.roll(a, (1, -2), axis=(0, 2)), [x],
         lambda torch, a: a.roll((1, -2), (0, 2)), label="axes"),
    case("rot90", np.rot90, [matrix], lambda torch, a: torch.rot90(a)),
    case("rot90", lambda a: np.rot90(a, 3, (1, 2)), [x],
         lambda torch, a: torch.rot90(a, 3, (1, 2)), label="axes"),
    case("broadcast_to", lambda a: np.tile(a, (2, 1, 3)), [matrix],
         lambda torch, a: torch.tile(a, (2, 1, 3)), label="tile", keeps=8.0),
    case("pad", lambda a: np.pad(a, 1), [matrix], lambda torch, a: torch.nn.functional.pad(
        a, (1, 1, 1, 1))),
    case("pad", lambda a: np.pad(a, ((1, 0), (2, 3)), constant_values=7.0), [matrix],
         lambda torch, a: torch.nn.functional.pad(a, (2, 3, 1, 0), value=7.0), label="uneven"),
    *(case("take", lambda a, mode=mode: np.pad(a, ((1, 2), (2, 3)), mode=mode), [normal(4, 5)],
           label=f"pad-{mode}", keeps=9.0) for mode in ("edge", "reflect", "symmetric", "wrap")),
    case("tril", lambda a: np.tril(a, 1), [matrix], lambda torch, a: a.tril(1)),
    case("triu", lambda a: np.triu(a, -1), [matrix], lambda torch, a: a.triu(-1)),
    case("diagflat", lambda a: np.diag(a, 1), [vector], lambda torch, a: torch.diag(a, 1)),
    case("getitem", lambda a: np.diag(a, -1), [matrix], lambda torch, a: torch.diag(a, -1),
         label="diag"),
    case("getitem", lambda a: np.diagonal(a, 1, 0, 2), [x],
         lambda torch, a: torch.diagonal(a, 1, 0, 2), label="diagonal"),
    case("getitem", np.trace, [matrix], label="trace"),
    case("broadcast_to", lambda a, b: np.meshgrid(a, b)[0] * np.meshgrid(a, b)[1],
         [vector, normal(4)],
         lambda torch, a, b: torch.meshgrid(a, b, indexing="xy")[0] * b[:, None],
         label="meshgrid", keeps=16.0),
    case("astype", lambda a: a.astype(np.float64), [x], lambda torch, a: a.double(),
         oracle_gradient=True, tags=frozenset({"fixed dtype"})),
    case("copy", np.copy, [x], lambda torch, a: a.clone()),
    case("copy", lambda a: tt.copy(a) * a, [x], lambda torch, a: a * a, label="twice"),
]  # fmt: skip
