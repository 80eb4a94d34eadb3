"""The memory store's journals of live runs (`JournalStore`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from uuid import UUID

from msgspec.structs import replace

from continuum.store.journals import LiveRun, RegisteredVersion, RunJournal
from continuum.store.memory.tables import Tables


class MemoryJournals:
    """Journals of live runs.

    Args:
        tables: the rows.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def live_runs(self, after: UUID | None, limit: int) -> Sequence[LiveRun]:
        """See `JournalStore`."""
        ids = sorted(self._tables.leases)
        return await self.live_among([each for each in ids if not after or each > after][:limit])

    async def live_among(self, run_ids: Sequence[UUID]) -> Sequence[LiveRun]:
        """See `JournalStore`."""
        found = [self._tables.leases[each] for each in run_ids if each in self._tables.leases]
        return [LiveRun(each.run_id, each.version_id, each.next_seq - 1) for each in found]

    async def registered(self) -> Sequence[RegisteredVersion]:
        """See `JournalStore`."""
        return [
            RegisteredVersion(row.pin, row.source, frozenset(row.taken), row.first_seen_at)
            for row in self._tables.versions.values()
            if row.pin.version_hash
        ]

    async def journals(self, run_ids: Sequence[UUID]) -> AsyncGenerator[RunJournal]:
        """See `JournalStore`."""
        opened = self._tables.codec.open
        for run_id in sorted(run_ids):
            lease = self._tables.leases.get(run_id)
            if lease is None:
                continue
            row = self._tables.runs[run_id]
            events = [
                replace(event, payload=opened(event.payload))
                for event in row.events
                if event.incarnation == row.incarnation
            ]
            yield RunJournal(
                run_id, row.namespace, row.pin, row.incarnation, lease.next_seq,
                lease.owner is not None, lease.blocked_build, opened(row.input), row.started_at,
                row.parent_id, row.depth, events,
            )  # fmt: skip
