"""How pages are found: which index, and how many rows are read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from continuum.codec.hooks import IDENTITY
from continuum.journal.families import family_of
from continuum.model import AttributeType
from continuum.store.postgres.attribute_indexes import AttributeIndexes
from continuum.store.postgres.page_bounds import Bounds
from continuum.store.postgres.reads import PostgresReads
from tests.postgres.scene import Scene
from tests.postgres.searching import AMOUNT, PLAN, RARE, START, ask, every_run, fill, told
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
    everything = [run async for run in every_run(careful, ("eq", RARE, "yes"), limit=1)]
    assert [run.id.int - 1 for run in everything] == [803, 403, 3]
    page = await ask(careful, ("eq", RARE, "yes"), limit=1)
    assert ("probe", "runs_attributes_gin_idx", 3, 0) in told(page)
    page = await ask(careful, ("eq", RARE, "yes"), limit=1, cursor=page.next_cursor)
    assert [step.strategy for step in page.plan.steps] == ["walk"]


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
    everything = [run async for run in every_run(indexed, order=("asc", AMOUNT), limit=400)]
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


async def test_a_window_of_each_index_is_tried_beside_a_declared_one(scene: Scene) -> None:
    """No statistics say how many runs have the value; both go through the same order of runs."""
    fresh = PostgresReads(scene.pool, IDENTITY, 5.0, bounds=Bounds(first=4, near=8))
    await AttributeIndexes(scene.pool, scene.connect).build(
        ("old",), AttributeType.TEXT, lambda progress: None
    )
    where = [("eq", ["attributes", "old"], "yes"), ("eq", "state", "running")]
    page = await ask(fresh, *where, limit=5)
    assert told(page) == [
        ("walk", "runs_attribute_1_idx", 6, 0), ("walk", "runs_namespace_state_started_idx", 6, 6),
    ]  # fmt: skip
    everything = [run async for run in every_run(fresh, *where, limit=5)]
    assert [run.id.int - 1 for run in everything] == [7, 6, 5, 3, 2, 1]
