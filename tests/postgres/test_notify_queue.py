"""A NOTIFY queue that a stuck listener has filled: hints fail, nothing else does (rule 25)."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from continuum import Continuum
from tests import servers
from tests.worker import flows

SMALLEST = "64"
"""Pages, the least that PostgreSQL 17 and later allow: half a megabyte."""


@pytest.fixture
def full_queue_dsn() -> Iterator[str]:
    """A database of a server on which every NOTIFY fails."""
    directory = servers.session_directory() / "full-queue"
    server = servers.open_server(servers.EMBEDDED, directory, max_notify_queue_pages=SMALLEST)
    try:
        dsn = server.new_database()
        with psycopg.connect(dsn) as stuck, psycopg.connect(dsn, autocommit=True) as sender:
            stuck.execute("LISTEN clogged")
            stuck.commit()
            stuck.execute("SELECT 1")  # idle in a transaction: it hears nothing, and all is kept
            with pytest.raises(errors.ProgramLimitExceeded):
                fill_queue(sender)
            yield dsn
    finally:
        server.close()
        servers.wait_stopped(directory)


def fill_queue(sender: psycopg.Connection) -> None:
    """Send to a listener that does not take anything, until no more goes in."""
    for _ in range(1000):
        sender.execute("SELECT pg_notify('clogged', repeat('x', 7900))")


async def test_rule_25_a_full_notify_queue_fails_no_commit(full_queue_dsn: str) -> None:
    """A worker starts, and starts, signals and results go through by the poll."""
    flows.reset()
    async with (
        Continuum(full_queue_dsn) as client,
        Continuum(full_queue_dsn) as host,
        host.worker([flows.three_steps, flows.waiting]),
    ):
        working = await client.start(flows.three_steps, 1)
        waiting = await client.start(flows.waiting, 1)
        await waiting.signal("go", "on")
        assert await working.result(30) == 4
        assert await waiting.result(30) == ["on"]
