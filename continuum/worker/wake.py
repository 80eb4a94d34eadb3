"""How an owned run learns that it has mail: hints first, a bounded poll behind them.

A hint may be lost, doubled or stale. The inbox row is the evidence; the poll looks at it once a
second, so with every hint lost a run is at most a second late (rules 9, 24, 25).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from random import Random
from uuid import UUID

from continuum.store.pauses import CONTROLS, PAUSE, Pauses
from continuum.store.protocol import InboxMessage, OwnershipStore, StoreUnavailable
from continuum.worker.membership import Membership
from continuum.worker.owned import OwnedRun
from continuum.worker.service import Service, Signal, wait_event

POLL = 1.0
READ_BATCH = 500
REMEMBER = 15.0
"""Seconds. A message consumed longer ago than this cannot be delivered late by this process."""


class Deliveries:
    """Hands each inbox message to its run once, however often it is seen.

    A read that began before the turn that consumed a message was committed, or a client of this
    process that is late with `deliver_local`, shows the message again. The ids of consumed
    messages are therefore remembered for a while after their commit.

    Attributes:
        on_pause: called when the run was paused, or resumed; the last word counts.
    """

    def __init__(
        self,
        runs: Mapping[UUID, OwnedRun],
        stimulate: Callable[[OwnedRun, Callable[[datetime], None]], None],
    ) -> None:
        self._runs = runs
        self._stimulate = stimulate
        self.on_pause: Callable[[OwnedRun, bool], None] = _nothing
        self._recent: set[int] = set()
        self._older: set[int] = set()

    def deliver(self, run: OwnedRun, messages: Iterable[InboxMessage]) -> None:
        """Queue those of `messages` that this run has not had."""
        unread, paused = run.unread, None
        for message in messages:
            if message.id in self._recent or message.id in self._older:
                continue
            if unread is None:
                unread = run.unread = set()
            if message.id not in unread:
                unread.add(message.id)
                if message.kind in CONTROLS:
                    run.consumed.append(message.id)
                    paused = message.kind == PAUSE
                else:
                    self._stimulate(run, _Delivery(run, message))
        if paused is not None:
            self.on_pause(run, paused)

    def consumed(self, run: OwnedRun, ids: Sequence[int]) -> None:
        """A committed turn deleted these rows."""
        self._recent.update(ids)
        if run.unread is not None:
            run.unread.difference_update(ids)
            if not run.unread:
                run.unread = None

    def rotate(self) -> None:
        """Forget what was consumed before the previous call. Never called during a read."""
        self._older, self._recent = self._recent, set()


def _nothing(run: OwnedRun, paused: bool) -> None:
    """Nobody pauses runs here."""


class _Delivery:
    """A stimulus: one message for one run."""

    __slots__ = ("message", "run")

    def __init__(self, run: OwnedRun, message: InboxMessage) -> None:
        self.run = run
        self.message = message

    def __call__(self, at: datetime) -> None:
        self.run.deliver(self.message, at)


class Wake(Service):
    """Reads the inboxes of hinted runs and polls for everything a hint should have said.

    Args:
        runs: the runs in memory.
        membership: this epoch's node id, the version ids it can run and its build.
        observe: takes the store's clock.
        claim: called when something is claimable.
        suspect: called when something is that may be poison.
        fire: called for an owned run whose timer is overdue by the store's clock.
        paused: takes what is paused besides single runs.
    """

    def __init__(
        self,
        store: OwnershipStore,
        random: Random,
        *,
        runs: Mapping[UUID, OwnedRun],
        deliveries: Deliveries,
        membership: Membership,
        observe: Callable[[datetime], None],
        claim: Callable[[], None],
        suspect: Callable[[], None],
        fire: Callable[[OwnedRun], None],
        paused: Callable[[Pauses], None],
        poll: float = POLL,
    ) -> None:
        super().__init__("wake", random)
        self.polled: Signal[int] = Signal()
        self._store = store
        self._runs = runs
        self._deliveries = deliveries
        self._membership = membership
        self._observe = observe
        self._claim = claim
        self._suspect = suspect
        self._fire = fire
        self._paused = paused
        self._poll = poll
        self._random = random
        self._hinted: dict[UUID, None] = {}
        self._look = asyncio.Event()
        self._poll_at = 0.0
        self._rotate_at = 0.0

    def hint(self, run_ids: Sequence[UUID]) -> None:
        """A hint arrived: these runs have mail; none named means look at everything."""
        if not run_ids:
            self._poll_at = 0.0
        for run_id in run_ids:
            if run_id in self._runs:
                self._hinted[run_id] = None
            else:
                self._claim()
        self._look.set()

    def poll_now(self) -> None:
        """Hints may have been lost (the listener was away): look at everything."""
        self.hint(())

    def deliver_local(self, messages: Sequence[InboxMessage]) -> list[UUID]:
        """Messages posted by a client of this process; answers the runs that are not ours."""
        elsewhere: list[UUID] = []
        for message in messages:
            run = self._runs.get(message.run_id)
            if run is None or run.dropped:
                elsewhere.append(message.run_id)
            else:
                self._deliveries.deliver(run, (message,))
        return elsewhere

    async def begin(self) -> None:
        """Poll once before anything is claimed: some of it may be paused.

        Should the database not answer right now, the claims do not get an answer either.
        """
        try:
            await self._attend()
        except StoreUnavailable as error:
            self.log.warning("the first poll: %s", error)

    async def iterate(self) -> None:
        """Wait for a hint or the next poll, then look."""
        loop = asyncio.get_running_loop()
        if not self._hinted:
            await wait_event(self._look, max(self._poll_at - loop.time(), 0.0))
        self._look.clear()
        if loop.time() >= self._poll_at:
            self._poll_at = loop.time() + self._poll * (0.75 + self._random.random() / 2)
            await self._attend()
        await self._read_hinted()
        if loop.time() >= self._rotate_at:
            self._rotate_at = loop.time() + REMEMBER
            self._deliveries.rotate()

    async def _attend(self) -> None:
        member = self._membership
        found = await self._store.attend(member.node_id, member.version_ids, member.build)
        self._observe(found.now)
        self._paused(found.pauses)
        for run_id in found.unread:
            if run_id in self._runs:
                self._hinted[run_id] = None
        for run_id in found.overdue:
            run = self._runs.get(run_id)
            if run is not None:
                self._fire(run)
        if found.claimable:
            self._claim()
        if found.suspect:
            self._suspect()
        self.polled.emit(len(found.unread) + len(found.overdue))

    async def _read_hinted(self) -> None:
        node_id = self._membership.node_id
        while self._hinted:
            batch: dict[UUID, OwnedRun] = {}
            for run_id in list(self._hinted)[:READ_BATCH]:
                del self._hinted[run_id]
                run = self._runs.get(run_id)
                if run is not None and not run.dropped:
                    batch[run_id] = run
            if not batch:
                continue
            try:
                messages = await self._store.read_inbox(node_id, list(batch))
            except BaseException:
                self._hinted.update(dict.fromkeys(batch))
                raise
            for message in messages:
                run = batch[message.run_id]
                # Owned again since the read began? Then its claim brought the inbox.
                if self._runs.get(message.run_id) is run and not run.dropped:
                    self._deliveries.deliver(run, (message,))
