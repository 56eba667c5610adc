"""Ctrl-C between two steps, never in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """Inside, the first Ctrl-C only sets `asked`; a second one interrupts at once, as usual.

    Only the main thread can take signals, and a handler of the user's own is left alone: there
    Ctrl-C does what it always did.
    """

    asked = False

    def __enter__(self) -> Interrupt:
        self.before: Any = None
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self.before = signal.signal(signal.SIGINT, self.ask)
        return self

    def ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, self.before)

    def obey(self) -> None:
        """Interrupt now, if it was asked for."""
        if self.asked:
            raise KeyboardInterrupt

    def __exit__(self, *error: object) -> None:
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
