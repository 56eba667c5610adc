"""Exponentially weighted averages: of a series, and of the weights of a model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_tr.errors import ArgumentError, DtypeError, ShapeError, StateError, describe
from tinygrad_tr.graph import value_of
from tinygrad_tr.kernels import formulas
from tinygrad_tr.kernels.formulas import formula
from tinygrad_tr.modes import outside
from tinygrad_tr.nn import Module
from tinygrad_tr.optim.groups import checked, pairs_of, refuse_unfit
from tinygrad_tr.optim.optimizer import Array
from tinygrad_tr.optim.saving import copied, differences
from tinygrad_tr.tensor import Tensor


@formula
def average(i: Any, v: Any, x: Any, beta: float, rest: float) -> None:
    """v ← βv + (1 − β)x: about the last 1/(1 − β) values. Course 2, week 2."""
    v[i] *= beta
    v[i] += rest * x[i]


class EWA:
    """V ← βV + (1 − β)x from V = 0: an average of about the last 1/(1 − β) values.

        mean = tt.optim.EWA(0.9, bias_correction=True)
        for x in series:
            print(mean.update(x))

    The value k steps back has the weight (1 − β)βᵏ. All weights up to step t add up to
    1 − βᵗ, so the first averages are far too small; `bias_correction` divides by that sum.
    Only V is kept. It has the shape and dtype of the values, which are numbers, arrays or
    Tensors and finite. Course 2, week 2.
    """

    def __init__(self, beta: float = 0.9, *, bias_correction: bool = False) -> None:
        self.beta: float = checked("EWA", "beta", beta)
        self.bias_correction = bias_correction
        self.steps = 0
        self.total: Array | None = None  # V

    @outside
    def update(self, x: Any) -> Any:
        """Take in the next value; the average up to it."""
        x = np.asarray(value_of(x))
        if x.dtype.kind not in "fiub":
            raise DtypeError("EWA.update", "no number", got=describe(x), wanted="real numbers")
        x = x if x.dtype.kind == "f" else x.astype(np.float64)
        if not np.isfinite(x).all():
            raise ArgumentError(
                "EWA.update", "the average would be lost for ever", got=f"{x}",
                wanted="finite numbers",
            )  # fmt: skip
        if self.total is None:
            self.total = np.zeros_like(x)
        if (x.shape, x.dtype) != (self.total.shape, self.total.dtype):
            raise ShapeError(
                "EWA.update", "not a value like those before", got=f"{x.shape} {x.dtype}",
                wanted=f"{self.total.shape} {self.total.dtype}",
            )  # fmt: skip
        average(..., self.total, x, self.beta, 1 - self.beta)
        self.steps += 1
        return self.value

    @property
    def value(self) -> Any:
        """V, or V / (1 − βᵗ) after t values with `bias_correction`."""
        if self.total is None:
            raise ArgumentError("EWA.value", "there was no value yet", wanted="update(x) before")
        return self.total / (1 - self.beta**self.steps if self.bias_correction else 1)

    def state_dict(self) -> dict[str, Any]:
        """What continuing needs."""
        total = None if self.total is None else self.total.copy()
        return {"beta": self.beta, "steps": self.steps, "total": total}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue, bit for bit, where `state_dict()` was taken."""
        if saved.keys() != {"beta", "steps", "total"}:
            raise StateError(
                "EWA.load_state_dict", "not the state of an average", got=describe(dict(saved)),
                wanted="beta, steps and total",
            )  # fmt: skip
        self.beta, self.steps = checked("EWA", "beta", saved["beta"]), int(saved["steps"])
        self.total = None if saved["total"] is None else np.array(saved["total"])

    def __repr__(self) -> str:
        return f"EWA({self.beta}, bias_correction={self.bias_correction})"


class EMA:
    """The exponentially weighted average of the weights, W̄ ← βW̄ + (1 − β)W.

        average = tt.optim.EMA(model, beta=0.999)
        for x, y in batches:
            ...
            optimizer.step()
            average.update()
        with average.average_parameters():
            test(model)  # with the averaged weights; then the training goes on with its own

    W̄ starts as the weights at the beginning, so there is nothing to correct. Of a Module all
    parameters are averaged, and with `buffers` also its floating-point buffers, such as the
    running statistics of batch normalisation; otherwise those stay the training's. Instead of
    a Module, an iterable of Tensors or of (name, Tensor) pairs will do.

    PyTorch's `AveragedModel` with `get_ema_multi_avg_fn(beta)` is the same from its first
    update on, which copies. Polyak and Juditsky, Acceleration of stochastic approximation by
    averaging, 1992.
    """

    def __init__(
        self,
        parameters: Module | Iterable[Any],
        beta: float = 0.999,
        *,
        buffers: bool = False,
    ) -> None:
        self.beta: float = checked("EMA", "beta", beta)
        self.tensors: dict[str, Tensor] = {}
        for name, tensor in averaged_of(parameters, buffers):
            refuse_unfit("EMA", name, tensor)
            if name in self.tensors:
                raise ArgumentError(
                    "EMA", f"two Tensors have the name {name!r}", got=describe(tensor),
                    wanted="each under a name of its own",
                )  # fmt: skip
            self.tensors[name] = tensor
        self.averages = copies(self.tensors)
        self.stored: dict[str, Array] | None = None

    @outside
    def update(self) -> None:
        """Take in the weights as they are now, after a step of the optimizer."""
        if self.stored is not None:
            raise StateError(
                "EMA.update", "the training's weights are stored away", wanted="restore() before"
            )
        changes = []
        for name, tensor in self.tensors.items():
            v, x = self.averages[name], tensor.value
            if (x.shape, x.dtype) != (v.shape, v.dtype):
                raise DtypeError(
                    "EMA.update", f"{name!r} is another array than before", got=describe(tensor),
                    wanted=f"{v.shape} {v.dtype}, or a new EMA",
                )  # fmt: skip
            numbers = map(v.dtype.type, (self.beta, 1 - self.beta))
            changes.append((v.reshape(-1), x.ravel(), *numbers))
        formulas.run(average, changes)

    # ------------------------------------------------------------------ using the average

    @contextmanager
    def average_parameters(self) -> Iterator[None]:
        """Inside, the model has the averaged weights; afterwards its own, to the last bit."""
        self.store()
        try:
            self.copy_to()
            yield
        finally:
            self.restore()

    def store(self) -> None:
        """Put the weights of the training away, for `restore`."""
        if self.stored is not None:
            raise StateError("EMA.store", "weights are stored already", wanted="restore() before")
        self.stored = copies(self.tensors)

    def copy_to(self) -> None:
        """Give the model the averaged weights; for good, unless `store` came before."""
        for name, tensor in self.tensors.items():
            tensor.assign(self.averages[name])

    def restore(self) -> None:
        """Give the model the weights that were stored."""
        if self.stored is None:
            raise StateError("EMA.restore", "no weights are stored", wanted="store() before")
        for name, tensor in self.tensors.items():
            tensor.assign(self.stored[name])
        self.stored = None

    # ------------------------------------------------------------------ saving

    def state_dict(self) -> dict[str, Any]:
        """What continuing needs: β, and the averages under the names of the parameters."""
        return {"beta": self.beta, "averages": copied(self.averages)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Continue, bit for bit, where `state_dict()` was taken. An error changes nothing."""
        if saved.keys() != {"beta", "averages"}:
            raise StateError(
                "EMA.load_state_dict", "not the state of an EMA", got=describe(dict(saved)),
                wanted="beta and averages",
            )  # fmt: skip
        problems = [*differences("averages", saved["averages"], self.averages)]
        if problems:
            raise StateError(
                "EMA.load_state_dict", "the saved averages do not fit", wanted="the same model",
                got="\n          ".join(problems),
            )  # fmt: skip
        self.beta = checked("EMA", "beta", saved["beta"])
        self.averages = {name: np.array(saved["averages"][name]) for name in self.averages}

    def __repr__(self) -> str:
        count = sum(array.size for array in self.averages.values())
        return f"EMA({len(self.averages)} averages of {count:,} numbers, beta={self.beta})"


def averaged_of(parameters: Any, buffers: bool) -> list[tuple[str, Tensor]]:
    """What an EMA averages, by name."""
    if not isinstance(parameters, Module):
        if buffers:
            raise ArgumentError(
                "EMA", "only a Module has buffers", got=describe(parameters), wanted="the model"
            )
        return pairs_of("EMA", parameters, 0)
    named = parameters.named_parameters()
    if not buffers:
        return pairs_of("EMA", named, 0)
    floating = (pair for pair in parameters.named_buffers() if pair[1].dtype.kind == "f")
    return pairs_of("EMA", itertools.chain(named, floating), 0)


def copies(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """The values of Tensors as arrays of their own."""
    return {name: np.array(tensor.value, order="C") for name, tensor in tensors.items()}
