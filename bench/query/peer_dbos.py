"""Runs in the peer's environment: fills DBOS's tables once and times its list call.

Reads one JSON job on stdin, writes name -> [p50, p95] in milliseconds on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import psycopg
from dbos import DBOSClient, run_dbos_database_migrations

COMPLETE = "loaded completely"
REPEAT = 40
BUDGET = 3.0

FILL = """
INSERT INTO dbos.workflow_status
    (workflow_uuid, status, name, executor_id, created_at, updated_at, application_version,
     recovery_attempts, completed_at, attributes, application_name)
SELECT gen_random_uuid()::text,
       CASE WHEN h2 < 0.94 THEN 'SUCCESS' WHEN h2 < 0.985 THEN 'ERROR' ELSE 'CANCELLED' END,
       CASE WHEN h1 > 0.9998 THEN 'shop:reconcile'
            ELSE 'shop:job_' || lpad(least(19, 1 + floor(exp(h1 * ln(20)) - 1))::text, 2, '0') END,
       'local', ms, ms + 1000, 'v1', 1, ms + 1000,
       jsonb_build_object(
           'customer_id', 'cus_' || lpad((random() * {runs} / 10)::int::text, 7, '0'),
           'plan', CASE WHEN h3 < 0.7 THEN 'free' WHEN h3 < 0.95 THEN 'pro' ELSE 'ent' END,
           'region', CASE WHEN h2 < 0.5 THEN 'eu' ELSE 'us' END)
       || CASE WHEN i < {runs} * 0.05 AND h2 < 0.02
          THEN '{{"campaign": "launch"}}'::jsonb ELSE '{{}}'::jsonb END
       || CASE WHEN i % ({runs} / 20) = 7
          THEN '{{"incident": "INC-7"}}'::jsonb ELSE '{{}}'::jsonb END,
       'bench'
FROM (SELECT i, random() AS h1, random() AS h2, random() AS h3,
             (1000 * ({oldest} + ({newest} - {oldest}) * i / {runs}))::bigint AS ms
      FROM generate_series(0, {runs} - 1) AS i) AS g
"""


def fill(job: dict[str, Any]) -> None:
    """Make the database, unless a former call has."""
    name = psycopg.conninfo.conninfo_to_dict(job["dsn"])["dbname"]
    with psycopg.connect(job["admin"], autocommit=True) as admin:
        found = admin.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [name],
        ).fetchone()
        if found == (COMPLETE,):
            return
        print("DBOS: loading", file=sys.stderr, flush=True)
        admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        admin.execute(f'CREATE DATABASE "{name}"')
        run_dbos_database_migrations(url(job["dsn"]))
        with psycopg.connect(job["dsn"], autocommit=True) as connection:
            connection.execute(FILL.format(**job))
            connection.execute("VACUUM ANALYZE")
        admin.execute(f"COMMENT ON DATABASE \"{name}\" IS '{COMPLETE}'")


def url(dsn: str) -> str:
    """The form in which the peer wants it."""
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)


def timed(call: Any) -> list[float]:
    """p50 and p95 in milliseconds."""
    call()
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < REPEAT and (len(taken) < 3 or time.perf_counter() - begun < BUDGET):
        begin = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - begin))
    taken.sort()
    last = len(taken) - 1
    return [taken[round(0.5 * last)], taken[round(0.95 * last)]]


def main() -> None:
    """One job."""
    job = json.load(sys.stdin)
    fill(job)
    client = DBOSClient(system_database_url=url(job["dsn"]), application_name="bench")
    times: dict[str, list[float]] = {}
    for name, given in job["cases"].items():
        arguments = {"limit": 50, "sort_desc": True, "load_input": False, "load_output": False}
        arguments |= given
        times[name] = timed(lambda arguments=arguments: client.list_workflows(**arguments))
    client.destroy()
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
