"""Starts, stops and kills worker processes, and reads what they left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import psycopg

from continuum import Continuum
from continuum.settings import DIRECT_DSN_VARIABLE
from continuum.store.postgres.counters import COUNTERS
from tests.cluster.flows import EXECUTIONS
from tests.poolers import AROUND

LONG = os.environ.get("CONTINUUM_CLUSTER") == "long"
ROOT = Path(__file__).parents[2]
APP = "tests.cluster.flows"


async def wait_until(
    condition: Callable[[], Awaitable[bool]], what: str, *, timeout: float = 60, every: float = 0.05
) -> None:
    """Poll a condition of another process; fail with `what` when it does not come."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not await condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"waited {timeout} s for: {what}")
        await asyncio.sleep(every)


@dataclass
class WorkerProcess:
    """One `continuum worker` process and its log."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def leave(self) -> None:
        """SIGTERM, and wait until it has drained."""
        self.send(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.output()

    def output(self) -> str:
        """What it has logged so far."""
        return Path(self.log.name).read_text()


@dataclass
class Cluster:
    """Worker processes on one database. Use as a context manager: none outlives it."""

    dsn: str
    app: str = APP
    environment: dict[str, str] = field(default_factory=dict[str, str])
    folder: Path = ROOT
    """Where the application is looked for first."""
    workers: list[WorkerProcess] = field(default_factory=list[WorkerProcess])

    def __enter__(self) -> Cluster:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(EXECUTIONS)
        return self

    def __exit__(self, *_: object) -> None:
        drifts: list[str] = []
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.send(signal.SIGCONT)
                worker.kill()
            drifts += [line for line in worker.output().splitlines() if "drift: run" in line]
            worker.log.close()
            Path(worker.log.name).unlink(missing_ok=True)
        assert drifts == []

    def client(self) -> Continuum:
        """A client of the database, to be opened."""
        return Continuum(self.dsn, direct_dsn=AROUND.get(self.dsn))

    def variables(self) -> dict[str, str]:
        """The environment of processes that work on the database."""
        around = {DIRECT_DSN_VARIABLE: AROUND[self.dsn]} if self.dsn in AROUND else {}
        return {**os.environ, **around, "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}"}

    def start_worker(
        self, *options: str, variables: Mapping[str, str] | None = None
    ) -> WorkerProcess:
        """Start `continuum worker` with the application."""
        log = tempfile.NamedTemporaryFile(prefix="continuum-worker-", suffix=".log", delete=False)  # noqa: SIM115
        command = [
            sys.executable, "-m", "continuum.cli", "worker",
            "--app", self.app, "--dsn", self.dsn, *options,
        ]  # fmt: skip
        environment = {
            **self.variables(),
            **self.environment,
            **(variables or {}),
            "CONTINUUM_TEST_EFFECTS_DSN": self.dsn,
        }
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=environment
        )
        worker = WorkerProcess(process, log)
        self.workers.append(worker)
        return worker

    async def wait_serving(self, ct: Continuum, *workers: WorkerProcess) -> None:
        """Wait until these processes are registered live nodes."""
        pids = {worker.pid for worker in workers}

        async def serving() -> bool:
            return pids <= {node.pid for node in await ct.nodes() if node.alive}

        try:
            await wait_until(serving, f"workers {pids} to register")
        except AssertionError as error:
            logs = "\n".join(worker.output() for worker in workers)
            raise AssertionError(f"{error}\n{logs}") from None

    def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Read something directly, outside the client."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(sql, arguments).fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue]

    def executions(self) -> dict[tuple[UUID, int], list[int]]:
        """(run, step) -> pids that executed it, in order."""
        found: dict[tuple[UUID, int], list[int]] = {}
        for run_id, step, pid in self.rows(
            "SELECT run_id, step, pid FROM executions ORDER BY begun_at"
        ):
            found.setdefault((run_id, step), []).append(pid)
        return found

    def check_counts(self) -> None:
        """The counters say what `count(*)` says."""
        grouped = "namespace, workflow, state, count(*) FROM continuum_runs GROUP BY 1, 2, 3"
        kept = f"namespace, workflow, state, {COUNTERS.number} FROM {COUNTERS.tables}"
        assert sorted(
            self.rows(f"SELECT {kept} GROUP BY 1, 2, 3 HAVING {COUNTERS.number} <> 0")
        ) == sorted(self.rows(f"SELECT {grouped}"))

    def check_journals(self) -> None:
        """No gap or duplicate in any journal, no lease of an ended run left."""
        gaps = self.rows(
            "SELECT run_id FROM continuum_events GROUP BY run_id"
            " HAVING count(*) <> max(seq) OR min(seq) <> 1 OR count(DISTINCT seq) <> count(*)"
        )
        assert gaps == []
        doubled = self.rows(
            "SELECT run_id, incarnation, command, type FROM continuum_events"
            " WHERE type IN ('activity_completed', 'activity_scheduled', 'timer_fired')"
            " GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
        )
        assert doubled == []
        stray = self.rows(
            "SELECT run_id FROM continuum_leases l JOIN continuum_runs r ON r.id = l.run_id"
            " WHERE r.state IN ('completed', 'failed', 'cancelled')"
        )
        assert stray == []

    def check_repeats(self, killed: set[int]) -> None:
        """A step ran again only when its process was killed, and then at most one a run."""
        per_kill: Counter[tuple[UUID, int]] = Counter()
        for (run_id, _), pids in self.executions().items():
            for pid in pids[:-1]:
                assert pid in killed, f"a step of {run_id} was repeated although {pid} lived"
                per_kill[run_id, pid] += 1
        assert all(count == 1 for count in per_kill.values()), per_kill.most_common(3)
