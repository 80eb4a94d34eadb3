"""Random trees over the whole grammar, and the same as expressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from continuum.model import RunState
from continuum.query.fields import FIELDS, Kind
from continuum.query.leaves import compare, json_text, matches, one_of
from continuum.query.tree import (
    Attribute,
    Comparison,
    Condition,
    Exists,
    Field,
    Not,
    Operand,
    Order,
    Query,
    Relative,
    all_of,
    any_of,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | (
    st.sampled_from(
        ["'", "''", '"', "\\", "%", "now()", "--", "/*", "-2h", "order by", "\u202e", "\n"]
    )
)
keys = (
    st.sampled_from(
        ["plan", "a", "order", "and", "null", "now", "Plan", "0", "a.b", "\u00e9t\u00e9"]
    )
    | texts
)
attributes = st.lists(keys, min_size=1, max_size=3).map(lambda path: Attribute(tuple(path)))
fields = st.sampled_from(sorted(FIELDS)).map(Field)
operands: st.SearchStrategy[Operand] = fields | attributes
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
).filter(lambda value: isinstance(value, list | dict))
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
relatives = st.builds(
    Relative,
    st.sampled_from(["now", "today"]),
    st.timedeltas(timedelta(days=-36_500), timedelta(days=36_500)),
)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: texts,
    Kind.STATE: st.sampled_from([state.value for state in RunState]),
    Kind.UUID: st.uuids(),
    Kind.INTEGER: st.integers(-(10**30), 10**30),
    Kind.TIME: moments | relatives,
    Kind.SECONDS: st.integers(-100, 10**6) | st.decimals(-9, 10**6, places=6)
    | st.just(Decimal("1E-20")),
    Kind.BOOLEAN: st.booleans(),
}  # fmt: skip
patterns = texts.map(lambda text: text.replace("\\", "\\\\"))


def values(operand: Operand) -> st.SearchStrategy[Any]:
    """Values that fit it."""
    if isinstance(operand, Field):
        return VALUES[FIELDS[operand.name].kind]
    structures = json_values.map(lambda value: json_text("x", value))
    return texts | numbers | st.booleans() | structures


def _ordered(operand: Operand) -> st.SearchStrategy[Any] | None:
    if isinstance(operand, Attribute):
        return texts | numbers
    ordered = FIELDS[operand.name].kind not in (Kind.STATE, Kind.BOOLEAN)
    return values(operand) if ordered else None


def leaves(operand: Operand) -> st.SearchStrategy[Condition]:
    """Every comparison that fits the operand."""
    fitting = values(operand)
    found: list[st.SearchStrategy[Condition]] = [
        st.just(Exists(operand)),
        fitting.map(lambda value: compare(operand, Comparison.EQ, value)),
        st.lists(fitting, max_size=3).map(lambda listed: one_of(operand, listed)),
    ]
    ordered = _ordered(operand)
    if ordered is not None:
        found.append(st.builds(lambda sign, value: compare(operand, sign, value),
                               st.sampled_from(Comparison), ordered))  # fmt: skip
    textual = isinstance(operand, Attribute) or (
        FIELDS[operand.name].kind in (Kind.TEXT, Kind.STATE)
    )
    if textual:
        found.append(st.builds(lambda pattern, fold: matches(operand, pattern, ignore_case=fold),
                               patterns, st.booleans()))  # fmt: skip
    return st.one_of(found)


conditions: st.SearchStrategy[Condition] = st.recursive(
    operands.flatmap(leaves),
    lambda inner: (
        st.lists(inner, max_size=3).map(all_of)
        | st.lists(inner, max_size=3).map(any_of)
        | inner.map(Not)
    ),
    max_leaves=8,
)
orders = st.builds(Order, operands, st.booleans())
queries = st.builds(Query, st.none(), conditions, orders)
