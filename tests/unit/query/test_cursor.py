"""Cursors: small, opaque, bound to their query, and checked."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum.errors import QueryError
from continuum.query.cursor import MAX_CURSOR, MAX_EFFORT, Cursor, Position, decode, encode
from continuum.query.fields import FIELDS, Kind
from continuum.query.ordering import sort_key
from continuum.query.tree import Attribute, Compare, Comparison, Field, Order, Query

READ_AT = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
EARLY = datetime(2, 1, 1)  # noqa: DTZ001
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=120)
_times = st.datetimes(EARLY, timezones=st.just(UTC))
_keys: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: _text,
    Kind.STATE: _text,
    Kind.UUID: st.uuids(),
    Kind.INTEGER: st.integers(-(2**31), 2**31),
    Kind.TIME: _times,
    Kind.SECONDS: st.decimals(allow_nan=False, allow_infinity=False),
    Kind.BOOLEAN: st.booleans(),
}
_cases = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        _keys[FIELDS[name].kind] | (st.none() if FIELDS[name].nullable else st.nothing()),
    )
)


def _cursor(key: Any) -> Cursor:
    return Cursor(READ_AT, Position(UUID(int=5), READ_AT, key, tail=key is None))


def _query(field: str = "started_at", namespace: str | None = "default") -> Query:
    return Query(namespace, order=Order(Field(field), descending=True))


@settings(deadline=None)
@given(_cases, st.uuids(), _times, st.integers(0, MAX_EFFORT), st.booleans())
def test_a_cursor_gives_its_position_back(
    case: tuple[str, Any], run_id: UUID, read_at: datetime, effort: int, walking: bool
) -> None:
    """Every sort key of every kind survives, in less than 1 KiB, and so does having none yet."""
    name, key = case
    position = Position(run_id, read_at - timedelta(1), key, tail=key is None)
    for cursor in (Cursor(read_at, position, effort, walking), Cursor(read_at, None, effort)):
        text = encode(_query(name), cursor)
        assert len(text) < MAX_CURSOR
        assert decode(_query(name), text) == cursor


def test_a_changed_cursor_is_refused() -> None:
    """Every byte flipped in every bit, every cut and every addition raises QueryError."""
    for query, key in (
        (_query(), READ_AT),
        (Query(None, order=Order(Attribute(("plan",)), descending=False)), '""pro'),
    ):
        text = encode(query, _cursor(key))
        for place in range(len(text)):
            flipped = [chr(ord(text[place]) ^ 1 << bit) for bit in range(8)]
            others = [text[:place] + other + text[place + 1 :] for other in flipped]
            for changed in (*others, text[:place], f"{text[:place]}A{text[place:]}"):
                with pytest.raises(QueryError, match="damaged"):
                    decode(query, changed)


@settings(deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
    | st.sampled_from([10**400, -(10**400)]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
))  # fmt: skip
def test_a_cursor_carries_any_json_value(value: Any) -> None:
    """The sort key of an attribute survives in less than 1 KiB, and what is none is refused."""
    query = Query(None, order=Order(Attribute(("plan",)), descending=False))
    key = sort_key(value)
    assert decode(query, encode(query, _cursor(key))) == _cursor(key)
    for wrong in ("NaN", "x", "", "1_0", " 1", "[1]"):
        forged = encode(query, _cursor(wrong))
        with pytest.raises(QueryError, match="damaged"):
            decode(query, forged)


@pytest.mark.parametrize(
    "other",
    [
        _query(namespace="billing"),
        _query(namespace=None),
        _query("updated_at"),
        Query("default", order=Order(Field("started_at"), descending=False)),
        Query("default", Compare(Field("state"), Comparison.EQ, "failed")),
    ],
)
def test_a_cursor_belongs_to_one_query(other: Query) -> None:
    """Another namespace, condition, field or direction refuses it."""
    text = encode(_query(), _cursor(READ_AT))
    with pytest.raises(QueryError, match="another query"):
        decode(other, text)


@pytest.mark.parametrize("cursor", ["", "x", "\u00e9", "=" * 40, "A" * 2000, 7, b"abc"])
def test_nonsense_is_no_cursor(cursor: Any) -> None:
    """Text that never was a cursor raises QueryError, not a decoding error."""
    with pytest.raises(QueryError, match="damaged"):
        decode(_query(), cursor)


def test_a_forged_cursor_with_a_good_checksum_is_still_type_checked() -> None:
    """A key of the wrong kind does not reach the database."""
    query = _query("duration")
    good = _cursor(Decimal("1.5"))
    assert decode(query, encode(query, good)) == good
    for key in ("NaN", "x"):
        with pytest.raises(QueryError, match="damaged"):
            decode(query, encode(query, _cursor(key)))
    for cursor in (_cursor(None), replace(good, effort=-1), replace(good, effort=MAX_EFFORT + 1)):
        with pytest.raises(QueryError, match="damaged"):
            decode(query, encode(query, cursor))


def test_a_cursor_shows_nothing_a_shell_would_touch() -> None:
    """It is one word of URL-safe characters."""
    text = encode(_query(), replace(_cursor(READ_AT), read_at=READ_AT + timedelta(1)))
    assert base64.urlsafe_b64encode(base64.urlsafe_b64decode(text + "==")).startswith(
        text[:-2].encode()
    )
    assert text.replace("-", "").replace("_", "").isalnum()
