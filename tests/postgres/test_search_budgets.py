"""What happens to a page when its time is over, or its caller gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest
from psycopg import AsyncConnection

from continuum.codec.hooks import IDENTITY
from continuum.errors import QueryError
from continuum.query.structured import parse_where
from continuum.query.tree import Query
from continuum.store.postgres import paging
from continuum.store.postgres.asking import NoConnection
from continuum.store.postgres.page_bounds import Bounds
from continuum.store.postgres.reads import PostgresReads
from tests.postgres.scene import Scene
from tests.postgres.searching import AMOUNT, PLAN, ask, fill
from tests.servers import TestServer


@pytest.fixture
def dsn(pg_server: TestServer) -> Iterator[str]:
    """A database with those runs."""
    with pg_server.database(pg_server.filled_template(fill)) as dsn:
        yield dsn


@pytest.fixture
async def reads(scene: Scene) -> PostgresReads:
    """A store with those runs, whose first window is a twelfth of them."""
    return PostgresReads(scene.pool, IDENTITY, 5.0, bounds=Bounds(first=100, near=300))


class Blockade:
    """Nobody can read the runs while it stands."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def __aenter__(self) -> None:
        await self._connection.execute("BEGIN")
        await self._connection.execute("LOCK TABLE continuum_runs IN ACCESS EXCLUSIVE MODE")

    async def __aexit__(self, *_: object) -> None:
        await self._connection.execute("ROLLBACK")


async def test_a_caller_can_give_up_at_any_time(scene: Scene, reads: PostgresReads) -> None:
    """Its connection is of use to the next one."""
    async with Blockade(await scene.connect()):
        asking = asyncio.create_task(ask(reads))
        while not await _is_waiting(scene):
            pass
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert len((await ask(reads)).entries) == 10


async def _is_waiting(scene: Scene) -> bool:
    connection = await scene.connect()
    cursor = await connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
    return await cursor.fetchone() is not None


async def test_a_statement_that_was_never_run_is_not_taken_for_prepared(
    scene: Scene, reads: PostgresReads
) -> None:
    """The client library prepares what it sends often, though the server had given up before it."""
    where = ("eq", "duration", 3)
    for _ in range(4):
        async with Blockade(await scene.connect()):
            page = await ask(reads, where, order=("desc", "duration"), budget=0.02)
            assert not page.complete
        assert (await ask(reads, where, order=("desc", "duration"))).complete


@pytest.mark.parametrize("order", [None, ("desc", "duration")])
async def test_a_page_never_takes_longer_than_its_budget(
    scene: Scene, reads: PostgresReads, order: Any
) -> None:
    """Nothing is found behind a lock; each cursor gives twice the time, and ends in the answer."""
    async with Blockade(await scene.connect()):
        began = monotonic()
        page = await ask(reads, order=order, budget=0.05)
        assert monotonic() - began < 0.5
        assert (page.entries, page.complete, page.stamp.complete) == ((), False, False)
        began = monotonic()
        page = await ask(reads, order=order, budget=0.05, cursor=page.next_cursor)
        assert 0.08 < monotonic() - began < 0.6
        assert not page.complete
    after = await ask(reads, order=order, budget=0.05, cursor=page.next_cursor)
    assert len(after.entries) == 10
    assert after.stamp.at == page.stamp.at


async def test_what_no_time_suffices_for_is_an_error_with_advice(
    scene: Scene, reads: PostgresReads
) -> None:
    """As long as a statement may take at all: then the index that would help is named."""
    hasty = PostgresReads(scene.pool, IDENTITY, 0.05)
    async with Blockade(await scene.connect()):
        for budget in (None, 0.05, 60.0):
            with pytest.raises(QueryError, match=r"longer than 0\.05 s") as caught:
                await ask(hasty, order=("desc", AMOUNT), budget=budget)
            assert caught.value.hint == "continuum attributes index amount"


async def test_waiting_for_a_connection_counts_into_the_budget(
    scene: Scene, reads: PostgresReads
) -> None:
    """A page gets one in time or is refused in time; what it has found by then it keeps."""
    query = Query("default", parse_where([("eq", PLAN, "free")]))
    async with AsyncExitStack() as busy:
        for _ in range(scene.pool.max_size):
            await busy.enter_async_context(scene.pool.connection())
        for asking in (
            reads.search(query, 10, None, payloads=False, budget=0.2),
            reads.count(query, [], budget=0.2),
        ):
            began = monotonic()
            with pytest.raises(NoConnection, match="no connection to the database within"):
                await asking
            assert monotonic() - began < 2.0
        began = monotonic()
        asking = asyncio.create_task(reads.search(query, 10, None, payloads=False, budget=60.0))
        await asyncio.sleep(0.2)
    page = await asking
    assert page.complete
    assert monotonic() - began >= page.stamp.elapsed >= 0.19


async def test_a_page_that_is_nearly_full_is_walked_to_its_end(
    scene: Scene, reads: PostgresReads
) -> None:
    """Where the first window promises the others soon, no other way is even looked for."""
    page = await ask(reads, ("eq", AMOUNT, 7), limit=3)
    assert [step.strategy for step in page.plan.steps] == ["walk"]
    assert page.plan.steps[0].found == 4
    page = await ask(reads, ("eq", AMOUNT, 7), limit=200)
    assert [step.strategy for step in page.plan.steps] == ["walk", "probe"]


async def test_a_slow_or_short_page_says_what_would_help(
    scene: Scene, reads: PostgresReads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan of a page that was cut short or took long names the index of its condition."""
    monkeypatch.setattr(paging, "SLOW", 60.0)
    where = ("gt", AMOUNT, 98)
    async with Blockade(await scene.connect()):
        page = await ask(reads, where, budget=0.02)
    assert page.plan.advice == "continuum attributes index amount --type number"
    monkeypatch.setattr(paging, "SLOW", 60.0)
    assert (await ask(reads, where)).plan.advice is None
    monkeypatch.setattr(paging, "SLOW", 0.0)
    assert (
        await ask(reads, where)
    ).plan.advice == "continuum attributes index amount --type number"


async def test_walked_windows_are_not_lost(scene: Scene, reads: PostgresReads) -> None:
    """A page whose time is over in the middle goes on behind the last run it looked at."""
    query = Query("default", parse_where([("like", "error", "%never%")]))
    small = Bounds(first=10, largest=10)
    patient = PostgresReads(scene.pool, IDENTITY, 5.0, bounds=small)
    page = await patient.search(query, 5, None, payloads=False, budget=0.02)
    pages = [page]
    while page.next_cursor is not None:
        page = await patient.search(query, 5, page.next_cursor, payloads=False, budget=0.02)
        pages.append(page)
    assert sum(step.rows_read for page in pages for step in page.plan.steps) == 900
    assert all(page.entries == () for page in pages)
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
    assert replace(pages[-1].stamp, elapsed=0.0, complete=False).at == pages[0].stamp.at
