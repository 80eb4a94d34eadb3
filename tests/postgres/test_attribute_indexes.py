"""Declared indexes: used by queries that say the same, built beside writers, taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg.sql import SQL

from continuum.errors import AttributesError
from continuum.journal.turn import NewRun
from continuum.model import AttributeIndex, AttributeType, IndexProgress
from continuum.store.postgres.attribute_indexes import (
    AttributeIndexes,
    index_name,
    key_of,
    presence_of,
)
from continuum.system import new_run_id
from tests.postgres.scene import PIN, Scene

ODD_KEYS = (
    "plan", "a.b", "o'clock", 'say "hi"', "back\\slash", "%s %(x)s {}", "$1; DROP TABLE x; --",
    "ключ", "k" * 300, "", " ", "0", "new\nline",
)  # fmt: skip


@pytest.fixture
async def indexes(scene: Scene) -> AsyncIterator[AttributeIndexes]:
    """The declared indexes of a fresh database."""
    return AttributeIndexes(scene.pool, scene.connect)


def nothing(progress: IndexProgress) -> None:
    """For builds that nobody watches."""


async def insert(scene: Scene, *attributes: dict[str, Any]) -> None:
    """One run for each."""
    runs = [NewRun(new_run_id(), "default", PIN.workflow, b"[1]", attributes=a) for a in attributes]
    assert await scene.store.insert_runs(runs) == [None] * len(runs)


async def plan_of(scene: Scene, path: tuple[str, ...], type_: AttributeType, value: Any) -> str:
    """How the server finds runs with that value, were the table large."""
    statement = SQL(
        "EXPLAIN SELECT id FROM continuum_runs WHERE namespace = 'default' AND {} AND {} = {}"
        " ORDER BY started_at DESC, id DESC LIMIT 50"
    ).format(presence_of(path, type_), key_of(path, type_), value)
    connection = await scene.connect()
    await connection.execute("SET enable_seqscan = off")
    await connection.execute("SET enable_bitmapscan = off")
    await connection.execute("SET enable_sort = off")
    return "\n".join(row[0] for row in await (await connection.execute(statement)).fetchall())


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_any_key_can_be_indexed(scene: Scene, indexes: AttributeIndexes, key: str) -> None:
    """Whatever it is called, at the top and nested: the index is built, and serves its values."""
    for path in ((key,), ("outer", key)):
        index = await indexes.build(path, AttributeType.TEXT, nothing)
        assert (index.path, index.type, index.valid) == (path, AttributeType.TEXT, True)
        assert index_name(index.id) in await plan_of(scene, path, index.type, "pro")
    assert [index.path for index in await indexes.read()] == sorted([(key,), ("outer", key)])


async def test_other_queries_are_not_led_astray(scene: Scene, indexes: AttributeIndexes) -> None:
    """A condition on the attribute that does not ask for the index never gets it."""
    index = await indexes.build(("k",), AttributeType.NUMBER, nothing)
    await scene.observer.execute("SET enable_seqscan = off")
    rows = await scene.rows(
        "EXPLAIN SELECT id FROM continuum_runs WHERE namespace = 'default'"
        " AND jsonb_typeof(attributes -> 'k') = 'number' AND attributes -> 'k' > '4'"
    )
    assert index_name(index.id) not in str(rows)


async def test_each_type_is_an_index_of_its_own(scene: Scene, indexes: AttributeIndexes) -> None:
    """Text, numbers and booleans of one key; values of other types are in none of them."""
    values = ("a", "b" * 500, 1, -2.5, 1e300, 10**400, True, None, [1], {"a": 1})
    await insert(scene, *({"k": value} for value in values), {})
    expected = {AttributeType.TEXT: 2, AttributeType.NUMBER: 4, AttributeType.BOOLEAN: 1}
    for type_, number in expected.items():
        index = await indexes.build(("k",), type_, nothing)
        await scene.observer.execute("ANALYZE continuum_runs")
        rows = await scene.rows(
            "SELECT reltuples FROM pg_class WHERE relname = %s", index_name(index.id)
        )
        assert rows == [(number,)]
    assert len({index.id for index in await indexes.read()}) == 3


async def test_an_index_never_refuses_a_run(scene: Scene, indexes: AttributeIndexes) -> None:
    """Values longer than an index row are stored all the same, in every index of their key."""
    for type_ in AttributeType:
        await indexes.build(("k",), type_, nothing)
    await insert(scene, {"k": "\U0001f600" * 8000}, {"k": True}, {"k": 5e-324}, {"k": -1.7e308})
    for long in ("repeat('7', 20000)::numeric", "-repeat('7', 20000)::numeric", "1e-9000"):
        await scene.observer.execute(
            f"INSERT INTO continuum_runs (id, workflow, state, input, attributes) SELECT"
            f" gen_random_uuid(), 'w', 'running', '', jsonb_build_object('k', {long})".encode()
        )
    assert await scene.value("SELECT count(*) FROM continuum_runs") == 7


async def test_a_second_build_answers_at_once(scene: Scene, indexes: AttributeIndexes) -> None:
    """The same index is not built twice, and the list says what there is."""
    first = await indexes.build(("k",), AttributeType.TEXT, nothing)
    oid = await scene.value("SELECT %s::regclass::oid", index_name(first.id))
    assert await indexes.build(("k",), AttributeType.TEXT, nothing) == first
    assert await scene.value("SELECT %s::regclass::oid", index_name(first.id)) == oid
    assert await indexes.read() == [first]


async def test_the_list_is_remembered(scene: Scene, indexes: AttributeIndexes) -> None:
    """`known` asks the database once, and again after a change of our own."""
    assert await indexes.known(5.0) == []
    await scene.rows(
        "INSERT INTO continuum_attribute_indexes (path, type) VALUES ('{x}', 'text') RETURNING id"
    )
    assert await indexes.known(5.0) == []
    await indexes.build(("k",), AttributeType.TEXT, nothing)
    known = await indexes.known(5.0)
    assert [(index.path, index.valid) for index in known] == [(("k",), True), (("x",), False)]
    assert await indexes.drop(("k",), AttributeType.TEXT)
    assert [index.path for index in await indexes.known(5.0)] == [("x",)]


async def test_an_interrupted_build_is_replaced(scene: Scene, indexes: AttributeIndexes) -> None:
    """An invalid index that a killed build left is not listed as valid, and built anew."""
    await insert(scene, {"k": "a"})
    building, declared = await start_blocked_build(scene, indexes)
    [pid] = await builders(scene)
    await scene.value("SELECT pg_terminate_backend(%s)", pid)
    with pytest.raises(Exception, match="does not answer"):
        await building
    await end_writer(scene)
    left = await scene.rows(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", index_name(declared.id)
    )
    assert left == [(False,)]
    [index] = await indexes.read()
    assert not index.valid
    index = await indexes.build(("k",), AttributeType.TEXT, nothing)
    assert index.valid
    assert index.id == declared.id


async def test_who_comes_second_waits_for_the_first(
    scene: Scene, indexes: AttributeIndexes
) -> None:
    """Two builds of one index at once: one builds, both see the progress, both answer the same."""
    await insert(scene, {"k": "a"})
    seen: asyncio.Queue[IndexProgress] = asyncio.Queue()
    first, _ = await start_blocked_build(scene, indexes, seen)
    assert (await seen.get()).phase.startswith("waiting for")
    other = AttributeIndexes(scene.pool, scene.connect)
    seen_by_other: asyncio.Queue[IndexProgress] = asyncio.Queue()
    second = asyncio.create_task(other.build(("k",), AttributeType.TEXT, seen_by_other.put_nowait))
    assert (await seen_by_other.get()).phase.startswith("waiting for")
    assert len(await builders(scene)) == 1
    await end_writer(scene)
    assert await first == await second
    assert (await first).valid


async def start_blocked_build(
    scene: Scene, indexes: AttributeIndexes, seen: asyncio.Queue[IndexProgress] | None = None
) -> tuple[asyncio.Task[AttributeIndex], AttributeIndex]:
    """A build that waits for a writer's open transaction, and its declaration."""
    writer = await scene.connect()
    await writer.execute("BEGIN")
    await writer.execute("UPDATE continuum_runs SET incarnation = incarnation")
    report = nothing if seen is None else seen.put_nowait
    building = asyncio.create_task(indexes.build(("k",), AttributeType.TEXT, report))
    while not await builders(scene):
        assert not building.done()
    await scene.blocked(building)
    [declared] = await indexes.read()
    return building, declared


async def end_writer(scene: Scene) -> None:
    """End the open transaction that a build waits for."""
    await scene.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE state = 'idle in transaction' AND datname = current_database()"
    )


async def builders(scene: Scene) -> list[int]:
    """Sessions that build an index in this database."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%'"
        " AND state = 'active' AND datname = current_database()"
    )
    return [pid for (pid,) in await scene.rows(query)]


async def test_a_dropped_index_is_gone(scene: Scene, indexes: AttributeIndexes) -> None:
    """Index and declaration; dropping what is not there says so."""
    index = await indexes.build(("k",), AttributeType.NUMBER, nothing)
    assert not await indexes.drop(("k",), AttributeType.TEXT)
    assert await indexes.drop(("k",), AttributeType.NUMBER)
    assert not await indexes.drop(("k",), AttributeType.NUMBER)
    assert await indexes.read() == []
    assert await scene.value("SELECT to_regclass(%s)", index_name(index.id)) is None


async def test_a_role_that_may_not_is_told_so(scene: Scene) -> None:
    """Building needs the owner of the table; the error says whom to connect as."""

    async def read_only() -> Any:
        connection = await scene.connect()
        await connection.execute("SET default_transaction_read_only = on")
        return connection

    indexes = AttributeIndexes(scene.pool, read_only)
    with pytest.raises(AttributesError, match="owner of the table"):
        await indexes.build(("k",), AttributeType.TEXT, nothing)
