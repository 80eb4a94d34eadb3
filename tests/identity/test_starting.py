"""`signal_with_start`, and starts at a later time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from continuum import ConfigurationError, Continuum, DefinitionError, KeyTaken
from continuum.testing import environment
from tests.identity import flows


async def test_a_signal_starts_the_run_or_reaches_the_live_one(ct: Continuum) -> None:
    """Twenty at once: one run, and none of the signals is lost."""
    runs = await asyncio.gather(
        *(
            ct.signal_with_start(flows.cart, "ann", key="k", signal="add", payload=str(n))
            for n in range(20)
        )
    )
    assert len({run.id for run in runs}) == 1
    assert sum(run.new for run in runs) == 1
    last = await ct.signal_with_start(
        flows.cart, "bob", key="k", signal="add", payload="close", delivery_id="d"
    )
    got = await last.result(20)
    assert (got[0], sorted(got[1:])) == ("ann", sorted(str(n) for n in range(20)))
    again = await ct.signal_with_start(
        flows.cart, "ann", key="k", signal="add", payload="close", delivery_id="d"
    )
    assert (again.id, again.new) == (last.id, False)
    with pytest.raises(KeyTaken):
        await ct.signal_with_start(
            flows.cart, "ann", key="k", signal="add", payload="x", key_reuse="reject"
        )
    assert await ct.count() == 1


async def test_it_joins_the_callers_transaction(dsn: str) -> None:
    """A rollback leaves neither run nor signal; both come with the commit."""
    async with (
        Continuum(dsn) as ct,
        await psycopg.AsyncConnection.connect(dsn) as connection,
        ct.worker(flows.ALL),
    ):

        async def add(item: str) -> Any:
            return await ct.signal_with_start(
                flows.cart, "ann", key="k", signal="add", payload=item, connection=connection
            )

        await add("gone")
        await connection.rollback()
        assert await ct.count() == 0
        for item in ("book", "close"):
            run = await add(item)
        await connection.commit()
        assert await run.result(20) == ["ann", "book"]


def test_synchronous_code_has_the_same_calls(dsn: str) -> None:
    """Key, signal, delay and transaction through the blocking client."""
    with Continuum.blocking(dsn) as ct, psycopg.connect(dsn) as connection:
        run = ct.signal_with_start(
            flows.cart, "ann", key="k", signal="add", payload="a", connection=connection
        )
        connection.rollback()
        assert ct.count() == 0
        with ct.worker(flows.ALL):
            run = ct.signal_with_start(
                flows.cart, "ann", key="k", signal="add", payload="a", connection=connection
            )
            connection.commit()
            assert not ct.start(flows.cart, "ann", key="k").new
            ct.signal("k", "add", "close")
            assert run.result(20) == ["ann", "a"]
        later = ct.start(flows.when, delay=3600, connection=connection)
        connection.commit()
        assert later.get().waiting_on is not None


async def test_a_later_start_survives_and_is_on_time(dsn: str) -> None:
    """No worker runs it before, whoever is there; the workflow sees the time it was due."""
    async with Continuum(dsn) as ct:
        async with ct.worker(flows.ALL):
            run = await ct.start(flows.when, delay=1.5)
            row = await run.get()
            assert row.state == "suspended"
            assert row.waiting_on == f"start at {row.started_at:%Y-%m-%dT%H:%M:%SZ}"
            await asyncio.sleep(0.5)
        async with ct.worker(flows.ALL):
            assert await ct.history(run.id) == []
            assert await run.result(20) == row.started_at.isoformat()
        page = await ct.query("waiting_on like 'start at%'")
        assert page.entries == ()


async def test_time_is_skipped_to_a_later_start() -> None:
    """In tests the day passes at once; mail of before is there at its start."""
    async with environment(flows.ALL) as env:
        tomorrow = env.now + timedelta(days=1)
        run = await env.client.start(flows.cart, "ann", start_at=tomorrow)
        for item in ("book", "close"):
            await run.signal("add", item)
        assert await run.result(20) == ["ann", "book"]
        assert env.now >= tomorrow
        assert (await run.get()).started_at == tomorrow


async def test_a_cancelled_later_start_never_runs(ct: Continuum) -> None:
    """It ends at once, and its code was never entered."""
    run = await ct.start(flows.tidy, 0.0, delay=3600)
    await run.cancel(reason="not needed")
    with pytest.raises(Exception, match="not needed"):
        await run.result(20)
    assert (await run.get()).state == "cancelled"
    assert flows.calls == {}
    assert [event.type for event in await ct.history(run.id, operators=False)] == ["run_cancelled"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"delay": -1}, DefinitionError),
        ({"delay": "soon"}, DefinitionError),
        ({"delay": 1, "start_at": datetime(2030, 1, 1, tzinfo=UTC)}, ConfigurationError),
        ({"start_at": datetime(2030, 1, 1)}, ConfigurationError),  # noqa: DTZ001
        ({"execution_timeout": 0}, DefinitionError),
        ({"execution_timeout": 1, "timeout_grace": -1}, DefinitionError),
    ],
)
async def test_bad_times_write_nothing(
    ct: Continuum, options: dict[str, Any], error: type[Exception]
) -> None:
    """Each is refused before anything is written."""
    with pytest.raises(error):
        await ct.start(flows.when, **options)
    assert await ct.count() == 0
