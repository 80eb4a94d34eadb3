"""Gestures rewrite trees; every tree prints to text that parses to it."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import expressions
from console.source import RunsQuery
from continuum.errors import QueryError
from continuum.query.tree import All, Compare, Comparison, Condition, Field, Order, Query
from tests.unit.query.grammar import conditions, orders


def tree(text: str) -> Condition:
    """The condition of an expression."""
    return expressions.parse(text).condition


@pytest.mark.parametrize(
    ("before", "state", "after"),
    [
        ("", "failed", "state = 'failed'"),
        ("state = 'running'", "failed", "state = 'failed'"),
        ("state = 'running'", None, ""),
        ("state in ('failed', 'running') and stuck", None, "stuck = true"),
        ("duration > 3 and state != 'failed'", "failed", "state = 'failed' and duration > 3"),
        ("state = 'failed' or stuck", "running",
         "state = 'running' and (state = 'failed' or stuck = true)"),
    ],
)  # fmt: skip
def test_a_state_takes_the_place_of_another(before: str, state: str | None, after: str) -> None:
    """Parts about the state alone give way, what is nested stays."""
    assert expressions.text(expressions.with_state(tree(before), state)) == after


@pytest.mark.parametrize(
    ("before", "part", "narrowed", "excluded"),
    [
        ("", "state = 'failed'", "state = 'failed'", "state != 'failed'"),
        ("workflow = 'a'", "workflow = 'b'", "workflow = 'b'",
         "workflow = 'a' and workflow != 'b'"),
        ("workflow = 'a'", "workflow = 'a'", "workflow = 'a'", "workflow != 'a'"),
        ("workflow != 'a'", "workflow = 'a'", "workflow = 'a'", "workflow != 'a'"),
        ("stuck", "attributes.plan = 'pro'", "stuck = true and attributes.plan = 'pro'",
         "stuck = true and attributes.plan != 'pro'"),
    ],
)  # fmt: skip
def test_a_cell_narrows_or_is_excluded(
    before: str, part: str, narrowed: str, excluded: str
) -> None:
    """An equality replaces others on its operand, and the opposite takes it back."""
    assert expressions.text(expressions.narrowed(tree(before), tree(part))) == narrowed
    assert expressions.text(expressions.excluded(tree(before), tree(part))) == excluded


def test_the_same_column_again_turns_the_order_round() -> None:
    """The first time in the direction asked for, then the other way."""
    first = expressions.ordered(Order(Field("started_at"), True), Field("state"), descending=False)
    assert first == Order(Field("state"), False)
    assert expressions.ordered(first, Field("state"), descending=False).descending


@given(conditions, orders)
def test_what_gestures_make_can_be_typed(condition: Condition, order: Order) -> None:
    """After any gesture the text on screen parses to the tree that is asked."""
    failed = Compare(Field("state"), Comparison.EQ, "failed")
    for made in (
        expressions.narrowed(condition, failed),
        expressions.excluded(condition, failed),
        expressions.with_state(condition, "running"),
        expressions.without(condition, 0),
    ):
        assert expressions.parse(expressions.text(made, order)) == Query(None, made, order)


@given(conditions)
def test_the_parts_are_the_whole(condition: Condition) -> None:
    """Joined by `and`, the parts on screen are the condition."""
    joined = " and ".join(expressions.chips(condition))
    assert tree(joined) == condition or condition == All()


@given(st.text("abz '\"$`\\!\n-=", max_size=20))
def test_the_command_survives_a_shell(text: str) -> None:
    """Whatever is in the expression, a shell hands it on as it is."""
    words = shlex.split(expressions.command(text, "billing", 7))
    asked = [text] if text else []
    assert words == ["continuum", "query", *asked, "--namespace", "billing", "--limit", "7"]


def test_a_question_that_cannot_be_read_is_none() -> None:
    """It is refused before it is asked."""
    with pytest.raises(QueryError):
        RunsQuery("billing", "plan = 'pro'")
    assert RunsQuery("billing", "duration > 3").asking(All()).expression == ""
