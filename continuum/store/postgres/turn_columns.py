"""Lays a batch of turns out as the columns of the turn statement.

This runs for every event of every run, so it is straight-line code: one pass, items appended to
lists, one join per column.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final
from uuid import UUID

import orjson

from continuum.codec.hooks import PayloadCodec
from continuum.journal.events import Entry, EventKind
from continuum.journal.turn import RunEnd, RunState, Turn
from continuum.store.postgres.arrays import (
    FALSE,
    NULL,
    TRUE,
    Element,
    Packed,
    bytes_item,
    int4_item,
    int8_item,
    jsonb_item,
    pack,
    text_item,
    time_item,
    uuid_item,
)

_KINDS: Final = {kind: text_item(kind.value) for kind in EventKind}
_STATES: Final = {state: text_item(state.value) for state in RunState}
_NO_ATTRIBUTES: Final = jsonb_item(b"{}")

_Columns = tuple[Element, ...]

_HELD: Final[_Columns] = (
    Element.UUID, Element.INT8, Element.INT8, Element.INT4, Element.TIMESTAMPTZ, Element.TEXT,
    Element.BOOL, Element.BOOL, Element.BOOL, Element.INT8,
)  # fmt: skip
_MADE: Final[_Columns] = (
    Element.UUID, Element.TEXT, Element.TEXT, Element.BYTEA, Element.JSONB, Element.TEXT,
    Element.UUID, Element.INT4, Element.TEXT, Element.TEXT, Element.TEXT, Element.TIMESTAMPTZ,
    Element.BOOL, Element.BYTEA, Element.TEXT, Element.TEXT, Element.TEXT, Element.INT4,
)  # fmt: skip
_LEASED: Final[_Columns] = (
    Element.UUID, Element.INT8, Element.INT8, Element.INT8, Element.TIMESTAMPTZ, Element.TEXT,
    Element.BOOL,
)  # fmt: skip
_EVENTS: Final[_Columns] = (
    Element.UUID, Element.INT8, Element.INT4, Element.TEXT, Element.INT4, Element.BYTEA,
    Element.TIMESTAMPTZ,
)  # fmt: skip
_READ: Final[_Columns] = (Element.INT8, Element.UUID)
_CHANGED: Final[_Columns] = (
    Element.UUID, Element.TEXT, Element.INT4, Element.TEXT, Element.TEXT, Element.JSONB,
    Element.INT4, Element.BYTEA,
)  # fmt: skip
_ENDED: Final[_Columns] = (
    Element.UUID, Element.TEXT, Element.BYTEA, Element.TEXT, Element.TEXT, Element.TEXT,
    Element.INT4, Element.TEXT, Element.TEXT, Element.JSONB,
)  # fmt: skip
_BORN: Final[_Columns] = (
    Element.UUID, Element.UUID, Element.TEXT, Element.TEXT, Element.BYTEA, Element.JSONB,
    Element.INT4, Element.TEXT, Element.INT8,
)  # fmt: skip
_POSTED: Final[_Columns] = (
    Element.UUID, Element.UUID, Element.TEXT, Element.TEXT, Element.BYTEA,
)  # fmt: skip
_FOREIGN: Final = (NULL, NULL, NULL, NULL, NULL, NULL, NULL, FALSE, NULL)
"""The columns of a lease row that is locked only because a message goes to its run."""

in_run_order = attrgetter("run_id.int")
"""Sort key: the order in which PostgreSQL sorts uuids, hence the lock order."""


def _table(elements: _Columns, rows: list[tuple[bytes, ...]]) -> list[Packed]:
    if not rows:
        return _empty(elements)
    return [pack(element, items) for element, items in zip(elements, zip(*rows), strict=True)]  # noqa: B905


def _empty(elements: _Columns) -> list[Packed]:
    return [pack(element, ()) for element in elements]


class TurnColumns:
    """The parameters of the turn statement for turns sorted by run id."""

    __slots__ = ("_born", "_changed", "_ended", "_events", "_foreign", "_held", "_leased", "_made",
                 "_posted", "_read", "_seal")  # fmt: skip

    def __init__(self, turns: Sequence[Turn], codec: PayloadCodec) -> None:
        self._seal = codec.seal
        self._held: list[tuple[bytes, ...]] = []
        self._made: list[tuple[bytes, ...]] = []
        self._leased: list[tuple[bytes, ...]] = []
        self._events: list[tuple[bytes, ...]] = []
        self._read: list[tuple[bytes, ...]] = []
        self._changed: list[tuple[bytes, ...]] = []
        self._ended: list[tuple[bytes, ...]] = []
        self._born: list[tuple[bytes, ...]] = []
        self._posted: list[tuple[bytes, ...]] = []
        self._foreign: dict[bytes, None] = {}
        for turn in turns:
            run_id = uuid_item(turn.run_id)
            if turn.created is not None:
                self._add_created(run_id, turn)
            else:
                self._add_held(run_id, turn)
            self._add_events(run_id, turn)
            if turn.children:
                self._add_children(run_id, turn)
            if turn.posts:
                self._add_posts(run_id, turn)

    def parameters(self, node_id: UUID, total: int) -> list[object]:
        """In the order of the statement's placeholders."""
        return [
            node_id,
            *_table(_HELD, [*self._held, *((run_id, *_FOREIGN) for run_id in self._foreign)]),
            *_table(_MADE, self._made),
            *_table(_LEASED, self._leased),
            *_table(_EVENTS, self._events),
            *_table(_READ, self._read),
            *_table(_CHANGED, self._changed),
            *_table(_ENDED, self._ended),
            *_table(_BORN, self._born),
            *_table(_POSTED, self._posted),
            Packed(total.to_bytes(4, "big")),
        ]

    def _add_events(self, run_id: bytes, turn: Turn) -> None:
        self._add_entries(run_id, turn.entries, turn.next_seq, turn.incarnation)
        if turn.continuation is not None:
            seq = turn.next_seq + len(turn.entries)
            self._add_entries(run_id, turn.continuation.carried, seq, turn.incarnation + 1)

    def _add_entries(self, run_id: bytes, entries: Sequence[Entry], seq: int, number: int) -> None:
        seal = self._seal
        add = self._events.append
        incarnation = int4_item(number)
        last_at: datetime | None = None
        at = NULL
        for entry in entries:
            if entry.at is not last_at:
                last_at = entry.at
                at = time_item(last_at)
            command = entry.command
            add((
                run_id,
                int8_item(seq),
                incarnation,
                _KINDS[entry.kind],
                NULL if command is None else int4_item(command),
                bytes_item(seal(entry.payload())),
                at,
            ))  # fmt: skip
            seq += 1

    def _add_held(self, run_id: bytes, turn: Turn) -> None:
        pin = turn.pin
        self._held.append((
            run_id,
            int8_item(turn.token),
            int8_item(turn.next_seq),
            int4_item(turn.appended),
            time_item(turn.wake_at),
            text_item(turn.waiting_on),
            TRUE if turn.parked else FALSE,
            TRUE if turn.cancelling else FALSE,
            FALSE if turn.end is None else TRUE,
            NULL if pin is None else int8_item(pin.version_id),
        ))  # fmt: skip
        for message_id in turn.consumed:
            self._read.append((int8_item(message_id), run_id))
        if turn.end is not None:
            self._ended.append((run_id, *self._end(turn.end), *_pin(turn), _attributes(turn)))
        elif turn.state is not None or pin is not None or turn.attributes is not None:
            state = NULL if turn.state is None else _STATES[turn.state]
            self._changed.append((
                run_id, state, *_pin(turn), _attributes(turn), *self._next_incarnation(turn)
            ))  # fmt: skip

    def _add_created(self, run_id: bytes, turn: Turn) -> None:
        new = turn.created
        assert new is not None
        end = turn.end
        pin = turn.pin or new.unpinned
        if end is not None:
            state, *outcome = self._end(end)
        else:
            state, outcome = _STATES[turn.state or RunState.RUNNING], (NULL, NULL, NULL, NULL)
            self._leased.append((
                run_id,
                int8_item(pin.version_id),
                int8_item(turn.token),
                int8_item(turn.next_seq + turn.appended),
                time_item(turn.wake_at),
                text_item(turn.waiting_on),
                TRUE if turn.parked else FALSE,
            ))  # fmt: skip
        attributes = {**new.attributes, **turn.attributes} if turn.attributes else new.attributes
        follows = turn.continuation
        self._made.append((
            run_id,
            text_item(new.namespace),
            text_item(new.workflow),
            bytes_item(self._seal(new.input if follows is None else follows.input)),
            jsonb_item(orjson.dumps(dict(attributes))) if attributes else _NO_ATTRIBUTES,
            text_item(new.idempotency_key),
            NULL if new.parent_id is None else uuid_item(new.parent_id),
            int4_item(pin.version),
            text_item(pin.version_hash),
            text_item(pin.runtime),
            state,
            time_item(turn.started_at or turn.entries[0].at),
            FALSE if end is None else TRUE,
            *outcome,
            int4_item(turn.incarnation if follows is None else turn.incarnation + 1),
        ))  # fmt: skip

    def _next_incarnation(self, turn: Turn) -> tuple[bytes, bytes]:
        follows = turn.continuation
        if follows is None:
            return NULL, NULL
        return int4_item(turn.incarnation + 1), bytes_item(self._seal(follows.input))

    def _add_children(self, parent: bytes, turn: Turn) -> None:
        # A parent that this statement inserts is not there to be inherited from.
        inherited = {} if turn.created is None else turn.created.attributes
        for new in turn.children:
            self._born.append((
                uuid_item(new.run_id),
                parent,
                text_item(new.namespace),
                text_item(new.workflow),
                bytes_item(self._seal(new.input)),
                jsonb_item(orjson.dumps({**inherited, **new.attributes})),
                int4_item(new.depth),
                text_item(new.parent_close),
                int8_item(new.unpinned.version_id),
            ))  # fmt: skip

    def _add_posts(self, sender: bytes, turn: Turn) -> None:
        for post in turn.posts:
            target = uuid_item(post.run_id)
            self._foreign[target] = None
            self._posted.append((
                sender,
                target,
                text_item(post.kind),
                text_item(post.name),
                bytes_item(self._seal(post.value)),
            ))  # fmt: skip

    def _end(self, end: RunEnd) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        result = NULL if end.result is None else bytes_item(self._seal(end.result))
        error = end.error
        if error is None:
            return _STATES[end.state], result, NULL, NULL, NULL
        return (
            _STATES[end.state],
            result,
            text_item(error.type),
            text_item(error.message),
            text_item(error.details),
        )


def _pin(turn: Turn) -> tuple[bytes, bytes, bytes]:
    pin = turn.pin
    if pin is None:
        return NULL, NULL, NULL
    return int4_item(pin.version), text_item(pin.version_hash), text_item(pin.runtime)


def _attributes(turn: Turn) -> bytes:
    return NULL if turn.attributes is None else jsonb_item(orjson.dumps(turn.attributes))
