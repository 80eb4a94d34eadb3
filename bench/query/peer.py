"""The same questions put to DBOS, on its own tables with a million workflows of the same shape.

DBOS is installed apart, by `make bench-peer`; without it its column stays empty.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.query.cases import Case
from bench.query.load import directory, say
from bench.query.shape import started_at
from continuum.store.postgres.local_server import LocalServer

RUNS = 1_000_000


def timings(joined: LocalServer, cases: Sequence[Case]) -> dict[str, tuple[float, float]]:
    """p50 and p95 in milliseconds of the questions that its list call can be asked."""
    python = directory() / "peer-venv" / "bin" / "python"
    if not python.exists():
        say("DBOS: not installed (make bench-peer)")
        return {}
    asked = {
        case.name: _arguments(case.peer)
        for case in cases
        if case.peer is not None and case.group_by is None
    }
    job = {
        "admin": joined.database_dsn("postgres"),
        "dsn": joined.database_dsn(f"dbos_{RUNS}"),
        "runs": RUNS,
        "oldest": started_at(0).timestamp(),
        "newest": started_at(1).timestamp(),
        "cases": asked,
    }
    done = subprocess.run(
        [python, Path(__file__).with_name("peer_dbos.py")],
        input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        say("DBOS: its part failed, see above")
        return {}
    return {name: tuple(times) for name, times in json.loads(done.stdout).items()}


def _arguments(given: dict[str, object]) -> dict[str, object]:
    """`days` are places in time, which become the times of its filter."""
    arguments = dict(given)
    days = arguments.pop("days", None)
    if isinstance(days, tuple):
        begin, end = days
        arguments |= {
            "start_time": started_at(begin).isoformat(), "end_time": started_at(end).isoformat(),
        }  # fmt: skip
    return arguments
