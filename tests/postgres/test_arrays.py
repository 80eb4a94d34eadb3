"""The binary arrays that batches travel in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import psycopg
import pytest
from psycopg import RawCursor

from continuum.store.postgres.arrays import (
    NULL,
    Element,
    Packed,
    bool_item,
    bytes_item,
    int4_item,
    int8_item,
    jsonb_item,
    pack,
    register,
    text_item,
    time_item,
    uuid_item,
)

pytestmark = pytest.mark.every_server

TIMES = [
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2026, 11, 22, 11, 0, 0, 1, tzinfo=timezone(timedelta(hours=-7))),
    datetime(9999, 12, 31, tzinfo=UTC),
]


@pytest.mark.parametrize(
    ("cast", "element", "make", "values"),
    [
        (b"uuid[]", Element.UUID, uuid_item, [UUID(int=0), UUID(int=2**128 - 1), UUID(int=7)]),
        (b"int[]", Element.INT4, int4_item, [0, 255, 256, -1, 2**31 - 1, -(2**31)]),
        (b"bigint[]", Element.INT8, int8_item, [0, -1, 2**63 - 1, -(2**63)]),
        (b"bytea[]", Element.BYTEA, bytes_item, [b"", b"\0\xff", b"x" * 70_000, None]),
        (b"text[]", Element.TEXT, text_item, ["", "NULL", "{},\"\\", "grüße 🎉", None]),
        (b"bool[]", Element.BOOL, bool_item, [True, False]),
        (b"timestamptz[]", Element.TIMESTAMPTZ, time_item, [*TIMES, None]),
    ],
)  # fmt: skip
def test_values_survive(dsn: str, cast, element, make, values) -> None:
    """Every value arrives as PostgreSQL's own value, extremes, empties and nulls included."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        register(connection)
        connection.execute("SET TimeZone = 'UTC'")
        for given in (values, [], values[:1]):
            parameter = pack(element, [make(value) for value in given])
            cursor = RawCursor(connection)
            cursor.execute(b"SELECT $1::" + cast, [parameter], binary=True)
            assert cursor.fetchone() == (given,)


def test_json_arrives_as_jsonb(dsn: str) -> None:
    """Attributes are sent in jsonb's own binary form; a null item is SQL's null."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        register(connection)
        parameter = pack(Element.JSONB, [jsonb_item(b'{"a":[1,"b"]}'), NULL])
        cursor = RawCursor(connection)
        cursor.execute("SELECT x FROM unnest($1::jsonb[]) AS x", [parameter], binary=True)
        assert cursor.fetchall() == [({"a": [1, "b"]},), (None,)]


def test_single_values_can_be_packed_too(dsn: str) -> None:
    """An int4 whose size must not change the statement's parameter types."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        register(connection)
        cursor = RawCursor(connection)
        cursor.execute("SELECT $1::int", [Packed((70_000).to_bytes(4, "big"))])
        assert cursor.fetchone() == (70_000,)
