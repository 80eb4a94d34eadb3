"""Binds live runs of the memory store to other code (`AdoptionStore`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from continuum.journal.events import Entry, EventKind
from continuum.journal.turn import RunState
from continuum.operators.acts import Act
from continuum.store.adopting import Adoption, AdoptionStatus
from continuum.store.memory.recording import check, write
from continuum.store.memory.tables import Tables


class MemoryAdoptions:
    """Adopts runs."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def adopt(
        self, adoptions: Sequence[Adoption], act: Act | None = None
    ) -> Mapping[UUID, AdoptionStatus]:
        """See `AdoptionStore`."""
        for each in adoptions:  # all of them or none, as in one transaction
            if self._status(each) is AdoptionStatus.ADOPTED:
                check(self._tables, act, run_id=each.run_id)
        statuses = {each.run_id: self._adopt(each, act) for each in adoptions}
        self._tables.changed()
        return statuses

    def _status(self, adoption: Adoption) -> AdoptionStatus:
        lease = self._tables.leases.get(adoption.run_id)
        if lease is None:
            return AdoptionStatus.ENDED
        if lease.owner is not None:
            return AdoptionStatus.OWNED
        if (lease.next_seq, lease.version_id) != (adoption.next_seq, adoption.former.version_id):
            return AdoptionStatus.MOVED_ON
        return AdoptionStatus.ADOPTED

    def _adopt(self, adoption: Adoption, act: Act | None) -> AdoptionStatus:
        status, tables = self._status(adoption), self._tables
        if status is not AdoptionStatus.ADOPTED:
            return status
        outcome = "released" if adoption.released else "adopted"
        version_hash = adoption.pin.version_hash
        write(tables, act, outcome, run_id=adoption.run_id, version_hash=version_hash)
        lease = tables.leases[adoption.run_id]
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
