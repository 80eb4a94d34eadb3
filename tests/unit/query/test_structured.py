"""The structured form: what it accepts, and how it refuses the rest."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from continuum.errors import QueryError
from continuum.query.structured import parse_order, parse_where
from continuum.query.tree import (
    All,
    AnyOf,
    Attribute,
    Compare,
    Comparison,
    Exists,
    Field,
    JsonText,
    Matches,
    Not,
    OneOf,
    Order,
)

PLAN = ["attributes", "plan"]


@pytest.mark.parametrize(
    ("where", "tree"),
    [
        (None, All()),
        ([], All()),
        (("eq", "state", "failed"), Compare(Field("state"), Comparison.EQ, "failed")),
        (["eq", "run_id", str(UUID(int=1))], Compare(Field("id"), Comparison.EQ, UUID(int=1))),
        ([["missing", ["state"]]], Not(Exists(Field("state")))),
        (
            [("in", PLAN, ["a", 1])],
            OneOf(Attribute(("plan",)), ("a", 1)),
        ),
        (
            ("or", [("eq", ["attributes", "a.b"], True), ("like", "error", "T%")]),
            AnyOf(
                (
                    Compare(Attribute(("a.b",)), Comparison.EQ, value=True),
                    Matches(Field("error"), "T%", ignore_case=False),
                )
            ),
        ),
        (
            ("between", "duration", timedelta(minutes=1), 90.5),
            All(
                (
                    Compare(Field("duration"), Comparison.GTE, Decimal(60)),
                    Compare(Field("duration"), Comparison.LTE, Decimal("90.5")),
                )
            ),
        ),
        (
            ("gt", "started_at", "2026-01-01T00:00:00"),
            Compare(Field("started_at"), Comparison.GT, datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        (
            ("eq", PLAN, {"k": [1]}),
            Compare(Attribute(("plan",)), Comparison.EQ, JsonText('{"k": [1]}')),
        ),
    ],
)
def test_conditions_become_trees(where: Any, tree: Any) -> None:
    """Each accepted spelling builds exactly one tree."""
    assert parse_where(where) == tree


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("state", "where is a list"),
        (7, "where is a list"),
        ([7], "is not a condition"),
        ([[]], "is not a condition"),
        ([("equals", "state", "failed")], "unknown operator"),
        ([("eq", "state")], "takes 2"),
        ([("exists", "state", 1)], "takes 1"),
        ([("eq", "stat", "failed")], "did you mean state"),
        ([("eq", "state", "faild")], "did you mean failed"),
        ([("eq", "attributes.plan", "x")], r"\['attributes', 'plan'\]"),
        ([("eq", ["attributes"], "x")], "1 to 16 keys"),
        ([("eq", ["attributes", 3], "x")], "not text"),
        ([("eq", ["state", "x"], "x")], "has no parts"),
        ([("eq", [], "x")], "is not a field"),
        ([("eq", "version", "1")], "whole number"),
        ([("eq", "version", True)], "whole number"),
        ([("eq", "id", "nonsense")], "run id"),
        ([("eq", "started_at", "yesterday")], "ISO 8601"),
        ([("eq", "duration", math.nan)], "seconds"),
        ([("eq", "stuck", 1)], "true or false"),
        ([("eq", "error", None)], "use exists or missing"),
        ([("eq", PLAN, None)], "null or missing"),
        ([("eq", PLAN, math.inf)], "not a JSON value"),
        ([("eq", PLAN, object())], "not a JSON value"),
        ([("eq", PLAN, {"k": "a\0b"})], "NUL"),
        ([("eq", PLAN, "a\0b")], "NUL"),
        ([("eq", "workflow", "\ud800")], "surrogate"),
        ([("eq", ["attributes", "a\0"], "x")], "NUL"),
        ([("gt", PLAN, True)], "have an order"),
        ([("gt", PLAN, [1])], "have an order"),
        ([("gt", "state", "failed")], "states have no order"),
        ([("like", "version", "1%")], "compare text"),
        ([("like", PLAN, 1)], "compare text"),
        ([("like", "error", "abc\\")], "unfinished escape"),
        ([("in", "state", "failed")], "a list of values"),
        ([("in", "version", list(range(1001)))], "more than 1,000"),
        ([("and", "state")], "a list of conditions"),
        ([("eq", "workflow", "x" * 20_000)], "longer than"),
    ],
)
def test_wrong_conditions_are_refused_with_a_reason(where: Any, message: str) -> None:
    """Whatever is wrong raises QueryError, never anything else, and says what."""
    with pytest.raises(QueryError, match=message):
        parse_where(where)


def test_depth_and_number_of_conditions_are_bounded() -> None:
    """32 levels and 256 conditions pass; one more of either is refused."""
    deep: Any = ("eq", "state", "failed")
    for _ in range(31):
        deep = ("not", deep)
    parse_where(deep)
    with pytest.raises(QueryError, match="nested deeper"):
        parse_where(("not", deep))
    many = [("exists", "error")] * 256
    parse_where(many)
    with pytest.raises(QueryError, match="more than 256"):
        parse_where([*many, many[0]])
    for _ in range(100_000):
        deep = ("not", deep)
    with pytest.raises(QueryError, match="nested deeper"):
        parse_where(deep)


def test_an_order_is_a_direction_and_an_operand() -> None:
    """The default is newest first; anything else needs both parts."""
    assert parse_order(None) == Order(Field("started_at"), descending=True)
    assert parse_order(["asc", "run_id"]) == Order(Field("id"), descending=False)
    assert parse_order(("desc", PLAN)) == Order(Attribute(("plan",)), descending=True)
    for wrong in (
        "started_at",
        ("down", "state"),
        ("asc",),
        ("asc", "x"),
        ("asc", ["state", "x"]),
        3,
    ):
        with pytest.raises(QueryError):
            parse_order(wrong)
