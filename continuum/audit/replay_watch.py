"""Ends a process whose replay of one run does not end, and tells its parent which run that was.

Workflow code that loops for ever cannot be interrupted from outside: user code may catch whatever
is raised in it. So its process ends.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final
from uuid import UUID

LIMIT: Final = 60.0
"""Seconds for one run; 100,000 events take a few."""

_OURS: Final = str(Path(__file__).parent)

_LOOKS: Final = 4
"""How often in that time the watch looks."""


@dataclass(frozen=True, slots=True)
class Endless:
    """The replay of this run has not ended.

    Attributes:
        seconds: for which it was replayed.
        place: "flows.py:12", the line that was being executed.
    """

    run_id: UUID
    seconds: float
    place: str

    def __str__(self) -> str:
        return (
            f"the replay of run {self.run_id} has not ended after {self.seconds:.0f} s; its code "
            f"is at {self.place}"
        )


class ReplayWatch:
    """Watches the calling thread.

    Args:
        tell: called before the process ends.
        limit: seconds for one run.
    """

    def __init__(self, tell: Callable[[Endless], None], limit: float) -> None:
        self._tell = tell
        self._limit = limit
        self._current: tuple[UUID, float] | None = None
        self._watched = threading.get_ident()
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, run_id: UUID) -> None:
        """The replay of this run begins."""
        self._current = run_id, monotonic()

    def end(self) -> None:
        """It has ended."""
        self._current = None

    def _watch(self) -> None:
        while True:
            sleep(self._limit / _LOOKS)
            current = self._current
            if current is None:
                continue
            run_id, begun = current
            seconds = monotonic() - begun
            if seconds > self._limit:
                self._tell(Endless(run_id, seconds, self._place()))
                os._exit(1)

    def _place(self) -> str:
        frame = sys._current_frames().get(self._watched)
        while frame is not None and frame.f_code.co_filename.startswith(_OURS):
            frame = frame.f_back  # the probes that count branches stand inside their code
        return "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
