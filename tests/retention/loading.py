"""Many ended runs, as plain rows."""

from __future__ import annotations

from typing import Any

import psycopg

from bench.months import make_past

LOAD = """
WITH made AS (
    INSERT INTO continuum_runs
        (id, namespace, workflow, state, input, result, attributes, started_at, updated_at,
         completed_at)
    SELECT overlay(gen_random_uuid()::text
                   PLACING left(continuum_first_id(%(month)s)::text, 13) FROM 1 FOR 13)::uuid,
           %(namespace)s, %(workflow)s, 'completed', '[]', '"x"',
           jsonb_build_object('n', n), now() - interval '90 days' + n * interval '1 s',
           now() - interval '80 days', now() - interval '80 days'
    FROM generate_series(1, %(runs)s) AS n
    RETURNING id, started_at
)
INSERT INTO continuum_events (run_id, seq, incarnation, type, payload, at)
SELECT id, seq, 1, 'timer_fired', '{}', started_at
FROM made CROSS JOIN generate_series(1, %(events)s) AS seq"""

LEFT = {
    "continuum_events": "run_id",
    "continuum_leases": "run_id",
    "continuum_deliveries": "run_id",
    "continuum_published": "run_id",
    "continuum_questions": "run_id",
    "continuum_origins": "run_id",
}
"""Tables whose rows go with their run."""


def load(
    dsn: str,
    runs: int,
    *,
    events: int = 3,
    workflow: str = "old:flow",
    namespace: str = "default",
    month: str = "2026-01",
) -> None:
    """Insert runs that ended 80 days ago, with journals of so many events and ids of a month."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            LOAD.encode(),
            {
                "runs": runs, "events": events, "workflow": workflow, "namespace": namespace,
                "month": f"{month}-01",
            },
        )  # fmt: skip


def past_months(dsn: str, months: int) -> list[str]:
    """Make partitions for so many months before this one, and name them, the newest first."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        make_past(connection, months)
        return [
            name
            for (name,) in connection.execute(
                "SELECT to_char((now() AT TIME ZONE 'UTC') - n * interval '1 month', 'YYYY-MM')"
                " FROM generate_series(1, %s) AS n ORDER BY n",
                [months],
            )
        ]


def partitions(dsn: str) -> list[str]:
    """What the journals are kept in: months such as "2026-11", and "default"."""
    found = rows(
        dsn,
        "SELECT replace(substr(c.relname, 18), '_', '-') FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'continuum_events'::regclass ORDER BY 1",
    )
    return [name for (name,) in found]


def rows(dsn: str, statement: str, *parameters: Any) -> list[Any]:
    """What a statement answers."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def assert_nothing_loose(dsn: str) -> None:
    """No row belongs to a run that is gone, and the counters say what `count(*)` says."""
    for table, column in LEFT.items():
        loose = rows(
            dsn,
            f"SELECT count(*) FROM {table} t"
            f" WHERE NOT EXISTS (SELECT FROM continuum_runs r WHERE r.id = t.{column})",
        )
        assert loose == [(0,)], table
    counted = rows(
        dsn,
        "SELECT namespace, workflow, state, sum(n) FROM (TABLE continuum_counts UNION ALL"
        " SELECT namespace, workflow, state, n FROM continuum_count_deltas) c"
        " GROUP BY 1, 2, 3 HAVING sum(n) <> 0 ORDER BY 1, 2, 3",
    )
    assert counted == rows(
        dsn,
        "SELECT namespace, workflow, state, count(*) FROM continuum_runs"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    )
