"""Claiming, releasing and reading the mail of runs (`OwnershipStore`, its runs half).

Everything that takes or gives up ownership locks the lease rows in one statement and reads journal
and inbox in later ones of the same transaction: a statement that waited for a lock still sees the
other tables as they were before it waited (rule 1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from continuum.codec.hooks import PayloadCodec
from continuum.journal.events import Event, EventKind
from continuum.journal.turn import RunState, TurnStatus, VersionPin
from continuum.store.opening import Opening, open_message
from continuum.store.pauses import Pauses, Scope
from continuum.store.postgres.arrays import (
    Element,
    Packed,
    blobs,
    bool_item,
    int8s,
    pack,
    texts,
    uuids,
)
from continuum.store.postgres.session import Row, Session, Sessions
from continuum.store.postgres.statements import statements
from continuum.store.postgres.turn_columns import TurnColumns, in_run_order
from continuum.store.protocol import (
    Attention,
    ClaimedRun,
    CommitResult,
    InboxMessage,
    Release,
)

_SQL: Final = statements("ownership")


class PostgresOwnership:
    """Takes runs and gives them back."""

    def __init__(self, sessions: Sessions, codec: PayloadCodec) -> None:
        self._sessions = sessions
        self._codec = codec

    async def claim(
        self, node_id: UUID, version_ids: Sequence[int], build: str, limit: int
    ) -> list[ClaimedRun]:
        """See `OwnershipStore.claim`."""
        if limit < 1 or not version_ids:
            return []
        wanted = [node_id, int8s(version_ids), build, _int4(limit)]
        async with self._sessions.transaction() as session:
            rows = await session.rows(_SQL["claim"], wanted)
            return await self._load(session, node_id, [run_id for (run_id,) in rows])

    async def claim_suspect(
        self, node_id: UUID, version_ids: Sequence[int], build: str
    ) -> list[ClaimedRun]:
        """See `OwnershipStore.claim_suspect`."""
        if not version_ids:
            return []
        async with self._sessions.transaction() as session:
            wanted = [node_id, int8s(version_ids), build]
            rows = await session.rows(_SQL["claim_suspect"], wanted)
            return await self._load(session, node_id, [run_id for (run_id,) in rows])

    async def release(self, node_id: UUID, releases: Sequence[Release]) -> CommitResult:
        """See `OwnershipStore.release`."""
        ordered = sorted(releases, key=lambda release: in_run_order(release.turn))
        turns = [release.turn for release in ordered]
        text, parameters = TurnColumns(turns, self._codec).statement(node_id, len(turns))
        async with self._sessions.transaction() as session:
            # A generic plan for these arrays could read the whole live table (see turns.py).
            await session.run(_SQL["plan_by_key"])
            [(now, done, run_ids)] = await session.rows(text, parameters)
            statuses = dict.fromkeys((turn.run_id for turn in turns), TurnStatus.COMMITTED)
            if done < len(turns):
                missed = [turn for turn in turns if turn.run_id not in set(run_ids)]
                statuses.update(dict.fromkeys((turn.run_id for turn in missed), TurnStatus.FENCED))
            held = [r for r in ordered if statuses[r.turn.run_id] is TurnStatus.COMMITTED]
            answers = [answer for r in held for answer in r.answers]
            if answers:
                await session.run(
                    _SQL["answer"],
                    [
                        uuids(answer.run_id for answer in answers),
                        texts(answer.kind for answer in answers),
                        texts(answer.name for answer in answers),
                        blobs(self._codec.seal(answer.value) for answer in answers),
                    ],
                )
            await session.run(
                _SQL["give_back"],
                [
                    node_id,
                    uuids(r.turn.run_id for r in held),
                    pack(Element.BOOL, [bool_item(r.ready) for r in held]),
                    texts(r.blocked_build for r in held),
                ],
            )
        return CommitResult(statuses, now)

    async def read_inbox(self, node_id: UUID, run_ids: Sequence[UUID]) -> list[InboxMessage]:
        """See `OwnershipStore.read_inbox`."""
        async with self._sessions.autocommit() as session:
            rows = await session.rows(_SQL["read_inbox"], [node_id, uuids(run_ids)])
        return [self._message(row) for row in rows]

    async def attend(self, node_id: UUID, version_ids: Sequence[int], build: str) -> Attention:
        """See `OwnershipStore.attend`."""
        async with self._sessions.autocommit() as session:
            [row] = await session.rows(_SQL["attend"], [node_id, int8s(version_ids), build])
        now, claimable, suspect, unread, overdue, paused = row
        scopes = tuple(Scope(*scope) for *scope, lifted in paused if not lifted)
        pauses = Pauses(scopes, lifting=len(scopes) < len(paused))
        return Attention(now, claimable, suspect, unread, overdue, pauses)

    async def _load(
        self, session: Session, node_id: UUID, run_ids: Sequence[UUID]
    ) -> list[ClaimedRun]:
        """Everything needed to replay runs whose leases this transaction has just taken."""
        if not run_ids:
            return []
        ids = [uuids(run_ids)]
        async with session.connection.pipeline():
            runs, events, inbox = session.cursor(), session.cursor(), session.cursor()
            beats = session.cursor()
            for cursor, name in (
                (runs, "load_runs"),
                (events, "load_events"),
                (inbox, "load_inbox"),
                (beats, "load_heartbeats"),
            ):
                await cursor.execute(_SQL[name], ids, prepare=True, binary=True)
        opening = Opening(self._codec)
        journals: dict[UUID, list[Event]] = defaultdict(list)
        for row in await events.fetchall():
            journals[row[0]].append(_event(row, opening))
        mail: dict[UUID, list[InboxMessage]] = defaultdict(list)
        for row in await inbox.fetchall():
            mail[row[1]].append(self._message(row))
        progress: dict[UUID, dict[tuple[int, int, int], bytes]] = defaultdict(dict)
        for run_id, incarnation, command, attempt, details in await beats.fetchall():
            progress[run_id][incarnation, command, attempt] = opening.payload(
                run_id, details, "the heartbeat of an attempt of command {}", command
            )
        claimed = await runs.fetchall()
        lost = [(row[0], row[-1]) for row in claimed if row[-1] is not None]
        if lost:
            taken, owners = zip(*lost, strict=True)
            await session.run(_SQL["log_takeover"], [node_id, uuids(taken), uuids(owners)])
        return [
            _claimed(row, journals[row[0]], mail[row[0]], progress.get(row[0]), opening)
            for row in claimed
        ]

    def _message(self, row: Row) -> InboxMessage:
        return open_message(self._codec, InboxMessage(*row))


def _claimed(
    row: Row,
    events: Sequence[Event],
    inbox: Sequence[InboxMessage],
    progress: Mapping[tuple[int, int, int], bytes] | None,
    opening: Opening,
) -> ClaimedRun:
    run_id, namespace, workflow, version, version_hash, runtime, token, next_seq = row[:8]
    incarnation, takeovers, state, data, started_at, parent_id, cancel_requested = row[8:15]
    depth, blocked_build, _ = row[15:]
    opened = opening.payload(run_id, data, "its input")
    return ClaimedRun(
        run_id=run_id,
        namespace=namespace,
        workflow=workflow,
        pin=VersionPin(workflow, version, version_hash, runtime),
        token=token,
        next_seq=next_seq,
        incarnation=incarnation,
        takeovers=takeovers,
        state=RunState(state),
        input=opened,
        started_at=started_at,
        parent_id=parent_id,
        cancel_requested=cancel_requested,
        events=events,
        inbox=inbox,
        heartbeats={
            (command, attempt): details
            for (of, command, attempt), details in (progress or {}).items()
            if of == incarnation
        },
        depth=depth,
        blocked_build=blocked_build,
        unreadable=opening.unreadable.get(run_id),
    )


def _event(row: Row, opening: Opening) -> Event:
    run_id, seq, incarnation, kind, command, data, at = row
    payload = opening.payload(run_id, data, "event {} of its journal", seq)
    return Event(run_id, seq, incarnation, EventKind(kind), command, payload, at)


def _int4(value: int) -> Packed:
    return Packed(value.to_bytes(4, "big"))
