"""Recurrent layers and their cells, with PyTorch's names, layouts and numbers.

A layer goes over a whole sequence in one operation; a cell makes one step, of plain operations
that a picture shows one by one.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, ShapeError, describe
from tinygrad_tr.rules import recurrent as rules
from tinygrad_tr.rules.layers import linear
from tinygrad_tr.tensor import Tensor

from . import functional as F
from . import init
from .checks import require_float_array, require_probability
from .linear import empty
from .module import Module, Parameter
from .utils import rnn as sequences
from .utils.rnn import PackedSequence

Generator = np.random.Generator | None
States = tuple[Any, ...]


class Recurrence(Module):
    """What the recurrent layers share: parameters by layer and direction, and the way through.

    Of layer k and each direction: weight_ih_l{k} (gates·H, D), weight_hh_l{k} (gates·H, H),
    bias_ih_l{k} and bias_hh_l{k} (gates·H,); those of the direction from the end to the beginning
    end in `_reverse`. All start uniform in ±1/√H.
    """

    gates: ClassVar[int]  # how many blocks of H rows the weights have

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        self.input_size = whole(name, "input_size", input_size)
        self.hidden_size = whole(name, "hidden_size", hidden_size)
        self.num_layers = whole(name, "num_layers", num_layers)
        self.proj_size = whole(name, "proj_size", proj_size, low=0)
        if proj_size >= hidden_size:
            raise ArgumentError(
                name, "the projection does not make the state smaller",
                got=f"{proj_size=}, {hidden_size=}", wanted="proj_size < hidden_size",
            )  # fmt: skip
        require_probability(name, "dropout", dropout)
        if dropout and num_layers == 1:
            raise ArgumentError(
                name, "dropout works between layers, and there is one", got=f"{dropout=}",
                wanted="num_layers ≥ 2, or nn.Dropout behind the layer",
            )  # fmt: skip
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.generator = dropout, generator
        width = proj_size or hidden_size
        directions = ("", "_reverse") if bidirectional else ("",)
        self.places = [f"l{k}{end}" for k in range(num_layers) for end in directions]
        for i, place in enumerate(self.places):
            below = input_size if i < len(directions) else width * len(directions)
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (self.gates * hidden_size, below),
                      "weight_hh": (self.gates * hidden_size, width)}  # fmt: skip
            if bias:
                shapes["bias_ih"] = shapes["bias_hh"] = (self.gates * hidden_size,)
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for kind, shape in shapes.items():
                setattr(self, f"{kind}_{place}", empty(*shape, dtype=dtype))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator = None) -> None:
        """Draw all weights and biases afresh."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def parameter(self, kind: str, place: str) -> Parameter | None:
        """Such as `weight_ih` at `l0_reverse`; None if the layer has none."""
        return getattr(self, f"{kind}_{place}", None)

    # ------------------------------------------------------------------ one direction of one layer

    def weights(self, place: str) -> tuple[Any, ...]:
        """W, U, b and b' of a direction of a layer; None for what it does not have."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return tuple(self.parameter(kind, place) for kind in kinds)

    def over(self, x: Any, states: States, place: str, going: Any) -> States:
        """The outputs (T, N, H) and the last states, from the first ones."""
        raise NotImplementedError

    # ------------------------------------------------------------------ all of them

    def run(self, x: Any, first: States, lengths: Any) -> tuple[Any, States]:
        """The outputs, and the last states as `first` has them: (layers · directions, N, ...)."""
        name = type(self).__name__
        if isinstance(x, PackedSequence):
            if lengths is not None:
                raise ArgumentError(
                    name, "a packed sequence has its lengths with it", got="lengths=...",
                    wanted="either of them",
                )  # fmt: skip
            padded, lengths = sequences.pad_packed_sequence(x)
            out, last = self.through(padded, first, lengths)
            steps, rows = np.nonzero(sequences.going(np.sort(lengths)[::-1], len(padded)))
            order = np.arange(len(lengths)) if x.sorted_indices is None else x.sorted_indices
            return x._replace(data=out[steps, order[rows]]), last
        require_float_array(name, x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            shape = "(N, T, D)" if self.batch_first else "(T, N, D)"
            raise ShapeError(
                name, "the sequence does not fit the layer", got=describe(x),
                wanted=f"{shape} or (T, D) with D = {self.input_size}",
            )  # fmt: skip
        single = x.ndim == 2
        if single:
            x = x[:, None]
            first = tuple(None if state is None else state[:, None] for state in first)
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        if not len(x):
            raise ShapeError(
                name, "the sequence has no step", got=describe(x), wanted="at least one step"
            )
        if lengths is not None:
            lengths = sequences.require_lengths(name, lengths, x.shape[1], len(x))
        out, last = self.through(x, first, lengths)
        if single:
            return out[:, 0], tuple(state[:, 0] for state in last)
        return (np.swapaxes(out, 0, 1) if self.batch_first else out), last

    def through(self, x: Any, first: States, lengths: Any) -> tuple[Any, States]:
        """The layers one after the other; x is (T, N, D)."""
        going = None if lengths is None else sequences.going(lengths, len(x))
        if going is not None and going.all():
            going = None
        if going is not None:
            x = np.where(going[:, :, None], x, 0)  # of NaN in padding, 0 · NaN would remain
        states = self.first_states(x, first)
        ends: list[States] = []
        directions = 2 if self.bidirectional else 1
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training, generator=self.generator)
            outputs = []
            for i in range(layer * directions, (layer + 1) * directions):
                start = tuple(state[i] for state in states)
                if i % directions:
                    back = None if going is None else going[::-1]
                    out, *end = self.over(np.flip(x, 0), start, self.places[i], back)
                    out = np.flip(out, 0)
                else:
                    out, *end = self.over(x, start, self.places[i], going)
                outputs.append(out)
                ends.append(tuple(end))
            x = np.concatenate(outputs, axis=2) if self.bidirectional else outputs[0]
        return x, tuple(np.stack(last) for last in zip(*ends, strict=True))

    def first_states(self, x: Any, first: States) -> States:
        """The given states, checked, or zeros: each (layers · directions, N, its width)."""
        name, width = type(self).__name__, self.proj_size or self.hidden_size
        made = []
        for given, size in zip(first, (width, self.hidden_size), strict=False):
            shape = (len(self.places), x.shape[1], size)
            if given is not None:
                require_float_array(name, given)
                if given.shape != shape:
                    raise ShapeError(
                        name, "the first state does not fit the layer",
                        got=describe(given), wanted=f"{shape}, layers · directions first",
                    )  # fmt: skip
            made.append(np.zeros(shape, x.dtype) if given is None else given)
        return tuple(made)

    def extra_repr(self) -> str:
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
                 "bidirectional": False, "proj_size": 0, "nonlinearity": "tanh",
                 "reset_after": True}  # fmt: skip
        facts = {k: getattr(self, k) for k, v in usual.items() if getattr(self, k, v) != v}
        words = [f"{name}={value!r}" for name, value in facts.items()]
        return ", ".join([str(self.input_size), str(self.hidden_size), *words])


class RNN(Recurrence):
    """hₜ = tanh(W xₜ + b + U hₜ₋₁ + b'), or relu: (T, N, D) -> outputs (T, N, H), last states.

    `rnn(x, h0)` gives the hₜ of the last layer, of both directions (T, N, 2H) if bidirectional,
    and the last state of each layer and direction (layers · directions, N, H). With `lengths`
    (N,), outputs past a sequence's end are 0, its last state is that at its end, and the other
    direction begins there. x may be (N, T, D) with batch_first, (T, D), or packed.
    `dropout` works between layers. Course 5, week 1: a⁽ᵗ⁾ = g(Wₐₐ a⁽ᵗ⁻¹⁾ + Wₐₓ x⁽ᵗ⁾ + bₐ).
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        self.nonlinearity = require_nonlinearity("RNN", nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            generator=generator, dtype=dtype,
        )  # fmt: skip

    def over(self, x: Any, states: States, place: str, going: Any) -> States:
        W, U, b, b_state = self.weights(place)
        both, f = None if b is None else b + b_state, self.nonlinearity
        out: States = rules.rnn(x, states[0], W, U, both, nonlinearity=f, going=going)
        return out

    def forward(self, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Tensor]:
        out, (h,) = self.run(x, (hx,), lengths)
        return out, h


class GRU(Recurrence):
    """Gated recurrent unit: hₜ = u hₜ₋₁ + (1 − u) h̃, with gates r, u = σ(W x + b + U hₜ₋₁ + b').

    h̃ = tanh(W x + b + r (U hₜ₋₁ + b')); without `reset_after`, as in the paper, in Keras and in the
    course, tanh(W x + b + U (r hₜ₋₁) + b'), slower. The weights' blocks are in the order r, u, h̃.
    The course's update gate Γᵤ is 1 − u, its relevance gate Γᵣ is r. Arguments as for `RNN`.
    Cho et al., Learning phrase representations using RNN encoder-decoder, 2014; course 5, week 1.
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        reset_after: bool = True,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        self.reset_after = reset_after
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            generator=generator, dtype=dtype,
        )  # fmt: skip

    def over(self, x: Any, states: States, place: str, going: Any) -> States:
        rule: Any = rules.gru if self.reset_after else rules.gru_before
        out: States = rule(x, states[0], *self.weights(place), going=going)
        return out

    def forward(self, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Tensor]:
        out, (h,) = self.run(x, (hx,), lengths)
        return out, h


class LSTM(Recurrence):
    """Long short-term memory: cₜ = f cₜ₋₁ + i c̃, hₜ = o tanh cₜ, gates i, f, o = σ and c̃ = tanh.

    `lstm(x, (h0, c0))` gives the outputs and (h, c), both (layers · directions, N, H). The
    weights' blocks are in the order i, f, c̃, o; the course writes Γᵤ for i. With `proj_size` P,
    hₜ = weight_hr (o tanh cₜ) is (N, P). Arguments as for `RNN`.
    Hochreiter and Schmidhuber, Long short-term memory, 1997; course 5, week 1.
    """

    gates = 4

    def over(self, x: Any, states: States, place: str, going: Any) -> States:
        (h, c), (W, U, b, b_state) = states, self.weights(place)
        both, projection = None if b is None else b + b_state, self.parameter("weight_hr", place)
        out: States = rules.lstm(x, h, c, W, U, both, projection, going=going)
        return out

    def forward(
        self, x: Any, hx: Any = None, *, lengths: Any = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        out, (h, c) = self.run(x, pair("LSTM", hx), lengths)
        return out, (h, c)


# ------------------------------------------------------------------ cells


class Cell(Module):
    """One step: weight_ih (gates·H, D), weight_hh (gates·H, H), bias_ih, bias_hh (gates·H,)."""

    gates: ClassVar[int]
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        name = type(self).__name__
        self.input_size = whole(name, "input_size", input_size)
        self.hidden_size = whole(name, "hidden_size", hidden_size)
        rows = self.gates * hidden_size
        self.weight_ih = empty(rows, input_size, dtype=dtype)
        self.weight_hh = empty(rows, hidden_size, dtype=dtype)
        self.bias_ih = empty(rows, dtype=dtype) if bias else None
        self.bias_hh = empty(rows, dtype=dtype) if bias else None
        bound = 1 / math.sqrt(hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def checked(self, x: Any, *states: Any) -> tuple[Any, ...]:
        """x (N, D) and the states (N, H), with zeros for those that are None."""
        name = type(self).__name__
        require_float_array(name, x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(
                name, "the input does not fit the cell", got=describe(x),
                wanted=f"(N, {self.input_size}) or ({self.input_size},)",
            )  # fmt: skip
        shape = (*x.shape[:-1], self.hidden_size)
        for state in states:
            if state is not None:
                require_float_array(name, state)
                if state.shape != shape:
                    raise ShapeError(
                        name, "the state does not fit", got=describe(state), wanted=f"{shape}"
                    )
        filled = (np.zeros(shape, x.dtype) if state is None else state for state in states)
        return tuple(array if x.ndim == 2 else array[None] for array in (x, *filled))

    def contribution(self, x: Tensor) -> Tensor:
        """W x + b + b'."""
        z = linear(x, self.weight_ih, self.bias_ih)
        return z if self.bias_hh is None else z + self.bias_hh

    def extra_repr(self) -> str:
        bias = [] if self.bias_ih is not None else ["bias=False"]
        return ", ".join([str(self.input_size), str(self.hidden_size), *bias])


class RNNCell(Cell):
    """h' = tanh(W x + b + U h + b'), or relu: (N, D), (N, H) -> (N, H); or (D,), (H,) -> (H,)."""

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        generator: Generator = None,
        dtype: Any = None,
    ) -> None:
        self.nonlinearity = require_nonlinearity("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, generator=generator, dtype=dtype)

    def forward(self, x: Any, hx: Any = None) -> Tensor:
        rows, h = self.checked(x, hx)
        (h,) = rules.rnn_step(self.contribution(rows), h, self.weight_hh, self.nonlinearity)
        return h if x.ndim == 2 else h[0]


class GRUCell(Cell):
    """One step of a GRU: (N, D), (N, H) -> (N, H); or (D,), (H,) -> (H,)."""

    gates = 3

    def forward(self, x: Any, hx: Any = None) -> Tensor:
        rows, h = self.checked(x, hx)
        z = linear(rows, self.weight_ih, self.bias_ih)
        (h,) = rules.gru_step(z, h, self.weight_hh, self.bias_hh)
        return h if x.ndim == 2 else h[0]


class LSTMCell(Cell):
    """One step of an LSTM: (N, D), ((N, H), (N, H)) -> (h, c); or (D,), ((H,), (H,))."""

    gates = 4

    def forward(self, x: Any, hx: Any = None) -> tuple[Tensor, Tensor]:
        rows, h, c = self.checked(x, *pair("LSTMCell", hx))
        h, c = rules.lstm_step(self.contribution(rows), h, c, self.weight_hh, None)
        return (h, c) if x.ndim == 2 else (h[0], c[0])


def pair(operation: str, states: Any) -> tuple[Any, Any]:
    """The first h and c of an LSTM; None for both if there are none."""
    if states is None:
        return None, None
    if not isinstance(states, (tuple, list)) or len(states) != 2:
        raise ArgumentError(
            operation, "the first states come as a pair", got=describe(states), wanted="(h0, c0)"
        )
    return states[0], states[1]


def require_nonlinearity(operation: str, nonlinearity: str) -> str:
    if nonlinearity not in ("tanh", "relu"):
        raise ArgumentError(
            operation, "unknown nonlinearity", got=repr(nonlinearity), wanted="'tanh' or 'relu'"
        )
    return nonlinearity
