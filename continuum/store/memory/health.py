"""What the memory store knows of its health (`HealthStore`); there is no server to look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from continuum.journal.families import family_of
from continuum.journal.turn import RunState
from continuum.store.health import (
    MOST,
    ActivityFacts,
    ClusterFacts,
    ConnectionFacts,
    DatabaseFacts,
    FamilyFact,
    InboxFacts,
    IndexFact,
    MonthFact,
    NodeFact,
    ParkedFact,
    PausedFacts,
    QueueFact,
    SnapshotFact,
    TableFact,
    TakeoverFact,
    WaitingFact,
)
from continuum.store.memory.ownership import SUSPECT_FROM
from continuum.store.memory.tables import LeaseRow, NodeRow, RunRow, Tables
from continuum.store.repair import QUARANTINED_FROM

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class MemoryHealth:
    """Looks at the rows."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def cluster(self) -> ClusterFacts:
        """See `HealthStore`."""
        tables, now = self._tables, self._tables.clock.now()
        nodes = [
            self._node(node_id, row)
            for node_id, row in tables.nodes.items()
            if row.dead_at is None or row.dead_at > now - _DAY
        ]
        nodes.sort(key=lambda node: (node.dead_at is not None, now - node.started_at))
        owners = [lease.owner for lease in tables.leases.values() if lease.owner is not None]
        builds: dict[str, datetime] = {}
        for row in tables.nodes.values():
            if row.dead_at is None:
                build = row.registration.build
                builds[build] = min(builds.get(build, row.started_at), row.started_at)
        return ClusterFacts(
            now=now,
            nodes=nodes,
            runs=Counter(row.state.value for row in tables.runs.values()),
            orphaned=sum(not tables.is_alive(owner) for owner in owners),
            deployed_at=max(builds.values(), default=None),
        )

    async def waiting(self) -> Sequence[WaitingFact]:
        """See `HealthStore`."""
        now = self._tables.clock.now()
        found: list[WaitingFact] = []
        for version_id, leases in self._by_version(_is_open).items():
            wanted = [lease for lease in leases if lease.wanted(now)]
            later = [lease for lease in leases if not lease.wanted(now) and lease.wake_at]
            if not wanted and not later:
                continue
            since = [moment for lease in wanted if (moment := self._since(lease)) is not None]
            row = self._tables.runs[(wanted or later)[0].run_id]
            loaded = any(
                version_id in node.version_ids and self._tables.is_serving(node)
                for node in self._tables.nodes.values()
            )
            found.append(
                WaitingFact(
                    row.workflow, row.version_hash, loaded, len(wanted), len(later),
                    min(since, default=None), row.run_id,
                )
            )  # fmt: skip
        return found

    async def parked(self) -> Sequence[ParkedFact]:
        """See `HealthStore`."""
        drifted = self._by_version(lambda lease: lease.blocked_build is not None)
        found = [self._parked("drift", leases, leases[0].waiting_on) for leases in drifted.values()]
        for leases in self._by_version(lambda lease: lease.takeovers >= QUARANTINED_FROM).values():
            why = f"{leases[0].takeovers} workers were lost with it since it last committed"
            found.append(self._parked("quarantine", leases, why))
        return found

    async def queues(self) -> Sequence[QueueFact]:
        """See `HealthStore`."""
        tables, now = self._tables, self._tables.clock.now()
        names = sorted({row.queue for row in tables.tasks.values()} | tables.queues.keys())
        found: list[QueueFact] = []
        for name in names:
            free = [r for r in tables.tasks.values() if r.queue == name and r.owner is None]
            due = [row.available_at for row in free if row.available_at <= now]
            workers = sum(
                name in node.registration.queues and tables.is_serving(node) and not node.draining
                for node in tables.nodes.values()
            )
            head = min(due, default=None)
            found.append(QueueFact(name, len(free), tables.claimed_of(name), head, workers))
        return found

    async def takeovers(self) -> Sequence[TakeoverFact]:
        """See `HealthStore`."""
        found: dict[tuple[UUID, UUID], TakeoverFact] = {}
        for each in reversed(self._tables.takeovers):
            pair = each.from_node, each.by_node
            known = found.get(pair, each)
            runs = each.runs if known is each else known.runs + each.runs
            found[pair] = replace(each, last_at=known.last_at, runs=runs)
        return list(found.values())

    async def paused(self) -> PausedFacts:
        """See `HealthStore`."""
        marked = [each for each in self._tables.leases.values() if each.paused and not each.owner]
        alone = sum(each.paused_at is not None for each in marked)
        scopes = [row.pause for row in self._tables.pauses if not row.lifted]
        return PausedFacts(scopes, alone, len(marked) - alone)

    async def inbox(self) -> InboxFacts:
        """See `HealthStore`; messages carry no time here, so the oldest is not known."""
        return InboxFacts(sum(len(each.inbox) for each in self._tables.leases.values()), None, None)

    async def families(self, limit: int) -> Sequence[FamilyFact]:
        """See `HealthStore`."""
        now = self._tables.clock.now()
        members: dict[str, list[RunRow]] = defaultdict(list)
        for row in self._tables.runs.values():
            if row.state is RunState.FAILED:
                members[family_of(row.error_type, row.error_message).name].append(row)
        found = [self._family(name, rows, now) for name, rows in members.items()]
        recent = [family for family in found if family.last_day]
        recent.sort(key=lambda family: family.family)
        return sorted(recent, key=lambda family: -family.last_day)[:limit]

    async def database(self) -> DatabaseFacts | None:
        """See `HealthStore`."""
        return None

    async def oldest_snapshot(self) -> SnapshotFact | None:
        """See `HealthStore`."""
        return None

    async def tables(self) -> Sequence[TableFact]:
        """See `HealthStore`."""
        return ()

    async def months(self) -> Sequence[MonthFact]:
        """See `HealthStore`."""
        return ()

    async def invalid_indexes(self) -> Sequence[IndexFact]:
        """See `HealthStore`."""
        return ()

    async def connections(self) -> ConnectionFacts | None:
        """See `HealthStore`."""
        return None

    async def activity(self) -> ActivityFacts | None:
        """See `HealthStore`."""
        return None

    def _node(self, node_id: UUID, row: NodeRow) -> NodeFact:
        node, now = row.registration, self._tables.clock.now()
        return NodeFact(
            id=node_id,
            host=node.host,
            pid=node.pid,
            build=node.build,
            started_at=row.started_at,
            heartbeat_at=now if row.beating else row.heartbeat_at,
            expires_at=now + timedelta(seconds=row.ttl) if row.beating else row.expires_at,
            dead_at=row.dead_at,
            draining=row.draining,
            queues=tuple(node.queues),
            judged_by_lock=row.judged_by_session,
            alive=self._tables.is_serving(row),
            working=any(
                lease.owner == node_id and not lease.parked
                for lease in self._tables.leases.values()
            ),
        )

    def _by_version(self, chosen: Callable[[LeaseRow], bool]) -> dict[int, list[LeaseRow]]:
        found: dict[int, list[LeaseRow]] = defaultdict(list)
        for lease in self._tables.leases.values():
            if lease.owner is None and chosen(lease):
                found[lease.version_id].append(lease)
        return found

    def _since(self, lease: LeaseRow) -> datetime | None:
        if lease.ready:
            return self._tables.runs[lease.run_id].started_at if lease.next_seq == 1 else None
        return lease.wake_at

    def _parked(self, reason: str, leases: Sequence[LeaseRow], why: str | None) -> ParkedFact:
        row = self._tables.runs[leases[0].run_id]
        sample = tuple(lease.run_id for lease in leases[:5])
        kind = "drift" if reason == "drift" else "quarantine"
        return ParkedFact(kind, row.workflow, row.version_hash, len(leases), sample, why)

    def _family(self, name: str, rows: list[RunRow], now: datetime) -> FamilyFact:
        ended = {row.run_id: row.completed_at or now for row in rows}
        newest = max(rows, key=lambda row: ended[row.run_id])
        recent = [row for row in rows if ended[row.run_id] > now - _DAY]
        hour = sum(ended[row.run_id] > now - _HOUR for row in rows)
        return FamilyFact(
            family=name,
            error_type=newest.error_type or "",
            error_message=newest.error_message or "",
            workflows=tuple(sorted({row.workflow for row in recent})),
            versions=tuple(sorted({row.version for row in recent})),
            first_at=min(ended.values()),
            last_at=ended[newest.run_id],
            last_hour=min(hour, MOST),
            last_day=min(len(recent), MOST),
            sample=newest.run_id,
        )


def _is_open(lease: LeaseRow) -> bool:
    return lease.blocked_build is None and lease.takeovers < SUSPECT_FROM
