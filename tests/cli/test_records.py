"""The JSON of records: the fast writer and the one for what it refuses mean the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from continuum.cli.records import jsonable, run_record, to_json
from continuum.cli.sanitize import json_line
from tests.cli.fake_client import make_run

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC))
    | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def plainly(value: Any, indent: int | None) -> str:
    """What the standard library writes."""
    separators = (",", ": ") if indent else (",", ":")
    return json_line(
        json.dumps(
            value, ensure_ascii=False, default=jsonable, indent=indent, separators=separators
        )
    )


def without_floats(text: str) -> Any:
    """The JSON with floats by value, as their spelling is free: 1e16 or 1e+16."""
    return json.loads(text, object_pairs_hook=list)


@given(VALUES)
def test_json_is_that_of_the_standard_library(value: Any) -> None:
    """Same values, same order of keys, same times and ids; also beyond 64 bits and unpaired."""
    assert without_floats(to_json(value)) == without_floats(plainly(value, None))
    assert without_floats(to_json(value, indent=True)) == without_floats(plainly(value, 2))
    assert "\n" not in to_json(value)


@given(st.text(), st.integers())
def test_json_without_floats_is_the_same_text(text: str, number: int) -> None:
    """Byte for byte, in both layouts, with every character a terminal could act upon escaped."""
    value: dict[str, Any] = {
        text: [text, number, [], {}],
        "at": datetime(2026, 11, 23, 12, 0, 0, 250_000, UTC),
    }
    assert to_json(value) == plainly(value, None)
    assert to_json(value, indent=True) == plainly(value, 2)


def test_a_number_beyond_64_bits_stays_whole() -> None:
    """In a run's record, beside everything else that it holds."""
    run = make_run(attributes={"n": 2**70}, duration=timedelta(days=1, microseconds=1))
    record = json.loads(to_json(run_record(run)))
    assert record["attributes"] == {"n": 2**70}
    assert record["duration"] == 86400.000001
    assert record["started_at"] == "2026-11-23T12:00:00.250000Z"
