"""How pages are found: which index, how many rows, and what happens when the time is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from continuum.codec.hooks import IDENTITY
from continuum.errors import QueryError
from continuum.journal.families import family_of
from continuum.model import AttributeType, Page, Run
from continuum.query.structured import parse_order, parse_where
from continuum.query.tree import Query
from continuum.store.postgres import paging
from continuum.store.postgres.asking import NoConnection
from continuum.store.postgres.attribute_indexes import AttributeIndexes
from continuum.store.postgres.paging import Bounds
from continuum.store.postgres.reads import PostgresReads
from tests.client.rows import insert_nodes, insert_runs, make_run
from tests.postgres.scene import Scene
from tests.servers import TestServer

START = datetime(2026, 5, 1, tzinfo=UTC)
RUNS = 1200
PLAN, AMOUNT, RARE = (["attributes", key] for key in ("plan", "amount", "rare"))


def some_runs() -> list[dict[str, Any]]:
    """Two namespaces; most runs completed and of plan "free"; the oldest are the odd ones."""
    runs: list[dict[str, Any]] = []
    for n in range(RUNS):
        run = make_run(Random(n), "default" if n % 4 else "billing")
        started = START + timedelta(seconds=n)
        ended = None if n < 8 else started + timedelta(seconds=n % 7)
        attributes: dict[str, Any] = {"plan": "free", "amount": n % 100}
        if n % 400 == 3:
            attributes |= {"rare": "yes", "amount": "n/a"}
        runs.append(run | {
            "id": UUID(int=n + 1), "workflow": "shop:common" if n % 50 else "shop:rare",
            "state": "completed" if n >= 40 else "failed" if n >= 8 else "running",
            "attributes": attributes, "started_at": started, "updated_at": started,
            "completed_at": ended, "parent_id": UUID(int=n // 10 + 1) if n % 10 else None,
            "owner": None if n >= 4 else str(UUID(int=77)), "waiting_on": None, "stuck": n < 2,
            "error": "no stock of 7" if n in (9, 26) else None, "error_type": None, "key": None,
        })  # fmt: skip
    return runs


def fill(dsn: str) -> None:
    """Those runs, and statistics of them."""
    insert_runs(dsn, some_runs())
    insert_nodes(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ANALYZE")


@pytest.fixture
def dsn(pg_server: TestServer) -> Iterator[str]:
    """A database with those runs."""
    with pg_server.database(pg_server.filled_template(fill)) as dsn:
        yield dsn


@pytest.fixture
async def reads(scene: Scene) -> PostgresReads:
    """A store with those runs, whose first window is a twelfth of them."""
    return PostgresReads(scene.pool, IDENTITY, 5.0, bounds=Bounds(first=100, near=300))


async def ask(
    reads: PostgresReads, *where: Any, order: Any = None, namespace: str | None = "default",
    **options: Any,
) -> Page[Run]:  # fmt: skip
    query = Query(namespace, parse_where(list(where)), parse_order(order))
    cursor, limit = options.pop("cursor", None), options.pop("limit", 10)
    return await reads.search(query, limit, cursor, payloads=False, **options)


def told(page: Page[Run]) -> list[tuple[str, str | None, int, int]]:
    """The plan without the times."""
    return [
        (step.strategy, (step.index or "").removeprefix("continuum_"), step.rows_read, step.found)
        for step in page.plan.steps
    ]


@pytest.mark.parametrize(
    ("where", "options", "steps"),
    [
        ([], {}, [("walk", "runs_namespace_started_idx", 11, 11)]),
        ([], {"namespace": None}, [("walk", "runs_started_idx", 11, 11)]),
        ([], {"order": ("asc", "id")}, [("walk", "runs_pkey", 15, 11)]),
        ([], {"order": ("desc", "completed_at")},
         [("walk", "runs_namespace_completed_idx", 11, 11)]),
        ([("eq", "state", "failed")], {}, [("walk", "runs_namespace_state_started_idx", 11, 11)]),
        ([("in", "state", ["failed", "running"])], {"limit": 50},
         [("walk", "runs_namespace_state_started_idx", 30, 30)]),
        ([("neq", "state", "completed")], {"limit": 50},
         [("walk", "runs_namespace_state_started_idx", 30, 30)]),
        ([("eq", "workflow", "shop:rare"), ("eq", PLAN, "free")], {},
         [("walk", "runs_namespace_workflow_started_idx", 11, 11)]),
        ([("eq", "workflow", "shop:none")], {},
         [("walk", "runs_namespace_workflow_started_idx", 0, 0)]),
        ([("lt", "started_at", START + timedelta(seconds=20))], {"limit": 50},
         [("walk", "runs_namespace_started_idx", 15, 15)]),
        ([("eq", AMOUNT, 7)], {"limit": 2}, [("walk", "runs_namespace_started_idx", 220, 3)]),
        ([("in", "id", [UUID(int=2), UUID(int=5), UUID(int=9999)])], {},
         [("probe", "runs_pkey", 2, 1)]),
        ([("or", [])], {}, []),
        ([("eq", "state", "failed"), ("eq", "stuck", True)], {}, []),
    ],
)  # fmt: skip
async def test_an_index_in_the_order_is_walked(
    reads: PostgresReads, where: list[Any], options: dict[str, Any], steps: list[Any]
) -> None:
    """The narrowest index there is, no further than the page needs, and nothing else."""
    page = await ask(reads, *where, **options)
    assert page.complete
    if where != [("eq", AMOUNT, 7)]:
        assert told(page) == steps
    else:  # 220 rows are more than a window: what follows the first depends on the statistics
        assert sum(step.found for step in page.plan.steps) == steps[0][3]


async def test_a_rare_attribute_is_probed(reads: PostgresReads) -> None:
    """After a first window all matches are fetched at once; that there are none is as quick."""
    page = await ask(reads, ("eq", RARE, "yes"))
    assert told(page) == [
        ("walk", "runs_namespace_started_idx", 100, 0), ("probe", "runs_attributes_gin_idx", 3, 3),
    ]  # fmt: skip
    assert [run.id.int - 1 for run in page.entries] == [803, 403, 3]
    assert (page.complete, page.next_cursor) == (True, None)
    for nothing in (("eq", PLAN, "gold"), ("exists", ["attributes", "nothing"])):
        page = await ask(reads, nothing)
        assert told(page)[1:] == [("probe", "runs_attributes_gin_idx", 0, 0)]
        assert (page.entries, page.complete, page.next_cursor) == ((), True, None)


async def test_a_set_that_is_too_large_is_left_alone(scene: Scene, reads: PostgresReads) -> None:
    """The estimate was wrong: the walk goes on, and the cursor keeps the next page from trying."""
    careful = PostgresReads(scene.pool, IDENTITY, 5.0, bounds=Bounds(first=100, probe=2))
    everything = [run async for run in _all(careful, ("eq", RARE, "yes"), limit=1)]
    assert [run.id.int - 1 for run in everything] == [803, 403, 3]
    page = await ask(careful, ("eq", RARE, "yes"), limit=1)
    assert ("probe", "runs_attributes_gin_idx", 3, 0) in told(page)
    page = await ask(careful, ("eq", RARE, "yes"), limit=1, cursor=page.next_cursor)
    assert [step.strategy for step in page.plan.steps] == ["walk"]


async def _all(reads: PostgresReads, *where: Any, **options: Any) -> AsyncIterator[Run]:
    page = await ask(reads, *where, **options)
    while True:
        for run in page.entries:
            yield run
        if page.next_cursor is None:
            return
        page = await ask(reads, *where, cursor=page.next_cursor, **options)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (("eq", "stuck", True), 2),
        (("exists", "owner"), 4),
        (("eq", "owner", str(UUID(int=77))), 4),
        (("missing", "completed_at"), 8),
    ],
)
async def test_live_runs_are_found_by_their_leases(
    reads: PostgresReads, where: Any, found: int
) -> None:
    """However old they are and wherever they are."""
    page = await ask(reads, where, namespace=None)
    assert [step[:2] for step in told(page)] == [
        ("walk", "runs_started_idx"), ("leases", "leases_pkey"),
    ]  # fmt: skip
    assert told(page)[1][3] == len(page.entries) == found
    assert page.complete


async def test_a_family_of_failures_is_probed(reads: PostgresReads) -> None:
    """Only failed runs have one, whether the question says so or not."""
    family = family_of(None, "no stock of 8").name
    for where in ([], [("eq", "state", "failed")]):
        page = await ask(reads, ("eq", "error_family", family), *where, namespace=None)
        assert told(page) == [
            ("walk", "runs_started_idx", 100, 0), ("probe", "runs_error_family_idx", 2, 2),
        ]  # fmt: skip
        assert [run.id.int - 1 for run in page.entries] == [26, 9]
    page = await ask(reads, ("eq", "error_family", family))
    assert told(page) == [("walk", "runs_namespace_state_started_idx", 24, 2)]
    page = await ask(reads, ("eq", "error_family", family), ("eq", "state", "completed"))
    assert (told(page), page.entries) == ([], ())


async def test_runs_that_have_not_ended_come_last_by_an_index(reads: PostgresReads) -> None:
    """The tail of an order by the end is walked by state."""
    page = await ask(reads, order=("asc", "completed_at"), limit=1000)
    assert [run.completed_at is None for run in page.entries] == [False] * 894 + [True] * 6
    assert [step[1] for step in told(page)] == [
        "runs_namespace_completed_idx", "runs_namespace_state_started_idx",
    ]  # fmt: skip


async def test_other_orders_are_sorted(reads: PostgresReads) -> None:
    """One statement, or the small set that holds all matches."""
    page = await ask(reads, order=("desc", "duration"))
    assert [step.strategy for step in page.plan.steps] == ["sort"]
    page = await ask(reads, ("eq", RARE, "yes"), order=("desc", "duration"))
    assert told(page) == [("probe", "runs_attributes_gin_idx", 3, 3)]


@pytest.fixture
async def indexed(scene: Scene, reads: PostgresReads) -> PostgresReads:
    """Amounts are declared as numbers."""
    await AttributeIndexes(scene.pool, scene.connect).build(
        ("amount",), AttributeType.NUMBER, lambda progress: None
    )
    return reads


async def test_a_declared_index_is_walked(indexed: PostgresReads) -> None:
    """For an equality in order of the start, and for an order of its own in both directions."""
    page = await ask(indexed, ("eq", AMOUNT, 7), limit=5)
    assert [(*step[::2], step[3]) for step in told(page)] == [("walk", 6, 6)]
    assert page.plan.steps[0].index == "continuum_runs_attribute_1_idx"
    for direction, first in (("asc", 1), ("desc", 99)):
        page = await ask(indexed, order=(direction, AMOUNT))
        assert told(page) == [("walk", "runs_attribute_1_idx", 11, 11)]
        amounts = [run.attributes["amount"] for run in page.entries]
        assert amounts[0] == first
        starts = [run.started_at for run in page.entries]
        assert starts == sorted(starts, reverse=direction == "desc")
    everything = [run async for run in _all(indexed, order=("asc", AMOUNT), limit=400)]
    assert [run.attributes["amount"] for run in everything[-3:]] == ["n/a"] * 3
    assert len({run.id for run in everything}) == len(everything) == 900


async def test_a_narrow_range_of_a_declared_index_is_probed(indexed: PostgresReads) -> None:
    """As a whole, and then sorted."""
    page = await ask(indexed, ("between", AMOUNT, 98.5, 200), order=("asc", "started_at"), limit=20)
    assert told(page) == [
        ("walk", "runs_namespace_started_idx", 100, 1), ("probe", "runs_attribute_1_idx", 12, 11),
    ]  # fmt: skip
    assert [run.attributes["amount"] for run in page.entries] == [99] * 12
    assert (page.complete, page.next_cursor) == (True, None)


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
