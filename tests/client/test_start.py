"""Starting runs: by code, by name, idempotently, inside the caller's transaction."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from continuum import Continuum
from continuum.errors import (
    AttributesError,
    ConfigurationError,
    ContinuumError,
    DefinitionError,
    DuplicateRun,
    MalformedRunId,
    NamespaceError,
    PayloadError,
    RunNotFound,
    WorkflowNotFound,
)
from tests.client.flows import ALL, Order, approval, collecting, total


async def test_a_start_is_visible_with_all_it_was_given(dsn: str) -> None:
    """Namespace, attributes and input are on the row when `start` returns."""
    async with Continuum(dsn) as ct:
        run = await ct.start(
            total, Order("o1", 4), namespace="billing", attributes={"plan": "pro", "n": 1.5}
        )
        row = await run.get()
        assert (row.namespace, row.state, row.version) == ("billing", "running", 0)
        assert row.workflow == total.name
        assert dict(row.attributes) == {"plan": "pro", "n": 1.5}
        assert row.input == [{"id": "o1", "cents": 4}]
        assert row.output is None
        assert await ct.history(run.id) == []


async def test_many_starts_at_once_share_commits(dsn: str) -> None:
    """A hundred simultaneous starts take far fewer transactions, and all are there."""
    async with Continuum(dsn) as ct:
        before = await _commits(dsn)
        runs = await asyncio.gather(*(ct.start(approval, str(n)) for n in range(100)))
        used = await _commits(dsn) - before
        assert len({run.id for run in runs}) == 100
        assert await ct.count() == 100
        assert used < 30


async def _commits(dsn: str) -> int:
    """Commits so far, by transaction id: every writing transaction takes one."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        row = await (await connection.execute("SELECT pg_current_xact_id()::text")).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("by", ["idempotency_key", "run_id"])
async def test_two_clients_that_start_the_same_at_once_start_one_run(dsn: str, by: str) -> None:
    """Ten racing starts under one key or id, from two clients, give one run to all."""
    value = "key-1" if by == "idempotency_key" else str(uuid4())
    spec: dict[str, Any] = {by: value}
    async with Continuum(dsn) as one, Continuum(dsn) as other:
        runs = await asyncio.gather(
            *(ct.start(total, Order("o1", 4), **spec) for ct in (one, other) * 5)
        )
        assert len({run.id for run in runs}) == 1
        assert await one.count() == 1


@pytest.mark.parametrize("by", ["idempotency_key", "run_id"])
async def test_the_same_key_with_another_input_is_refused(dsn: str, by: str) -> None:
    """Another input or workflow under a used key or id raises DuplicateRun and starts nothing."""
    value = "key-1" if by == "idempotency_key" else uuid4()
    spec: dict[str, Any] = {by: value}
    async with Continuum(dsn) as ct:
        await ct.start(total, Order("o1", 4), **spec)
        with pytest.raises(DuplicateRun, match="input"):
            await ct.start(total, Order("o1", 5), **spec)
        assert await ct.count() == 1


async def test_keys_are_per_namespace(dsn: str) -> None:
    """One key in two namespaces is two runs."""
    async with Continuum(dsn) as ct:
        for namespace in ("a", "b"):
            await ct.start(total, Order("o1", 4), idempotency_key="k", namespace=namespace)
        assert await ct.count(namespace=None) == 2


async def test_a_start_joins_the_callers_transaction(dsn: str) -> None:
    """Nothing is visible before the caller commits; a rollback leaves nothing."""
    async with (
        Continuum(dsn) as ct,
        await psycopg.AsyncConnection.connect(dsn) as connection,
        ct.worker([approval]),
    ):
        run = await ct.start(approval, "tx", connection=connection)
        with pytest.raises(RunNotFound):
            await ct.get_run(run.id)
        await connection.rollback()
        with pytest.raises(RunNotFound):
            await ct.get_run(run.id)

        run = await ct.start(approval, "tx", connection=connection)
        await connection.commit()
        await run.signal("go", "yes")
        assert await run.result(timeout=10) == "tx: yes"


async def test_a_name_needs_a_worker_that_has_loaded_it(dsn: str) -> None:
    """Without a live worker a name is refused; with one its bare or full name starts a run."""
    async with Continuum(dsn) as ct, Continuum(dsn) as elsewhere:
        with pytest.raises(WorkflowNotFound, match="no live worker"):
            await ct.start("approval", "x")
        async with elsewhere.worker(ALL):
            for name in ("approval", approval.name):
                run = await ct.start(name, "x")
                await run.signal("go", "yes")
                assert await run.result(timeout=10) == "x: yes"
    async with Continuum(dsn) as ct:
        assert await ct.count() == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"namespace": ""}, NamespaceError),
        ({"namespace": "n" * 300}, NamespaceError),
        ({"namespace": "a\nb"}, NamespaceError),
        ({"attributes": ["plan"]}, AttributesError),
        ({"attributes": {"a": "\0"}}, AttributesError),
        ({"attributes": {"a": float("nan")}}, AttributesError),
        ({"idempotency_key": ""}, PayloadError),
        ({"idempotency_key": "a\0"}, PayloadError),
        ({"run_id": "nonsense"}, MalformedRunId),
    ],
)
async def test_bad_options_write_nothing(
    dsn: str, options: dict[str, Any], error: type[ContinuumError]
) -> None:
    """Each wrong option raises its own error before anything is written."""
    async with Continuum(dsn) as ct:
        with pytest.raises(error):
            await ct.start(total, Order("o", 1), **options)
        assert await ct.count(namespace=None) == 0


async def test_bad_arguments_write_nothing(dsn: str) -> None:
    """An argument that cannot be stored names its place; nothing is written."""
    async with Continuum(dsn) as ct:
        with pytest.raises(PayloadError, match="order"):
            await ct.start(total, object())
        with pytest.raises(PayloadError):
            await ct.start(collecting, "three")
        with pytest.raises(PayloadError):
            await ct.start(collecting)
        with pytest.raises(DefinitionError, match="not a workflow"):
            await ct.start(len, 1)  # pyright: ignore
        with pytest.raises(ConfigurationError, match="psycopg"):
            await ct.start(collecting, 1, connection=object())  # pyright: ignore
        assert await ct.count(namespace=None) == 0


async def test_a_client_that_is_not_open_says_so(dsn: str) -> None:
    """Using it before or after its block is an error that shows how to use it."""
    ct = Continuum(dsn)
    with pytest.raises(ConfigurationError, match="async with"):
        await ct.get_run(UUID(int=1))
