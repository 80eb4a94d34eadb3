"""Rows of runs: which columns a statement fetches, and what is made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import fields, make_dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, Generic, LiteralString, TypeVar

from continuum.codec.hooks import PayloadCodec
from continuum.codec.opening import shown_payload
from continuum.model import MAX_SHOWN_PAYLOAD, PAYLOAD_FIELDS, Run, RunError, RunState, StoredValue
from continuum.query.compile import PAUSED
from continuum.store.postgres.session import Row

T = TypeVar("T")

_SQL: Final[dict[str, LiteralString]] = {
    "id": "r.id",
    "namespace": "r.namespace",
    "workflow": "r.workflow",
    "version": "r.version",
    "version_hash": "r.version_hash",
    "state": "r.state",
    "attributes": "r.attributes",
    "started_at": "r.started_at",
    "updated_at": "r.updated_at",
    "completed_at": "r.completed_at",
    "duration": """GREATEST(
        COALESCE(r.completed_at, %(read_at)s, transaction_timestamp()) - r.started_at,
        interval '0')""",
    "waiting_on": "l.waiting_on",
    "owner": "l.lease_owner::text",
    "parent_id": "r.parent_id",
    "incarnation": "r.incarnation",
    "error_type": "r.error_type",
    "error_message": "r.error_message",
    "error_details": "r.error_details",
    "input_size": "octet_length(r.input)",
    "output_size": "octet_length(r.result)",
    "input": "CASE WHEN octet_length(r.input) <= %(shown)s THEN r.input END",
    "output": "CASE WHEN octet_length(r.result) <= %(shown)s THEN r.result END",
    "cancelling_since": "l.cancel_requested_at",
    "key": "r.key",
    "paused": PAUSED,
}
_PLACE: Final = {name: place for place, name in enumerate(_SQL)}
WIDTH: Final = len(_SQL)
STARTED_AT: Final = _PLACE["started_at"]
RUN_COLUMNS: Final[LiteralString] = ", ".join(_SQL.values())
LEASE_FIELDS: Final = frozenset({"waiting_on", "owner", "cancelling_since", "paused"})
"""What a lease says of a run; the rest is in `continuum_runs`."""

PREFIX: Final = 2
"""Columns of a search that stand before those of the run: `rows_read, key`."""

_SEVERAL: Final = {
    "error": ("error_type", "error_message", "error_details"),
    "input": ("input_size", "input"),
    "output": ("output_size", "output"),
}
"""Fields that are made of more than the column of their name."""
_ERROR_TYPE: Final = PREFIX + _PLACE["error_type"]
_ERROR_MESSAGE: Final = PREFIX + _PLACE["error_message"]
_ERROR_DETAILS: Final = PREFIX + _PLACE["error_details"]
_NOT_SHOWN: Final = -1
"""No payload is that small: fetches sizes only."""

_STATES: Final = {state.value: state for state in RunState}
"""Many times as fast as calling the enumeration, which lists of runs notice."""

_Draft: Final[Any] = make_dataclass(
    "_Draft", [field.name for field in fields(Run)], kw_only=True, slots=True
)
"""A run that is not frozen yet: a frozen one takes seven times as long to fill."""


class Entries(ABC, Generic[T]):
    """What the entries of a page are, and what has to be fetched for them.

    Attributes:
        columns: SQL, in the places of `RUN_COLUMNS`; id and start are always there.
        reads_leases: whether one of them is the lease's.
        shown: the largest payload that is fetched.
    """

    columns: LiteralString = RUN_COLUMNS
    reads_leases: bool = True
    shown: int = _NOT_SHOWN

    @abstractmethod
    def read(self, rows: Sequence[Row]) -> tuple[T, ...]:
        """Entries of rows of `rows_read, key` and these columns."""


class Snapshots(Entries[Run]):
    """Whole runs.

    Args:
        codec: opens stored payloads.
        payloads: whether to fetch them.
    """

    def __init__(self, codec: PayloadCodec, *, payloads: bool) -> None:
        self._codec = codec
        self.shown = MAX_SHOWN_PAYLOAD if payloads else _NOT_SHOWN

    def read(self, rows: Sequence[Row]) -> tuple[Run, ...]:
        codec = self._codec
        return tuple([snapshot(row[PREFIX:], codec) for row in rows])


class Records(Entries[tuple[Any, ...]]):
    """Some fields of runs, as tuples: a third of the work, and only those columns are fetched.

    Args:
        codec: opens stored payloads.
        names: fields of a `Run`.
    """

    def __init__(self, codec: PayloadCodec, names: Sequence[str]) -> None:
        self._codec = codec
        needed = {"id", "started_at"}
        for name in names:
            needed.update(_SEVERAL.get(name, (name,)))
        columns: list[LiteralString] = [
            text if name in needed else "NULL" for name, text in _SQL.items()
        ]
        self.columns = ", ".join(columns)
        self.reads_leases = not LEASE_FIELDS.isdisjoint(needed)
        self.shown = MAX_SHOWN_PAYLOAD if PAYLOAD_FIELDS & needed else _NOT_SHOWN
        places = [PREFIX + _PLACE.get(name, _PLACE["error_type"]) for name in names]
        self._pick: Callable[[Row], tuple[Any, ...]] = itemgetter(*places)
        if len(places) == 1:  # of which itemgetter makes no tuple
            [place] = places
            self._pick = lambda row: (row[place],)
        self._errors = [at for at, name in enumerate(names) if name == "error"]
        self._payloads = [(at, name) for at, name in enumerate(names) if name in PAYLOAD_FIELDS]

    def read(self, rows: Sequence[Row]) -> tuple[tuple[Any, ...], ...]:
        entries = list(map(self._pick, rows))
        for place in self._errors:
            for at, row in enumerate(rows):
                if row[_ERROR_TYPE] is not None or row[_ERROR_MESSAGE] is not None:
                    error = error_of(*row[_ERROR_TYPE : _ERROR_DETAILS + 1])
                    entries[at] = _changed(entries[at], place, error)
        for place, name in self._payloads:
            for at, row in enumerate(rows):
                entries[at] = _changed(entries[at], place, self._payload(row, name))
        return tuple(entries)

    def _payload(self, row: Row, name: str) -> Any:
        size = row[PREFIX + _PLACE[f"{name}_size"]]
        if size is None:
            return None
        return stored(row[PREFIX + _PLACE[name]], size, self._codec).decode()


def _changed(entry: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*entry[:place], value, *entry[place + 1 :])


def error_of(error_type: str | None, message: str | None, details: str | None) -> RunError | None:
    """Why a run failed, or was cancelled."""
    if error_type is None and message is None:
        return None
    return RunError(error_type or "cancelled", message or "", details)


def stored(data: bytes | None, size: int, codec: PayloadCodec) -> StoredValue:
    """A payload column as a value to be decoded when somebody looks."""
    return _left_out(size) if data is None else StoredValue(shown_payload(codec, data), size)


@lru_cache(maxsize=1024)
def _left_out(size: int) -> StoredValue:
    return StoredValue(None, size)


def snapshot(row: Row, codec: PayloadCodec) -> Run:
    """A row of `RUN_COLUMNS`."""
    (
        run_id, namespace, workflow, version, version_hash, state, attributes,
        started_at, updated_at, completed_at, duration, waiting_on, owner, parent_id, incarnation,
        error_type, error_message, error_details, input_size, output_size, input_, output,
        cancelling_since, key, paused,
    ) = row  # fmt: skip
    run = _Draft(
        id=run_id,
        namespace=namespace,
        workflow=workflow,
        version=version,
        version_hash=version_hash,
        state=_STATES[state],
        attributes=attributes,
        started_at=started_at,
        updated_at=updated_at,
        completed_at=completed_at,
        duration=duration,
        waiting_on=waiting_on,
        owner=owner,
        parent_id=parent_id,
        incarnation=incarnation,
        error=error_of(error_type, error_message, error_details),
        stored_input=stored(input_, input_size, codec),
        stored_output=None if output_size is None else stored(output, output_size, codec),
        cancelling_since=cancelling_since,
        key=key,
        paused=paused,
    )
    run.__class__ = Run
    return run
