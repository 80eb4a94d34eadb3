"""Walking pages: complete, bound to the query, unhurried by writers; snapshots of lists."""

from __future__ import annotations

from random import Random
from typing import Any

import psycopg
import pytest

from continuum import Continuum
from continuum.errors import ConfigurationError, NamespaceError, QueryError
from continuum.model import MAX_SHOWN_PAYLOAD, Omitted
from tests.client.flows import approval
from tests.client.rows import insert_runs, make_run

pytestmark = pytest.mark.every_server


@pytest.mark.parametrize(
    "order_by",
    [None, ("asc", "started_at"), ("desc", "completed_at"), ("asc", "error"), ("asc", "id")],
)
async def test_a_walk_during_inserts_sees_every_old_run_once(dsn: str, order_by: Any) -> None:
    """Runs inserted before, among and after the pages neither hide nor double the others."""
    random = Random(1)
    runs = [make_run(random, "default") for _ in range(60)]
    insert_runs(dsn, runs)
    async with Continuum(dsn) as ct:
        seen: list[Any] = []
        page = await ct.query(order_by=order_by, limit=7)
        while True:
            seen += [run.id for run in page.entries]
            if page.next_cursor is None:
                break
            insert_runs(dsn, [make_run(random, "default") for _ in range(3)])
            page = await ct.query(order_by=order_by, limit=7, cursor=page.next_cursor)
        old = {run["id"] for run in runs}
        assert len(seen) == len(set(seen))
        assert old <= set(seen)
        streamed = [run.id async for run in ct.stream(order_by=order_by)]
        assert set(seen) <= set(streamed)
        assert len(streamed) == await ct.count()


async def test_a_page_ends_exactly_when_nothing_is_left(dsn: str) -> None:
    """A page that is just full has no cursor; one run more gives it one."""
    insert_runs(dsn, [make_run(Random(n), "default") for n in range(5)])
    async with Continuum(dsn) as ct:
        assert (await ct.query(limit=5)).next_cursor is None
        page = await ct.query(limit=4)
        assert page.next_cursor is not None
        assert page.complete
        assert len((await ct.query(limit=4, cursor=page.next_cursor)).entries) == 1


async def test_a_cursor_of_another_query_is_refused(dsn: str) -> None:
    """A cursor fits its own namespace, conditions and order only, and no change to it."""
    insert_runs(dsn, [make_run(Random(n), "default") for n in range(5)])
    async with Continuum(dsn) as ct:
        cursor = (await ct.query(limit=2)).next_cursor
        assert cursor is not None
        for spec in (
            {"namespace": None},
            {"where": [("exists", "id")]},
            {"order_by": ("asc", "started_at")},
        ):
            with pytest.raises(QueryError, match="another query"):
                await ct.query(cursor=cursor, **spec)
        for changed in (cursor[:-1], cursor + "A", cursor[::-1], "", "'; DROP TABLE x"):
            with pytest.raises(QueryError, match="damaged"):
                await ct.query(cursor=changed)


async def test_injection_finds_nothing_and_breaks_nothing(dsn: str) -> None:
    """SQL in values and keys is data; SQL in names is refused."""
    nasty = "x'); DELETE FROM continuum_runs; --"
    async with Continuum(dsn) as ct:
        run = await ct.start(approval, "x", namespace=nasty, attributes={nasty: nasty})
        for where in (
            [("eq", ["attributes", nasty], nasty)],
            [("like", ["attributes", nasty], "x')%")],
            [("in", ["attributes", nasty], [nasty])],
            [("exists", ["attributes", nasty])],
        ):
            page = await ct.query(namespace=nasty, where=where)
            assert [found.id for found in page.entries] == [run.id]
        assert (await ct.query(where=[("eq", "workflow", nasty)])).entries == ()
        for where in ([("eq", nasty, 1)], [(nasty, "state", 1)], [("eq", [nasty], 1)]):
            with pytest.raises(QueryError):
                await ct.query(where=where)
        for order in (("asc", nasty), (nasty, "state")):
            with pytest.raises(QueryError):
                await ct.query(order_by=order)  # pyright: ignore
        with pytest.raises(QueryError):
            await ct.count(group_by=[nasty])
        assert await ct.count(namespace=None) == 1


async def test_bad_limits_and_namespaces_are_refused(dsn: str) -> None:
    """A limit is 1 to 1,000, a namespace is printable."""
    async with Continuum(dsn) as ct:
        for limit in (0, -1, 1001, 2.5, None):
            with pytest.raises(ConfigurationError, match="limit"):
                await ct.query(limit=limit)  # pyright: ignore
        with pytest.raises(NamespaceError):
            await ct.query(namespace="")
        with pytest.raises(QueryError, match="group"):
            await ct.count(group_by="started_at")


async def test_lists_leave_payloads_in_the_store(dsn: str) -> None:
    """Lists fetch payloads only when asked, snapshots only up to a size; neither hides that."""
    async with Continuum(dsn) as ct:
        run = await ct.start(approval, "x" * 10)
        [listed] = (await ct.query()).entries
        assert listed.input == Omitted(14)
        [listed] = (await ct.query(payloads=True)).entries
        assert listed.input == ["x" * 10]
        big = await ct.start(approval, "x" * MAX_SHOWN_PAYLOAD)
        assert (await big.get()).input == Omitted(MAX_SHOWN_PAYLOAD + 4)
        assert listed.id == run.id


async def test_a_query_that_takes_too_long_says_so(dsn: str) -> None:
    """The server's time-out is a QueryError with a way out, not a lost database."""
    insert_runs(dsn, [make_run(Random(1), "default")])
    async with Continuum(dsn) as ct:
        with psycopg.connect(dsn) as holder:
            holder.execute("LOCK TABLE continuum_runs IN ACCESS EXCLUSIVE MODE")
            ct._reads._timeout = 0.2  # pyright: ignore
            with pytest.raises(QueryError, match=r"longer than 0\.2 s"):
                await ct.query()
        assert len((await ct.query()).entries) == 1
