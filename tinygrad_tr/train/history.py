"""What every epoch of a training gave."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_tr.errors import ArgumentError, StateError, describe
from tinygrad_tr.tables import aligned

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class History(dict[str, list[float]]):
    """A list of numbers for each name, one for each epoch: `history["dev loss"][-1]`.

    `best` is the row of the epoch in which `monitor` was lowest ("min") or highest ("max").
    Printed, it is a table.
    """

    def __init__(self, monitor: str = "train loss", mode: str = "min") -> None:
        super().__init__()
        self.monitor, self.mode = monitor, mode

    @property
    def epochs(self) -> int:
        """How many epochs there are."""
        return len(next(iter(self.values()), []))

    def add(self, row: Mapping[str, float]) -> None:
        """Take in the numbers of the next epoch, under the names of those before."""
        if self and row.keys() != self.keys():
            raise ArgumentError(
                "History.add", "other names than in the epochs before", got=", ".join(row),
                wanted=", ".join(self),
            )  # fmt: skip
        for name, value in row.items():
            self.setdefault(name, []).append(float(value))

    def row(self, epoch: int) -> dict[str, float]:
        """The numbers of an epoch; the first is 1."""
        if not 1 <= epoch <= self.epochs:
            raise ArgumentError(
                "History.row", f"there are {self.epochs} epochs", got=f"{epoch=}",
                wanted=f"1 to {self.epochs}" if self else "an epoch of training before",
            )  # fmt: skip
        return {"epoch": epoch, **{name: values[epoch - 1] for name, values in self.items()}}

    @property
    def best(self) -> dict[str, float]:
        """The row of the best epoch, the first one of several that are equally good."""
        values = self.get(self.monitor, [])
        known = [value for value in values if not math.isnan(value)]
        if not known:
            raise ArgumentError(
                "History.best", f"no epoch has a {self.monitor}", got=f"{self.epochs} epochs",
                wanted="an epoch of training before",
            )  # fmt: skip
        chosen = min(known) if self.mode == "min" else max(known)
        return self.row(values.index(chosen) + 1)

    def state_dict(self) -> dict[str, Any]:
        """Names and numbers, which JSON can hold."""
        columns = {name: list(values) for name, values in self.items()}
        return {"monitor": self.monitor, "mode": self.mode, "columns": columns}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become the history of which `state_dict()` was taken."""
        try:
            monitor, mode, columns = state["monitor"], state["mode"], dict(state["columns"])
            rows = list(zip(*columns.values(), strict=True))
        except (KeyError, TypeError, ValueError):
            raise StateError(
                "History.load_state_dict", "not the state of a history", got=describe(state),
                wanted="what state_dict() gave",
            ) from None  # fmt: skip
        self.monitor, self.mode = monitor, mode
        self.clear()
        for row in rows:
            self.add(dict(zip(columns, row, strict=True)))

    # ------------------------------------------------------------------ shown

    def figure(self) -> Figure:
        """The losses, and beside them the metrics if there are any, epoch by epoch."""
        from matplotlib.figure import Figure

        losses = [name for name in LOSSES if name in self]
        metrics = [name for name in self if name not in (*LOSSES, "lr", "seconds")]
        panels = list(filter(None, (losses, metrics)))
        best = round(self.best["epoch"])
        figure = Figure(figsize=(5 * len(panels), 3.6), layout="constrained")
        for axes, names in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            for name in names:
                axes.plot(range(1, self.epochs + 1), self[name], ".-", label=name, linewidth=1.2)
            axes.axvline(best, color="grey", linestyle=":", label=f"epoch {best}: best")
            axes.set(xlabel="epoch", ylabel="loss" if names is losses else "on dev")
            axes.set_xlim(0.5, self.epochs + 0.5)
            axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
            axes.legend(frameon=False)
        lowest, highest = (f(f(self[name]) for name in losses) for f in (min, max))
        if 0 < 20 * lowest < highest:
            figure.axes[0].set_yscale("log")
        return figure

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Write `figure()` to a file; its suffix decides the format, and its folder is made."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        self.figure().savefig(file, dpi=150)
        return file

    def __repr__(self) -> str:
        """A table; of a long training the first rows, the last ones, and the best."""
        if not self:
            return "History of no epoch"
        best = round(self.best["epoch"])
        table = [["epoch", *self, ""]]
        before = 0
        for epoch in range(1, self.epochs + 1):
            if epoch <= ROWS // 2 or epoch > self.epochs - ROWS // 2 or epoch == best:
                if epoch > before + 1:
                    table.append(["...", *[""] * len(self), ""])
                numbers = [f"{values[epoch - 1]:.4g}" for values in self.values()]
                table.append([str(epoch), *numbers, "best" if epoch == best else ""])
                before = epoch
        return "\n".join(aligned(table))


LOSSES = ("train loss", "dev loss")
ROWS = 10  # how many a table shows
