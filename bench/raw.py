"""The limit: plain psycopg writing the same rows, in sets, as a three-activity workflow needs.

Per workflow: one run row, one lease row, eight events over four turns, three lease updates, one
lease delete, one run update. `throughput` carries `batch` workflows a statement; `latency` one.
"""

from __future__ import annotations

import time
import uuid

import psycopg

START = """
WITH r AS (
    INSERT INTO continuum_runs (id, workflow, version, version_hash, runtime, state, input)
    SELECT id, 'bench', 1, 'hash', 'tag', 'running', '[1]'::bytea FROM unnest(%(ids)s::uuid[]) id
    RETURNING id),
l AS (
    INSERT INTO continuum_leases (run_id, version_id, lease_owner, lease_token, next_seq, ready)
    SELECT id, 1, %(node)s, 1, 3, false FROM r)
INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
SELECT id, s, 1, 'event', s, %(payload)s, clock_timestamp()
FROM unnest(%(ids)s::uuid[]) id, generate_series(1, 2) s
"""
TURN = """
WITH l AS (
    SELECT run_id FROM continuum_leases
    WHERE run_id = ANY(%(ids)s) AND lease_owner = %(node)s AND lease_token = 1
    ORDER BY run_id FOR UPDATE),
u AS (
    UPDATE continuum_leases c SET next_seq = next_seq + 2 FROM l WHERE c.run_id = l.run_id)
INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
SELECT run_id, %(seq)s + s, 1, 'event', s, %(payload)s, clock_timestamp()
FROM l, generate_series(0, 1) s
"""
END = """
WITH l AS (
    SELECT run_id FROM continuum_leases
    WHERE run_id = ANY(%(ids)s) AND lease_owner = %(node)s AND lease_token = 1
    ORDER BY run_id FOR UPDATE),
d AS (DELETE FROM continuum_leases c USING l WHERE c.run_id = l.run_id),
u AS (
    UPDATE continuum_runs r
    SET state = 'completed', result = '1'::bytea, completed_at = clock_timestamp(),
        updated_at = clock_timestamp()
    FROM l WHERE r.id = l.run_id)
INSERT INTO continuum_events (run_id, seq, incarnation, type, command, payload, at)
SELECT run_id, %(seq)s + s, 1, 'event', s, %(payload)s, clock_timestamp()
FROM l, generate_series(0, 1) s
"""
PAYLOAD = b'{"name":"bench:step","args":[1]}'


def one_batch(cursor: psycopg.Cursor, node: uuid.UUID, size: int) -> None:
    """Take `size` workflows from start to end: four commits."""
    shared = {"node": node, "payload": PAYLOAD, "ids": [uuid.uuid4() for _ in range(size)]}
    cursor.execute(START, shared, prepare=True)
    cursor.execute(TURN, {**shared, "seq": 3}, prepare=True)
    cursor.execute(TURN, {**shared, "seq": 5}, prepare=True)
    cursor.execute(END, {**shared, "seq": 7}, prepare=True)


def throughput(dsn: str, workflows: int, batch: int) -> float:
    """Workflows per second on one connection."""
    node = uuid.uuid4()
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.cursor()
        one_batch(cursor, node, batch)
        begin = time.perf_counter()
        for _ in range(workflows // batch):
            one_batch(cursor, node, batch)
        return workflows // batch * batch / (time.perf_counter() - begin)


def commits(dsn: str, per_sample: int, samples: int) -> list[float]:
    """Milliseconds of `per_sample` single-row commits, one after another."""
    taken: list[float] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE IF NOT EXISTS raw_commits (id uuid PRIMARY KEY, v bytea)")
        for sample in range(samples + 20):
            begin = time.perf_counter()
            for _ in range(per_sample):
                cursor.execute(
                    "INSERT INTO raw_commits VALUES (%s, %s)", (uuid.uuid4(), PAYLOAD), prepare=True
                )
            if sample >= 20:
                taken.append(1000 * (time.perf_counter() - begin))
    return taken
