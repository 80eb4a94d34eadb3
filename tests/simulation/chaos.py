"""An environment in which workers die, commits go unanswered and hints get lost, as planned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any, Final, NoReturn, TypeVar
from uuid import UUID

from continuum.client.local_worker import LocalWorker
from continuum.codec.hooks import IDENTITY
from continuum.engine.execution import Execution
from continuum.engine.outcome import ActivityCall
from continuum.errors import RunTerminal
from continuum.journal.turn import Turn, TurnStatus
from continuum.store.activities import AttemptFence, AttemptTransaction, Reservation
from continuum.store.memory.clock import NOON
from continuum.store.protocol import CommitResult, InboxMessage, StoreUnavailable
from continuum.testing.environments import Environment, _kill
from tests.simulation.interpreter import WORKFLOWS
from tests.simulation.keys import Ledger
from tests.simulation.programs import Disturbance
from tests.simulation.standins import WorldTransaction
from tests.simulation.world import ON_QUEUES, SERVED

FAULTS: Final = (
    "killed before",  # the worker, at this commit; nothing was written
    "killed after",  # it was written
    "unavailable",  # the commit fails and is sent again
    "unanswered",  # it succeeds, but looks as if it had failed
    "declared dead",  # the worker goes on, but its runs are others'
    "drained",  # it gives everything back and leaves
)
REPEATING: Final = frozenset({"killed before", "killed after", "declared dead", "drained"})
"""Faults by which an attempt in progress is lost, and its effect may happen again."""

RUN_ID: Final = UUID("01930000-0000-7000-8000-00000000abcd")

_POLL: Final = 0.01
_DRAIN: Final = 0.01
_ALL: Final = 1_000_000
_HEARD: Final = 0.25
_BEATEN: Final = 0.5
"""Deaths just after the second in which the details of heartbeats were stored."""

T = TypeVar("T")
OnCommit = Callable[[Turn, Execution], None]


class Chaos(Environment):
    """An environment with a plan of what goes wrong.

    Args:
        disturbance: the plan.
        on_commit: called with each turn that was committed and the execution it was taken from.

    Attributes:
        keys: who was given the idempotency keys.
        losses: how many faults there were by which attempts in progress are lost.
    """

    def __init__(self, disturbance: Disturbance, on_commit: OnCommit) -> None:
        super().__init__(
            WORKFLOWS,
            ON_QUEUES,
            start_at=NOON,
            skip_time=True,
            codec=IDENTITY,
            random=Random(0),
            options={
                "queues": [SERVED],
                "max_cached_runs": disturbance.cached,
                "poll": _POLL,
                "look": _POLL,
                "drain_timeout": _DRAIN,
                "heartbeat": _POLL,
            },
        )
        self._plan = disturbance
        self._transactions = list(disturbance.transactions)
        self._results = list(disturbance.results)
        self.losses = 0
        self._on_commit = on_commit
        self._write = self.store.commit_turns
        self.store.commit_turns = self._commit  # type: ignore[method-assign]
        self._rests = self.store.at_rest
        self.store.at_rest = self._at_rest  # type: ignore[method-assign]
        activities: Any = self.store.activities
        self.keys = Ledger(activities, self.store.tables)
        activities.transaction = self._transaction
        activities.reserve_key = self._reserve_key
        activities.complete_key = self._complete_key
        activities.release_key = self._release_key
        self._disturb = self.faults.prepare
        self.faults.prepare = self._prepare  # type: ignore[method-assign]
        self._background: set[asyncio.Task[None]] = set()
        self._epochs: dict[UUID, LocalWorker] = {}
        self._ears = Random(disturbance.seed or 0)
        if disturbance.seed is not None:
            self.faults.disturb(Random(disturbance.seed), 0.0)
        if disturbance.deaf:
            self._hear = self._hints.runs_changed
            self._hints.runs_changed = self._hear_sometimes  # type: ignore[method-assign]

    async def open(self) -> None:
        """Begin, with all workers."""
        await super().open()
        for _ in range(1, self._plan.workers):
            await self._start_worker()

    async def close(self) -> None:
        """End."""
        await asyncio.gather(*self._background, return_exceptions=True)
        await super().close()

    def _at_rest(self) -> bool:
        """Nor may time pass while a worker that was declared dead is about to hear of it."""
        condemned = self.store.tables.is_condemned
        late = any(condemned(local.worker.membership.node_id) for local in self._backend.workers)
        return not late and self._rests()

    def _hear_sometimes(self, run_ids: Sequence[UUID]) -> None:
        if self._ears.random() < _HEARD:
            self._hear(run_ids)

    # -- commits -------------------------------------------------------------------------------

    async def _commit(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        return await self._pass_through(node_id, partial(self._write_turns, node_id, turns))

    async def _write_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        self.store.commits -= 1  # it counts, and so does `_pass_through`
        result = await self._write(node_id, turns)
        self._look(node_id, turns, result)
        return result

    @asynccontextmanager
    async def _transaction(self, fence: AttemptFence) -> AsyncGenerator[AttemptTransaction]:
        """The commit of a transactional activity goes wrong as those of turns do."""
        complete = self.keys.complete_key
        transaction = WorldTransaction(self.store.activities, self.store.tables, fence, complete)
        yield transaction
        fault = self._transactions.pop(0) if self._transactions else ""
        await self._pass_through(fence.node_id, transaction.commit, fault)

    async def _reserve_key(self, fence: AttemptFence, activity: str, key: str) -> Reservation:
        reserve = partial(self.keys.reserve_key, fence, activity, key)
        return await self._pass_through(fence.node_id, reserve)

    async def _complete_key(
        self, fence: AttemptFence, activity: str, key: str, value: bytes
    ) -> list[InboxMessage]:
        """The commit before which a keyed effect has happened and nobody knows."""
        fault = self._results.pop(0) if self._results else ""
        complete = partial(self.keys.complete_key, fence, activity, key, value)
        return await self._pass_through(fence.node_id, complete, fault)

    async def _release_key(
        self, fence: AttemptFence, activity: str, key: str
    ) -> list[InboxMessage]:
        release = partial(self.keys.release_key, fence, activity, key)
        return await self._pass_through(fence.node_id, release)

    async def _pass_through(
        self, node_id: UUID, write: Callable[[], Awaitable[T]], fault: str = ""
    ) -> T:
        for local in self._backend.workers:
            if local.worker.committer.node_id == node_id:
                self._epochs[node_id] = local
        self.store.commits += 1
        number = self.store.commits
        fault = fault or self._plan.faults.get(number, "")
        self.losses += fault in REPEATING
        if fault == "killed before":
            await self._vanish(node_id)
        if fault == "unavailable":
            raise StoreUnavailable("on purpose, before the commit")
        if fault == "declared dead":
            await self._outlive(node_id)
        result = await write()
        if number == self._plan.cancel_at:
            self._in_background(self._stop_run())
        if fault == "killed after":
            await self._vanish(node_id)
        if fault == "unanswered":
            raise StoreUnavailable("on purpose, after the commit")
        if fault == "drained":
            self._in_background(self._drain(node_id))
        return result

    def _look(self, node_id: UUID, turns: Sequence[Turn], result: CommitResult) -> None:
        for local in self._backend.workers:
            if local.worker.committer.node_id != node_id:
                continue
            for turn in turns:
                run = local.worker.runner.runs.get(turn.run_id)
                if result.statuses[turn.run_id] is TurnStatus.COMMITTED and run is not None:
                    assert run.execution is not None
                    self._on_commit(turn, run.execution)

    async def _stop_run(self) -> None:
        try:
            await self.client.cancel(RUN_ID, reason="at some commit", force=self._plan.force)
        except RunTerminal:
            return

    def _prepare(self, call: ActivityCall) -> ActivityCall:
        """Ends in random order; what runs specially cannot be put off and stay what it is."""
        special = call.activity.transactional or call.activity.executor == "process"
        return call if special else self._disturb(call)

    # -- workers -------------------------------------------------------------------------------

    async def _vanish(self, node_id: UUID) -> NoReturn:
        """The worker is killed in this commit, which therefore never returns."""
        if self._ears.random() < _BEATEN:
            await self._epochs[node_id].worker.serving.heartbeats.flush()
        self._recovery = self._in_background(self._replace(node_id))
        await asyncio.get_running_loop().create_future()
        raise AssertionError("a lost commit is answered by nobody")

    async def _replace(self, node_id: UUID) -> None:
        async with self._losing:
            local = self._epochs[node_id]
            if local in self._backend.workers:  # by now perhaps under another node id
                self._backend.workers.remove(local)
                await _kill(local.worker)
                await self._bury(local.worker.membership.node_id)
                await self._start_worker()
            self._hints.poll_now()
            self._backend.waiter.look_at_all()

    async def _outlive(self, node_id: UUID) -> None:
        """Its lock is lost, and the others think that it is dead; it hears of that later."""
        self.store.tables.sessions.discard(node_id)
        await self._bury(node_id)
        self._hints.poll_now()
        for local in self._backend.workers:
            if local.worker.committer.node_id == node_id:
                lose = local.worker.membership._epoch_lost
                asyncio.get_running_loop().call_later(_POLL / 2, lose, node_id)

    async def _bury(self, node_id: UUID) -> None:
        await self.store.declare_dead([node_id])
        await self.store.free_dead(_ALL)

    async def _drain(self, node_id: UUID) -> None:
        async with self._losing:
            for local in list(self._backend.workers):
                if local.worker.committer.node_id == node_id:
                    await self._start_worker()
                    await local.close()
            self._hints.poll_now()
            self._backend.waiter.look_at_all()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        return task
