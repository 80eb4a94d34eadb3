"""What the peek pane knows of the run under the cursor, read beside the list and never in its way.

A read begins when the cursor has rested on a run for a moment, and is cancelled, on the server too,
when it moves on. What was read is kept for the way back.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from console.run_source import Span
from console.session import Session
from continuum.model import HistoryEvent, Run, WaitNode

DEBOUNCE: Final = 0.15
"""Seconds that the cursor rests on a run before it is read."""
FRESH: Final = 1.5
"""Seconds for which what was read of a live run is good enough."""
PATIENCE: Final = 5.0
"""Seconds that a read may take."""
KEPT: Final = 64
"""Runs of which something is kept."""
EVENTS: Final = 30
"""Events that are read, the newest; as many as the tallest pane shows."""
PAYLOAD: Final = 4_096
"""Bytes of an event's payload that are read."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What was read of a run.

    Attributes:
        run: as the list had it.
        chain: what it waits for; None for one that has ended.
        events: the newest, the oldest of them first.
        read_at: by the session's clock.
    """

    run: Run
    chain: WaitNode | None
    events: Sequence[HistoryEvent]
    read_at: float


class PeekFeed:
    """Reads the run that is wanted.

    Args:
        session: whose source is asked.
        changed: called when something was read, or could not be.
    """

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        self._session = session
        self._changed = changed
        self._kept: OrderedDict[UUID, Glance] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._wanted: UUID | None = None
        self.error: Exception | None = None
        self.reads = 0

    def want(self, run: Run) -> None:
        """This run, as the list has it now; a read of another one is cancelled."""
        moved = run.id != self._wanted
        if moved:
            self.stop()
            self._wanted = run.id
        if self.idle and self._old(run):
            wait = DEBOUNCE if moved else 0.0
            self._task = asyncio.create_task(self._read(run, wait))

    def stop(self) -> None:
        """Read nothing more."""
        if self._task is not None:
            self._task.cancel()
        self._task = self._wanted = self.error = None

    def of(self, run_id: UUID) -> Glance | None:
        """What was read of it last."""
        return self._kept.get(run_id)

    @property
    def idle(self) -> bool:
        """Whether nothing is being read."""
        return self._task is None or self._task.done()

    def _old(self, run: Run) -> bool:
        known = self._kept.get(run.id)
        if known is None or known.run.updated_at != run.updated_at or known.run.state != run.state:
            return True
        return not run.state.terminal and self._session.clock() - known.read_at >= FRESH

    async def _read(self, run: Run, wait: float) -> None:
        await asyncio.sleep(wait)
        reads = self._session.source.run_reads
        self.reads += 1
        try:
            async with asyncio.timeout(PATIENCE):
                span = Span(limit=EVENTS, newest=True, max_payload=PAYLOAD)
                events = await reads.events(run.id, span)
                chain = None if run.state.terminal else await reads.wait_chain(run.id)
        except Exception as error:
            self.error = error
        else:
            self.error = None
            self._kept[run.id] = Glance(run, chain, events, self._session.clock())
            self._kept.move_to_end(run.id)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._task = None
        self._changed()
