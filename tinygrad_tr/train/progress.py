"""The progress bar of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_tr.errors import MissingDependencyError


class Progress:
    """One bar for all epochs, with the numbers of the last one; nothing if it is not shown."""

    def __init__(self, show: bool, loader: Any, epochs: int, step: int) -> None:
        self.bar, self.epochs = None, epochs
        if show:
            total = len(loader) * epochs if hasattr(loader, "__len__") else None
            self.bar = tqdm_bar(total=total, initial=step, unit=" steps", dynamic_ncols=True)

    def begin(self, epoch: int) -> None:
        """The epoch that is under way; the first is 0."""
        if self.bar is not None:
            self.bar.set_description(f"epoch {epoch + 1}/{self.epochs}", refresh=False)

    def step(self) -> None:
        if self.bar is not None:
            self.bar.update()

    def show(self, row: Mapping[str, float]) -> None:
        """The losses and metrics of the epoch that ended."""
        if self.bar is not None:
            numbers = (f"{k} {v:.4g}" for k, v in row.items() if k not in ("lr", "seconds"))
            self.bar.set_postfix_str(", ".join(numbers), refresh=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()


def tqdm_bar(**options: Any) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        raise MissingDependencyError(
            "fit", "the progress bar needs tqdm, which is not installed",
            wanted="pip install 'tinygrad_tr[train]', or fit(..., progress=False)",
        ) from None  # fmt: skip
    return tqdm(**options)
