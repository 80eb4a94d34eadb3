"""The store's turn statement against raw set-based statements that write the same rows.

    python -m bench.store_bench DSN [--workflows 4000] [--batches 1,64,256]

Each workflow has three activities: four turns, eight events, one run row, one lease. `--keep`
leaves the tables filled, so that a second call measures a bigger database. The database is emptied
of Continuum's tables first: name one that may be.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
from msgspec import Raw

from continuum.codec.hooks import IDENTITY
from continuum.journal.events import (
    ActivityCompleted,
    ActivityScheduled,
    Entry,
    EventKind,
    RunCompleted,
    RunStarted,
)
from continuum.journal.turn import NewRun, RunEnd, RunState, Turn, TurnStatus, VersionPin
from continuum.store.postgres import migrate
from continuum.store.postgres.pool import PostgresSettings, connect
from continuum.store.postgres.turn_columns import TurnColumns
from continuum.store.postgres.turns import PostgresTurns
from continuum.system import new_run_id

PIN = VersionPin("bench:flow", 1, "f" * 64, "1-py3.11")
ARGS = Raw(b"[1]")
VALUE = Raw(b"1")


def workflow_turns(run_id: UUID, token: int, now: datetime) -> list[Turn]:
    """The four turns of one workflow of three activities."""
    scheduled = [
        Entry(EventKind.ACTIVITY_SCHEDULED, n, ActivityScheduled("bench:step", ARGS), now)
        for n in (1, 2, 3)
    ]
    completed = [
        Entry(EventKind.ACTIVITY_COMPLETED, n, ActivityCompleted(1, VALUE), now) for n in (1, 2, 3)
    ]
    started = Entry(EventKind.RUN_STARTED, None, RunStarted(1, PIN.version_hash, PIN.runtime), now)
    ended = Entry(EventKind.RUN_COMPLETED, None, RunCompleted(), now)
    new = NewRun(run_id, "default", PIN.workflow, b"[1]")
    return [
        Turn(run_id, token, 1, 1, [started, scheduled[0]], pin=PIN, state=RunState.RUNNING,
             created=new, started_at=now),
        Turn(run_id, token, 3, 1, [completed[0], scheduled[1]]),
        Turn(run_id, token, 5, 1, [completed[1], scheduled[2]]),
        Turn(run_id, token, 7, 1, [completed[2], ended], end=RunEnd(RunState.COMPLETED, b"1")),
    ]  # fmt: skip


def batches(workflows: int, size: int, tokens: Sequence[int]) -> list[list[Turn]]:
    """All turns, `size` runs abreast, one turn of each per batch."""
    now = datetime.now(UTC)
    found: list[list[Turn]] = []
    for start in range(0, workflows, size):
        chosen = tokens[start : start + size]
        rows = [workflow_turns(new_run_id(), token, now) for token in chosen]
        found.extend([list(column) for column in zip(*rows, strict=True)])
    return found


async def store_side(settings: PostgresSettings, workflows: int, size: int) -> None:
    turns = PostgresTurns(lambda: connect(settings), IDENTITY)
    node_id = uuid4()
    work = batches(workflows, size, await turns.allocate_tokens(workflows))
    for warm in batches(1, 1, await turns.allocate_tokens(1)):
        await turns.commit_turns(node_id, warm)
    cpu, clock = time.process_time(), time.perf_counter()
    for batch in work:
        result = await turns.commit_turns(node_id, batch)
        assert set(result.statuses.values()) == {TurnStatus.COMMITTED}
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    report("store", workflows, size, clock, cpu)
    clock = time.perf_counter()
    for batch in work:
        TurnColumns(batch, IDENTITY).statement(node_id, len(batch))
    encode = time.perf_counter() - clock
    print(f"         of which columns: {encode / workflows * 1e6:6.1f} us a workflow")
    await turns.close()


RAW = (
    """WITH r AS (INSERT INTO continuum_runs (id, workflow, version, version_hash, runtime, state, input)
         SELECT unnest(%s::uuid[]), 'bench:flow', 1, %s, '1-py3.11', 'running', '[1]'),
       l AS (INSERT INTO continuum_leases (run_id, version_id, lease_owner, lease_token, next_seq, ready)
         SELECT unnest(%s::uuid[]), 1, %s, 1, 3, false)
       INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
         SELECT unnest(%s::uuid[]), unnest(%s::int[]), 1, 'activity_scheduled', 1, %s, clock_timestamp()""",
    """WITH l AS (UPDATE continuum_leases SET next_seq = next_seq + 2 WHERE run_id = ANY (%s::uuid[]))
       INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
         SELECT unnest(%s::uuid[]), unnest(%s::int[]), 1, 'activity_scheduled', 1, %s, clock_timestamp()""",
    """WITH l AS (DELETE FROM continuum_leases WHERE run_id = ANY (%s::uuid[])),
       r AS (UPDATE continuum_runs SET state = 'completed', result = '1',
               completed_at = clock_timestamp(), updated_at = clock_timestamp()
             WHERE id = ANY (%s::uuid[]))
       INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
         SELECT unnest(%s::uuid[]), unnest(%s::int[]), 1, 'activity_scheduled', 1, %s, clock_timestamp()""",
)
PAYLOAD = b'{"name":"bench:step","args":[1]}'


def raw_side(settings: PostgresSettings, workflows: int, size: int) -> None:
    """The same rows without fences, statuses or payloads of their own."""
    node_id = uuid4()
    with psycopg.connect(settings.dsn, autocommit=True, prepare_threshold=0) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SET enable_seqscan = off")
        cpu, clock = time.process_time(), time.perf_counter()
        for start in range(0, workflows, size):
            ids = [new_run_id() for _ in range(min(size, workflows - start))]
            twice = [run_id for run_id in ids for _ in (0, 1)]
            for turn in range(4):
                seqs = [2 * turn + 1, 2 * turn + 2] * len(ids)
                if turn == 0:
                    connection.execute(RAW[0], (ids, "f" * 64, ids, node_id, twice, seqs, PAYLOAD))
                elif turn < 3:
                    connection.execute(RAW[1], (ids, twice, seqs, PAYLOAD))
                else:
                    connection.execute(RAW[2], (ids, ids, twice, seqs, PAYLOAD))
        cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    report("raw", workflows, size, clock, cpu)


def report(side: str, workflows: int, size: int, clock: float, cpu: float) -> None:
    print(
        f"{side:>6} batch {size:4}: {workflows / clock:7.0f} workflows/s {4 * workflows / clock:8.0f} turns/s; "
        f"{clock / workflows * 1e6:7.1f} us a workflow, client {cpu / workflows * 1e6:6.1f} us"
    )


async def prepare(settings: PostgresSettings) -> None:
    async with await connect(settings) as connection:
        rows = await (
            await connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'continuum%'"
            )
        ).fetchall()
        for (name,) in rows:
            await connection.execute(f'DROP TABLE public."{name}" CASCADE'.encode())
        await connection.execute("DROP SEQUENCE IF EXISTS continuum_lease_token_seq")
        await migrate.migrate(connection)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--workflows", type=int, default=4000)
    parser.add_argument("--batches", default="1,64,256")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    settings = PostgresSettings(arguments.dsn)
    for size in map(int, arguments.batches.split(",")):
        count = arguments.workflows if size > 8 else min(arguments.workflows, 300)
        if not arguments.keep:
            await prepare(settings)
        await store_side(settings, count, size)
        raw_side(settings, count, size)


if __name__ == "__main__":
    asyncio.run(main())
