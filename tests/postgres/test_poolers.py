"""PgBouncer before the server: what is refused, and what of lent sessions is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import conninfo

import continuum
from continuum import Continuum, activity, workflow
from continuum.client.administration import migrate_database
from continuum.errors import ConfigurationError, DatabaseUnavailable
from tests import poolers

PREPARED = "SELECT count(*) FROM pg_prepared_statements"


@activity
async def double(number: int) -> int:
    """Some work."""
    return 2 * number


@workflow
async def signalled() -> int:
    """A signal, an activity and a timer."""
    number = await continuum.wait_signal("number", type=int)
    await continuum.sleep(0.01)
    return await double(number)


@pytest.fixture
def pooled(dsn: str) -> Iterator[str]:
    """The test's database behind PgBouncer in transaction mode, with one session to lend."""
    with poolers.pooler(dsn, sessions=1) as pooled:
        yield pooled


async def test_all_of_it_works_around_and_through_the_pooler(pooled: str, dsn: str) -> None:
    """Starts, signals, results, searches and counts, of many clients that share one session."""
    ct, other = [Continuum(pooled, direct_dsn=dsn) for _ in range(2)]
    async with ct, other, ct.worker([signalled]):
        runs = await asyncio.gather(*(other.start(signalled) for _ in range(20)))
        await asyncio.gather(*(run.signal("number", 21) for run in runs))
        assert await asyncio.gather(*(run.result(timeout=60) for run in runs)) == [42] * 20
        assert len((await other.query("state = 'completed'")).entries) == 20
        assert await other.count("state = 'completed'") == 20
        await other.set_attributes(runs[0].id, {"plan": "pro"})
        found = ct.stream(where=[("eq", ["attributes", "plan"], "pro")])
        assert [run.id async for run in found] == [runs[0].id]
    await asyncio.to_thread(_nothing_is_left_in_lent_sessions, pooled)


def _nothing_is_left_in_lent_sessions(pooled: str) -> None:
    with psycopg.connect(pooled, prepare_threshold=None, autocommit=True) as connection:
        assert connection.execute(PREPARED).fetchall() == [(0,)]
        assert connection.execute("SHOW search_path").fetchall() == [('"$user", public',)]
        assert connection.execute("SHOW synchronous_commit").fetchall() == [("on",)]
        assert connection.execute("SHOW statement_timeout").fetchall() != [("0",)]


def test_the_blocking_client_takes_the_way_around(pooled: str, dsn: str) -> None:
    """As the asynchronous one does."""
    with Continuum.blocking(pooled, direct_dsn=dsn) as ct, ct.worker([signalled]):
        run = ct.start(signalled)
        run.signal("number", 4)
        assert run.result(timeout=60) == 8


@pytest.mark.parametrize("sessions", [1, 5])
async def test_a_pooler_without_a_way_around_it_is_refused(dsn: str, sessions: int) -> None:
    """By clients and by migrations, however many sessions it has; nothing is changed in them."""
    with poolers.pooler(dsn, sessions=sessions) as pooled:
        with pytest.raises(ConfigurationError, match="transaction pooler") as caught:
            async with Continuum(pooled):
                pass
        assert "CONTINUUM_DIRECT_DSN" in (caught.value.hint or "")
        with pytest.raises(ConfigurationError, match="transaction pooler"):
            await migrate_database(pooled)
        await asyncio.to_thread(_nothing_is_left_in_lent_sessions, pooled)


async def test_a_way_around_that_leads_through_a_pooler_is_refused(pooled: str) -> None:
    """The two DSNs exchanged, or the same one twice."""
    with pytest.raises(ConfigurationError, match=r"direct DSN\) is a transaction pooler"):
        async with Continuum(pooled, direct_dsn=pooled):
            pass


async def test_a_way_around_to_another_database_is_refused(pooled: str, empty_dsn: str) -> None:
    """Or turns would be written where nobody looks for them."""
    with pytest.raises(ConfigurationError, match="is not the database of"):
        async with Continuum(pooled, direct_dsn=empty_dsn):
            pass


async def test_a_way_around_that_leads_nowhere_is_named(pooled: str) -> None:
    """The error is that of the direct DSN, and says so."""
    nowhere = conninfo.make_conninfo(pooled, port="1", connect_timeout="1")
    with pytest.raises(DatabaseUnavailable, match=r"127.0.0.1:1 \(the direct DSN\)"):
        async with Continuum(pooled, direct_dsn=nowhere):
            pass


async def test_a_search_path_that_leads_elsewhere_is_refused(dsn: str) -> None:
    """Behind a pooler we cannot set it, so the role's own must find our tables."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = str(conninfo.conninfo_to_dict(dsn)["dbname"])
        connection.execute(f"ALTER DATABASE {name} SET search_path = elsewhere".encode())
    with poolers.pooler(dsn) as pooled:
        with pytest.raises(ConfigurationError, match="search path") as caught:
            async with Continuum(pooled, direct_dsn=dsn):
                pass
        assert "SET search_path = public" in (caught.value.hint or "")
    async with Continuum(dsn) as ct:  # a session of our own is set
        assert await ct.count() == 0


async def test_a_pooler_that_keeps_sessions_needs_no_way_around(dsn: str) -> None:
    """In session mode a connection is as good as one to the server."""
    with poolers.pooler(dsn, mode="session") as pooled:
        async with Continuum(pooled) as ct, ct.worker([signalled]):
            run = await ct.start(signalled)
            await run.signal("number", 3)
            assert await run.result(timeout=60) == 6


async def test_queries_go_to_a_replica_through_a_pooler(pooled: str, dsn: str) -> None:
    """What only reads needs no session that stays."""
    async with Continuum(dsn, read_dsn=pooled) as ct:
        for _ in range(5):
            assert (await ct.query()).entries == ()
            assert await ct.count() == 0
    await asyncio.to_thread(_nothing_is_left_in_lent_sessions, pooled)
