"""Rows for tinygrad_tr/rules/indexing.py."""

import numpy as np

import tinygrad_tr as tt
from tests.cases.case import Case, apart, fixed, normal
from tinygrad_tr.nn import functional as F

x = normal(4, 5)
rows = np.array([2, 0, 2])
mask = np.array([[True, False, True, False, True]] * 4)


def set_at(index):
    """a with a[index] replaced, written as a user does."""

    def function(a, value):
        out = a.copy() if isinstance(a, np.ndarray) else a * 1
        out[index] = value
        return out

    return function


def torch_set_at(index):
    def function(torch, a, value):
        out = a.clone()
        out[index] = value
        return out

    return function


INDICES = [
    ("number", 1), ("negative", -1), ("slice", slice(1, 3)), ("step", slice(None, None, 2)),
    ("tuple", (1, 2)), ("mixed-slices", (slice(0, 3), 2)), ("ellipsis", (Ellipsis, 1)),
    ("new-axis", (slice(None), None, 1)), ("rows-twice", rows), ("mask", mask),
    ("row-mask", np.array([True, False, True, True])), ("pairs", (rows, np.array([1, 1, 4]))),
    ("array-and-slice", (slice(1, None), rows)), ("array-and-number", (rows, 3)),
    ("grid", np.ix_([0, 2], [1, 3, 3])), ("empty", np.array([], dtype=np.int64)),
]  # fmt: skip


def torch_index(index):
    """PyTorch takes arrays in an index as they are."""
    return index


CASES = [
    *(
        Case("getitem", lambda a, i=index: a[i], [x], lambda torch, a, i=index: a[torch_index(i)],
             label=label)
        for label, index in INDICES
    ),
    Case("getitem", lambda a: a[::-1, ::-2], [x], value=lambda a: a[::-1, ::-2], label="reverse"),
    Case("scatter", lambda g: tt.rules.indexing.scatter(g, index=rows, shape=(4, 5)),
         [normal(3, 5)], lambda torch, g: torch.zeros(4, 5, dtype=g.dtype).index_add(
             0, torch.tensor(rows), g)),
    Case("setitem", set_at(slice(1, 3)), [x, normal(2, 5)], torch_set_at(slice(1, 3))),
    Case("setitem", set_at((slice(None), 2)), [x, normal()], torch_set_at((slice(None), 2)),
         label="number"),
    Case("setitem", set_at(mask), [x, normal(12)], torch_set_at(mask), label="mask"),
    Case("setitem", set_at(rows), [x, normal(5)], value=None, label="twice"),
    Case("setitem", set_at((rows, np.array([1, 1, 1]))), [x, normal(3)], label="pairs-twice"),
    Case("take", lambda a: np.take(a, rows, axis=1), [x],
         lambda torch, a: a.index_select(1, torch.tensor(rows))),
    Case("take", lambda a: a.take([[0, 7], [19, 0]]), [x],
         lambda torch, a: torch.take(a, torch.tensor([[0, 7], [19, 0]])), label="flat"),
    Case("take", lambda a: np.take(a, [-1, 6], axis=0, mode="wrap"), [x],
         lambda torch, a: a[[3, 2]], label="wrap"),
    Case("take", lambda a: np.repeat(a, 2, axis=0), [x],
         lambda torch, a: a.repeat_interleave(2, 0), label="repeat"),
    Case("take", lambda a: np.repeat(a, [0, 2, 1, 3], axis=0), [x],
         lambda torch, a: a.repeat_interleave(torch.tensor([0, 2, 1, 3]), 0), label="repeats"),
    Case("scatter_rows",
         lambda g: tt.rules.indexing.scatter_rows(g, indices=rows, axis=1, shape=(2, 4)),
         [normal(2, 3)], lambda torch, g: torch.zeros(2, 4, dtype=g.dtype).index_add(
             1, torch.tensor(rows), g)),
    Case("take_along_axis", lambda a: np.take_along_axis(a, np.array([[0, 4, 4]] * 4), 1), [x],
         lambda torch, a: a.gather(1, torch.tensor([[0, 4, 4]] * 4))),
    Case("take_along_axis", lambda a: np.take_along_axis(a, np.array([[1], [0]]), 0),
         [normal(2, 3)], lambda torch, a: a[[1, 0]], label="broadcast"),
    Case("scatter_along_axis",
         lambda g: tt.rules.indexing.scatter_along_axis(
             g, indices=np.array([[0, 2, 2]] * 2), axis=1, shape=(2, 4)),
         [normal(2, 3)], lambda torch, g: torch.zeros(2, 4, dtype=g.dtype).scatter_add(
             1, torch.tensor([[0, 2, 2]] * 2), g)),
    Case("scatter_add",
         lambda a, v: tt.scatter_add(a, 0, np.array([[0, 1, 1], [0, 3, 1]]), v),
         [x, normal(2, 3)], lambda torch, a, v: a.scatter_add(
             0, torch.tensor([[0, 1, 1], [0, 3, 1]]), v)),
    Case("embedding", lambda w: F.embedding(np.array([[1, 3], [1, 0]]), w), [x],
         lambda torch, w: torch.nn.functional.embedding(torch.tensor([[1, 3], [1, 0]]), w)),
    Case("embedding", lambda w: F.embedding(np.array([[1, 3], [3, 0]]), w, padding_idx=1,
                                            scale_grad_by_freq=True), [x],
         lambda torch, w: torch.nn.functional.embedding(
             torch.tensor([[1, 3], [3, 0]]), w, padding_idx=1, scale_grad_by_freq=True),
         label="padding", tags=frozenset({"padding"})),
    Case("where", lambda a: tt.masked_fill(a, mask, 7.0), [x],
         lambda torch, a: a.masked_fill(torch.tensor(mask), 7.0), label="masked_fill"),
    Case("sort", np.sort, [apart(4, 5)], lambda torch, a: a.sort().values),
    Case("sort", lambda a: np.sort(a, axis=None), [apart(4, 5)],
         lambda torch, a: a.flatten().sort().values, label="flat"),
    Case("sort", lambda a: tt.sort(a, 0, descending=True), [apart(4, 5)],
         lambda torch, a: a.sort(0, descending=True).values, label="descending"),
    Case("take_along_axis", lambda a: tt.topk(a, 2)[0], [apart(4, 5)],
         lambda torch, a: a.topk(2).values, label="topk"),
    Case("take_along_axis", lambda a: tt.topk(a, 3, axis=0, largest=False)[0], [apart(4, 5)],
         lambda torch, a: a.topk(3, 0, largest=False).values, label="topk-smallest"),
    Case("sort", lambda a: np.median(a, axis=1), [apart(4, 5)],
         lambda torch, a: a.median(1).values, label="median"),
    Case("sort", np.median, [apart(4, 5)], value=np.median, label="median-even"),
]  # fmt: skip

STEPS = [
    ("argsort", [apart(4, 5)]),
    ("nonzero", [fixed([[0.0, 2.0], [3.0, 0.0]])]),
    ("round", [normal(3, 4)]),
]
