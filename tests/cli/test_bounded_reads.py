"""Commands that only look: none hangs behind a lock, and none takes one that a worker waits for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random

import psycopg
import pytest

from continuum.store.postgres.attributes import PostgresAttributes
from continuum.store.postgres.reads import PostgresReads
from tests.cli.processes import new_shell
from tests.client.rows import insert_nodes, insert_runs, make_run

QUERIES = (
    ["query"],
    ["query", "attributes.plan = 'pro' order by attributes.a"],
    ["query", "stuck"],
    ["query", "--all"],
    ["query", "--watch"],
    ["query", "--count"],
    ["query", "attributes.plan = 'pro'", "--count"],
    ["query", "--group-by", "attributes.plan"],
    ["query", "--explain"],
    ["query", "--count", "--explain"],
)
OTHERS = (
    ["show", "RUN"],
    ["show", "RUN", "--history"],
    ["result", "RUN", "--timeout", "1"],
    ["attributes", "keys"],
    ["attributes", "index"],
    ["cancel", "--where", "state = 'running'", "--dry-run"],
)


def test_no_look_waits_for_a_lock(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody holds every table, each read ends by its own time limit, with one line."""
    for part in (PostgresReads, PostgresAttributes):
        defaults = part.__init__.__defaults__
        assert defaults is not None
        monkeypatch.setattr(part.__init__, "__defaults__", (0.2, *defaults[1:]))
    run = make_run(Random(1), "default")
    insert_runs(dsn, [run])
    shell = new_shell(tmp_path, dsn)
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            "SELECT string_agg(format('%I', relname), ', ') FROM pg_class"
            " WHERE relkind = 'r' AND relname LIKE 'continuum\\_%'"
            " AND relname <> 'continuum_schema'"
        ).fetchall()[0][0]
        connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE".encode())
        for words in (*QUERIES, *OTHERS):
            begun = time.monotonic()
            done = shell.run(*[str(run["id"]) if word == "RUN" else word for word in words])
            assert done.returncode in (1, 2, 3), (words, done)
            assert done.stderr.count("\n") == 1, (words, done)
            assert time.monotonic() - begun < 10, words


def test_looks_lock_nothing(dsn: str, tmp_path: Path) -> None:
    """All of them are answered by a session that may not write, nor lock a row."""
    runs = [make_run(Random(n), "default") for n in range(30)]
    ended = next(run for run in runs if run["state"] == "cancelled")
    insert_runs(dsn, runs)
    insert_nodes(dsn)
    read_only = f"{dsn}&options=-c%20default_transaction_read_only%3Don"
    if "?" not in dsn:
        read_only = f"{dsn} options='-c default_transaction_read_only=on'"
    shell = new_shell(tmp_path, read_only)
    for words in (*QUERIES, *OTHERS):
        if "--watch" in words:
            continue
        done = shell.run(*[str(ended["id"]) if word == "RUN" else word for word in words])
        assert done.returncode == (1 if words[0] == "result" else 0), (words, done)
        assert "read-only" not in done.stderr
    assert json.loads(shell.answer("query", "--count")) == len(runs)
