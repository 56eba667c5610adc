"""Recording a step: it runs as it always does, and what it does is written on a tape.

The engine asks the trace, which stands in the modes of the thread, at four places: where a rule
is called, where a Tensor is changed, where a gradient is stored, and where something must happen
anew in every run (an optimizer's step, random numbers). All the rest of a step, the sweep with
it, is Python that runs twice and never again: what it does to arrays is on the tape.

A rule is written down in one of two ways. Its body and its pullbacks are tried on Symbols: if
all they do is to call NumPy's functions and kernels, those calls are the operations. Otherwise
the rule stays closed: one operation calls it as the engine does, and keeps its pullbacks.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np

from tinygrad_tr.errors import CompileError, TinygradError, describe, is_ours, users_line
from tinygrad_tr.graph import Variable, constant, is_tracked, next_stamp
from tinygrad_tr.kernels.scattering import Rows
from tinygrad_tr.modes import modes

from .effects import (
    INSTEAD,
    agree,
    assign,
    called,
    constant_of,
    cut_off,
    forget_grad,
    keep_grad,
    parts,
    read,
    read_grad,
)
from .openings import opened
from .symbols import Symbol, Untraceable, array_of, value_of
from .tape import Operation, Value, leaves, mapped

# Where a Tensor hands out its numbers: who called these is who looks.
WINDOWS = ("tensor.py", "array_methods.py", "symbols.py", "tracing.py")


class Trace:
    """One recorded run of a step."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.ambient = np.geterr()  # what NumPy warns of outside of rules
        self.start = next_stamp()  # Tensors of a later stamp are made by the step itself
        self.operations: list[Operation] = []
        self.symbols: dict[int, Symbol] = {}  # what a Tensor from outside holds, by its id
        self.known: dict[int, Any] = {}  # those Tensors, which must not be freed meanwhile
        self.grads: dict[int, Any] = {}  # their gradients, as far as the tape has them
        self.arguments: dict[int, Value] = {}  # Tensors that are another in each run
        self.assigned: dict[int, Symbol] = {}
        self.settled: set[int] = set()  # Tensors whose gradient the step itself cleared or made
        self.came_with: list[tuple[Any, bool]] = []  # Tensors, and whether they had a gradient
        self.attempts = 0
        self.line = ""  # of the user, while a rule is attempted
        self.finished = False

    # ------------------------------------------------------------------ operations

    def write(
        self, function: Any, inputs: Any, keywords: Any, made: Any,
        *, pure: bool = True, barrier: bool = False,
    ) -> Operation:  # fmt: skip
        """Put a call on the tape; its arguments may be Symbols."""
        if self.finished:
            raise CompileError(
                "compile", "a Tensor that the step made is used after it ended",
                wanted="return what is needed afterwards from the step",
            )  # fmt: skip
        if threading.get_ident() != self.thread:
            raise Untraceable  # a kernel shares its work: what comes first is left to chance
        done = Operation(
            function, mapped(tuple(inputs), value_of), mapped(dict(keywords), value_of), made,
            pure, barrier, self.line or users_line(),
            np.geterr() != self.ambient,
        )  # fmt: skip
        self.operations.append(done)
        return done

    def call(
        self, function: Callable[..., Any], inputs: Sequence[Any], keywords: Mapping[str, Any],
        *, pure: bool = True,
    ) -> Any:  # fmt: skip
        """What the function returns for the arrays, as Symbols."""
        result = function(*mapped(tuple(inputs), array_of), **mapped(dict(keywords), array_of))
        return self.named(function, inputs, keywords, result, pure=pure)

    def constant(self, array: Any) -> Symbol:
        """An array that is the same in every run, as a Symbol: NumPy asks it for its methods."""
        value = Value(array, owned=False)
        self.write(constant_of, (array,), {}, value)
        return Symbol(self, array, value)

    def kernel(
        self, function: Callable[..., Any], inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """A function of arrays, written down if any of them is a Symbol."""
        if any(isinstance(leaf, Symbol) for leaf in leaves((inputs, keywords))):
            return self.call(function, inputs, keywords)
        return function(*inputs, **keywords)

    def named(
        self, function: Any, inputs: Any, keywords: Any, result: Any,
        *, pure: bool = True, held: Sequence[Any] = (),
    ) -> Any:  # fmt: skip
        """Put a call on the tape that has been made already; its result, as Symbols.

        `held` are arrays that the function had without being given them.
        """
        given = [leaf for leaf in leaves((inputs, keywords)) if isinstance(leaf, Symbol)]

        def symbol(array: Any) -> Any:
            if array is None:
                return None
            if not isinstance(array, (np.ndarray, np.generic)):
                raise self.unknown(getattr(function, "__name__", str(function)))
            lenders = [x for x in given if shares_memory(array, x.array)]
            for x in lenders:
                x.value.viewed = True
            own = not lenders and not any(shares_memory(array, x) for x in held)
            return Symbol(self, array, Value(array, owned=own))

        if isinstance(result, Rows):
            made = mapped(result.parts, symbol)
            self.write(parts, (function, *inputs), keywords, mapped(made, value_of), pure=pure)
            return Rows(made, result.shape)
        made = mapped(result, symbol)
        self.write(function, inputs, keywords, mapped(made, value_of), pure=pure)
        return made

    # ------------------------------------------------------------------ rules

    def apply(
        self, rule: Any, inputs: Sequence[Any], keywords: Mapping[str, Any],
        needs: Sequence[bool] | None = None,
    ) -> Any:  # fmt: skip
        """What `rule.function` returns: its value and its pullbacks."""
        values = [self.lifted(x) for x in inputs]
        keywords = {name: self.lifted(fact) for name, fact in keywords.items()}
        if not any(isinstance(leaf, Symbol) for leaf in leaves((values, keywords))):
            return rule.function(*values, **keywords)
        if needs is None:
            needs = [is_tracked(x) for x in inputs]
        self.line = self.line or users_line()
        with self.attempt() as found:
            result = opened(rule, values, keywords)(*values, **keywords)
            with self.rehearsal():
                rehearse(rule, result, needs)
            found.append(result)
        result = found[0] if found else self.closed(rule, values, keywords)
        self.line = self.line if self.attempts else ""
        return result

    @contextmanager
    def attempt(self) -> Iterator[list[Any]]:
        """Inside, what the tape has no word for ends the attempt and takes back what it wrote."""
        mark, found = len(self.operations), list[Any]()
        self.attempts += 1
        try:
            yield found
        except TinygradError:
            raise
        except Exception as error:  # such as what a compiled loop says of an array that is none
            error.__traceback__ = None  # numba keeps its errors, and they would keep the trace
            found.clear()
            del self.operations[mark:]
        finally:
            self.attempts -= 1

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Inside, nothing stays on the tape."""
        mark = len(self.operations)
        yield
        del self.operations[mark:]

    def closed(self, rule: Any, values: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """The rule as one operation, whose pullbacks are operations each."""
        result = rule.function(*map(array_of, values), **mapped(dict(keywords), array_of))
        out, pullbacks = result[0], result[1:]
        ways = tuple(None if p is None else Value(p) for p in pullbacks)

        def symbol(array: Any) -> Symbol:
            value = Value(array, owned=not any(shares_memory(array, x) for x in given))
            value.viewed = True  # the pullbacks may hold it
            return Symbol(self, array, value)

        given = [array_of(leaf) for leaf in leaves((tuple(values), dict(keywords)))]
        symbols = mapped(out, symbol)
        self.write(rule.function, values, keywords, (mapped(symbols, value_of), *ways))

        def way_back(pullback: Callable[..., Any], way: Value) -> Callable[..., Any]:
            def pull(g: Any, *needs: Any) -> Any:
                if isinstance(g, Variable):
                    raise CompileError(
                        "compile", f"the gradient of {rule.name} is differentiated once more",
                        wanted="the step without tt.compile",
                    )  # fmt: skip
                gx = pullback(mapped(g, array_of), *needs)
                held = [cell.cell_contents for cell in pullback.__closure__ or ()]
                return self.named(called, (way, g, *needs), {}, gx, held=held)

            return pull

        return symbols, *(
            None if way is None else way_back(p, way)
            for p, way in zip(pullbacks, ways, strict=True)
        )

    # ------------------------------------------------------------------ Tensors from outside

    def lifted(self, x: Any) -> Any:
        """The Symbol of a Tensor, an operation that reads it if it comes from outside."""
        if isinstance(x, (tuple, list)):
            return type(x)(map(self.lifted, x)) if not hasattr(x, "_fields") else x
        if not isinstance(x, Variable) or isinstance(x.value, Symbol):
            return getattr(x, "value", x) if isinstance(x, Variable) else x
        if id(x) not in self.symbols:
            value = Value(x.value, owned=False)
            self.write(read, (self.place(x),), {}, value, pure=False)
            self.symbols[id(x)] = Symbol(self, x.value, value)
        return self.symbols[id(x)]

    def place(self, tensor: Any) -> Any:
        """What stands for a Tensor from outside: itself, or the argument that it is."""
        if id(tensor) not in self.known:
            self.known[id(tensor)] = tensor
            self.grads[id(tensor)] = tensor._grad
        return self.arguments.get(id(tensor), tensor)

    def given(self, x: Any) -> tuple[Any, Value]:
        """An argument of the step, as the step gets it, and its value."""
        value = Value(x, owned=False)
        if not isinstance(x, Variable):
            return Symbol(self, x, value), value
        if x.node is not None:
            raise CompileError(
                "compile", "an argument of the step is the result of recorded operations",
                got=describe(x), wanted="t.detach(), or the operations inside the step",
            )  # fmt: skip
        self.arguments.setdefault(id(x), value)  # one Tensor in two places is one
        self.place(x)
        return x, value

    def assign(self, tensor: Any, new: Symbol) -> None:
        """`tensor.assign(new)`: now, and in every run at the end of what is on the tape."""
        if isinstance(tensor.value, Symbol):
            tensor.value = new
            return
        self.place(tensor)
        tensor.put(array_of(new))
        self.assigned[id(tensor)] = self.symbols[id(tensor)] = new

    def clear_grad(self, tensor: Any) -> None:
        """`tensor.grad = None`."""
        if tensor.node is None and not isinstance(tensor.value, Symbol):
            self.settled.add(id(tensor))
            self.write(forget_grad, (self.place(tensor),), {}, None, pure=False)

    def kept_grad(self, tensor: Any) -> Any:
        """The gradient that a Tensor has before one is added to it."""
        kept = tensor._grad
        if isinstance(tensor.value, Symbol) or id(tensor) in self.settled:
            return kept
        self.settled.add(id(tensor))
        if tensor.version[0] < self.start:
            self.came_with.append((tensor, kept is not None))
        if kept is None:
            self.place(tensor)
            return None
        array = tensor.grad.value
        value = Value(array, owned=False)
        self.write(read_grad, (self.place(tensor),), {}, value, pure=False)
        return constant(Symbol(self, array, value))

    def commit(self) -> None:
        """Write down what Tensors from outside have become, and put real arrays into them."""
        for key, new in self.assigned.items():
            place = self.place(self.known[key])
            self.write(assign, (place, new), {}, None, pure=False, barrier=True)
        self.assigned.clear()
        for key, tensor in list(self.known.items()):
            g, place = tensor._grad, self.place(tensor)
            if g is None or g is self.grads[key]:
                continue
            what = g if g.__class__ is Rows else g.value
            self.write(keep_grad, (place, what), {}, None, pure=False)
        self.restore()

    def restore(self) -> None:
        """Leave no Symbol in a Tensor from outside, also if the step ended in an error."""
        for tensor in self.known.values():
            g = tensor._grad
            if g.__class__ is Rows:
                tensor._grad = mapped(g, array_of)
            elif isinstance(g, Variable) and isinstance(g.value, Symbol):
                tensor._grad = constant(g.value.array)
        self.grads = {key: tensor._grad for key, tensor in self.known.items()}

    def result(self, leaf: Any) -> Any:
        """What a program returns in the place of a result."""
        if isinstance(leaf, Symbol):
            return leaf.value
        if not isinstance(leaf, Variable):
            return leaf
        if not isinstance(leaf.value, Symbol):
            return self.place(leaf)
        wrapped = Value(None)
        self.operations.append(Operation(cut_off, (leaf.value.value,), {}, wrapped))
        return wrapped

    # ------------------------------------------------------------------ what happens in each run

    def outside(
        self, function: Callable[..., Any], inputs: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """Call something that changes more than arrays, now and in every run."""
        self.commit()
        function = INSTEAD.get(function, function)
        inputs = tuple(list(x) if isinstance(x, Iterator) else x for x in inputs)

        def real(leaf: Any) -> Any:
            if isinstance(leaf, Variable) and isinstance(leaf.value, Symbol):
                return constant(leaf.value.array)
            return array_of(leaf)

        def written(leaf: Any) -> Any:
            if isinstance(leaf, Variable) and isinstance(leaf.value, Symbol):
                wrapped = Value(leaf)
                self.write(constant, (leaf.value,), {}, wrapped)
                return wrapped
            return leaf

        before, modes.flags = modes.flags, (*modes.flags[:2], None)
        try:
            result = function(*mapped(inputs, real), **mapped(dict(keywords), real))
        finally:
            modes.flags = before
        self.symbols.clear()  # Tensors may hold other numbers now
        self.grads = {key: tensor._grad for key, tensor in self.known.items()}
        self.settled.clear()
        inputs, keywords = mapped(inputs, written), mapped(dict(keywords), written)
        whole = Value(None)
        self.write(function, inputs, keywords, whole, pure=False, barrier=True)
        if isinstance(result, Variable):
            array = Symbol(self, result.value, Value(result.value, owned=False))
            self.write(attrgetter("value"), (whole,), {}, array.value)
            return constant(array)
        if isinstance(result, (np.ndarray, np.generic)):
            return Symbol(self, result, whole)
        return result

    # ------------------------------------------------------------------ looking at numbers

    def decide(self, symbol: Symbol) -> bool:
        """A branch on a number: the library's own are watched in each run, a user's refused."""
        if self.attempts:
            raise Untraceable
        if not asked_by_library():
            raise self.looked_at("bool(), as in `if` and `while`")
        outcome = bool(symbol.array)
        late = any(done.barrier for done in self.operations)
        self.write(agree, (symbol, outcome, late), {}, None, pure=False)
        return outcome

    def unknown(self, name: str) -> Exception:
        """The error for what the tape has no word for."""
        if self.attempts:
            return Untraceable()
        return CompileError(
            "compile", f"{name} changes an array in place, or returns none",
            wanted="another function for it, or the step without tt.compile",
        )  # fmt: skip

    def looked_at(self, how: str) -> Exception:
        """The error for a step that wants to know a number, which differs from run to run."""
        if self.attempts:
            return Untraceable()
        if self.finished:
            return CompileError(
                "compile", "a Tensor that the step made is looked at after it ended",
                wanted="the Tensor among what the step returns",
            )  # fmt: skip
        return CompileError(
            "compile", f"the step looks at a number, by {how}: a compiled step cannot follow it",
            wanted="np.where for a choice between numbers; to return the number and look at it "
            "after the step; or the step without tt.compile",
        )  # fmt: skip


def rehearse(rule: Any, result: Sequence[Any], needs: Sequence[bool]) -> None:
    """Call the pullbacks with ones: what they cannot do on Symbols must be known now."""

    def ones(x: Any) -> Any:
        return x.record.call(np.ones_like, (x,), {}) if isinstance(x, Symbol) else x

    g = mapped(result[0], ones)
    if rule.joint:
        result[1](g, needs)
        return
    for pullback, needed in zip(result[1:], needs, strict=False):
        if pullback is not None and needed:
            pullback(g)


def shares_memory(made: Any, given: Any) -> bool:
    """Whether two arrays may lie in the same memory; NumPy's numbers never do."""
    arrays = isinstance(made, np.ndarray) and isinstance(given, np.ndarray)
    return arrays and np.may_share_memory(made, given)


def asked_by_library() -> bool:
    """Whether the frame that wants to know is the library's, and no window of a Tensor."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename.endswith(WINDOWS):
        frame = frame.f_back
    return is_ours(frame.f_code.co_filename)
