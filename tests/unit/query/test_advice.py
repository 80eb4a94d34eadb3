"""The command that declares the index which a query lacks."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from continuum.cli.attribute_paths import parse_path
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


@pytest.mark.parametrize("key", [key for key in ODD_KEYS if key])
def test_odd_keys_survive_the_shell(key: str) -> None:
    """The command line reads the very path out of the advice."""
    where = parse_where([("eq", ["attributes", "a", key], 4)])
    command = index_command(Query(None, where))
    assert command is not None
    assert parse_path(shlex.split(command)[3]) == ("a", key)
