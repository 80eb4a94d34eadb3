"""Lays a batch of turns out as the columns of the turn statement.

This runs for every event of every run, so it is straight-line code: one pass, items appended to
lists, one join per column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from msgspec.json import encode

from continuum.codec.hooks import PayloadCodec
from continuum.journal.events import Entry, EventKind
from continuum.journal.turn import Answer, RunEnd, RunState, Turn
from continuum.store.postgres.arrays import (
    FALSE,
    NULL,
    TRUE,
    Packed,
    bytes_item,
    int4_item,
    int8_item,
    jsonb_item,
    text_item,
    time_item,
    uuid_item,
)
from continuum.store.postgres.turn_statement import (
    MANY,
    Row,
    Shape,
    TurnStatement,
    lone_statement,
    turn_statement,
)

_KINDS: Final = {kind: text_item(kind.value) for kind in EventKind}
_STATES: Final = {state: text_item(state.value) for state in RunState}
_NO_ATTRIBUTES: Final = jsonb_item(b"{}")
_NOTHING: Final = frozenset[str]()
_KEPT: Final = frozenset({"kept"})
_DROPPED: Final = frozenset({"dropped"})
_BOTH: Final = _KEPT | _DROPPED
_FEW: Final = 4
"""Rows of one turn that go as plain parameters; each number of them is a statement of its own."""

_FOREIGN: Final = (NULL, NULL, NULL, NULL, NULL, NULL, NULL, FALSE, NULL)
"""The columns of a lease row that is locked only because a message goes to its run."""

in_run_order = attrgetter("run_id.int")
"""Sort key: the order in which PostgreSQL sorts uuids, hence the lock order."""


class TurnColumns:
    """The rows of the turn statement for turns sorted by run id."""

    __slots__ = ("_amended", "_answered", "_born", "_changed", "_ended", "_events", "_foreign",
                 "_held", "_leased", "_made", "_nursed", "_posted", "_published", "_read",
                 "_seal")  # fmt: skip

    def __init__(self, turns: Sequence[Turn], codec: PayloadCodec) -> None:
        self._seal = codec.seal
        self._held: list[Row] = []
        self._made: list[Row] = []
        self._leased: list[Row] = []
        self._events: list[Row] = []
        self._read: list[Row] = []
        self._changed: list[Row] = []
        self._ended: list[Row] = []
        self._amended: list[Row] = []
        self._born: list[Row] = []
        self._nursed: list[Row] = []
        self._posted: list[Row] = []
        self._published: list[Row] = []
        self._answered: list[Row] = []
        self._foreign: dict[bytes, None] = {}
        for turn in turns:
            run_id = uuid_item(turn.run_id)
            if turn.created is not None:
                self._add_created(run_id, turn)
            else:
                self._add_held(run_id, turn)
            self._add_events(run_id, turn)
            if turn.published is not None:
                self._add_published(run_id, turn.incarnation, turn.published)
            if turn.answers:
                self._add_answers(run_id, turn.answers)
            if turn.children:
                self._add_children(run_id, turn)
            if turn.posts:
                self._add_posts(run_id, turn)

    def statement(self, node_id: UUID, total: int) -> tuple[bytes, list[bytes | None]]:
        """The variant of the turn statement that these turns need, and its parameters."""
        text, parameters = self._joined(turn_statement, node_id, total)
        return text, [None if value is None else Packed(value) for value in parameters]

    def lone_statement(self, node_id: UUID) -> tuple[bytes, list[bytes | None]]:
        """`statement` of a single turn that sends nothing to other runs; see there."""
        return self._joined(lone_statement, node_id, 1)

    def _joined(
        self, join: Callable[[Shape, frozenset[str]], TurnStatement], node_id: UUID, total: int
    ) -> tuple[bytes, list[bytes | None]]:
        tables: dict[str, list[Row]] = {}
        shape: list[tuple[str, int]] = []
        held = [*self._held, *((run_id, *_FOREIGN) for run_id in self._foreign)]
        for part, rows in (
            ("held", held), ("made", self._made), ("leased", self._leased),
            ("journaled", self._events), ("read", self._read), ("changed", self._changed),
            ("ended", self._ended), ("amended", self._amended), ("born", self._born),
            ("nursed", self._nursed), ("posted", self._posted), ("published", self._published),
            ("answered", self._answered),
        ):  # fmt: skip
            if rows:
                tables[part] = rows
                shape.append((part, len(rows) if total == 1 and len(rows) <= _FEW else MANY))
        statement = join(tuple(shape), self._extra())
        count = total.to_bytes(4, "big")
        return statement.text, statement.parameters(tables, node_id.bytes, count)

    def _extra(self) -> frozenset[str]:
        if not self._ended:
            return _KEPT if self._held else _NOTHING
        return _DROPPED if len(self._ended) == len(self._held) else _BOTH

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
        elif turn.attributes is not None or turn.continuation is not None:
            self._add_amended(run_id, turn)
        elif turn.state is not None or pin is not None:
            state = NULL if turn.state is None else _STATES[turn.state]
            self._changed.append((run_id, state, *_pin(turn)))

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
            jsonb_item(encode(dict(attributes))) if attributes else _NO_ATTRIBUTES,
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

    def _add_amended(self, run_id: bytes, turn: Turn) -> None:
        follows = turn.continuation
        self._amended.append((
            run_id,
            NULL if turn.state is None else _STATES[turn.state],
            *_pin(turn),
            _attributes(turn),
            NULL if follows is None else int4_item(turn.incarnation + 1),
            NULL if follows is None else bytes_item(self._seal(follows.input)),
        ))  # fmt: skip

    def _add_published(self, run_id: bytes, incarnation: int, values: Mapping[str, bytes]) -> None:
        for name, value in values.items():
            sealed = bytes_item(self._seal(value))
            self._published.append((run_id, text_item(name), sealed, int4_item(incarnation)))

    def _add_answers(self, run_id: bytes, answers: Sequence[Answer]) -> None:
        for answer in answers:
            value = NULL if answer.value is None else bytes_item(self._seal(answer.value))
            self._answered.append((
                run_id, text_item(answer.question), value, text_item(answer.refusal),
            ))  # fmt: skip

    def _add_children(self, parent: bytes, turn: Turn) -> None:
        # A parent that this statement inserts is not there to be inherited from.
        inherited: Mapping[str, Any] = {} if turn.created is None else turn.created.attributes
        for new in turn.children:
            run_id = uuid_item(new.run_id)
            self._nursed.append((run_id, int8_item(new.unpinned.version_id)))
            self._born.append((
                run_id,
                parent,
                text_item(new.namespace),
                text_item(new.workflow),
                bytes_item(self._seal(new.input)),
                jsonb_item(encode({**inherited, **new.attributes})),
                int4_item(new.depth),
                text_item(new.parent_close),
            ))  # fmt: skip

    def _add_posts(self, sender: bytes, turn: Turn) -> None:
        for post in turn.posts:
            target = uuid_item(post.run_id)
            self._foreign[target] = None
            self._posted.append((
                int4_item(len(self._posted)),
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
    return NULL if turn.attributes is None else jsonb_item(encode(turn.attributes))
