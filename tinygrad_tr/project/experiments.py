"""A diary of experiments: what was tried, and what came of it."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tinygrad_tr.arguments import whole
from tinygrad_tr.errors import ArgumentError, FileError
from tinygrad_tr.tables import aligned

from .checks import one_of
from .hparams import HParams

START = '{"hparams": '  # how every line begins


@dataclass(frozen=True)
class Experiment:
    """One training: its hyperparameters, its seed, and its metrics by name."""

    hparams: HParams
    seed: int
    metrics: Mapping[str, float]

    def to_json(self) -> str:
        """One line; a metric that is not finite is text, since JSON has no such numbers."""
        metrics = {k: v if math.isfinite(v) else str(v) for k, v in self.metrics.items()}
        rest = json.dumps({"seed": self.seed, "metrics": metrics}, ensure_ascii=False)
        return f"{START}{self.hparams.to_json()}, {rest[1:]}"

    @classmethod
    def from_json(cls, text: str) -> Experiment:
        """The experiment of a line."""
        entry = json.loads(text)
        metrics = {name: float(value) for name, value in entry["metrics"].items()}
        return cls(HParams(**entry["hparams"]), entry["seed"], metrics)


class Experiments:
    """Experiments in the order in which they were made, one line of a file each.

        diary = Experiments("runs.jsonl")
        diary.add(HParams(lr=0.01), seed=0, metrics={"train error": 0.02, "dev error": 0.05})
        print(diary.table("dev error"))

    The file is only ever added to, and it is on the disk when `add` returns. Where a crash has
    cut off a line, the file is read without it, with a warning. Course 3, week 1.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.entries = read(self.path) if self.path.exists() else []

    def add(self, hparams: HParams, seed: int, metrics: Mapping[str, float]) -> Experiment:
        """Write down an experiment."""
        if not isinstance(hparams, HParams) or not metrics:
            raise ArgumentError(
                "Experiments.add", "an experiment has hyperparameters and metrics",
                got=f"{type(hparams).__name__}, {len(metrics)} metrics",
                wanted="HParams(...) and at least one metric",
            )  # fmt: skip
        numbers = {str(name): float(value) for name, value in metrics.items()}
        entry = Experiment(hparams, whole("Experiments.add", "seed", seed, low=0), numbers)
        append(self.path, entry.to_json())
        self.entries.append(entry)
        return entry

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Experiment]:
        return iter(self.entries)

    def __getitem__(self, place: int) -> Experiment:
        return self.entries[place]

    def sorted_by(self, metric: str, mode: str = "min") -> list[Experiment]:
        """The best experiment first: the lowest metric ("min"), or the highest ("max").

        Those that do not have it, or have NaN, come last.
        """
        one_of("Experiments.sorted_by", "mode", mode, ("min", "max"))
        if not any(metric in entry.metrics for entry in self):
            known = dict.fromkeys(name for entry in self for name in entry.metrics)
            raise ArgumentError(
                "Experiments.sorted_by", f"no experiment has the metric {metric!r}",
                got=f"{len(self)} experiments", wanted=", ".join(known) or "experiments before",
            )  # fmt: skip

        def place(entry: Experiment) -> tuple[bool, float]:
            value = entry.metrics.get(metric, math.nan)
            return (True, 0.0) if math.isnan(value) else (False, value if mode == "min" else -value)

        return sorted(self, key=place)

    def table(self, metric: str | None = None, mode: str = "min") -> str:
        """The experiments as text, in the order of a metric or, without one, of the file."""
        entries = list(self) if metric is None else self.sorted_by(metric, mode)
        chosen = list(dict.fromkeys(name for entry in entries for name in entry.hparams))
        measured = list(dict.fromkeys(name for entry in entries for name in entry.metrics))
        rows = [
            [
                *(str(entry.hparams.get(name, "")) for name in chosen),
                str(entry.seed),
                *(f"{entry.metrics[n]:.4g}" if n in entry.metrics else "" for n in measured),
            ]
            for entry in entries
        ]
        return "\n".join(aligned([[*chosen, "seed", *measured], *rows], left=(0,)))

    def __str__(self) -> str:
        return self.table()


def read(file: Path) -> list[Experiment]:
    """The experiments of a file; a line that was cut off is skipped, with a warning."""
    entries = []
    text = file.read_text(encoding="utf-8", errors="replace")
    for place, line in enumerate(text.split("\n"), 1):
        try:
            if line:
                entries.append(Experiment.from_json(line))
        except json.JSONDecodeError as error:
            if not (line.startswith(START) or START.startswith(line)):
                raise strange(file, place, line) from error
            warnings.warn(
                f"Experiments: {file}, line {place} was cut off and is skipped: {line[:60]!r}",
                stacklevel=3,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise strange(file, place, line) from error
    return entries


def strange(file: Path, place: int, line: str) -> FileError:
    return FileError(
        "Experiments", f"{file}, line {place} is no experiment", got=line[:60],
        wanted="a file that Experiments.add wrote",
    )  # fmt: skip


def append(file: Path, line: str) -> None:
    """Write a line at the end, in one piece, behind whatever a crash has left there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(end - 1, 0))
        begin = "" if stream.read(1) in (b"", b"\n") else "\n"
        stream.write(f"{begin}{line}\n".encode())
        stream.flush()
        os.fsync(stream.fileno())
