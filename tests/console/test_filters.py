"""The filter line: a part of the query language, read exactly or refused with a position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.filters import FilterError, describe, parse


@pytest.mark.parametrize(
    ("line", "conditions"),
    [
        ("", ()),
        ("   ", ()),
        ("plan = 'pro'", (("eq", ["attributes", "plan"], "pro"),)),
        ("plan=pro", (("eq", ["attributes", "plan"], "pro"),)),
        ("tier >= 4 and plan != 'it''s'",
         (("gte", ["attributes", "tier"], 4), ("neq", ["attributes", "plan"], "it's"))),
        ("a.b=1.5  c = true",
         (("eq", ["attributes", "a", "b"], 1.5), ("eq", ["attributes", "c"], True))),
        ("attributes.state = 'x' state = failed",
         (("eq", ["attributes", "state"], "x"), ("eq", "state", "failed"))),
        ('attributes."odd key" = "q\\"x"', (("eq", ["attributes", "odd key"], 'q"x'),)),
        ("workflow = shop:order_flow", (("eq", "workflow", "shop:order_flow"),)),
        ("run_id = 0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8",
         (("eq", "id", "0199c2f4-51ce-7d0a-9c1f-52a7f0c3b1d8"),)),
        ("n = '4'", (("eq", ["attributes", "n"], "4"),)),
    ],
)  # fmt: skip
def test_what_can_be_written(line: str, conditions: tuple[object, ...]) -> None:
    """Bare names are fields or attributes, values keep their JSON type."""
    assert parse(line) == conditions


@pytest.mark.parametrize(
    ("line", "position"),
    [("plan", 4), ("plan ~ 'x'", 5), ("= 3", 0), ("plan = ", 7), ("plan = 'open", 7),
     ("a=1 and", 7), ("a = 1 or b = 2", 9), ("(a = 1)", 0), ('a = "\\q"', 4)],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_where_it_is(line: str, position: int) -> None:
    """Nothing is guessed; the error points at the place."""
    with pytest.raises(FilterError) as caught:
        parse(line)
    assert caught.value.position == position


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["eq", "neq", "lt", "lte", "gt", "gte"]),
            st.lists(st.text("abcXYZ_ -.", min_size=1), min_size=1, max_size=3),
            st.text() | st.integers() | st.booleans(),
        ),
        max_size=4,
    )
)
def test_what_is_described_parses_back(found: list[tuple[str, list[str], object]]) -> None:
    """The title's text is the filter itself: it can be copied back into the line."""
    conditions = tuple((name, ["attributes", *path], value) for name, path, value in found)
    assert parse(describe(conditions)) == conditions
