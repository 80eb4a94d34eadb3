"""How fast replays go through parked runs: `make bench ARGS=replay-audit`.

`python -m bench.replay_audit DSN RUNS` prints the runs a second of processes that have started.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import psycopg

from bench import audited
from bench.journals import AT, RUN_ID, Recorder
from continuum import Continuum
from continuum.declare.registry import load_app
from continuum.engine.execution import Execution, RunIdentity
from continuum.system import new_run_id

ITEMS = 8
EVENTS = 50


def fill(dsn: str, runs: int) -> None:
    """Insert so many runs that wait for a signal, each with the same journal."""
    flow = audited.shipment
    identity = RunIdentity(RUN_ID, "default", flow, 1, b"[%d]" % ITEMS, AT)
    recorder = Recorder(Execution(identity))
    recorder.execution.start(AT)
    recorder.collect()
    while recorder.execution.waiting_on != "signal shipped":
        recorder.advance()
        recorder.collect()
    assert len(recorder.events) == EVENTS, len(recorder.events)
    recorder.execution.drop()
    pin = flow.pin
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        ids = [new_run_id() for _ in range(runs)]
        with cursor.copy(
            "COPY continuum_runs (id, workflow, version, version_hash, runtime, state, input)"
            " FROM STDIN"
        ) as copy:
            for run_id in ids:
                copy.write_row((
                    run_id, pin.workflow, pin.version, pin.version_hash, pin.runtime,
                    "suspended", identity.input,
                ))  # fmt: skip
        with cursor.copy(
            "COPY continuum_leases (run_id, version_id, lease_token, next_seq, ready, parked,"
            " waiting_on) FROM STDIN"
        ) as copy:
            for run_id in ids:
                copy.write_row((
                    run_id, pin.version_id, 1, EVENTS + 1, False, True, "signal shipped"
                ))  # fmt: skip
        with cursor.copy(
            "COPY continuum_events (run_id, seq, incarnation, type, command, payload, at)"
            " FROM STDIN"
        ) as copy:
            for event in recorder.events:  # as they would come: side by side
                for run_id in ids:
                    copy.write_row((
                        run_id, event.seq, 1, event.kind.value, event.command, event.payload,
                        event.at,
                    ))  # fmt: skip
        cursor.execute("ANALYZE")


def flows() -> list[Any]:
    """In each process."""
    return list(load_app("bench.audited").versions)


async def rate(dsn: str, runs: int) -> float:
    """Runs a second, once every process has loaded the application."""
    async with Continuum(dsn) as client, client.replay_pool(flows) as pool:
        async for _ in client.replay(flows(), pool=pool, sample=runs // 5):
            pass
        begin = time.perf_counter()
        found = [each.verdict async for each in client.replay(flows(), pool=pool)]
        taken = time.perf_counter() - begin
    assert found == ["same"] * runs
    return runs / taken


if __name__ == "__main__":
    print(asyncio.run(rate(sys.argv[1], int(sys.argv[2]))))
