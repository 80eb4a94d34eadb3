"""The text spelling: same trees as the structured one, every tree prints, faults have a place."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from continuum.errors import QueryError
from continuum.query.lexer import read
from continuum.query.limits import MAX_EXPRESSION
from continuum.query.parser import parse_condition
from continuum.query.structured import parse_order, parse_where
from continuum.query.text import parse_operands, parse_order_text, parse_text
from continuum.query.times import format_interval, parse_interval, parse_relative, pin
from continuum.query.tree import (
    NEWEST_FIRST,
    All,
    AnyOf,
    Compare,
    Comparison,
    Condition,
    Field,
    Not,
    Query,
    Relative,
)
from tests.unit.query.grammar import queries

PLAN = ["attributes", "plan"]
HOSTILE = [
    line.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogatepass")
    for line in (Path(__file__).parent / "hostile.txt").read_text().splitlines()
    if line
]
FUZZED = 100_000


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(query=queries)
def test_every_tree_prints_to_text_that_parses_to_it(query: Query) -> None:
    """Condition and order survive the way through text, over the whole grammar."""
    assume(len(query.text.encode()) <= MAX_EXPRESSION)
    condition, order = parse_text(query.text)
    assert condition == query.condition
    assert (order or NEWEST_FIRST) == query.order


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", []),
        ("true", []),
        ("false", [("or", [])]),
        ("state = 'failed'", [("eq", "state", "failed")]),
        ("STATE = 'failed' AND Stuck", [("eq", "state", "failed"), ("eq", "stuck", True)]),
        ("not stuck", [("not", ("eq", "stuck", True))]),
        ("attributes.plan <> 'pro'", [("neq", PLAN, "pro")]),
        ("attributes.plan != 4.5", [("neq", PLAN, 4.5)]),
        ("attributes.plan = -4", [("eq", PLAN, -4)]),
        ("attributes.plan = true", [("eq", PLAN, True)]),
        ("attributes.plan = '{\"a\": [1]}'::jsonb", [("eq", PLAN, {"a": [1]})]),
        ('attributes."a.b"."q""x" = \'it\'\'s\'', [("eq", ["attributes", "a.b", 'q"x'], "it's")]),
        ("attributes.order.null is null", [("missing", ["attributes", "order", "null"])]),
        ("error is not null", [("exists", "error")]),
        ("state in ('failed', 'running')", [("in", "state", ["failed", "running"])]),
        ("state not in ()", [("not_in", "state", [])]),
        ("version between 1 and 3", [("between", "version", 1, 3)]),
        ("version not between 1 and 3", [("not", ("between", "version", 1, 3))]),
        ("error like 'T\\_%'", [("like", "error", "T\\_%")]),
        ("error not ilike 't%'", [("not", ("ilike", "error", "t%"))]),
        ("run_id = '00000000-0000-0000-0000-000000000001'",
         [("eq", "id", "00000000-0000-0000-0000-000000000001")]),
        ("started_at > -2h", [("gt", "started_at", "-2h")]),
        ("started_at > now() - interval '2 hours'", [("gt", "started_at", "now-2h")]),
        ("started_at between -1d and today() + 12h",
         [("between", "started_at", "-1d", "today+12h")]),
        ("started_at < '2026-01-01'", [("lt", "started_at", "2026-01-01")]),
        ("duration > 1m30s", [("gt", "duration", timedelta(seconds=90))]),
        ("duration > 0.5", [("gt", "duration", 0.5)]),
        ("(state = 'failed' or stuck) and not (version = 1 and error is null)",
         [("or", [("eq", "state", "failed"), ("eq", "stuck", True)]),
          ("not", ("and", [("eq", "version", 1), ("missing", "error")]))]),
        ("stuck or version = 1 and version = 2",
         ("or", [("eq", "stuck", True), ("and", [("eq", "version", 1), ("eq", "version", 2)])])),
        ("stuck\n\tand ((stuck))", [("eq", "stuck", True), ("eq", "stuck", True)]),
    ],
)  # fmt: skip
def test_both_spellings_build_the_same_tree(text: str, where: Any) -> None:
    """What can be written in one spelling means the same in the other."""
    assert parse_text(text) == (parse_where(where), None)


def test_an_order_is_a_field_or_attribute_and_a_direction() -> None:
    """`order by` ends an expression, or stands alone; ascending unless told."""
    for text, order in (
        ("duration desc", ("desc", "duration")),
        ("attributes.plan", ("asc", PLAN)),
        ('attributes."odd key".desc asc', ("asc", ["attributes", "odd key", "desc"])),
    ):
        assert parse_order_text(text) == parse_order(order)
        assert parse_text(f"order by {text}") == (All(), parse_order(order))
        assert parse_text(f"stuck ORDER BY {text}")[1] == parse_order(order)
    assert parse_operands("state, attributes.plan") == [
        parse_order(("asc", path)).operand for path in ("state", PLAN)
    ]


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("state = 'failed' and\n  stat = 'x'", 23, r"line 2, column 3 \(did you mean state\?\)"),
        ("stuck an state = 'failed'", 6, r"unknown field 'an' at .*did you mean and\?"),
        ("(version = 1) nd stuck", 14, r"did you mean and\?"),
        ("version = 1 ordr by id", 12, r"did you mean order\?"),
        ("version n (1, 2)", 8, r"no function 'n'"),
        ("state = failed", 8, "single quotes: 'failed'"),
        ("state = 'faild'", 8, "did you mean failed"),
        ("version > 1 and state = null", 16, "is null"),
        ("pg_sleep(9) = 1", 0, "no function 'pg_sleep'"),
        ("state = 'failed", 8, "has no end"),
        ("state = 'x'; drop table y", 11, "one expression"),
        ("state = 'a' -- b", 12, "no comments"),
        ("state = '1'::text", 8, "no casts"),
        ("stuck order by duration, id", 23, "only one field"),
        ("stuck and (version = 1", 21, "ends wrongly"),
        ("version = 1 = 2", 0, "a field or attribute belongs here"),
        ("attributes.x > now()", 15, "no times"),
        ("duration > 5 fortnights", 13, "unknown field"),
        ("started_at > now() - interval '1 month'", 21, "no fixed length"),
        ("started_at > -2x", 14, "letters behind it"),
        ("attributes. = 1", 10, "double quotes"),
        ("state like 4", 11, "text pattern"),
        ("", 0, "missing"),
    ],
)
def test_a_fault_has_a_place_and_a_way_out(text: str, position: int, message: str) -> None:
    """Errors carry the expression, where in it, and what to write instead."""
    with pytest.raises(QueryError, match=message) as caught:
        parse_order_text(text) if not text else parse_text(text)
    assert (caught.value.expression, caught.value.position) == (text, position)
    [line, caret] = (caught.value.excerpt or "").split("\n")
    assert line == text.split("\n")[(caught.value.line or 0) - 1]
    assert len(caret) == caught.value.column


def test_limits_are_met_before_anything_is_parsed() -> None:
    """16 KiB, depth 32, 256 conditions and 1,000 values pass; one more is refused."""
    for most, more, message in (
        ("(" * 32 + "stuck" + ")" * 32, "(" * 33 + "stuck" + ")" * 33, "deeper than 32"),
        ("not " * 32 + "stuck", "not " * 33 + "stuck", "deeper than 32"),
        (" or ".join(["stuck"] * 256), " or ".join(["stuck"] * 257), "more than 256"),
        (" or ".join(["version=1"] * 256), " or ".join(["version=1"] * 257), "more than 256"),
        (
            f"version in ({','.join('1' * 1000)})",
            f"version in ({','.join('1' * 1001)})",
            "1,000 values",
        ),
        (
            f"error = '{'x' * (MAX_EXPRESSION - 10)}'",
            f"error = '{'x' * (MAX_EXPRESSION - 9)}'",
            "16 KiB",
        ),
    ):
        parse_text(most)
        with pytest.raises(QueryError, match=message):
            parse_text(more)


def test_hostile_expressions_are_refused_at_once() -> None:
    """Quotes, comments, subqueries, functions, casts, unions, nesting, size, unicode tricks."""
    generated = [
        "(" * 500_000, "'" * 1_000_001, "x" * 1_000_000, "not " * 4000, "- " * 8000, "1," * 8000,
        "stuck or " * 1800, "((((((((" * 2000, "case " * 3000, "attributes" + ".a" * 8000 + " = 1",
        "version = " + "9" * 16_000, "\U0001f600" * 5000, "select " * 2000, "[" * 16_000,
        "started_at > now()" + " - 9w" * 3000,
    ]  # fmt: skip
    parse_text("stuck")
    assert len(HOSTILE) + len(generated) >= 200
    for expression in [*HOSTILE, *generated]:
        assert min(_seconds_to_refuse(expression) for _ in range(3)) < 0.1, expression[:80]


def _seconds_to_refuse(expression: str) -> float:
    began = time.process_time()
    with pytest.raises(QueryError):
        parse_text(expression)
    return time.process_time() - began


@pytest.mark.timeout(600)
def test_mutated_expressions_raise_nothing_but_query_errors() -> None:
    """100,000 expressions, cut, joined and stirred at random, parse or are refused."""
    right = [case[0] for case in _corpus()]
    pool = [*HOSTILE, *right * 10]
    words = [word for text in pool for word in text.split()] + ["(", ")", "'", '"', ",", ".", "-2h"]
    source = random.Random(7)
    parsed = 0
    for _ in range(FUZZED):
        expression = _mutated(source, source.choice(pool), words)
        try:
            condition, order = parse_text(expression)
        except QueryError:
            continue
        parsed += 1
        query = Query(None, condition, order or NEWEST_FIRST)
        assert parse_text(query.text)[0] == condition
    assert parsed > FUZZED // 100


def _corpus() -> list[tuple[str, ...]]:
    marks = test_both_spellings_build_the_same_tree.pytestmark  # pyright: ignore
    return [case for mark in marks for case in mark.args[1]]


def _mutated(source: random.Random, text: str, words: list[str]) -> str:
    for _ in range(source.randint(1, 4)):
        at = source.randint(0, len(text))
        match source.randint(0, 4):
            case 0:
                text = text[:at] + text[at + source.randint(1, 5) :]
            case 1:
                text = f"{text[:at]} {source.choice(words)} {text[at:]}"
            case 2:
                text = (
                    text[:at] + chr(source.choice((39, 34, 40, 41, 45, 0x202E, 0, 92))) + text[at:]
                )
            case 3:
                joint = source.choice((" and ", " or ", " = ", " in ", " not "))
                text += joint + source.choice(words)
            case _:
                parts = text.split(" ")
                source.shuffle(parts)
                text = " ".join(parts)
    return text


def test_relative_times_are_fixed_by_the_moment_of_reading() -> None:
    """`now()` is that moment, `today()` the midnight (UTC) before it."""
    read_at = datetime.fromisoformat("2026-03-01T01:30:00+02:00")
    condition, _ = parse_text("started_at > -2h and not (updated_at in (today(), now() + 1d))")
    expected = [
        "2026-02-28T21:30:00+00:00", "2026-02-28T00:00:00+00:00", "2026-03-01T23:30:00+00:00",
    ]  # fmt: skip
    assert [moment.isoformat() for moment in _moments(pin(condition, read_at))] == expected
    assert pin(All(), read_at) == All()


def test_plain_conjunctions_need_no_parser_and_mean_the_same() -> None:
    """What is read without sqlglot is what it would have said, and anything more is left to it."""
    probe = (
        "import sys; from continuum.query.text import parse_text; parse_text(sys.argv[1]);"
        "print('sqlglot' in sys.modules)"
    )
    for text, parsed in (
        ("state = 'failed' and started_at > -2h and attributes.a != -4.5", "False"),
        ("order by attributes.tier desc", "False"),
        ("not stuck", "True"),
    ):
        done = subprocess.run([sys.executable, "-c", probe, text], capture_output=True, text=True)
        assert done.stdout.strip() == parsed, done.stderr
    for text in (
        "version = 1",
        "version != 1 and attributes.a <= -1.5 and updated_at < now() + 1d",
    ):
        assert parse_text(text)[0] == parse_condition(text, read(text))
    for wrong in ("version = 1 and", "version = 1 or", "version = 1 version = 2", "version = 'x'"):
        with pytest.raises(QueryError):
            parse_text(wrong)


def _moments(condition: Condition) -> list[Any]:
    match condition:
        case All(parts) | AnyOf(parts):
            return [moment for part in parts for moment in _moments(part)]
        case Not(part):
            return _moments(part)
        case Compare(_, _, value):
            return [value]
        case _:
            return list(condition.values)  # pyright: ignore


def test_durations_have_one_length() -> None:
    """Units add up, a month is refused, and what is printed is read back."""
    length = timedelta(days=8, hours=2, minutes=3, seconds=4.000005)
    assert parse_interval(" 1 week 1day 2h3 mins 4.000005 seconds ") == length
    assert parse_interval(format_interval(length)) == length
    assert parse_relative("today-1h30m") == Relative("today", -timedelta(hours=1.5))
    assert parse_relative("yesterday") is None
    for wrong in ("", "1 month", "2 fortnights", "hours", "1 2", "101 years", "40000 days"):
        with pytest.raises(QueryError):
            parse_interval(wrong)


def test_a_bare_boolean_is_a_condition() -> None:
    """Only the boolean field stands alone."""
    stuck = Compare(Field("stuck"), Comparison.EQ, value=True)
    assert parse_text("stuck")[0] == stuck
    with pytest.raises(QueryError, match="alone is not a condition"):
        parse_text("attributes.vip")
