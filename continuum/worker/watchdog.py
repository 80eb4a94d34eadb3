"""Names the workflow whose code blocks the event loop, and ends the process when it never stops.

It is a thread: the loop it watches cannot run. The heartbeat goes on from its own thread, so a
blocked step costs nobody else anything until the hard limit; then all other leases go back before
the process exits, so the culprit takes nothing down with it (rule 23).
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable
from uuid import UUID

from continuum.system import monotonic
from continuum.worker.runner import Runner

log = logging.getLogger("continuum.worker.watchdog")

WARN_AFTER = 2.0
EXIT_AFTER = 60.0
LOOK = 0.25
EXIT_CODE = 70
"""EX_SOFTWARE: a supervisor should restart the process."""


def end_process() -> None:
    """Exit at once: the loop is blocked, so nothing could be cleaned up."""
    logging.shutdown()
    os._exit(EXIT_CODE)


class Watchdog:
    """Watches `runner.stepping` from a thread.

    Args:
        runner: whose steps are watched.
        abandon: gives all leases but the culprit's back; called at the hard limit.
        warn_after, exit_after: seconds one step may block.
        exit_process: ends the process.
    """

    def __init__(
        self,
        runner: Runner,
        abandon: Callable[[UUID], None],
        *,
        warn_after: float = WARN_AFTER,
        exit_after: float = EXIT_AFTER,
        exit_process: Callable[[], None] = end_process,
    ) -> None:
        self._runner = runner
        self._abandon = abandon
        self._warn_after = warn_after
        self._exit_after = exit_after
        self._exit_process = exit_process
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the steps of the calling thread's event loop."""
        watched = threading.get_ident()
        self._thread = threading.Thread(
            target=self._watch, args=(watched,), name="continuum-watchdog", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns at once."""
        self._stopped.set()

    def _watch(self, watched: int) -> None:
        warned_of = 0.0
        look = min(LOOK, self._warn_after / 4)
        while not self._stopped.wait(look):
            run, began = self._runner.stepping, self._runner.step_began
            if run is None:
                continue
            blocked = monotonic() - began
            if blocked >= self._warn_after and warned_of != began:
                warned_of = began
                self._warn(run.run_id, run.workflow_name, blocked, watched)
            if blocked >= self._exit_after:
                log.critical(
                    "run %s (%s) has blocked this worker for %.0f s: giving all other runs back "
                    "and ending the process",
                    run.run_id, run.workflow_name, blocked,
                )  # fmt: skip
                self._abandon(run.run_id)
                self._exit_process()
                return

    @staticmethod
    def _warn(run_id: UUID, workflow: str, blocked: float, watched: int) -> None:
        frame = sys._current_frames().get(watched)
        stack = "".join(traceback.format_stack(frame)[-20:]) if frame is not None else ""
        log.warning(
            "run %s (%s) has blocked this worker for %.1f s; workflow code must not block, "
            "move this into an activity\n%s",
            run_id, workflow, blocked, stack,
        )  # fmt: skip
