"""Replays in bounded memory and time."""

from __future__ import annotations

import tracemalloc

import psycopg

from bench.journals import AT
from continuum import Continuum
from continuum.journal.events import EventKind
from continuum.store.postgres.journals import FETCHED_BYTES
from tests.audit.shop import flow, park

LONG = 6_000


def lengthen(dsn: str, events: int, size: int) -> None:
    """Give every run so many more signals that nobody waits for, of so many bytes each."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)"
            " SELECT l.run_id, l.next_seq + n, 1, %s, NULL, convert_to(json_build_object("
            "   'name', 'unheard', 'value', repeat('x', %s), 'message', n)::text, 'UTF8'), %s"
            " FROM continuum_leases l, generate_series(0, %s - 1) AS n",
            [EventKind.SIGNAL_RECEIVED.value, size, AT, events],
        )
        connection.execute("UPDATE continuum_leases SET next_seq = next_seq + %s", [events])


async def peak(dsn: str) -> int:
    """Bytes of Python objects that reading all journals took at most, one after the other."""
    async with Continuum(dsn) as client:
        journals = client._backend.journals
        ids = [run.run_id for run in await journals.live_runs(None, 100)]
        tracemalloc.start()
        try:
            async for journal in journals.journals(ids):
                assert len(journal.events) > 10
                del journal
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


async def test_one_long_journal_at_a_time(dsn: str) -> None:
    """Four long journals take little more memory than one."""
    async with Continuum(dsn) as client:
        others = (await park(client, flow(), 4))[1:]
    lengthen(dsn, LONG, 1)
    every = await peak(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("DELETE FROM continuum_leases WHERE run_id = ANY (%s)", [others])
    assert every < 1.5 * await peak(dsn)


async def test_large_payloads_come_a_few_at_a_time(dsn: str) -> None:
    """Journals of many megabytes each, of which no more than one is in memory."""
    async with Continuum(dsn) as client:
        await park(client, flow(), 6)
    lengthen(dsn, 20, 400_000)
    one = 20 * 400_000
    assert await peak(dsn) < one + 4 * FETCHED_BYTES
