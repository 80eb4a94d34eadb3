"""Counts: how they are found, that windows add up, and what a budget that is too small gives."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import count
from math import inf
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from continuum.errors import QueryError
from continuum.model import AttributeType
from continuum.query.building import build_query, read_operands
from continuum.store.postgres import count_windows, counting
from continuum.store.postgres.attribute_indexes import INDEXED_CHARACTERS, AttributeIndexes
from continuum.store.postgres.counting import PostgresCounting
from continuum.store.postgres.pool import PostgresSettings, connect, open_pool
from continuum.store.postgres.reads import Pool
from continuum.store.reading import Counts
from tests.servers import TestServer

RUNS = 2_000
VALUES: tuple[dict[str, Any], ...] = (
    {"v": 1}, {"v": 1.0}, {"v": True}, {"v": "1"}, {"v": None}, {}, {"v": [1, {"a": 2}]},
    {"v": [1.0, {"a": 2}]}, {"v": {"a": 1}}, {"v": 1e300}, {"v": "ключ"},
)  # fmt: skip
FILL = """
INSERT INTO continuum_runs
    (id, namespace, workflow, state, input, attributes, started_at, updated_at,
     completed_at)
SELECT gen_random_uuid(), CASE WHEN mod(n, 10) = 0 THEN 'rare' ELSE 'default' END,
       'w' || mod(n, 3), (ARRAY['completed', 'completed', 'failed', 'suspended'])[1 + mod(n, 4)],
       '', (%(values)s::jsonb -> mod(n, 11)::int)
           || jsonb_build_object('place', n, 'common', mod(n, 2) = 0),
       timestamptz '2026-01-01' + interval '1 s' * (n / 5), now(),
       CASE WHEN mod(n, 4) < 3 THEN now() END
FROM generate_series(0, %(runs)s - 1) n"""
"""Five runs start at each moment."""

CONDITIONS = (
    "attributes.common = true", "attributes.place >= 900 and state = 'failed'",
    "state = 'completed' and workflow = 'w1' and attributes.v = 1", "attributes.v is null",
    "started_at > '2026-01-01T00:03:00Z' and attributes.common = false", "owner is not null",
    "not stuck and started_at <= '2026-01-01T00:03:20Z'", "workflow = 'nobody' and id is not null",
    "started_at in ('2026-01-01T00:00:10Z', '2026-01-01T00:00:20Z')",
    "namespace = 'rare' and attributes.v = '1' or state = 'failed' and attributes.common = true",
)  # fmt: skip
GROUPS = ("", "attributes.v", "state, attributes.common, workflow")


def fill(dsn: str, runs: int = RUNS) -> None:
    """Runs that differ in every way that counts, and statistics of them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(FILL, {"runs": runs, "values": json.dumps(VALUES)})
        connection.execute("VACUUM ANALYZE continuum_runs")


@pytest.fixture
def filled(pg_server: TestServer) -> Iterator[str]:
    """A database with runs."""
    with pg_server.database(pg_server.filled_template(fill)) as dsn:
        yield dsn


@pytest.fixture
async def pool(filled: str) -> AsyncIterator[Pool]:
    """Connections."""
    opened = await open_pool(PostgresSettings(filled))
    yield opened
    await opened.close()


@pytest.fixture
def store(pool: Pool) -> PostgresCounting:
    """What counts them."""
    return PostgresCounting(pool)


@pytest.fixture
def in_windows(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and no count is done at once any more; the first window is small."""

    def change() -> None:
        monkeypatch.setattr(counting, "CHEAP", -1)
        monkeypatch.setattr(counting, "ROWS_PER_COST", inf)
        monkeypatch.setattr(count_windows, "FIRST_WINDOW", 7)

    return change


async def ask(
    store: PostgresCounting,
    expression: str,
    group_by: str = "",
    *,
    namespace: str | None = None,
    budget: float | None = None,
) -> Counts:
    """A count as people ask for it."""
    query = build_query(expression or None, namespace)
    operands = read_operands(group_by) if group_by else []
    return await store.count(query, operands, budget=budget)


@pytest.mark.parametrize("namespace", [None, "default", "rare"])
async def test_windows_add_up_to_the_exact_number(
    store: PostgresCounting, in_windows: Callable[[], None], namespace: str | None
) -> None:
    """Over every run once, ties and JSON that is written differently included."""
    asked = [(condition, group) for condition in CONDITIONS for group in GROUPS]
    at_once = [await ask(store, *each, namespace=namespace) for each in asked]
    in_windows()
    for each, expected in zip(asked, at_once, strict=True):
        counts = await ask(store, *each, namespace=namespace, budget=60)
        assert [group.count for group in counts.groups] == [g.count for g in expected.groups]
        assert sorted(repr(g.key).replace(".0", "") for g in counts.groups) == sorted(
            repr(g.key).replace(".0", "") for g in expected.groups
        )
        assert counts.stamp.exact
        assert counts.stamp.complete
        [step] = counts.plan.steps
        assert step.strategy == "walk"
        assert step.found == sum(group.count for group in counts.groups) <= step.rows_read


async def declare(dsn: str, pool: Pool) -> None:
    """Indexes on the numbers of `place`, the booleans of `common` and the text of `v`."""
    indexes = AttributeIndexes(pool, partial(connect, PostgresSettings(dsn)))
    for path, type_ in (("place", "number"), ("common", "boolean"), ("v", "text")):
        await indexes.build((path,), AttributeType(type_), lambda progress: None)


@pytest.mark.parametrize(
    ("expression", "entries"),
    [
        ("attributes.common = true", 800),
        ("attributes.common = true and started_at <= '2026-01-01T00:03:20Z'", 402),
        ("attributes.place >= 1500 and state = 'failed'", None),
        ("attributes.place >= 1500 and attributes.place < 1510", 9),
        ("attributes.v = '1' and attributes.place >= 5", 164),
        ("attributes.v >= 'k' or attributes.place = 7", None),
        ("attributes.v > '1'", 164 + 162),
    ],
)
@pytest.mark.parametrize("group", GROUPS)
async def test_a_declared_index_serves_counts(
    filled: str,
    pool: Pool,
    store: PostgresCounting,
    in_windows: Callable[[], None],
    expression: str,
    entries: int | None,
    group: str,
) -> None:
    """The numbers are those without it, of the runs with that value or in that range only."""
    expected = await ask(store, expression, group, namespace="default")
    await declare(filled, pool)
    in_windows()
    counts = await ask(PostgresCounting(pool), expression, group, namespace="default", budget=60)
    assert [g.count for g in counts.groups] == [g.count for g in expected.groups]
    assert counts.stamp.exact
    [step] = counts.plan.steps
    assert step.strategy == "walk"
    if entries is not None:
        assert step.rows_read == entries
        assert (step.index or "").startswith("continuum_runs_attribute_")


async def test_values_that_an_index_cuts_are_told_apart(
    filled: str, pool: Pool, store: PostgresCounting, in_windows: Callable[[], None]
) -> None:
    """Two texts that begin alike are one key of it, so each run is looked at all the same."""
    same = "x" * INDEXED_CHARACTERS
    with psycopg.connect(filled) as connection:
        connection.execute(
            "UPDATE continuum_runs SET attributes = attributes || jsonb_build_object('v', %s ||"
            " CASE WHEN started_at < '2026-01-01T00:01:00Z' THEN 'y' ELSE '' END)",
            [same],
        )
    await declare(filled, pool)
    in_windows()
    for value, expected in ((same, 1_530), (f"{same}y", 270), (same[1:], 0)):
        counts = await ask(store, f"attributes.v = '{value}'", namespace="default", budget=60)
        [step] = counts.plan.steps
        assert (step.index or "").startswith("continuum_runs_attribute_")
        assert counts.groups[0].count == expected


class Ticking:
    """A clock that goes on by so many seconds with each look at it."""

    def __init__(self, seconds: float) -> None:
        self._readings = count(0.0, seconds)

    def __call__(self) -> float:
        return next(self._readings)


async def test_a_budget_that_is_too_small_counts_the_newest(
    store: PostgresCounting, in_windows: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least so many, and says so: the newest runs are counted, none of the older ones."""
    in_windows()
    monkeypatch.setattr(counting, "monotonic", Ticking(60.0))
    counts = await ask(store, "attributes.common = true", "attributes.place", budget=900)
    assert not counts.stamp.exact
    assert not counts.stamp.complete
    places = sorted((group.key[0] for group in counts.groups), reverse=True)
    assert 3 < len(places) < RUNS // 2
    assert places == list(range(RUNS - 2, RUNS - 2 - 2 * len(places), -2))
    [step] = counts.plan.steps
    assert step.strategy == "walk"
    assert step.found == len(places) < step.rows_read < RUNS


async def test_no_time_at_all_is_answered(store: PostgresCounting) -> None:
    """At least none; what the counters keep is exact even then."""
    counts = await ask(store, "attributes.common = true", budget=0)
    assert [group.count for group in counts.groups] == [0]
    assert not counts.stamp.exact
    counts = await ask(store, "state = 'failed'", budget=0)
    assert [group.count for group in counts.groups] == [RUNS // 4]
    assert counts.stamp.exact


async def test_a_try_that_takes_too_long_goes_on_in_windows(
    filled: str, store: PostgresCounting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up after its share, with both steps told; the number is exact all the same."""
    fill(filled, 8_000)
    monkeypatch.setattr(counting, "ROWS_PER_COST", 0)
    monkeypatch.setattr(counting, "TRY", 1e-9)
    expected = await ask(store, "attributes.place >= 10", "state")
    counts = await ask(store, "attributes.place >= 10", "state", budget=60)
    assert [step.strategy for step in counts.plan.steps] == ["count", "walk"]
    assert counts.plan.steps[0].found == 0
    assert counts.plan.steps[1].rows_read >= RUNS + 8_000
    assert counts.groups == expected.groups
    assert counts.stamp.exact


@pytest.mark.parametrize("windows", [True, False], ids=["in windows", "at once"])
async def test_a_limit_that_is_over_as_the_counting_ends_does_not_strike(
    store: PostgresCounting,
    in_windows: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    windows: bool,
) -> None:
    """The release of the savepoint takes longer than the counting was given; nothing is lost."""
    commands = psycopg.AsyncTransaction._get_commit_commands

    def slow(transaction: psycopg.AsyncTransaction) -> Iterator[bytes]:
        for command in commands(transaction):
            if command.startswith(b"RELEASE"):
                yield b"SELECT pg_sleep(0.6)"
            yield command

    if windows:
        in_windows()
    monkeypatch.setattr(psycopg.AsyncTransaction, "_get_commit_commands", slow)
    counts = await ask(store, "attributes.common = true", budget=0.5)
    assert [step.strategy for step in counts.plan.steps] == ["walk" if windows else "count"]
    assert [group.count for group in counts.groups] == [RUNS // 2]
    assert counts.stamp.exact


async def test_without_a_budget_too_long_is_an_error(
    filled: str, store: PostgresCounting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the option that gives at least so many."""
    fill(filled, 8_000)
    monkeypatch.setattr(counting, "ROWS_PER_COST", 0)
    monkeypatch.setattr(counting, "monotonic", Ticking(60.0))
    with pytest.raises(QueryError, match=r"longer than 10 s .*--budget SECONDS"):
        await ask(store, "attributes.place >= 10", "state")


@pytest.mark.parametrize("windows", [False, True])
async def test_a_count_sees_one_moment(
    filled: str,
    store: PostgresCounting,
    in_windows: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    windows: bool,
) -> None:
    """Runs that start, change and go while it works are counted as they were when it began."""
    if windows:
        in_windows()
    expected = await ask(store, "attributes.place >= 0", "state")
    with psycopg.connect(filled, autocommit=True) as writer:

        def changing() -> float:
            # The first two readings are from before the count's transaction.
            if next(readings) > 2:
                writer.execute(
                    "DELETE FROM continuum_runs WHERE id IN"
                    " (SELECT id FROM continuum_runs ORDER BY started_at LIMIT 10)"
                )
                writer.execute(
                    "UPDATE continuum_runs SET state = 'cancelled' WHERE id IN"
                    " (SELECT id FROM continuum_runs WHERE state = 'failed' LIMIT 10)"
                )
                writer.execute(FILL, {"runs": 5, "values": json.dumps(VALUES)})
            return 0.001 * next(readings)

        readings = count()
        with monkeypatch.context() as patch:
            patch.setattr(counting, "monotonic", changing)
            counts = await ask(store, "attributes.place >= 0", "state", budget=60)
    assert counts.groups == expected.groups
    assert counts.stamp.exact
    assert (await ask(store, "attributes.place >= 0", "state")).groups != expected.groups


@pytest.mark.parametrize(
    ("expression", "step"),
    [
        ("state = 'failed'", ("counters", None, 6, RUNS // 4)),
        ("attributes.place = 77", ("count", "continuum_runs_attributes_gin_idx", 1, 1)),
        (
            "started_at >= '2026-01-01T00:05:00Z'",
            ("count", "continuum_runs_started_idx", RUNS - 1500, RUNS - 1500),
        ),
        ("attributes.place >= 1500", ("count", None, RUNS, RUNS - 1500)),
    ],
)
async def test_steps_tell_the_truth(
    filled: str, monkeypatch: pytest.MonkeyPatch, expression: str, step: tuple[Any, ...]
) -> None:
    """The index that was used, the rows that the server read, the runs found among them."""
    monkeypatch.setattr(counting, "ROWS_PER_COST", 0)
    # A small table is read as a whole where pages of an index cost what they cost on a disk.
    dsn = conninfo.make_conninfo(filled, options="-c random_page_cost=0.01")
    pool = await open_pool(PostgresSettings(dsn))
    counts = await ask(PostgresCounting(pool), expression)
    await pool.close()
    [found] = counts.plan.steps
    assert (found.strategy, found.index, found.rows_read, found.found) == step
    assert counts.stamp.exact
