"""Expressions through the client: beside data, in counts and streams, and from another server."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from continuum import Continuum
from continuum.errors import QueryError
from tests.client.rows import insert_runs, make_run


def _runs(dsn: str, number: int) -> list[dict[str, Any]]:
    runs = [make_run(Random(seed), "default") for seed in range(number)]
    for place, run in enumerate(runs):
        run["attributes"] = {"n": place, "odd key": ["x", None][place % 2]}
    insert_runs(dsn, runs)
    return runs


async def test_an_expression_and_data_must_both_hold(dsn: str) -> None:
    """Each narrows the other; the order comes from either, but not from both."""
    runs = _runs(dsn, 9)
    async with Continuum(dsn) as ct:
        page = await ct.query(
            "attributes.n >= 3 order by attributes.n desc",
            where=[("lt", ["attributes", "n"], 6)],
        )
        assert [run.id for run in page.entries] == [runs[n]["id"] for n in (5, 4, 3)]
        same = await ct.query("attributes.n in (3, 4, 5)", order_by="attributes.n desc")
        assert [run.id for run in same.entries] == [run.id for run in page.entries]
        found = [run.id async for run in ct.stream("attributes.n < 2 order by attributes.n")]
        assert found == [runs[0]["id"], runs[1]["id"]]
        with pytest.raises(QueryError, match="given twice"):
            await ct.query("order by id", order_by=("asc", "id"))
        with pytest.raises(QueryError, match="a count has no order"):
            await ct.count("stuck order by id")


async def test_groups_by_attributes_merge_what_is_missing_and_null(dsn: str) -> None:
    """A path or text names the attribute; largest group first, runs without a value one group."""
    _runs(dsn, 9)
    async with Continuum(dsn) as ct:
        for group_by in ('attributes."odd key"', [["attributes", "odd key"]]):
            groups = await ct.count(group_by=group_by)
            assert [(group.key, group.count) for group in groups] == [(("x",), 5), ((None,), 4)]
        assert await ct.count("attributes.n > 100", group_by="state") == []


def test_synchronous_code_asks_the_same(dsn: str) -> None:
    """Query, stream and count take an expression without an event loop, too."""
    runs = _runs(dsn, 4)
    with Continuum.blocking(dsn) as ct:
        page = ct.query("attributes.n <= 1", order_by=("asc", ["attributes", "n"]), limit=1)
        assert [run.id for run in page.entries] == [runs[0]["id"]]
        assert [run.id for run in ct.stream("attributes.n = 3")] == [runs[3]["id"]]
        assert ct.count("attributes.n != 3") == 3


async def test_queries_go_to_the_reading_server(new_dsn: Callable[[], str]) -> None:
    """With `read_dsn`, lists come from there and single runs from the primary; stamps say so."""
    primary, other = new_dsn(), new_dsn()
    [there] = _runs(other, 1)
    async with Continuum(primary, read_dsn=other) as ct:
        page = await ct.query()
        assert [run.id for run in page.entries] == [there["id"]]
        assert await ct.count() == 1
        assert await ct.namespaces() == ["default"]
        assert (page.stamp.source, page.stamp.lag) == ("primary", None)
        assert page.stamp.complete
        assert page.stamp.exact
        assert await ct._reads.get_run(there["id"], None) is None  # pyright: ignore[reportPrivateUsage]
