"""Group commit: writes whatever gathered while the previous commit was in flight.

There is no timer and nothing to tune. One run alone pays one commit of latency; a thousand runs
share it. While a batch is in flight its predecessor's acknowledgements are handled, so the
database and this process work at the same time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import UUID

from continuum.journal.turn import Turn, TurnStatus
from continuum.store.protocol import PayloadRejected, StoreUnavailable, TurnStore
from continuum.worker.owned import OwnedRun
from continuum.worker.service import Backoff, Service, Signal

MAX_BATCH = 500
"""Turns in one statement; more only makes the first of them wait longer."""

WORTHWHILE = 200
"""Turns for which a statement's fixed cost no longer matters."""

OnCommitted = Callable[[OwnedRun, TurnStatus], None]
OnRejected = Callable[[OwnedRun, str], None]


@dataclass(frozen=True, slots=True)
class _Outcome:
    runs: Sequence[OwnedRun]
    statuses: Mapping[UUID, TurnStatus]
    reasons: Mapping[UUID, str]


class Committer(Service):
    """Takes runs whose `in_flight` is a turn, and reports what became of it.

    Args:
        store: where turns go.
        on_committed: called with the run and the turn's status, once per submitted turn.
        on_rejected: called instead when the store refuses this run's payload.
        on_batch: called after all calls for one batch, for work that is done once per commit.
        observe: takes the store's clock after each commit.
        more_follow: whether runs are ready to be stepped, so that more turns come at once.
    """

    def __init__(
        self,
        store: TurnStore,
        random: Random,
        *,
        on_committed: OnCommitted,
        on_rejected: OnRejected,
        on_batch: Callable[[], None],
        observe: Callable[[datetime], None],
        more_follow: Callable[[], bool],
    ) -> None:
        super().__init__("committer", random)
        self.node_id: UUID | None = None
        self.committed: Signal[int] = Signal()
        self._random = random
        self._store = store
        self._on_committed = on_committed
        self._on_rejected = on_rejected
        self._on_batch = on_batch
        self._observe = observe
        self._more_follow = more_follow
        self._pending: deque[OwnedRun] = deque()
        self._more = asyncio.Event()
        self._outcome: _Outcome | None = None
        self._in_flight = 0

    @property
    def idle(self) -> bool:
        """Whether every submitted turn has been reported."""
        return not self._pending and not self._in_flight and self._outcome is None

    def submit(self, run: OwnedRun) -> None:
        """Write `run.in_flight` with the next batch. One turn per run at a time."""
        self._pending.append(run)
        self._more.set()

    def expect(self) -> None:
        """Turns may be submitted by the next callback of the loop: be awake when it has run."""
        self._more.set()

    def withdraw_unsent(self) -> list[OwnedRun]:
        """Take back every turn that was never sent (the node lost its epoch)."""
        withdrawn = list(self._pending)
        self._pending.clear()
        return withdrawn

    async def iterate(self) -> None:
        """Send one batch and, while it is in flight, report the one before."""
        if self._outcome is None and not self._pending:
            self._more.clear()
            await self._more.wait()
        while self._more_follow() and 0 < len(self._pending) < WORTHWHILE:  # noqa: ASYNC110
            await asyncio.sleep(0)  # turns that are being taken right now join this batch
        outcome, self._outcome = self._outcome, None
        if not self._pending:
            if outcome is not None:
                self._report(outcome)
            return
        batch = self._take_batch()
        try:
            if outcome is None:
                self._outcome = await self._commit(batch)
                return
            sending = asyncio.ensure_future(self._commit(batch))
            await asyncio.sleep(0)  # the statement goes out before the reports are handled
            self._report(outcome)
            self._outcome = await sending
        finally:
            self._in_flight = 0

    def _take_batch(self) -> list[OwnedRun]:
        pending = self._pending
        if len(pending) <= MAX_BATCH:
            batch = list(pending)
            pending.clear()
        else:
            batch = [pending.popleft() for _ in range(MAX_BATCH)]
        self._in_flight = len(batch)
        return batch

    def _report(self, outcome: _Outcome) -> None:
        statuses, reasons = outcome.statuses, outcome.reasons
        for run in outcome.runs:
            try:
                if reasons and run.run_id in reasons:
                    self._on_rejected(run, reasons[run.run_id])
                else:
                    self._on_committed(run, statuses.get(run.run_id, TurnStatus.FENCED))
            except Exception:
                self.log.exception("run %s: unexpected error after its commit", run.run_id)
        self._on_batch()
        self.committed.emit(len(outcome.runs))

    async def _commit(self, runs: list[OwnedRun]) -> _Outcome:
        """Until the outcome is known: the same turns again, never bisected here (rule 2)."""
        turns: list[Turn] = [run.in_flight for run in runs if run.in_flight is not None]
        node_id = self.node_id
        assert node_id is not None
        backoff = Backoff(self._random)
        failing = False
        while True:
            try:
                result = await self._store.commit_turns(node_id, turns)
            except PayloadRejected as rejected:
                self._observe(rejected.committed.now)
                return _Outcome(runs, rejected.committed.statuses, rejected.reasons)
            except StoreUnavailable as error:
                if not failing:
                    self.log.warning("commit of %d turns: %s; trying again", len(turns), error)
            except Exception:
                if not failing:
                    self.log.exception("commit of %d turns: unexpected error", len(turns))
            else:
                if failing:
                    self.log.info("commits succeed again")
                self._observe(result.now)
                return _Outcome(runs, result.statuses, {})
            failing = True
            await asyncio.sleep(backoff.pause())
