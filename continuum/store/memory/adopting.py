"""Binds live runs of the memory store to other code (`AdoptionStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from continuum.journal.events import Entry, EventKind
from continuum.journal.turn import RunState
from continuum.store.adopting import Adoption, AdoptionStatus
from continuum.store.memory.tables import Tables


class MemoryAdoptions:
    """Adopts runs."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def adopt(self, adoptions: Sequence[Adoption]) -> Mapping[UUID, AdoptionStatus]:
        """See `AdoptionStore`."""
        statuses = {each.run_id: self._adopt(each) for each in adoptions}
        self._tables.changed()
        return statuses

    def _adopt(self, adoption: Adoption) -> AdoptionStatus:
        tables = self._tables
        lease = tables.leases.get(adoption.run_id)
        if lease is None:
            return AdoptionStatus.ENDED
        if lease.owner is not None:
            return AdoptionStatus.OWNED
        if (lease.next_seq, lease.version_id) != (adoption.next_seq, adoption.former.version_id):
            return AdoptionStatus.MOVED_ON
        row, now = tables.runs[adoption.run_id], tables.clock.now()
        entry = Entry(EventKind.RUN_ADOPTED, None, adoption.event, now)
        tables.journal(row, lease.next_seq, adoption.incarnation, [entry])
        lease.version_id, lease.token = adoption.pin.version_id, tables.next_token()
        lease.next_seq += 1
        lease.blocked_build = None
        lease.ready = lease.ready or adoption.released or bool(lease.inbox)
        if adoption.released:
            lease.parked, lease.waiting_on = False, None
            row.state = RunState.RUNNING
        row.bind(adoption.pin)
        row.updated_at = now
        return AdoptionStatus.ADOPTED
