"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from . import __doc__ as about
from . import machine

SECONDS = 60.0  # for all workloads together, without --seconds; rules and curves get as much


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(
        "python -m benchmarks", description=about, formatter_class=argparse.RawTextHelpFormatter
    )
    add = words.add_argument
    add("--list", action="store_true", help="the workloads, and the peers with their versions")
    add(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help="these workloads (or rules, or curves) only",
    )
    add("--against", metavar="PEER", help="the peer whose time is 1; PyTorch if it is installed")
    add(
        "--peers",
        nargs="+",
        metavar="PEER",
        help="time these peers, or `all`; without it, all that start within seconds",
    )
    add("--seconds", type=float, default=SECONDS, metavar="S", help="the budget of each table")
    add("--threads", type=int, default=2, metavar="N", help="threads of every peer, 2")
    add("--rules", action="store_true", help="nanoseconds per call of every rule")
    add("--imports", action="store_true", help="the time of `import`, in fresh processes")
    add("--memory", action="store_true", help="the peak memory of a step, in fresh processes")
    add("--scaling", action="store_true", help="time and memory against the size")
    add("--first-call", action="store_true", help="what compiling costs, in fresh processes")
    add("--json", type=Path, metavar="FILE", help="write every measurement, machine and versions")
    add("--plots", type=Path, metavar="FOLDER", help="draw the workloads and curves as SVG")
    add("--write", type=Path, metavar="FILE", help="write all tables as a Markdown page, drawn too")
    return words  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the arguments ask for, print it as tables, and write the files."""
    words = parser()
    asked = words.parse_args(arguments)
    refuse_unknown(words, asked)
    if asked.list:
        for table in listing():
            print(table, end="\n\n")
        return
    sections = []
    for section in measurements(asked):
        for table in section.tables:
            table.show()
            print(flush=True)
        sections.append(section)
    if asked.json:
        data = {section.name: section.data for section in sections}
        asked.json.write_text(json.dumps({**heading(asked), **data}, indent=1) + "\n")
    if asked.plots:
        draw(sections, asked.plots / "benchmarks.svg")
    if asked.write:
        drawn = draw(sections, asked.write.with_suffix(".svg")) if find_spec("matplotlib") else {}
        asked.write.write_text(page(heading(asked), sections, drawn))


def refuse_unknown(words: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    """Stop at names that mean nothing here, saying which do."""
    import tinygrad_tr.nn  # noqa: F401  its layers have rules of their own
    from tinygrad_tr.rule import rules

    from .peers import installed
    from .workloads import CURVES, WORKLOADS

    if asked.peers == ["all"]:
        asked.peers = installed()
    known = [workload.name for workload in WORKLOADS]
    if asked.rules:
        known = list(rules)
    elif asked.scaling:
        known = [curve.name for curve in CURVES]
    here = installed()
    for name in asked.only:
        if name not in known:
            words.error(f"--only: no {name!r} among {', '.join(known)}")
    for peer in [*(asked.peers or []), *([asked.against] if asked.against else [])]:
        if peer not in here:
            words.error(f"no peer {peer!r} is installed here, but {', '.join(here)}")
    if asked.seconds <= 0:
        words.error(f"--seconds: {asked.seconds} is no time")
    if asked.plots and not find_spec("matplotlib"):
        words.error("--plots: matplotlib is not installed")


def measurements(asked: argparse.Namespace) -> Iterator[Any]:
    """What was asked for, a Section for each kind of it."""
    from . import compare, first_calls, plots, processes, rules, scaling
    from .peers import COMPILED, OURS, installed, prompt, reference
    from .report import Section
    from .workloads import CURVES

    against = asked.against or reference()
    here = installed()

    def these(*peers: str) -> list[str]:
        """The peers that were named, or else those of these that are here."""
        return asked.peers or [p for p in dict.fromkeys([against, *peers]) if p in here]

    kinds = (asked.rules, asked.imports, asked.memory, asked.scaling, asked.first_call)
    if asked.write or not any(kinds):
        peers = prompt() if asked.peers is None else asked.peers
        rows = compare.compare(asked.only, seconds=asked.seconds, against=against, peers=peers)
        yield Section(
            "workloads", compare.comparison_tables(rows), rows, lambda: plots.ratios(rows)
        )
    if asked.write or asked.memory:
        wanted = dict.fromkeys([against, *these(OURS, COMPILED)])
        grown = processes.memory(asked.only, wanted)
        yield Section("memory", [processes.memory_table(grown, against)], grown)
    if asked.write or asked.first_call:
        costs = first_calls.starting(asked.only, asked.peers or these(OURS, COMPILED))
        yield Section("first-calls", [first_calls.starting_table(costs)], costs)
    if asked.write or asked.scaling:
        curves = [c for c in CURVES if c.name in asked.only] if asked.scaling else []
        grow = scaling.measure(these(OURS), seconds=asked.seconds, curves=curves or CURVES)
        yield Section("scaling", [scaling.scaling_table(grow)], grow, lambda: plots.curves(grow))
    if asked.write or asked.imports:
        times = processes.import_times()
        yield Section("imports", [processes.import_table(times)], times)
    if asked.write or asked.rules:
        timed = rules.measure(names=asked.only if asked.rules else [], seconds=asked.seconds)
        yield Section("rules", rules.rules_tables(timed), timed)


def draw(sections: Sequence[Any], file: Path) -> dict[str, Path]:
    """The plots of those sections that have one: `file` for the first kind, others beside it."""
    from . import plots

    drawn = {}
    for section in sections:
        if section.plot:
            suffix = "" if section.name == "workloads" else f"-{section.name}"
            drawn[section.name] = plots.saved(
                section.plot(), file.with_name(f"{file.stem}{suffix}.svg")
            )
    return drawn


def heading(asked: argparse.Namespace) -> dict[str, Any]:
    """Where and by what the numbers were made."""
    from .peers import installed, versions

    return {
        "machine": machine.facts(),
        "versions": versions(installed()),
        "seconds": asked.seconds,
    }


def listing() -> list[Any]:
    """The workloads and the peers, as tables."""
    from .peers import PEERS, installed, load, missing, title, versions
    from .report import Table
    from .workloads import WORKLOADS

    here = installed()
    modules = {peer: load(peer) for peer in here}
    can = {
        w.name: ", ".join(peer for peer in here if hasattr(modules[peer], w.program))
        for w in WORKLOADS
    }
    found = versions(here)
    state = {
        peer: found[known.package] if peer in here else f"needs {missing(peer)}"
        for peer, known in PEERS.items()
    }
    return [
        Table(
            "Workloads", ["name", "what", "peers that have it"],
            [[w.name, w.title, can[w.name]] for w in WORKLOADS], words=3,
        ),
        Table(
            "Peers", ["name", "what", "version"],
            [[peer, title(peer), state[peer]] for peer in PEERS], words=3,
        ),
    ]  # fmt: skip


def page(about: dict[str, Any], sections: Sequence[Any], drawn: dict[str, Path]) -> str:
    """docs/benchmarks.md."""
    facts, versions = about["machine"], about["versions"]
    head = f"""\
# Benchmarks

Written by `python -m benchmarks --write docs/benchmarks.md`: {facts["processor"]}, \
{facts["cores"]} cores, {facts["threads"]} threads, {facts["system"]}, Python {facts["python"]}, \
numba {facts["numba"]}; \
{", ".join(f"{package} {version}" for package, version in versions.items())}.

Every peer runs the same workload from the same numbers; before it is timed, the losses and
gradients (or the parameters after several updates) must agree with NumPy's by hand. The peers
then take turns, round after round, in one process with the garbage collector off. *Minimum* is
the ratio of the fastest measurements, *median* that of the rounds. "NumPy by hand" is the
ceiling: the same arithmetic with the derivatives worked out on paper and no engine at all. "With
NumPy alone" is tinygrad_tr without numba; `tt.compile` and `torch.compile` compile the whole step;
"PyTorch, fused" asks for fused optimizers and sparse gradients.

"""
    return head + "\n".join(section.markdown(drawn.get(section.name)) for section in sections)


if __name__ == "__main__":
    machine.hold_threads(parser().parse_args().threads, __package__ or "benchmarks")
    main(sys.argv[1:])
