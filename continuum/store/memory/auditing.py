"""What the audit reads, and cleaning the registry (`AuditStore`)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final
from uuid import UUID

from continuum.journal.turn import RunState
from continuum.operators.acts import Act
from continuum.store.auditing import (
    AuditFacts,
    KnownVersion,
    LiveGroup,
    LoadingNode,
    Outlook,
    PastRuns,
    RunExample,
)
from continuum.store.memory.recording import record
from continuum.store.memory.tables import LeaseRow, NodeRow, Tables, VersionRow
from continuum.store.repair import QUARANTINED_FROM

_CHILD: Final = re.compile(r"(?:^|, )child ([0-9a-f-]{36})")
_ENDLESS: Final = re.compile(r"nothing:|(?!(.*, )?(activity|child) )")


class MemoryAudit:
    """The audit's half of the store."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def facts(self) -> AuditFacts:
        """See `AuditStore`."""
        groups: dict[tuple[int, UUID | None], list[LeaseRow]] = {}
        for lease in self._tables.leases.values():
            groups.setdefault((lease.version_id, lease.owner), []).append(lease)
        versions = [self._known(*item) for item in self._tables.versions.items()]
        versions.sort(key=lambda each: (each.pin.workflow, -each.pin.version, each.first_seen_at))
        return AuditFacts(
            self._tables.clock.now(),
            versions,
            [_group(key, leases) for key, leases in groups.items()],
            [self._node(*item) for item in self._tables.nodes.items()],
        )

    async def oldest_runs(self, version_ids: Sequence[int], limit: int) -> Sequence[RunExample]:
        """See `AuditStore`."""
        return [
            self._run(lease)
            for version_id in sorted(set(version_ids))
            for lease in self._leases_of(version_id)[:limit]
        ]

    async def last_starts(self, workflows: Sequence[str]) -> dict[int, datetime]:
        """See `AuditStore`."""
        found: dict[int, datetime] = {}
        for row in self._tables.runs.values():
            if row.workflow in workflows and row.version_hash:
                known = found.get(row.pin.version_id, row.started_at)
                found[row.pin.version_id] = max(known, row.started_at)
        return found

    async def outlooks(
        self, version_ids: Sequence[int], exact: int, examples: int
    ) -> Sequence[Outlook]:
        """See `AuditStore`."""
        return [
            self._outlook(version_id, leases, exact, examples)
            for version_id in sorted(set(version_ids))
            if (leases := self._leases_of(version_id))
        ]

    async def past_runs(self, workflows: Sequence[str]) -> Sequence[PastRuns]:
        """See `AuditStore`."""
        return [self._past(workflow) for workflow in workflows]

    async def delete_versions(
        self, version_ids: Sequence[int], act: Act | None = None
    ) -> Sequence[int]:
        """See `AuditStore`."""
        needed = {lease.version_id for lease in self._tables.leases.values()}
        for node in self._tables.nodes.values():
            if self._tables.is_serving(node):
                needed |= node.version_ids
        gone = [
            each for each in version_ids if each not in needed and each in self._tables.versions
        ]
        if gone:
            record(self._tables, act, f"{len(gone)} deleted")
        for version_id in gone:
            del self._tables.versions[version_id]
            del self._tables.decided_patches[version_id]
        return gone

    def _leases_of(self, version_id: int) -> list[LeaseRow]:
        found = [each for each in self._tables.leases.values() if each.version_id == version_id]
        return sorted(found, key=lambda each: each.run_id)

    def _run(self, lease: LeaseRow) -> RunExample:
        row = self._tables.runs[lease.run_id]
        return RunExample(
            lease.version_id, row.run_id, row.namespace, row.pin, row.started_at, lease.waiting_on
        )

    def _known(self, version_id: int, row: VersionRow) -> KnownVersion:
        return KnownVersion(
            version_id, row.pin, row.source, row.first_seen_at, row.last_seen_at,
            sorted(row.taken), sorted(self._tables.decided_patches[version_id]),
            row.facts.patch_sites, row.facts.opaque, row.facts.codecs,
            row.facts.codec_fingerprint, tuple(row.codec_changes),
        )  # fmt: skip

    def _node(self, node_id: UUID, node: NodeRow) -> LoadingNode:
        alive = self._tables.is_serving(node)
        expired = timedelta()
        if not alive:
            ended = min(each for each in (node.dead_at, node.expires_at) if each is not None)
            expired = max(self._tables.clock.now() - ended, expired)
        return LoadingNode(node_id, alive, node.ttl, expired.total_seconds(), node.version_ids)

    def _outlook(
        self, version_id: int, leases: Sequence[LeaseRow], exact: int, examples: int
    ) -> Outlook:
        chains = {lease.run_id: list(self._chain(lease, set())) for lease in leases}
        endless = [each for each in leases if any(map(_is_endless, chains[each.run_id]))]
        wakes = [row.wake_at for chain in chains.values() for row in chain if row.wake_at]
        starts = [self._tables.runs[each.run_id].started_at for each in leases]
        return Outlook(
            version_id,
            len(leases),
            max(starts) if len(starts) <= exact else None,
            max(wakes, default=None),
            len(endless),
            [self._run(each) for each in endless[:examples]],
        )

    def _chain(self, lease: LeaseRow, seen: set[UUID]) -> Iterator[LeaseRow]:
        """The run, and the live children that it waits for, and so on."""
        yield lease
        seen.add(lease.run_id)
        if _is_endless(lease):
            return
        for text in _CHILD.findall(lease.waiting_on or ""):
            child = self._tables.leases.get(UUID(text))
            if child is not None and child.run_id not in seen:
                yield from self._chain(child, seen)

    def _past(self, workflow: str) -> PastRuns:
        lasted = sorted(
            (row.completed_at - row.started_at).total_seconds()
            for row in self._tables.runs.values()
            if row.workflow == workflow
            and row.state is RunState.COMPLETED
            and row.completed_at is not None
        )
        place = max(ceil(0.99 * len(lasted)) - 1, 0)
        return PastRuns(workflow, len(lasted), lasted[place] if lasted else None)


def _is_endless(lease: LeaseRow) -> bool:
    """Whether nothing but a message, another build or an operator lets it go on."""
    if lease.blocked_build is not None or lease.takeovers >= QUARANTINED_FROM:
        return True
    waits = lease.waiting_on
    if lease.wake_at is not None or lease.ready or waits is None:
        return False
    return _ENDLESS.match(waits) is not None


def _group(key: tuple[int, UUID | None], leases: Sequence[LeaseRow]) -> LiveGroup:
    kinds = Counter(
        kind
        for lease in leases
        for kind, holds in (
            ("blocked", lease.blocked_build is not None),
            ("quarantined", lease.takeovers >= QUARANTINED_FROM),
        )
        if holds
    )
    return LiveGroup(*key, len(leases), kinds["blocked"], kinds["quarantined"])
