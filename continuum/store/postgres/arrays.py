"""Arrays in PostgreSQL's binary form, built with one join per column.

psycopg adapts a list item by item in Python, which costs more than writing the rows. The columns
of a batch are instead collected as *items* (length word and value) and joined.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from uuid import UUID

from psycopg import AsyncConnection, Connection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

NULL = struct.pack(">i", -1)
TRUE = b"\x00\x00\x00\x01\x01"
FALSE = b"\x00\x00\x00\x01\x00"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)

_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_float8 = struct.Struct(">id").pack
_header = struct.Struct(">iiiii").pack
_small_int4 = tuple(_int4(4, value) for value in range(256))


class Element(IntEnum):
    """Type oids of the columns that batches carry."""

    BOOL = 16
    BYTEA = 17
    INT8 = 20
    INT4 = 23
    TEXT = 25
    FLOAT8 = 701
    TIMESTAMPTZ = 1184
    UUID = 2950
    JSONB = 3802


class Packed(bytes):
    """A parameter that is already in binary form; the statement's cast names its type."""

    __slots__ = ()


class PackedDumper(Dumper):
    """Sends a `Packed` as it is, with no type of its own."""

    format = Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> Buffer:
        return obj


def register(connection: AsyncConnection | Connection) -> None:
    """Let this connection send `Packed` parameters."""
    connection.adapters.register_dumper(Packed, PackedDumper)


def pack(element: Element, items: Sequence[bytes]) -> Packed:
    """One array parameter from its items."""
    if not items:
        return Packed(_header(0, 0, element, 0, 0)[:12])
    return Packed(_header(1, 1, element, len(items), 1) + b"".join(items))


def uuid_item(value: UUID) -> bytes:
    return b"\x00\x00\x00\x10" + value.int.to_bytes(16, "big")


def int4_item(value: int) -> bytes:
    return _small_int4[value] if 0 <= value < 256 else _int4(4, value)


def int8_item(value: int) -> bytes:
    return _int8(8, value)


def bytes_item(value: bytes | None) -> bytes:
    return NULL if value is None else _length(len(value)) + value


def text_item(value: str | None) -> bytes:
    if value is None:
        return NULL
    data = value.encode()
    return _length(len(data)) + data


def jsonb_item(value: bytes) -> bytes:
    return _length(len(value) + 1) + b"\x01" + value


def bool_item(value: bool) -> bytes:
    return TRUE if value else FALSE


def time_item(value: datetime | None) -> bytes:
    if value is None:
        return NULL
    since = value - _EPOCH
    return _int8(8, since.days * _DAY + since.seconds * 1_000_000 + since.microseconds)


def time_from(data: bytes | None) -> datetime:
    """A timestamptz of a binary result."""
    assert data is not None
    return time_of(int.from_bytes(data, "big", signed=True))


def uuids_from(data: bytes) -> list[UUID]:
    """A uuid[] of a binary result: a header of 20 bytes, then length and value of each."""
    return [UUID(bytes=data[start : start + 16]) for start in range(24, len(data), 20)]


def time_of(microseconds: int) -> datetime:
    """The inverse of what `time_item` stores."""
    return _EPOCH + microseconds * _MICROSECOND


def uuids(values: Iterable[UUID]) -> Packed:
    return pack(Element.UUID, [uuid_item(value) for value in values])


def int8s(values: Iterable[int]) -> Packed:
    return pack(Element.INT8, [_int8(8, value) for value in values])


def texts(values: Iterable[str | None]) -> Packed:
    return pack(Element.TEXT, [text_item(value) for value in values])


def blobs(values: Iterable[bytes | None]) -> Packed:
    return pack(Element.BYTEA, [bytes_item(value) for value in values])


def float8s(values: Iterable[float | None]) -> Packed:
    return pack(Element.FLOAT8, [NULL if value is None else _float8(8, value) for value in values])


def times(values: Iterable[datetime | None]) -> Packed:
    return pack(Element.TIMESTAMPTZ, [time_item(value) for value in values])
