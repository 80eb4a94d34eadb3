"""Refuses effects while a dropped run's coroutines are closed.

Closing a coroutine runs its `finally` blocks. They may compute, but a run that was dropped here
goes on elsewhere, so they must not reach the outside world. An audit hook, installed with the
first drop, refuses that for the closing thread; it costs one comparison otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from threading import get_ident
from typing import Any, Final

from continuum.errors import NotInWorkflow

_EFFECTS: Final = (
    "open", "socket.", "subprocess.", "os.", "shutil.", "urllib.", "http.", "smtplib.", "ftplib.",
    "sqlite3.", "signal.", "webbrowser.", "pty.", "tempfile.", "_thread.start",
)  # fmt: skip


class _Guard:
    """Which thread is closing coroutines now."""

    def __init__(self) -> None:
        self.thread = 0
        self.installed = False

    def hook(self, event: str, _: tuple[Any, ...]) -> None:
        """The audit hook; it can never be removed, so it leaves at once."""
        if self.thread and self.thread == get_ident() and event.startswith(_EFFECTS):
            raise NotInWorkflow(f"{event} in a run that was dropped from memory")


_guard = _Guard()


@contextmanager
def forbidding_effects() -> Generator[None]:
    """Refuse files, sockets, processes and the like on this thread."""
    if not _guard.installed:
        _guard.installed = True
        sys.addaudithook(_guard.hook)
    before, _guard.thread = _guard.thread, get_ident()
    try:
        yield
    finally:
        _guard.thread = before
