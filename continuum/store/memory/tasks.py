"""Named queues, heartbeats and idempotency keys in memory (`ActivityStore`)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from uuid import UUID

from msgspec import Raw

from continuum.declare.queue import Queue
from continuum.errors import ConfigurationError
from continuum.journal.events import NO_DETAILS, NULL, EventKind, Failure
from continuum.journal.tasks import (
    KEY_SETTLED,
    RESULT,
    AttemptResult,
    attempt_name,
    encode_task,
)
from continuum.journal.turn import Turn
from continuum.store.activities import (
    AttemptFence,
    AttemptFenced,
    AttemptTransaction,
    Beat,
    ClaimedTask,
    Reservation,
)
from continuum.store.memory.tables import KeyRow, QueueRow, Tables, TaskRow
from continuum.store.protocol import InboxMessage, NewMessage

_STOPPED = encode_task(
    AttemptResult(
        "failed",
        error=Failure("CancelledError", "stopped in its queue, before the attempt began"),
        reason="cancelled",
    )
)
_ENDS = (EventKind.ACTIVITY_COMPLETED, EventKind.ACTIVITY_FAILED)

Command = tuple[UUID, int, int]


def write_tasks(tables: Tables, turn: Turn) -> None:
    """Queue and stop what a turn says, as a part of writing it."""
    for new in turn.tasks:
        command = (turn.run_id, turn.incarnation, new.command)
        before = tables.tasks.get(command)
        if before is None or before.attempt < new.attempt:
            tables.tasks[command] = TaskRow(
                new.attempt,
                new.queue,
                new.priority,
                new.activity,
                tables.codec.seal(new.payload),
                tables.clock.now(),
            )
    for number in turn.stop_tasks:
        command = (turn.run_id, turn.incarnation, number)
        row = tables.tasks.get(command)
        if row is None:
            continue
        row.stopping = True
        if row.owner is None:
            del tables.tasks[command]
            name = attempt_name(turn.incarnation, number, row.attempt)
            tables.deliver(NewMessage(turn.run_id, RESULT, name, _STOPPED))


class MemoryActivities:
    """What a store does for activities; only transactions need a database."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    # -- queues --------------------------------------------------------------------------------

    async def set_queues(self, queues: Sequence[Queue]) -> None:
        """See `ActivityStore`."""
        for queue in queues:
            if queue.fleet_concurrency is None and queue.rate is None:
                continue
            now = self._tables.clock.now()
            row = self._tables.queues.setdefault(queue.name, QueueRow(refilled_at=now))
            row.fleet_concurrency = queue.fleet_concurrency or row.fleet_concurrency
            row.rate = queue.rate or row.rate

    async def claim_tasks(
        self, node_id: UUID, queue: str, activities: Sequence[str], limit: int
    ) -> list[ClaimedTask]:
        """See `ActivityStore`."""
        tables, now = self._tables, self._tables.clock.now()
        if tables.is_condemned(node_id):
            return []
        limits = tables.queues.get(queue)
        if limits is not None:
            limit = min(limit, limits.room(tables.claimed_of(queue), now))
        known = set(activities)
        waiting = [
            (command, row)
            for command, row in tables.tasks.items()
            if row.queue == queue and row.claimable(now) and row.activity in known
        ]
        waiting.sort(key=lambda item: (-item[1].priority, item[1].available_at))
        chosen = waiting[: max(limit, 0)]
        for _, row in chosen:
            row.owner, row.token = node_id, tables.next_token()
        if chosen:
            if limits is not None:
                limits.spend(len(chosen), now)
            tables.changed()
        return [self._claimed(command, row) for command, row in chosen]

    async def finish_tasks(
        self, results: Sequence[tuple[AttemptFence, bytes]]
    ) -> list[InboxMessage]:
        """See `ActivityStore`."""
        messages: list[InboxMessage] = []
        for fence, result in results:
            if self._task(fence) is None:
                continue
            del self._tables.tasks[_command(fence)]
            name = attempt_name(fence.incarnation, fence.command, fence.attempt)
            messages.append(self._tables.deliver(NewMessage(fence.run_id, RESULT, name, result)))
        self._tables.changed()
        return messages

    async def give_tasks_back(self, fences: Sequence[AttemptFence], delay: float) -> None:
        """See `ActivityStore`."""
        available_at = self._tables.clock.now() + timedelta(seconds=delay)
        for fence in fences:
            row = self._task(fence)
            if row is not None:
                row.owner, row.token, row.available_at = None, 0, available_at
        self._tables.changed()

    async def look_at_tasks(
        self, fences: Sequence[AttemptFence]
    ) -> tuple[list[AttemptFence], list[AttemptFence]]:
        """See `ActivityStore`."""
        seen = [(fence, self._task(fence)) for fence in fences]
        lost = [fence for fence, row in seen if row is None]
        return lost, [fence for fence, row in seen if row is not None and row.stopping]

    async def sweep_tasks(self, limit: int) -> list[InboxMessage]:
        """See `ActivityStore`."""
        dead: list[tuple[AttemptFence, bytes]] = []
        for (run_id, incarnation, number), row in self._tables.tasks.items():
            if row.owner is None or self._tables.is_alive(row.owner):
                continue
            fence = AttemptFence(
                row.owner, run_id, row.token, incarnation, number, row.attempt, "", task=True
            )
            attempt, details = self._tables.beats.get(_command(fence), (0, b""))
            raw = Raw(self._tables.codec.open(details)) if attempt == row.attempt else NO_DETAILS
            dead.append((fence, encode_task(AttemptResult("crashed", details=raw))))
        return await self.finish_tasks(dead[:limit]) if dead else []

    async def save_beats(self, beats: Sequence[Beat]) -> None:
        """See `ActivityStore`."""
        table = self._tables.beats
        for beat in beats:
            command, attempt = _command(beat.fence), beat.fence.attempt
            before = table.get(command, (0, b""))[0]
            if beat.details is None:
                if before <= attempt:
                    table.pop(command, None)
            elif before <= attempt and self._holds(beat.fence):
                table[command] = (attempt, self._tables.codec.seal(beat.details))

    # -- idempotency keys ----------------------------------------------------------------------

    async def reserve_key(self, fence: AttemptFence, activity: str, key: str) -> Reservation:
        """See `ActivityStore`."""
        if not self._holds(fence):
            raise AttemptFenced
        name = (fence.namespace, activity, key)
        command = _command(fence)
        row = self._tables.results.get(name)
        if row is not None:
            if row.result is not None:
                return Reservation(mine=False, value=self._tables.codec.open(row.result))
            if row.command != command and self._lives(row.command):
                if not fence.task:
                    self._tables.waiters[command] = (name, fence.attempt)
                return Reservation(mine=False)
        self._tables.results[name] = KeyRow(command, fence.attempt, self._tables.clock.now())
        return Reservation(mine=True)

    async def complete_key(
        self, fence: AttemptFence, activity: str, key: str, value: bytes
    ) -> list[InboxMessage]:
        """See `ActivityStore`."""
        name = (fence.namespace, activity, key)
        now = self._tables.clock.now()
        row = self._tables.results.setdefault(name, KeyRow(_command(fence), fence.attempt, now))
        if row.result is None and row.is_held_by(_command(fence), fence.attempt):
            row.result = self._tables.codec.seal(value)
            row.at = now
        return await self.wake_key(*name)

    async def release_key(self, fence: AttemptFence, activity: str, key: str) -> list[InboxMessage]:
        """See `ActivityStore`."""
        name = (fence.namespace, activity, key)
        row = self._tables.results.get(name)
        if row is not None and row.result is None and (
            row.is_held_by(_command(fence), fence.attempt)
        ):  # fmt: skip
            del self._tables.results[name]
        return await self.wake_key(*name)

    async def sweep_keys(self, limit: int) -> list[InboxMessage]:
        """See `ActivityStore`."""
        settled: dict[tuple[str, str, str], None] = {}
        for name, _ in self._tables.waiters.values():
            row = self._tables.results.get(name)
            if row is None or row.result is not None or not self._lives(row.command):
                settled[name] = None
        return [message for name in list(settled)[:limit] for message in await self.wake_key(*name)]

    async def wake_key(self, namespace: str, activity: str, key: str) -> list[InboxMessage]:
        """See `ActivityStore`."""
        name = (namespace, activity, key)
        waiting = [item for item in self._tables.waiters.items() if item[1][0] == name]
        messages: list[InboxMessage] = []
        for (run_id, incarnation, number), (_, attempt) in waiting:
            del self._tables.waiters[run_id, incarnation, number]
            text = attempt_name(incarnation, number, attempt)
            messages.append(self._tables.deliver(NewMessage(run_id, KEY_SETTLED, text, NULL)))
        self._tables.changed()
        return messages

    # -- transactions --------------------------------------------------------------------------

    def transaction(self, fence: AttemptFence) -> AbstractAsyncContextManager[AttemptTransaction]:
        """There is no database whose transaction it could be."""
        raise ConfigurationError(
            "a transactional activity needs PostgreSQL",
            hint="replace it in the test: env.replace(activity, fn)",
        )

    async def find_answer(self, fence: AttemptFence) -> InboxMessage | None:
        """See `ActivityStore`."""
        if not self._holds(fence):
            raise AttemptFenced
        name = attempt_name(fence.incarnation, fence.command, fence.attempt)
        for message in self._tables.leases[fence.run_id].inbox.values():
            if (message.kind, message.name) == (RESULT, name):
                return self._tables.open_message(message)
        return None

    # -- rows ----------------------------------------------------------------------------------

    def _claimed(self, command: Command, row: TaskRow) -> ClaimedTask:
        run_id, incarnation, number = command
        assert row.owner is not None
        fence = AttemptFence(
            row.owner, run_id, row.token, incarnation, number, row.attempt,
            self._tables.runs[run_id].namespace, task=True,
        )  # fmt: skip
        payload = self._tables.codec.open(row.payload)
        return ClaimedTask(fence, row.queue, row.activity, payload)

    def _task(self, fence: AttemptFence) -> TaskRow | None:
        """The task, if the fence still holds."""
        row = self._tables.tasks.get(_command(fence))
        held = (fence.attempt, fence.node_id, fence.token)
        return row if row is not None and (row.attempt, row.owner, row.token) == held else None

    def _holds(self, fence: AttemptFence) -> bool:
        if fence.task:
            return self._task(fence) is not None
        lease = self._tables.leases.get(fence.run_id)
        return lease is not None and (lease.owner, lease.token) == (fence.node_id, fence.token)

    def _lives(self, command: Command) -> bool:
        """Whether that call's run is alive in its incarnation and has not journaled its end."""
        run_id, incarnation, number = command
        row = self._tables.runs.get(run_id)
        if row is None or run_id not in self._tables.leases or row.incarnation != incarnation:
            return False
        return not any(
            (event.incarnation, event.command) == (incarnation, number) and event.kind in _ENDS
            for event in row.events
        )


def _command(fence: AttemptFence) -> Command:
    return fence.run_id, fence.incarnation, fence.command
