"""What clients read from memory (`ReadStore`)."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from continuum.codec.attributes import MAX_ATTRIBUTES
from continuum.codec.opening import any_opens, shown_payload
from continuum.errors import AttributesError
from continuum.journal.events import Failure
from continuum.journal.families import family_of
from continuum.journal.turn import RunEnd
from continuum.model import (
    MAX_SHOWN_PAYLOAD,
    PAYLOAD_FIELDS,
    HistoryEvent,
    Page,
    Plan,
    Run,
    RunError,
    RunState,
    ServerInfo,
    Stamp,
    Step,
    StoredValue,
)
from continuum.operators.acts import Act, acts_range, with_acts
from continuum.query import cursor as cursors
from continuum.query.cursor import Cursor, Position
from continuum.query.fields import FIELDS, Kind, check_groupable
from continuum.query.matching import holds, stored
from continuum.query.ordering import (
    SORTED_CHARACTERS,
    TYPES,
    canonical,
    comparable,
    group_rank,
    sort_key,
)
from continuum.query.times import pin
from continuum.query.tree import Attribute, Condition, Field, Operand, Order, Query
from continuum.store.memory.recording import record
from continuum.store.memory.tables import LeaseRow, RunRow, Tables
from continuum.store.reading import CountGroup, Counts, KeyMatch, Stretch

_NOT_SHOWN = -1


class MemoryReads:
    """The reading half of the store."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def get_run(
        self, run_id: UUID, namespace: str | None, shown: int = MAX_SHOWN_PAYLOAD
    ) -> Run | None:
        """The run as it is now."""
        row = self._row(run_id, namespace)
        return None if row is None else self._snapshot(row, self._now(), shown)

    async def find_key(self, key: str, namespace: str | None) -> Sequence[KeyMatch]:
        """The run of each namespace and workflow that has this key: the live one, else the last."""
        workflow, _, rest = key.partition("/")
        rows = [row for row in self._tables.runs.values() if namespace in (None, row.namespace)]
        found = [row for row in rows if row.key == key] or [
            row
            for row in rows
            if rest
            and row.key == rest
            and (row.workflow == workflow or row.workflow.endswith(f":{workflow}"))
        ]
        return [
            KeyMatch(row.run_id, row.namespace, row.workflow, row.state)
            for row in self._tables.newest_of_keys(found)
        ]

    async def ends(
        self, run_ids: Sequence[UUID], namespace: str | None = None
    ) -> Mapping[UUID, RunEnd | None]:
        """How these runs ended, with the whole result (None: still live)."""
        rows = [self._row(run_id, namespace) for run_id in run_ids]
        return {row.run_id: self._end(row) for row in rows if row is not None}

    async def published(self, run_id: UUID, namespace: str | None) -> Mapping[str, bytes] | None:
        """The last value of each name that the run published; None when there is no such run."""
        row = self._row(run_id, namespace)
        if row is None:
            return None
        codec = self._tables.codec
        return {
            name: shown_payload(codec, value) for name, (_, value) in sorted(row.published.items())
        }

    async def history(
        self, run_id: UUID, namespace: str | None, stretch: Stretch
    ) -> Sequence[HistoryEvent] | None:
        """The events of a stretch, oldest first; None when there is no such run."""
        row = self._row(run_id, namespace)
        if row is None:
            return None
        first, last = max(stretch.after, 0), len(row.events)
        if stretch.before is not None:
            last = max(0, min(last, stretch.before - 1))
        if stretch.newest:
            first = max(first, last - stretch.limit)
        events = [
            HistoryEvent(
                event.seq,
                event.incarnation,
                event.kind.value,
                event.command,
                self._stored(event.payload, stretch.shown),
                event.at,
            )
            for event in row.events[first : min(last, first + stretch.limit)]
        ]
        if not stretch.operators:
            return events
        first, last = acts_range(events, stretch.after)
        operators = self._tables.operators
        acts = [
            (seq, operators.told(act))
            for seq, act in operators.acts
            if act.run_id == run_id and seq is not None and first <= seq <= last
        ]
        return with_acts(events, acts)

    async def search(
        self,
        query: Query,
        limit: int,
        cursor: str | None,
        *,
        payloads: bool,
        budget: float | None = None,
    ) -> Page[Run]:
        """One page of matches, always complete: it is never slow."""
        start = None if cursor is None else cursors.decode(query, cursor)
        read_at = self._now() if start is None else start.read_at
        found = self._ordered(query, read_at, None if start is None else start.position)
        shown = MAX_SHOWN_PAYLOAD if payloads else _NOT_SHOWN
        entries = tuple(self._snapshot(row, read_at, shown) for _, row in found[:limit])
        following = None
        if len(found) > limit:
            key, last = found[limit - 1]
            position = Position(last.run_id, last.started_at, key, tail=key is None)
            following = cursors.encode(query, Cursor(read_at, position))
        step = Step("sort", None, len(self._tables.runs), len(entries), 0.0)
        return Page(entries, following, True, Stamp(read_at, 0.0), Plan((step,)))

    async def records(
        self, query: Query, fields: Sequence[str], limit: int, cursor: str | None
    ) -> Page[tuple[Any, ...]]:
        """One page of some fields of the matches."""
        payloads = not PAYLOAD_FIELDS.isdisjoint(fields)
        page = await self.search(query, limit, cursor, payloads=payloads)
        entries = tuple(tuple(getattr(run, name) for name in fields) for run in page.entries)
        return Page(entries, page.next_cursor, page.complete, page.stamp, page.plan)

    async def count(
        self, query: Query, group_by: Sequence[Operand], *, budget: float | None = None
    ) -> Counts:
        """Exact numbers of matches, per combination of the grouping operands, largest first."""
        for operand in group_by:
            check_groupable(operand)
        now = self._now()
        rows = self._matching(query.namespace, query.condition, now)
        groups: dict[Any, CountGroup] = {} if group_by else {(): CountGroup((), 0)}
        for row in rows:
            key = tuple(self._operand(row, operand, now) for operand in group_by)
            same = tuple(canonical(value) for value in key)
            groups[same] = CountGroup(key, groups[same].count + 1 if same in groups else 1)
        largest = sorted(groups.values(), key=lambda group: (-group.count, group_rank(group.key)))
        step = Step("count", None, len(self._tables.runs), len(rows), 0.0)
        return Counts(largest, Stamp(now, 0.0), Plan((step,)))

    async def readable(self) -> bool:
        """See `ReadStore`."""
        live = [row.input for row in self._tables.runs.values() if not row.state.terminal]
        return any_opens(self._tables.codec, [*live[:5], *live[-5:]])

    async def namespaces(self) -> Sequence[str]:
        """Every namespace that holds a run, in code point order."""
        return sorted({row.namespace for row in self._tables.runs.values()})

    async def server(self) -> ServerInfo:
        """There is no server; says so."""
        return ServerInfo("memory", "memory", "memory", 0, "memory", replica=False)

    async def set_attributes(
        self,
        run_id: UUID,
        namespace: str | None,
        attributes: Mapping[str, Any],
        unset: Sequence[str],
        act: Act | None = None,
    ) -> bool:
        """Merge and remove top-level keys; whether the run exists (there).

        Raises:
            AttributesError: they would grow beyond the limit; nothing was changed.
        """
        row = self._row(run_id, namespace)
        if row is None:
            return False
        gone = set(unset)
        merged = {k: v for k, v in row.attributes.items() if k not in gone} | dict(attributes)
        size = len(json.dumps(merged, ensure_ascii=False).encode())
        if size > MAX_ATTRIBUTES:
            raise AttributesError(
                f"run {run_id}: attributes would take {size:,} bytes,"
                f" more than the limit of {MAX_ATTRIBUTES:,}",
                hint="remove keys in the same call with unset=",
            )
        record(self._tables, act, "changed", run_id=run_id, set=dict(attributes), unset=list(unset))
        row.attributes, row.updated_at = merged, self._tables.clock.tick()
        self._tables.changed()
        return True

    # -- rows ----------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._tables.clock.now()

    def _row(self, run_id: UUID, namespace: str | None) -> RunRow | None:
        row = self._tables.runs.get(run_id)
        return row if row is not None and namespace in (None, row.namespace) else None

    def _matching(
        self, namespace: str | None, condition: Condition, read_at: datetime
    ) -> list[RunRow]:
        condition = pin(condition, read_at)
        return [
            row
            for row in self._tables.runs.values()
            if namespace in (None, row.namespace) and self.matches(row, condition, read_at)
        ]

    def matches(self, row: RunRow, condition: Condition, read_at: datetime) -> bool:
        """Whether a condition without relative times holds of it."""
        return holds(condition, lambda name: self._value(row, name, read_at), row.attributes)

    def _ordered(
        self, query: Query, read_at: datetime, start: Position | None
    ) -> list[tuple[Any, RunRow]]:
        """Sort key (None in the tail of runs without one) and row of what follows `start`."""
        keyed = [
            (self._sort_key(row, query.order.operand, read_at), row)
            for row in self._matching(query.namespace, query.condition, read_at)
        ]
        rank = _Rank(query.order)
        keyed.sort(key=lambda item: rank(item[0], item[1].started_at, item[1].run_id))
        if start is None:
            return keyed
        last = rank(start.key, start.started_at, start.run_id)
        return [item for item in keyed if rank(item[0], item[1].started_at, item[1].run_id) > last]

    def _operand(self, row: RunRow, operand: Operand, read_at: datetime) -> Any:
        return stored(operand, lambda name: self._value(row, name, read_at), row.attributes)

    def _sort_key(self, row: RunRow, operand: Operand, read_at: datetime) -> Any:
        value = self._operand(row, operand, read_at)
        if isinstance(operand, Attribute):
            return sort_key(value)
        textual = FIELDS[operand.name].kind in (Kind.TEXT, Kind.STATE)
        return value[:SORTED_CHARACTERS] if textual and value is not None else value

    def _value(self, row: RunRow, name: str, read_at: datetime) -> Any:
        """A queryable field of a run."""
        lease = self._tables.leases.get(row.run_id)
        match name:
            case "id":
                return row.run_id
            case "state":
                return row.state.value
            case "error":
                return row.error_message
            case "error_family":
                failed = row.state is RunState.FAILED
                return family_of(row.error_type, row.error_message).name if failed else None
            case "duration":
                return Decimal(_lasted(row, read_at) // timedelta(microseconds=1)) / 1_000_000
            case "owner":
                return None if lease is None or lease.owner is None else str(lease.owner)
            case "waiting_on":
                return None if lease is None else lease.waiting_on
            case "stuck":
                return lease is not None and not self._can_run(lease)
            case "paused":
                return lease is not None and self._is_paused(row, lease)
            case _:
                return getattr(row, name)

    def _is_paused(self, row: RunRow, lease: LeaseRow) -> bool:
        return lease.paused or self._tables.paused_scopes().cover(row.namespace, row.workflow)

    def _can_run(self, lease: LeaseRow) -> bool:
        return any(
            self._tables.is_serving(node) and lease.version_id in node.version_ids
            for node in self._tables.nodes.values()
        )

    def _end(self, row: RunRow) -> RunEnd | None:
        if not row.state.terminal:
            return None
        error = None
        if row.error_type is not None or row.error_message is not None:
            error = Failure(row.error_type or "", row.error_message or "", row.error_details)
        result = None if row.result is None else shown_payload(self._tables.codec, row.result)
        return RunEnd(row.state, result, error)

    def _snapshot(self, row: RunRow, read_at: datetime, shown: int) -> Run:
        lease = self._tables.leases.get(row.run_id)
        error = None
        if row.error_type is not None or row.error_message is not None:
            error = RunError(
                row.error_type or "cancelled", row.error_message or "", row.error_details
            )
        return Run(
            id=row.run_id,
            namespace=row.namespace,
            workflow=row.workflow,
            version=row.version,
            version_hash=row.version_hash,
            state=row.state,
            attributes=json.loads(json.dumps(row.attributes)),
            started_at=row.started_at,
            updated_at=row.updated_at,
            completed_at=row.completed_at,
            duration=_lasted(row, read_at),
            waiting_on=None if lease is None else lease.waiting_on,
            owner=None if lease is None or lease.owner is None else str(lease.owner),
            parent_id=row.parent_id,
            incarnation=row.incarnation,
            error=error,
            stored_input=self._stored(row.input, shown),
            stored_output=None if row.result is None else self._stored(row.result, shown),
            cancelling_since=None if lease is None else lease.cancel_requested_at,
            key=row.key,
            paused=lease is not None and self._is_paused(row, lease),
        )

    def _stored(self, data: bytes, shown: int) -> StoredValue:
        size = len(data)
        opened = shown_payload(self._tables.codec, data) if size <= shown else None
        return StoredValue(opened, size)


def _lasted(row: RunRow, read_at: datetime) -> timedelta:
    return max((row.completed_at or read_at) - row.started_at, timedelta())


@functools.total_ordering
class _Backwards:
    """Sorts the other way round."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Backwards) and self._value == other._value

    def __lt__(self, other: _Backwards) -> bool:
        return other._value < self._value

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class _Rank:
    """Where a run stands in an order."""

    def __init__(self, order: Order) -> None:
        self._typed = isinstance(order.operand, Attribute)
        self._by_id = order.operand == Field("id")
        self._turned: Callable[[Any], Any] = _Backwards if order.descending else _itself

    def __call__(self, key: Any, started_at: datetime, run_id: UUID) -> tuple[Any, ...]:
        ties = (run_id,) if self._by_id else (started_at, run_id)
        if key is None:
            return (len(TYPES), self._turned(ties))
        kind, value = 0, key
        if self._typed:
            kind, *value = comparable(key)
        return (kind, self._turned((value, *ties)))


def _itself(value: Any) -> Any:
    return value
