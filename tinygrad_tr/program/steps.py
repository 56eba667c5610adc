"""`tt.compile`: a step that is recorded twice, and then runs as a program.

@tt.compile
def step(x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_tr.errors import CompileError, describe
from tinygrad_tr.graph import Variable, constant
from tinygrad_tr.kernels import compiled as compilers
from tinygrad_tr.modes import modes
from tinygrad_tr.nn.calls import watch_calls

from .agreement import require_agreement
from .assembly import Stale, assembled
from .effects import Disagreement
from .explanation import explanation, shown
from .fusion import Step, fused
from .guards import Guard, guard_of, is_dynamic, kind_of
from .memory import Layout, laid_out
from .remaking import remade
from .rewriting import rewritten
from .simplify import simplified, with_constants
from .surroundings import Surroundings
from .symbols import Symbol, array_of
from .tape import Value, leaves, mapped
from .tracing import Trace

MOST_KINDS = 64
MOST_PROGRAMS = 8  # for one kind of arguments: beyond, something changes in every call


@dataclass
class Recording:
    """One run of the step: what it did, and what it returned."""

    trace: Trace
    arguments: list[Value]
    results: Any
    modules: dict[Any, list[Any]]


@dataclass
class Program:
    """What runs instead of the step, and what must be as it was when the step was recorded."""

    run: Callable[..., Any]
    text: str
    steps: list[Step]
    layout: Layout
    recorded: int  # operations
    results: Any
    tracked: list[tuple[Any, bool]]
    came_with: list[tuple[Any, bool]]
    seconds: float

    def fits(self) -> bool:
        """Whether Tensors from outside are what they were."""
        for tensor, flag in self.tracked:
            if tensor.tracked is not flag:
                return False
        return not self.came_with or same_gradients(self.came_with)


@dataclass
class Kind:
    """Arguments of the same shapes and dtypes: a first recording, then programs."""

    recording: Recording | None = None
    guard: Guard | None = None
    programs: list[Program] = field(default_factory=list)


class CompiledStep:
    """A step and its programs; see `compile`."""

    def __init__(self, step: Callable[..., Any]) -> None:
        functools.update_wrapper(self, step)
        self.step = step
        self.surroundings = Surroundings(step)
        self.kinds: dict[Any, Kind] = {}
        self.latest: tuple[bool, Guard, Program] | None = None
        self.made_anew: list[str] = []  # why programs were given up
        self.lock = threading.Lock()

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        flags = modes.flags
        if flags[1] or flags[2] is not None:
            return self.step(*inputs, **keywords)  # each operation is looked at, or recorded
        with self.lock:
            changed = self.surroundings.changed()
            if changed:
                self.kinds.clear()
                self.latest = None
                self.made_anew.append(changed)
            if self.latest is not None:
                recording, accepted, program = self.latest
                arguments = accepted(inputs, keywords) if recording is flags[0] else None
                if arguments is not None and program.fits():
                    try:
                        return program.run(*arguments)
                    except (Disagreement, Stale):
                        self.latest = None
            return self.found(flags[0], inputs, keywords)

    def found(self, recording: bool, inputs: Any, keywords: Any) -> Any:
        """Run the program for arguments of this kind, or record the step if there is none."""
        given: list[Any] = []
        kind_of_given = kind_of((inputs, keywords) if keywords else inputs, given)
        meeting = self.surroundings.meeting(given)
        key = (recording, meeting, kind_of_given)
        kind = self.kinds.get(key) or self.new_kind(key)
        if kind.programs and kind.guard is None and not meeting:
            kind.guard = guard_of(inputs, keywords, self.surroundings.named)
        for program in kind.programs:
            try:
                if not program.fits():
                    raise Stale
                result = program.run(*given)
            except Disagreement:
                continue
            except Stale:
                kind.programs.clear()
                self.made_anew.append("a Tensor has another shape, dtype, flag or gradient")
                break
            if kind.guard is not None:
                self.latest = recording, kind.guard, program
            return result
        return self.record(kind, inputs, keywords)

    def new_kind(self, key: Any) -> Kind:
        """A place for the programs of arguments that were not met before."""
        if len(self.kinds) >= MOST_KINDS:
            raise CompileError(
                "compile", f"the step was called with {len(self.kinds)} kinds of arguments, each "
                "of which needs a program", got=shown(key[-1]),
                wanted="numbers that change as Tensors or as np.float32(x), few shapes",
            )  # fmt: skip
        return self.kinds.setdefault(key, Kind())

    def record(self, kind: Kind, inputs: Any, keywords: Any) -> Any:
        """Run the step as it is, for the first or the second time."""
        if len(kind.programs) >= MOST_PROGRAMS:
            raise CompileError(
                "compile", f"{len(kind.programs)} programs for the same arguments, and the step "
                "goes another way again", wanted="a step that does the same in every call",
            )  # fmt: skip
        first = kind.recording
        if first is not None and not same_gradients(first.trace.came_with):
            first = None  # gradients are added to others for the first time, or no longer
        recording, result = recorded(self.step, inputs, keywords)
        kind.recording = recording
        if first is not None:
            kind.recording = None
            kind.programs.append(built(first, recording))
            self.surroundings.watch(first.modules, recording.modules)
        return result

    def explain(self) -> str:
        """The plan of each program: its loops, its buffers, its text, and why it was made."""
        return explanation(self)

    def __repr__(self) -> str:
        programs = sum(len(kind.programs) for kind in self.kinds.values())
        return f"<compiled {getattr(self.step, '__name__', 'step')}: {programs} programs>"


def compile(step: Callable[..., Any]) -> CompiledStep:  # noqa: A001  PyTorch's name for it
    """The step, faster: its first two calls are recorded, later ones run a program of it.

    A step is a function that does the same to its arguments, and to Tensors, modules and
    optimizers around it, in every call: all of a training step from zero_grad() to step(), a
    forward pass, a derivative. Its numbers are those of the step itself, to rounding. What the
    program is not made for starts another recording: arguments of other shapes or dtypes,
    `eval()`, other values of the numbers that the step names. `step.explain()` shows the plan.

    Arguments are Tensors and arrays, in tuples, lists and dicts; everything else among them is
    part of the program. Results have no graph: `backward()` belongs into the step. `print`, and
    what else Python does beside Tensors, happens in the two recordings only.

    Raises CompileError for what a program cannot keep true: a branch or a conversion that looks
    at a number, an array that is not an argument, anything that differs from call to call.
    """
    if not callable(step):
        raise CompileError(
            "compile", "not a function", got=describe(step), wanted="a function of Tensors"
        )
    return CompiledStep(step)


def recorded(step: Callable[..., Any], inputs: Any, keywords: Any) -> tuple[Recording, Any]:
    """One run of the step: what it did, and its result."""
    trace = Trace()
    arguments: list[Value] = []

    def given(leaf: Any) -> Any:
        if not is_dynamic(leaf):
            return leaf
        x, value = trace.given(leaf)
        arguments.append(value)
        return x

    modules: dict[Any, list[Any]] = {}

    def entered(module: Any, when: str, _: Any) -> None:
        if when == "enter":
            modules.setdefault(module, list(vars(module).values()))

    inputs, keywords = mapped(tuple(inputs), given), mapped(dict(keywords), given)
    flags = modes.flags
    modes.flags = (*flags[:2], trace)
    try:
        with watch_calls(entered):
            result = step(*inputs, **keywords)
        trace.commit()
    finally:
        modes.flags = flags
        trace.finished = True
        trace.restore()
    return Recording(trace, arguments, mapped(result, trace.result), modules), mapped(result, real)


def real(leaf: Any) -> Any:
    """What the user gets of a result of a recorded run."""
    if isinstance(leaf, Variable) and isinstance(leaf.value, Symbol):
        return constant(leaf.value.array, "a compiled step")
    return array_of(leaf)


def built(first: Recording, second: Recording) -> Program:
    """The program of a step that did the same twice."""
    start = time.perf_counter()
    names = dict(zip(first.arguments, second.arguments, strict=True))
    require_agreement(first.trace, second.trace, names, (first.results, second.results))
    trace = second.trace
    results = [leaf for leaf in leaves(second.results) if isinstance(leaf, Value)]
    with np.errstate(all="ignore"):  # what is computed here was computed in both recordings
        plain = [done for old in trace.operations for done in rewritten(old)]
        operations, became = simplified(plain, results)
    final = mapped(second.results, lambda leaf: became.get(leaf, leaf))
    leaving = {leaf for leaf in leaves(final) if isinstance(leaf, Value)}
    loops = compilers.Kernels.loops and compilers.available()
    steps = remade(fused(with_constants(operations), leaving, loops=loops), leaving)
    layout = laid_out(steps, {*leaving, *second.arguments})
    run, text = assembled(steps, layout, second.arguments, final)
    seconds = time.perf_counter() - start
    outside: list[Any] = [
        tensor for key, tensor in trace.known.items()
        if key not in trace.arguments and first.trace.known.get(key) is tensor
    ]  # fmt: skip
    tracked = [(tensor, tensor.tracked) for tensor in outside]
    ids = set(map(id, outside))
    came_with = [(tensor, flag) for tensor, flag in trace.came_with if id(tensor) in ids]
    return Program(
        run, text, steps, layout, len(trace.operations), final, tracked, came_with, seconds
    )


def same_gradients(came_with: Sequence[tuple[Any, bool]]) -> bool:
    """Whether those Tensors have a gradient that had one, and no others."""
    return all((tensor._grad is not None) is flag for tensor, flag in came_with)
