"""Where a page ended, as text a caller may keep but not change.

A cursor carries the sort key and run id of the last row, the moment the first page was read, and
a fingerprint of the namespace, condition and order it belongs to, all under a checksum. It grants
nothing: a forged one could only start the walk elsewhere in the same query.
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
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Position:
    """The last row of a page: `tail` when it was among those without a sort key."""

    read_at: datetime
    run_id: UUID
    key: FieldValue | None
    tail: bool


class _Wire(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    fingerprint: bytes
    read_at: int
    run_id: bytes
    key: str | int | bool | None
    tail: bool


def encode(query: Query, position: Position) -> str:
    """The cursor for what follows `position` in the answer to `query`."""
    wire = _Wire(
        _fingerprint(query),
        (position.read_at - _EPOCH) // _MICROSECOND,
        position.run_id.bytes,
        None if position.key is None else _plain(position.key),
        position.tail,
    )
    body = msgspec.msgpack.encode(wire)
    cursor = base64.urlsafe_b64encode(_checksum(body) + body).rstrip(b"=").decode()
    if len(cursor) > MAX_CURSOR:
        raise QueryError(
            "a page ends at a number with too many digits for a cursor",
            hint="ask for another page size, or order by something else",
        )
    return cursor


def decode(query: Query, cursor: str) -> Position:
    """The position a cursor of this very query stands for.

    Raises:
        QueryError: it was changed, cut short, or belongs to another query.
    """
    wire = _open(cursor)
    if wire.fingerprint != _fingerprint(query):
        raise QueryError(
            "the cursor belongs to another query",
            hint="repeat the query that gave it: same namespace, conditions and order",
        )
    operand = query.order.operand
    if (wire.key is None) != wire.tail or (wire.tail and not nullable(operand)):
        raise _damaged()
    try:
        key = None if wire.key is None else _restore(operand, wire.key)
        return Position(
            _EPOCH + wire.read_at * _MICROSECOND, UUID(bytes=wire.run_id), key, wire.tail
        )
    except (TypeError, ValueError, OverflowError, InvalidOperation):
        raise _damaged() from None


def _open(cursor: str) -> _Wire:
    if not isinstance(cursor, str) or not 0 < len(cursor) <= MAX_CURSOR:
        raise _damaged()
    try:
        packed = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        if base64.urlsafe_b64encode(packed).rstrip(b"=").decode() != cursor:
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
        return (key - _EPOCH) // _MICROSECOND
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
    Kind.TIME: lambda key: _EPOCH + _exactly(int)(key) * _MICROSECOND,
    Kind.SECONDS: _seconds,
    Kind.BOOLEAN: _exactly(bool),
}
