"""The application of workers that kill themselves: the effects, and a store with boundaries.

A file named by `PLAN` says at which commit, counted from the first one that finds it. What happens
is written down beside it, so a test sees whether a commit is still under way.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any, Final, cast

from continuum.store.postgres import store
from tests.effects.boundaries import Boundaries, Moment, Mortal
from tests.effects.scenarios import FLOWS, SERVED

PLAN: Final = "CONTINUUM_TEST_KILL_PLAN"
BEGUN, ANSWERED = "(", ")"


class PlannedDeath(Boundaries):
    """Reads the plan when a commit begins."""

    def __init__(self, plan: Path) -> None:
        super().__init__(_kill_this_process)
        self._plan = plan
        self._log = progress_of(plan).open("a", buffering=1)

    def begin(self) -> None:
        """Look for a plan, then count."""
        if self._plan.exists():
            at, moment = self._plan.read_text().split()
            self._plan.unlink()
            self.arm(int(at), cast("Moment", moment))
        super().begin()
        self._write(BEGUN)

    def end(self) -> None:
        """Survived."""
        super().end()
        self._write(ANSWERED)

    def _write(self, sign: str) -> None:
        self._log.write(sign)
        self._log.flush()


def progress_of(plan: Path) -> Path:
    """Where commits are written down."""
    return plan.with_suffix(".log")


async def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.Event().wait()


_Store: Final = store.PostgresStore
if PLAN in os.environ:
    _boundaries = PlannedDeath(Path(os.environ[PLAN]))

    def _mortal(*args: Any) -> Mortal:
        return Mortal(_Store(*args), _boundaries)

    store.PostgresStore = _mortal  # type: ignore[assignment, misc]

app = [*FLOWS, *SERVED]
