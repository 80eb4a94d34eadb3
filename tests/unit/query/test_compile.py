"""Compiled SQL: values are parameters, identifiers come from our own list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuum.query.compile import Compiler, compile_count, compile_order
from continuum.query.fields import FIELDS
from continuum.query.outline import containment
from continuum.query.structured import parse_order, parse_where

NASTY = (
    "'; DROP TABLE continuum_runs; --",
    '" OR 1=1 --',
    "\\'",
    "%(p0)s",
    "%s",
    "$$;",
    "/*",
    "a.b') = '' or ('",
)
_TOKEN = re.compile(
    r"""%\(\w+\)s(?:::\w+)?|"C"|'(?:string|number|null|\{\})'|[A-Za-z_][\w.]*|\d+|->|\#>>|@>|\?|<=|>="""
    r"""|[\[\]()<>=,\s]"""
)


def _sql(where: Any, order: Any = None) -> tuple[str, dict[str, Any]]:
    compiler = Compiler()
    condition = parse_where(where)
    sorting = compile_order(compiler, parse_order(order), tail=False)
    pieces = [compiler.condition(condition), sorting.order_by, sorting.key]
    served = containment(condition)
    if served is not None:
        pieces.append(compiler.containment(served))
    return " ".join(pieces), compiler.params


@settings(deadline=None)
@given(st.sampled_from(NASTY) | st.text(max_size=20), st.sampled_from(NASTY) | st.text(max_size=9))
def test_no_user_text_is_ever_sql(value: str, key: str) -> None:
    """Values and attribute keys are parameters only; the text consists of our own tokens."""
    if "\0" in value + key or any("\ud800" <= c <= "\udfff" for c in value + key):
        return
    path = ["attributes", key]
    sql, params = _sql([
        ("eq", "workflow", value),
        ("in", "error", [value]),
        ("eq", path, value),
        ("gt", path, value),
        ("exists", path),
        ("in", path, [value, {key: value}]),
        ("ilike", path, value.replace("\\", "")),
    ])  # fmt: skip
    assert not _TOKEN.sub("", sql)
    assert value in params.values()
    assert key in params.values()


@pytest.mark.parametrize("field", [*sorted(FIELDS), ["attributes", "plan"]])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_order_ends_with_the_run_id(field: Any, direction: str) -> None:
    """Ties never make a page skip or repeat, and no null order defeats an index."""
    for tail in (False, True):
        order = parse_order((direction, field))
        sql = compile_order(Compiler(), order, tail=tail).order_by
        assert sql.endswith(f"r.id {direction.upper()}")
        assert "NULLS" not in sql


def test_the_newest_page_is_what_the_index_serves() -> None:
    """The default listing compares and sorts plain columns, in the index's own order."""
    sorting = compile_order(Compiler(), parse_order(None), tail=False)
    assert sorting.member is None
    assert sorting.after(["$1", "$2"]) == "(r.started_at, r.id) < ($1, $2)"
    assert sorting.order_by == "r.started_at DESC, r.id DESC"


def test_attribute_equality_is_typed_containment() -> None:
    """The condition is one the GIN index on attributes serves."""
    _, where, params = compile_count(None, parse_where([("eq", ["attributes", "plan"], "pro")]))
    assert where == "r.attributes @> %(p1)s::jsonb"
    assert params["p1"] == '{"plan": "pro"}'
