"""Claiming, releasing and reading the mail of runs (`OwnershipStore`, its runs half)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from uuid import UUID

from continuum.journal.events import Event
from continuum.journal.turn import TurnStatus
from continuum.store.health import TakeoverFact
from continuum.store.memory.tables import LeaseRow, Tables
from continuum.store.memory.turns import MemoryTurns
from continuum.store.opening import Opening
from continuum.store.protocol import (
    Attention,
    ClaimedRun,
    CommitResult,
    InboxMessage,
    Release,
)
from continuum.store.repair import QUARANTINED_FROM

SUSPECT_FROM = 2
"""Takeovers since the last committed turn (rule 23)."""

_run_id = attrgetter("run_id")


class MemoryOwnership:
    """Takes runs and gives them back."""

    def __init__(self, tables: Tables, turns: MemoryTurns) -> None:
        self._tables = tables
        self._turns = turns

    def claim(
        self, node_id: UUID, version_ids: Sequence[int], build: str, limit: int
    ) -> list[ClaimedRun]:
        """See `OwnershipStore.claim`."""
        if limit < 1 or self._tables.is_condemned(node_id):
            return []
        free = sorted(self._claimable(version_ids, build, suspect=False), key=_run_id)
        return self._take(free[:limit], node_id)

    def claim_suspect(
        self, node_id: UUID, version_ids: Sequence[int], build: str
    ) -> list[ClaimedRun]:
        """See `OwnershipStore.claim_suspect`."""
        if self._tables.is_condemned(node_id):
            return []
        suspects = sorted(self._claimable(version_ids, build, suspect=True), key=_run_id)
        return self._take(suspects[:1], node_id)

    def release(self, node_id: UUID, releases: Sequence[Release]) -> CommitResult:
        """See `OwnershipStore.release`."""
        tables = self._tables
        statuses: dict[UUID, TurnStatus] = {}
        for release in releases:
            run_id = release.turn.run_id
            status = self._turns.write(node_id, release.turn)
            lease = tables.leases.get(run_id)
            if status is TurnStatus.COMMITTED and lease is not None:
                lease.owner, lease.token = None, tables.next_token()
                lease.ready = release.ready or (release.blocked_build is None and bool(lease.inbox))
                lease.blocked_build = release.blocked_build
                for message in release.answers:
                    tables.deliver(message)
                if release.blocked_build is not None:  # mail does not hurry it
                    lease.ready = release.ready
                lease.ready = lease.ready or lease.paused
            statuses[run_id] = status
        tables.changed()
        return CommitResult(statuses, tables.clock.now())

    def read_inbox(self, node_id: UUID, run_ids: Sequence[UUID]) -> list[InboxMessage]:
        """See `OwnershipStore.read_inbox`."""
        leases = [self._tables.leases.get(run_id) for run_id in dict.fromkeys(run_ids)]
        mail = [
            message
            for lease in leases
            if lease is not None and lease.owner == node_id
            for message in lease.inbox.values()
        ]
        return [self._tables.open_message(message) for message in sorted(mail, key=_message_id)]

    def attend(self, node_id: UUID, version_ids: Sequence[int], build: str) -> Attention:
        """See `OwnershipStore.attend`."""
        now = self._tables.clock.now()
        own = [lease for lease in self._tables.leases.values() if lease.owner == node_id]
        return Attention(
            now=now,
            claimable=any(True for _ in self._claimable(version_ids, build, suspect=False)),
            suspect=any(True for _ in self._claimable(version_ids, build, suspect=True)),
            unread=[lease.run_id for lease in own if lease.inbox],
            overdue=[
                lease.run_id for lease in own if lease.wake_at is not None and lease.wake_at <= now
            ],
            pauses=self._tables.paused_scopes(),
        )

    def free_unknown(self, node_id: UUID, known: Sequence[UUID]) -> int:
        """See `OwnershipStore.free_unknown`."""
        kept = set(known)
        return self._free(
            [
                lease
                for lease in self._tables.leases.values()
                if lease.owner == node_id and lease.run_id not in kept
            ],
            takeover=False,
        )

    def free_dead(self, limit: int) -> int:
        """See `OwnershipStore.free_dead`."""
        lost = [
            lease
            for lease in self._tables.leases.values()
            if lease.owner is not None and not self._tables.is_alive(lease.owner)
        ]
        return self._free(sorted(lost, key=attrgetter("parked"))[:limit], takeover=True)

    def _free(self, leases: Sequence[LeaseRow], *, takeover: bool) -> int:
        for lease in leases:
            if takeover:
                lease.lost_owner = lease.owner
            lease.owner, lease.token = None, self._tables.next_token()
            lease.ready = not lease.parked or bool(lease.inbox)
            if takeover and not lease.parked:
                lease.takeovers += 1
        if leases:
            self._tables.changed()
        return len(leases)

    def _claimable(
        self, version_ids: Sequence[int], build: str, *, suspect: bool
    ) -> Iterator[LeaseRow]:
        now = self._tables.clock.now()
        takeovers = range(SUSPECT_FROM, QUARANTINED_FROM) if suspect else range(SUSPECT_FROM)
        return (
            lease
            for lease in self._tables.leases.values()
            if lease.owner is None
            and not lease.paused
            and lease.version_id in version_ids
            and lease.takeovers in takeovers
            and lease.blocked_build != build
            and lease.wanted(now)
        )

    def _take(self, leases: Sequence[LeaseRow], node_id: UUID) -> list[ClaimedRun]:
        self._log_takeover(leases, node_id)
        for lease in leases:
            lease.owner, lease.token = node_id, self._tables.next_token()
            lease.ready = lease.parked = False
        if leases:
            self._tables.changed()
        return [self._load(lease) for lease in leases]

    def _log_takeover(self, leases: Sequence[LeaseRow], node_id: UUID) -> None:
        lost: dict[UUID, list[UUID]] = {}
        for lease in leases:
            if lease.lost_owner is not None:
                lost.setdefault(lease.lost_owner, []).append(lease.run_id)
                lease.lost_owner = None
        now, nodes = self._tables.clock.now(), self._tables.nodes
        by = nodes.get(node_id)
        for owner, run_ids in lost.items():
            row = nodes.get(owner)
            self._tables.takeovers.append(
                TakeoverFact(
                    now, now, owner,
                    None if row is None else row.registration.host,
                    None if row is None else row.registration.pid,
                    None if row is None else row.dead_at,
                    node_id,
                    None if by is None else by.registration.host,
                    None if by is None else by.registration.pid,
                    len(run_ids), tuple(run_ids[:5]),
                )
            )  # fmt: skip

    def _load(self, lease: LeaseRow) -> ClaimedRun:
        tables = self._tables
        row = tables.runs[lease.run_id]
        opening = Opening(tables.codec)
        opened = opening.payload(row.run_id, row.input, "its input")
        events = [_open(e, opening) for e in row.events if e.incarnation == row.incarnation]
        heartbeats = {
            (command, attempt): opening.payload(
                row.run_id, details, "the heartbeat of an attempt of command {}", command
            )
            for (run_id, incarnation, command), (attempt, details) in tables.beats.items()
            if (run_id, incarnation) == (row.run_id, row.incarnation)
        }
        return ClaimedRun(
            run_id=row.run_id,
            namespace=row.namespace,
            workflow=row.workflow,
            pin=row.pin,
            token=lease.token,
            next_seq=lease.next_seq,
            incarnation=row.incarnation,
            takeovers=lease.takeovers,
            state=row.state,
            input=opened,
            started_at=row.started_at,
            parent_id=row.parent_id,
            cancel_requested=lease.cancel_requested_at is not None,
            events=events,
            inbox=[tables.open_message(message) for message in lease.inbox.values()],
            heartbeats=heartbeats,
            depth=row.depth,
            blocked_build=lease.blocked_build,
            unreadable=opening.unreadable.get(row.run_id),
        )


def _open(event: Event, opening: Opening) -> Event:
    payload = opening.payload(event.run_id, event.payload, "event {} of its journal", event.seq)
    return Event(
        event.run_id, event.seq, event.incarnation, event.kind, event.command, payload, event.at
    )


def _message_id(message: InboxMessage) -> int:
    return message.id
