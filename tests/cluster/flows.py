"""The application that the worker processes of these tests load.

Every activity execution leaves a row in `executions`, written outside the engine, so a test can
tell afterwards what really ran, where and how often.
"""

from __future__ import annotations

import asyncio
import os

import psycopg

import continuum
from continuum import Retry, activity, workflow

EXECUTIONS = """
CREATE TABLE executions (
    run_id uuid, step integer, pid integer, begun_at timestamptz DEFAULT clock_timestamp())
"""


_connections = asyncio.Semaphore(10)


async def note_execution(run_id: str, step: int) -> None:
    """Write the row that proves this execution."""
    dsn = os.environ["CONTINUUM_TEST_EFFECTS_DSN"]
    async with (
        _connections,
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
    ):
        await connection.execute(
            "INSERT INTO executions (run_id, step, pid) VALUES (%s, %s, %s)",
            (run_id, step, os.getpid()),
        )


@activity(retry=Retry(max_attempts=20, initial=0.2, max_delay=1.0))
async def do_step(run_id: str, step: int, seconds: float) -> int:
    """Leave a trace (its database may be restarting), then take some time."""
    await note_execution(run_id, step)
    await asyncio.sleep(seconds)
    return step


@workflow
async def five_steps(seconds: float) -> list[int]:
    """Five activities in sequence."""
    run_id = str(continuum.info().run_id)
    return [await do_step(run_id, step, seconds) for step in range(5)]


@workflow
async def one_long_step(seconds: float) -> int:
    """One activity that takes long."""
    return await do_step(str(continuum.info().run_id), 0, seconds)


@workflow
async def signal_then_step() -> str:
    """Park on a signal, then work, then sleep durably."""
    verdict = await continuum.wait_signal("go", type=str)
    await do_step(str(continuum.info().run_id), 0, 0.01)
    await continuum.sleep(0.05)
    return verdict


@activity(on_crash="fail")
async def step_once(seconds: float) -> str:
    """What must not be repeated: it fails its run when it may have been lost amid its work."""
    await asyncio.sleep(seconds)
    return "once"


@workflow
async def one_step_once(seconds: float) -> str:
    """One activity that is never tried again after the loss of its worker."""
    return await step_once(seconds)


@workflow
async def collect_notes() -> list[int]:
    """Every signal `note`, in the order of their arrival, up to a negative one."""
    notes: list[int] = []
    while (note := await continuum.wait_signal("note", type=int)) >= 0:
        notes.append(note)
    return notes
