"""Records the golden histories that do not exist yet: `python -m tests.effects.record [DSN]`.

Those of transactional activities need a migrated database. An existing file is never replaced.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

import psycopg

from continuum import Continuum
from continuum.declare.workflow import Workflow
from continuum.testing import dump_history, environment
from tests.effects.activities import BOOKINGS, LEDGER, QUEUE
from tests.effects.flows import depth
from tests.effects.scenarios import FLOWS, SCENARIOS, SERVED

HISTORIES: Final = Path(__file__).parent / "histories"
DEEPEST: Final = "deepest_child"
GENERATIONS: Final = 10

GOLDEN: Final[dict[str, Workflow[..., Any]]] = {
    DEEPEST: depth,
    **{name: scenario.flow for name, scenario in SCENARIOS.items()},
}
IN_DATABASE: Final = [name for name, scenario in SCENARIOS.items() if scenario.needs_database]
IN_MEMORY: Final = [name for name in GOLDEN if name not in IN_DATABASE]


async def history_of(name: str, ct: Continuum) -> str:
    """Perform an effect now; its history."""
    run_id = uuid5(NAMESPACE_OID, name)
    if name != DEEPEST:
        return await dump_history(await SCENARIOS[name].perform(ct, "golden", run_id))
    run = await ct.start(depth, GENERATIONS, run_id=run_id)
    await run.result()
    [deepest] = [found async for found in ct.stream(payloads=True) if found.input == [0]]
    return await dump_history(deepest.id, client=ct)


async def history_in_memory(name: str) -> str:
    """The same, over the memory store."""
    async with environment([*FLOWS, depth], activities=SERVED, queues=[QUEUE]) as env:
        return await history_of(name, env.client)


@asynccontextmanager
async def client_with_worker(dsn: str) -> AsyncGenerator[Continuum]:
    """A client on a migrated database, and a worker that runs the scenarios."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(BOOKINGS)
    async with Continuum(dsn) as ct, ct.worker(FLOWS, activities=SERVED, queues=[QUEUE]):
        yield ct


async def main() -> None:
    """Write what is missing."""
    for name in GOLDEN:
        path = HISTORIES / f"{name}.json"
        if path.exists() or (name in IN_DATABASE and len(sys.argv) < 2):
            continue
        with tempfile.TemporaryDirectory() as directory:
            os.environ[LEDGER] = f"{directory}/ledger"
            if name in IN_MEMORY:
                path.write_text(await history_in_memory(name))
            else:
                async with client_with_worker(sys.argv[1]) as ct:
                    path.write_text(await history_of(name, ct))


if __name__ == "__main__":
    asyncio.run(main())
