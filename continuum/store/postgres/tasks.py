"""Named queues and heartbeats on PostgreSQL (`ActivityStore`, its tasks half)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from msgspec import Raw

from continuum.codec.hooks import PayloadCodec
from continuum.declare.queue import Queue
from continuum.journal.events import NO_DETAILS, Failure
from continuum.journal.tasks import RESULT, AttemptResult, attempt_name, encode_task
from continuum.journal.turn import Turn
from continuum.store.activities import AttemptFence, Beat, ClaimedTask
from continuum.store.postgres.arrays import (
    Element,
    Packed,
    blobs,
    bool_item,
    int4_item,
    int8s,
    pack,
    texts,
    uuids,
)
from continuum.store.postgres.direct import DirectStatements
from continuum.store.postgres.inbox import PostgresInbox
from continuum.store.postgres.session import Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.store.protocol import InboxMessage, NewMessage

_SQL: Final = statements("tasks")
_INBOX: Final = statements("inbox")

_STOPPED: Final = encode_task(
    AttemptResult(
        "failed",
        error=Failure("CancelledError", "stopped in its queue, before the attempt began"),
        reason="cancelled",
    )
)


async def write_tasks(
    statements: DirectStatements, turns: Sequence[Turn], codec: PayloadCodec
) -> None:
    """Queue and stop what these turns say, in the transaction that wrote them."""
    new = [(turn, task) for turn in turns for task in turn.tasks]
    if new:
        await statements.run(
            _SQL["enqueue"],
            [
                uuids(turn.run_id for turn, _ in new),
                _int4s(turn.incarnation for turn, _ in new),
                _int4s(task.command for _, task in new),
                _int4s(task.attempt for _, task in new),
                texts(task.queue for _, task in new),
                _int4s(task.priority for _, task in new),
                texts(task.activity for _, task in new),
                blobs(codec.seal(task.payload) for _, task in new),
            ],
        )
    stopped = [(turn, command) for turn in turns for command in turn.stop_tasks]
    if stopped:
        names = [
            uuids(turn.run_id for turn, _ in stopped),
            _int4s(turn.incarnation for turn, _ in stopped),
            _int4s(command for _, command in stopped),
        ]
        await statements.run(_SQL["mark_stopping"], names)
        await statements.run(_SQL["answer_unclaimed"], [*names, codec.seal(_STOPPED)])


class PostgresTasks:
    """Claims, answers and sweeps tasks."""

    def __init__(self, sessions: Sessions, inbox: PostgresInbox, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._inbox = inbox
        self._codec = codec

    async def set_queues(self, queues: Sequence[Queue]) -> None:
        """See `ActivityStore.set_queues`."""
        limited = [q for q in queues if q.fleet_concurrency is not None or q.rate is not None]
        async with self._sessions.autocommit() as session:
            for queue in sorted(limited, key=lambda q: q.name):
                rate = None if queue.rate is None else float(queue.rate)
                concurrency = queue.fleet_concurrency
                await session.run(
                    _SQL["set_queue"],
                    [queue.name, None if concurrency is None else _int4(concurrency), rate],
                )

    async def claim_tasks(
        self, node_id: UUID, queue: str, activities: Sequence[str], limit: int
    ) -> list[ClaimedTask]:
        """See `ActivityStore.claim_tasks`."""
        async with self._sessions.transaction() as session:
            tokens: float | None = None
            for concurrency, rate, bucket in await session.rows(_SQL["lock_queue"], [queue]):
                if concurrency is not None:
                    [(claimed,)] = await session.rows(_SQL["count_claimed"], [queue])
                    limit = min(limit, concurrency - claimed)
                if rate is not None:
                    tokens = bucket
                    limit = min(limit, int(bucket))
            if limit < 1:
                return []
            rows = await session.rows(
                _SQL["claim_tasks"], [node_id, queue, texts(activities), _int4(limit)]
            )
            if tokens is not None and rows:
                await session.run(_SQL["spend"], [queue, tokens - len(rows)])
        rows.sort(key=lambda row: (-row[8], row[9]))  # UPDATE answers in any order
        return [
            ClaimedTask(
                AttemptFence(node_id, run_id, token, incarnation, command, attempt, namespace,
                             task=True),
                queue, activity, self._codec.open(payload),
            )
            for run_id, token, incarnation, command, attempt, namespace, activity, payload, _, _
            in rows
        ]  # fmt: skip

    async def finish_tasks(
        self, results: Sequence[tuple[AttemptFence, bytes]]
    ) -> list[InboxMessage]:
        """See `ActivityStore.finish_tasks`."""
        if not results:
            return []
        async with self._sessions.transaction() as session:
            return await self.finish_on(session, results)

    async def finish_on(
        self, session: Session, results: Sequence[tuple[AttemptFence, bytes]]
    ) -> list[InboxMessage]:
        """The same inside an open transaction."""
        fences = [fence for fence, _ in results]
        await self.lock_runs(session, fences)
        gone = set(await session.rows(_SQL["finish_tasks"], _fences(fences)))
        messages = [
            answer_message(fence, result)
            for fence, result in results
            if (fence.run_id, fence.incarnation, fence.command) in gone
        ]
        return await self._inbox.deliver_on(session, messages)

    async def lock_runs(self, session: Session, fences: Sequence[AttemptFence]) -> set[UUID]:
        """Lease rows first (rule 11); answers the runs that are alive."""
        run_ids = uuids({fence.run_id: None for fence in fences})
        return {row[0] for row in await session.rows(_INBOX["lock_live"], [run_ids])}

    async def give_tasks_back(self, fences: Sequence[AttemptFence], delay: float) -> None:
        """See `ActivityStore.give_tasks_back`."""
        if fences:
            async with self._sessions.autocommit() as session:
                await session.run(_SQL["give_tasks_back"], [*_fences(fences), float(delay)])

    async def look_at_tasks(
        self, fences: Sequence[AttemptFence]
    ) -> tuple[list[AttemptFence], list[AttemptFence]]:
        """See `ActivityStore.look_at_tasks`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["look_at_tasks"], _fences(fences))
        seen = list(zip(fences, rows, strict=True))
        lost = [fence for fence, (gone, _) in seen if gone]
        return lost, [fence for fence, (gone, stopping) in seen if stopping and not gone]

    async def sweep_tasks(self, limit: int) -> list[InboxMessage]:
        """See `ActivityStore.sweep_tasks`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["dead_tasks"], [_int4(limit)])
        if not rows:
            return []
        dead = [
            AttemptFence(owner, run_id, token, incarnation, command, attempt, "", task=True)
            for run_id, token, incarnation, command, attempt, owner in rows
        ]
        async with self._sessions.transaction() as session:
            details = {
                tuple(row[:3]): Raw(self._codec.open(row[3]))
                for row in await session.rows(_SQL["details_of"], _fences(dead)[:4])
            }
            results: list[tuple[AttemptFence, bytes]] = []
            for fence in dead:
                found = details.get((fence.run_id, fence.incarnation, fence.command), NO_DETAILS)
                results.append((fence, encode_task(AttemptResult("crashed", details=found))))
            return await self.finish_on(session, results)

    async def save_beats(self, beats: Sequence[Beat]) -> None:
        """See `ActivityStore.save_beats`."""
        if not beats:
            return
        ended = [beat.fence for beat in beats if beat.details is None]
        async with self._sessions.transaction() as session:
            await session.run(_SQL["relaxed"])
            live = await self.lock_runs(session, [beat.fence for beat in beats])
            fresh = [
                (beat.fence, beat.details)
                for beat in beats
                if beat.details is not None and beat.fence.run_id in live
            ]
            if fresh:
                await session.run(
                    _SQL["save_beats"],
                    [
                        *_fences([fence for fence, _ in fresh]),
                        blobs(self._codec.seal(details) for _, details in fresh),
                        pack(Element.BOOL, [bool_item(fence.task) for fence, _ in fresh]),
                    ],
                )
            if ended:
                await session.run(_SQL["forget_beats"], _fences(ended)[:4])


def answer_message(fence: AttemptFence, result: bytes) -> NewMessage:
    """The message that carries an attempt's result to its run."""
    name = attempt_name(fence.incarnation, fence.command, fence.attempt)
    return NewMessage(fence.run_id, RESULT, name, result)


def _fences(fences: Sequence[AttemptFence]) -> list[Packed]:
    return [
        uuids(fence.run_id for fence in fences),
        _int4s(fence.incarnation for fence in fences),
        _int4s(fence.command for fence in fences),
        _int4s(fence.attempt for fence in fences),
        int8s(fence.token for fence in fences),
        uuids(fence.node_id for fence in fences),
    ]


def _int4s(values: Iterable[int]) -> Packed:
    return pack(Element.INT4, [int4_item(value) for value in values])


def _int4(value: int) -> Packed:
    return Packed(value.to_bytes(4, "big"))
