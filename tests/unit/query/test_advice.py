"""The command that declares the index which a query lacks."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from continuum.cli.attribute_paths import parse_path
from continuum.model import AttributeIndex, AttributeType
from continuum.query.advice import index_command
from continuum.query.structured import parse_order, parse_where
from continuum.query.tree import Query
from tests.postgres.test_attribute_indexes import ODD_KEYS

TIER = ["attributes", "tier"]


@pytest.mark.parametrize(
    ("where", "order", "command"),
    [
        ([("eq", TIER, 4)], None, "continuum attributes index tier --type number"),
        ([("in", TIER, ["a", "b"])], None, "continuum attributes index tier --type text"),
        ([("or", [("eq", TIER, True)])], None, "continuum attributes index tier --type boolean"),
        (
            [("eq", TIER, 4)],
            ("desc", ["attributes", "a.b"]),
            "continuum attributes index '\"a.b\"'",
        ),
        ([("neq", TIER, 4)], None, None),
        ([("exists", TIER)], None, None),
        ([("eq", TIER, [4])], None, None),
        ([("in", TIER, [4, "4"])], None, None),
        ([("eq", "state", "failed")], ("desc", "duration"), None),
    ],
)
def test_the_index_that_would_help(where: list[Any], order: Any, command: str | None) -> None:
    """That of the order comes first; without an attribute to index there is nothing to say."""
    assert index_command(Query("default", parse_where(where), parse_order(order))) == command


def test_what_is_declared_is_not_advised() -> None:
    """An index of another type does not count, but for an order any does."""
    tiers = [AttributeIndex(1, ("tier",), AttributeType.NUMBER, valid=True)]
    query = Query(None, parse_where([("eq", TIER, 4), ("eq", ["attributes", "plan"], "pro")]))
    assert index_command(query, tiers) == "continuum attributes index plan --type text"
    text = Query(None, parse_where([("eq", TIER, "4")]))
    assert index_command(text, tiers) == "continuum attributes index tier --type text"
    assert index_command(Query(None, order=parse_order(("asc", TIER))), tiers) is None


@pytest.mark.parametrize("key", [key for key in ODD_KEYS if key])
def test_odd_keys_survive_the_shell(key: str) -> None:
    """The command line reads the very path out of the advice."""
    where = parse_where([("eq", ["attributes", "a", key], 4)])
    command = index_command(Query(None, where))
    assert command is not None
    assert parse_path(shlex.split(command)[3]) == ("a", key)
