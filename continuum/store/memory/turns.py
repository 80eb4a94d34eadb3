"""Committing turns: fences, unknown outcomes, refused payloads (`TurnStore`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec.structs import replace

from continuum.journal.turn import RunState, Turn, TurnStatus
from continuum.store.memory.questions import write_answers
from continuum.store.memory.tables import LeaseRow, RunRow, Tables
from continuum.store.memory.tasks import write_tasks
from continuum.store.protocol import CommitResult, NewMessage, PayloadRejected


class MemoryTurns:
    """Writes turns; nothing in between can be seen, because nothing here awaits."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def commit_turns(self, node_id: UUID, turns: Sequence[Turn]) -> CommitResult:
        """See `TurnStore.commit_turns`."""
        statuses: dict[UUID, TurnStatus] = {}
        reasons: dict[UUID, str] = {}
        for turn in turns:
            assert turn.run_id not in statuses, "a batch holds at most one turn per run"
            reason = _unstorable(turn)
            if reason is None:
                statuses[turn.run_id] = self.write(node_id, turn)
            else:
                reasons[turn.run_id] = reason
        self._tables.changed()
        result = CommitResult(statuses, self._tables.clock.now())
        if reasons:
            raise PayloadRejected(reasons, result)
        return result

    def write(self, node_id: UUID, turn: Turn) -> TurnStatus:
        """One turn under its fence; `changed` is left to the caller."""
        if turn.created is not None:
            if self._tables.find_start(turn.created) is not None:
                return self._look_again(node_id, turn)
            self._create(node_id, turn)
            return TurnStatus.COMMITTED
        lease = self._tables.leases.get(turn.run_id)
        if (
            lease is None
            or lease.owner != node_id
            or lease.token != turn.token
            or lease.next_seq != turn.next_seq
        ):
            return self._look_again(node_id, turn)
        self._go_on(lease, turn)
        return TurnStatus.COMMITTED

    def _create(self, node_id: UUID, turn: Turn) -> None:
        new = turn.created
        assert new is not None
        row = self._tables.insert_run(new, turn.started_at or turn.entries[0].at)
        pin = turn.pin or new.unpinned
        row.bind(pin)
        self._write_row(row, turn)
        if turn.end is None:
            row.state = turn.state or RunState.RUNNING
            self._tables.leases[turn.run_id] = LeaseRow(
                turn.run_id,
                pin.version_id,
                turn.token,
                owner=node_id,
                next_seq=turn.next_seq + turn.appended,
                ready=False,
                wake_at=turn.wake_at,
                parked=turn.parked,
                waiting_on=turn.waiting_on,
            )
            write_tasks(self._tables, turn)
        self._send(turn)

    def _go_on(self, lease: LeaseRow, turn: Turn) -> None:
        row = self._tables.runs[turn.run_id]
        for message_id in turn.consumed:
            lease.inbox.pop(message_id, None)
        if turn.pin is not None:
            row.bind(turn.pin)
        self._write_row(row, turn)
        if turn.end is None:
            self._keep(lease, row, turn)
        self._send(turn)

    def _keep(self, lease: LeaseRow, row: RunRow, turn: Turn) -> None:
        """The run goes on."""
        if any(part is not None for part in (turn.state, turn.pin, turn.attributes)):
            row.state = turn.state or row.state
            row.updated_at = self._tables.clock.now()
        if turn.pin is not None:
            lease.version_id = turn.pin.version_id
        lease.next_seq = turn.next_seq + turn.appended
        lease.wake_at, lease.waiting_on, lease.parked = turn.wake_at, turn.waiting_on, turn.parked
        lease.ready, lease.takeovers, lease.blocked_build = False, 0, None
        if turn.cancelling and lease.cancel_requested_at is None:
            lease.cancel_requested_at = self._tables.clock.now()
        write_tasks(self._tables, turn)

    def _write_row(self, row: RunRow, turn: Turn) -> None:
        """Journal, children, attributes, the next incarnation and the end."""
        tables = self._tables
        tables.journal(row, turn.next_seq, turn.incarnation, turn.entries)
        for child in turn.children:  # what this turn sets before a child is in its own attributes
            if tables.find_start(child) is None:
                inherited = {**row.attributes, **child.attributes}
                tables.insert_free(replace(child, attributes=inherited, parent_id=row.run_id))
        if turn.attributes is not None:
            row.attributes = {**row.attributes, **turn.attributes}
        for name, value in (turn.published or {}).items():
            row.published[name] = (turn.incarnation, tables.codec.seal(value))
        write_answers(tables, row, turn.answers)
        if turn.continuation is not None:
            row.incarnation = turn.incarnation + 1
            row.input = tables.codec.seal(turn.continuation.input)
            seq = turn.next_seq + len(turn.entries)
            tables.journal(row, seq, row.incarnation, turn.continuation.carried)
        if turn.end is not None:
            tables.finish(row, turn.end)

    def _send(self, turn: Turn) -> None:
        """Messages to other runs; those that have ended get none."""
        for post in turn.posts:
            if post.run_id in self._tables.leases:
                self._tables.deliver(NewMessage(post.run_id, post.kind, post.name, post.value))

    def _look_again(self, node_id: UUID, turn: Turn) -> TurnStatus:
        """Whether we wrote this turn earlier, or lost the run (rule 2)."""
        lease, row = self._tables.leases.get(turn.run_id), self._tables.runs.get(turn.run_id)
        written = row is not None and self._wrote(row, turn)
        if turn.end is not None:
            if lease is None and written:
                return TurnStatus.COMMITTED
        elif (
            written
            and lease is not None
            and (lease.owner, lease.token) == (node_id, turn.token)
            and lease.next_seq == turn.next_seq + turn.appended
        ):
            return TurnStatus.COMMITTED
        if turn.created is not None and row is not None:
            first = row.events[0] if row.events else None
            if first is None or first.at != turn.entries[0].at:
                return TurnStatus.DUPLICATE
        return TurnStatus.FENCED

    def _wrote(self, row: RunRow, turn: Turn) -> bool:
        """Whether the turn's last entry stands where the turn would have put it."""
        last = turn.last_entry
        if last is None:
            return True
        seq = turn.next_seq + turn.appended - 1
        if seq > len(row.events):
            return False
        stored = row.events[seq - 1]
        payload = self._tables.codec.open(stored.payload)
        return (stored.kind, stored.at, payload) == (last.kind, last.at, last.payload())


def _unstorable(turn: Turn) -> str | None:
    """Why PostgreSQL would refuse what this turn writes, which is what production would do."""
    for text in _texts(turn):
        if "\0" in text:
            return "invalid byte sequence for encoding UTF8: 0x00"
        try:
            text.encode()
        except UnicodeEncodeError:
            return "text contains a lone surrogate"
    return None


def _texts(turn: Turn) -> Iterable[str]:
    if turn.waiting_on is not None:
        yield turn.waiting_on
    if turn.end is not None and turn.end.error is not None:
        error = turn.end.error
        yield from (error.type, error.message, error.details or "")
    if turn.created is not None:
        new = turn.created
        yield from (new.namespace, new.workflow, new.idempotency_key or "")
