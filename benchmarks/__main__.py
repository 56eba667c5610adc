"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import __doc__ as about
from . import machine

SECONDS = 60.0  # for all workloads together, without --seconds; the rules get as much


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(
        "python -m benchmarks", description=about, formatter_class=argparse.RawTextHelpFormatter
    )
    add = words.add_argument
    add("--list", action="store_true", help="the workloads, and the peers with their versions")
    add("--only", nargs="+", default=[], metavar="NAME", help="these workloads (or rules) only")
    add("--against", metavar="PEER", help="the peer whose time is 1; PyTorch if it is installed")
    add("--peers", nargs="+", metavar="PEER", help="time these peers; all that are installed")
    add("--seconds", type=float, default=SECONDS, metavar="S", help="the budget of each table")
    add("--threads", type=int, default=2, metavar="N", help="threads of every peer, 2")
    add("--rules", action="store_true", help="nanoseconds per call of every elementwise rule")
    add("--imports", action="store_true", help="the time of `import`, in fresh processes")
    add("--memory", action="store_true", help="the peak memory of a step, in fresh processes")
    add("--json", type=Path, metavar="FILE", help="write every measurement, machine and versions")
    add("--write", type=Path, metavar="FILE", help="write all tables as a Markdown page")
    return words


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the arguments ask for, print it as tables, and write the files."""
    words = parser()
    asked = words.parse_args(arguments)
    refuse_unknown(words, asked)
    if asked.list:
        for table in listing():
            print(table, end="\n\n")
        return
    tables, data = [], {}
    for table, name, numbers in measurements(asked):
        table.show()
        print()
        tables.append(table)
        data[name] = numbers
    if asked.json:
        asked.json.write_text(json.dumps({**heading(asked), **data}, indent=1) + "\n")
    if asked.write:
        asked.write.write_text(page(heading(asked), tables))


def refuse_unknown(words: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    """Stop at names that mean nothing here, saying which do."""
    from tinygrad_tr.rule import rules

    from .peers import installed
    from .workloads import WORKLOADS

    known = list(rules) if asked.rules else [workload.name for workload in WORKLOADS]
    here = installed()
    for name in asked.only:
        if name not in known:
            words.error(f"--only: no {name!r} among {', '.join(known)}")
    for peer in [*(asked.peers or []), *([asked.against] if asked.against else [])]:
        if peer not in here:
            words.error(f"no peer {peer!r} is installed here, but {', '.join(here)}")
    if asked.seconds <= 0:
        words.error(f"--seconds: {asked.seconds} is no time")


def measurements(asked: argparse.Namespace) -> Any:
    """The tables that were asked for, with their names and numbers: (table, name, data)."""
    from . import compare, processes, rules
    from .peers import BY_HAND, OURS, installed, reference

    against = asked.against or reference()
    others = asked.rules or asked.imports or asked.memory
    if asked.write or not others:
        peers = installed() if asked.peers is None else asked.peers
        results = compare.compare(asked.only, seconds=asked.seconds, against=against, peers=peers)
        yield compare.comparison_table(results), "workloads", [r.as_json() for r in results]
    if asked.write or asked.memory:
        grown = processes.memory(asked.only, dict.fromkeys([against, OURS, BY_HAND]))
        yield processes.memory_table(grown, against), "memory", [g.as_json() for g in grown]
    if asked.write or asked.imports:
        times = processes.import_times()
        yield processes.import_table(times), "imports", times
    if asked.write or asked.rules:
        timed = rules.measure(names=asked.only if asked.rules else [], seconds=asked.seconds)
        yield rules.rules_table(timed), "rules", [t.as_json() for t in timed]


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
    from .peers import PACKAGES, installed, load, title, versions
    from .report import Table
    from .workloads import WORKLOADS

    here = installed()
    modules = {peer: load(peer) for peer in here}
    can = {
        w.name: ", ".join(peer for peer in here if hasattr(modules[peer], w.program))
        for w in WORKLOADS
    }
    found = versions(here)
    return [
        Table(
            "Workloads", ["name", "what", "peers that have it"],
            [[w.name, w.title, can[w.name]] for w in WORKLOADS], words=3,
        ),
        Table(
            "Peers", ["name", "what", "version"],
            [[peer, title(peer), found.get(peer, "not installed")] for peer in PACKAGES], words=3,
        ),
    ]  # fmt: skip


def page(about: dict[str, Any], tables: Sequence[Any]) -> str:
    """docs/benchmarks.md."""
    facts, versions = about["machine"], about["versions"]
    head = f"""\
# Benchmarks

Written by `python -m benchmarks --write docs/benchmarks.md`: {facts["processor"]}, \
{facts["cores"]} cores, {facts["threads"]} threads, {facts["system"]}, Python {facts["python"]}, \
numba {facts["numba"]}; \
{", ".join(f"{peer} {version}" for peer, version in versions.items())}.

Every peer runs the same workload from the same numbers; before it is timed, the losses and
gradients (or the parameters after several updates) must agree with NumPy's by hand. The peers
then take turns, round after round, in one process with the garbage collector off. *Minimum* is
the ratio of the fastest measurements, *median* that of the rounds. "NumPy by hand" is the
ceiling: the same arithmetic with the derivatives worked out on paper and no engine at all.

"""
    return head + "\n".join(table.markdown() for table in tables)


if __name__ == "__main__":
    machine.hold_threads(parser().parse_args().threads, __package__ or "benchmarks")
    main(sys.argv[1:])
