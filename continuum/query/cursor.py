"""Where a page ended, as text a caller may keep but not change.

A cursor carries the sort key, start and id of the last run looked at, the moment the first page was
read, and a fingerprint of the namespace, condition and order it belongs to, all under a checksum.
It grants nothing: a forged one could only start the walk elsewhere in the same query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

import msgspec

from continuum.errors import QueryError
from continuum.query.fields import FIELDS, Kind, nullable
from continuum.query.ordering import parts_of
from continuum.query.tree import Attribute, FieldValue, Operand, Query

MAX_CURSOR: Final = 1024
MAX_EFFORT: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Position:
    """A run's place in the order: `tail` when it is among those without a sort key."""

    run_id: UUID
    started_at: datetime
    key: FieldValue | None
    tail: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the next page has to know.

    Attributes:
        read_at: when the first page was read.
        position: the last run looked at; None: there was none yet.
        effort: how many times the budget has been doubled, because nothing was found within it.
        walking: that no index is known to hold few candidates, so looking for one is not worth it.
    """

    read_at: datetime
    position: Position | None
    effort: int = 0
    walking: bool = False


class _WirePosition(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    run_id: bytes
    started_at: int
    key: str | int | bool | None
    tail: bool


class _Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    fingerprint: bytes
    read_at: int
    position: _WirePosition | None
    effort: int
    walking: bool


def encode(query: Query, cursor: Cursor) -> str:
    """The cursor for what follows in the answer to `query`, as text.

    Raises:
        QueryError: its page ends at a number with hundreds of digits.
    """
    position = cursor.position
    wire = _Wire(
        _fingerprint(query),
        _micros(cursor.read_at),
        None if position is None else _wire_position(position),
        cursor.effort,
        cursor.walking,
    )
    body = msgspec.msgpack.encode(wire)
    text = base64.urlsafe_b64encode(_checksum(body) + body).rstrip(b"=").decode()
    if len(text) > MAX_CURSOR:
        raise QueryError(
            "a page ends at a number with too many digits for a cursor",
            hint="ask for another page size, or order by something else",
        )
    return text


def decode(query: Query, text: str) -> Cursor:
    """What a cursor of this very query stands for.

    Raises:
        QueryError: it was changed, cut short, or belongs to another query.
    """
    wire = _open(text)
    if wire.fingerprint != _fingerprint(query):
        raise QueryError(
            "the cursor belongs to another query",
            hint="repeat the query that gave it: same namespace, conditions and order",
        )
    if not 0 <= wire.effort <= MAX_EFFORT:
        raise _damaged()
    try:
        position = None
        if wire.position is not None:
            position = _position(query.order.operand, wire.position)
        return Cursor(_moment(wire.read_at), position, wire.effort, wire.walking)
    except (TypeError, ValueError, OverflowError, InvalidOperation):
        raise _damaged() from None


def _wire_position(position: Position) -> _WirePosition:
    key = None if position.key is None else _plain(position.key)
    started_at = _micros(position.started_at)
    return _WirePosition(position.run_id.bytes, started_at, key, position.tail)


def _position(operand: Operand, wire: _WirePosition) -> Position:
    if (wire.key is None) != wire.tail or (wire.tail and not nullable(operand)):
        raise ValueError
    key = None if wire.key is None else _restore(operand, wire.key)
    return Position(UUID(bytes=wire.run_id), _moment(wire.started_at), key, wire.tail)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def _open(text: str) -> _Wire:
    if not isinstance(text, str) or not 0 < len(text) <= MAX_CURSOR:
        raise _damaged()
    try:
        packed = base64.b64decode(
            text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
        if base64.urlsafe_b64encode(packed).rstrip(b"=").decode() != text:
            raise _damaged()
        checksum, body = packed[:8], packed[8:]
        if checksum != _checksum(body):
            raise _damaged()
        return msgspec.msgpack.decode(body, type=_Wire)
    except (UnicodeEncodeError, binascii.Error, msgspec.MsgspecError):
        raise _damaged() from None


def _damaged() -> QueryError:
    return QueryError(
        "the cursor is damaged", hint="pass next_cursor exactly as given, or start again without"
    )


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=8, person=b"ctm-cursor").digest()


def _fingerprint(query: Query) -> bytes:
    return hashlib.blake2b(repr(query).encode("utf-8", "replace"), digest_size=8).digest()


def _plain(key: FieldValue) -> str | int | bool:
    if isinstance(key, datetime):
        return _micros(key)
    return str(key) if isinstance(key, UUID | Decimal) else key


def _exactly(expected: type[Any]) -> Callable[[Any], Any]:
    def restore(key: Any) -> Any:
        if type(key) is not expected:
            raise TypeError
        return key

    return restore


def _seconds(key: Any) -> Decimal:
    seconds = Decimal(_exactly(str)(key))
    if not seconds.is_finite():
        raise ValueError
    return seconds


def _restore(operand: Operand, key: Any) -> FieldValue:
    if isinstance(operand, Attribute):
        parts_of(_exactly(str)(key))
        return key
    return _RESTORE[FIELDS[operand.name].kind](key)


_RESTORE: Final[dict[Kind, Callable[[Any], FieldValue]]] = {
    Kind.TEXT: _exactly(str),
    Kind.STATE: _exactly(str),
    Kind.UUID: lambda key: UUID(_exactly(str)(key)),
    Kind.INTEGER: _exactly(int),
    Kind.TIME: lambda key: _moment(_exactly(int)(key)),
    Kind.SECONDS: _seconds,
    Kind.BOOLEAN: _exactly(bool),
}
