"""Runs of every sort, written straight into the tables, and the same as dictionaries."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg

from continuum.journal.families import family_of

STATES = ("running", "suspended", "completed", "failed", "cancelled")
NAMESPACES = ("default", "billing", "b\u00efll'ing")
WORKFLOWS = ("shop:order_flow", "shop:refund_flow", "Shop:Order_flow", "\u00e9t\u00e9:f%w")
TEXTS = (
    "",
    "pro",
    "Pro",
    "4",
    "a%b",
    "a_b",
    "a\\b",
    "\u00e9",
    "\u00c9",
    "\U0001f600",
    "line\nbreak",
)
NUMBERS = (0, 1, 4, 4.0, 4.5, -7, 10**20, 1e300, -0.0)
KEYS = ("plan", "a", "0", "odd key", "q\"'uote", "a.b")
WAITS = (None, "signal go", "timer until 2026", "x" * 130 + "1", "x" * 130 + "2", "")
ERRORS = (None, "Timeout: 5%", "boom", "\u00e9clair")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)

LOADED_VERSION = 77
UNKNOWN_VERSION = 99

PAUSED_WORKFLOW = "shop:refund_flow"
"""It is paused in the namespace billing."""

KEYS_OF_RUNS = ("order-1", "order-2")


def scalar(random: Random) -> Any:
    return random.choice((None, True, False, *NUMBERS, *TEXTS))


def json_value(random: Random, depth: int = 2) -> Any:
    """A JSON value out of a small pool, so that queries hit."""
    choice = random.random()
    if depth and choice < 0.15:
        return {k: json_value(random, depth - 1) for k in random.sample(KEYS, random.randint(0, 2))}
    if depth and choice < 0.25:
        return [json_value(random, depth - 1) for _ in range(random.randint(0, 2))]
    return scalar(random)


def make_run(random: Random, namespace: str | None = None) -> dict[str, Any]:
    """One run as its queryable fields."""
    state = random.choice(STATES)
    terminal = state in ("completed", "failed", "cancelled")
    recent = datetime.now(UTC) - timedelta(hours=random.randint(1, 60))
    started = (
        recent
        if random.random() < 0.1
        else START + timedelta(seconds=random.randint(0, 40), microseconds=random.choice((0, 1)))
    )
    lasted = timedelta(seconds=random.choice((0, 1, 2.5, 3600)))
    owned = not terminal and random.random() < 0.5
    attributes = {k: json_value(random) for k in random.sample(KEYS, random.randint(0, len(KEYS)))}
    if random.random() < 0.05:
        attributes["a"] = random.choice((10**400, -(10**400), "x" * 130 + "1", "x" * 130 + "2"))
    run: dict[str, Any] = {
        "id": uuid4(),
        "namespace": namespace or random.choice(NAMESPACES),
        "workflow": random.choice(WORKFLOWS),
        "version": random.randint(0, 3),
        "version_hash": random.choice(("", "aa", "ab")),
        "state": state,
        "attributes": attributes,
        "started_at": started,
        "updated_at": started + lasted,
        "completed_at": started + lasted if terminal else None,
        "parent_id": UUID(int=random.randint(1, 3)) if random.random() < 0.3 else None,
        "owner": str(UUID(int=random.randint(7, 8))) if owned else None,
        "waiting_on": None if terminal else random.choice(WAITS),
        "error": random.choice(ERRORS) if state == "failed" else None,
        "error_type": random.choice((None, "ValueError")) if state == "failed" else None,
        "incarnation": random.randint(1, 2),
        "stuck": not terminal and random.random() < 0.5,
    }
    family = family_of(run["error_type"], run["error"]).name if state == "failed" else None
    one_of_many = random.choice((None, *KEYS_OF_RUNS))
    key = one_of_many if terminal or one_of_many is None else f"live {random.random()}"
    marked = not terminal and random.random() < 0.3
    covered = run["namespace"] == "billing" and run["workflow"] == PAUSED_WORKFLOW
    paused = not terminal and (marked or covered)
    return run | {"error_family": family, "key": key, "marked": marked, "paused": paused}


def with_duration(run: dict[str, Any], read_at: datetime) -> dict[str, Any]:
    """The run with what depends on when it is read."""
    lasted = max((run["completed_at"] or read_at) - run["started_at"], timedelta())
    seconds = Decimal(lasted // timedelta(microseconds=1)) / 1_000_000
    return run | {"duration": seconds, "read_at": read_at}


def insert_runs(dsn: str, runs: list[dict[str, Any]]) -> None:
    """Write them, with leases for the live ones."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO continuum_runs (id, namespace, workflow, version, version_hash, state,"
            " attributes, started_at, updated_at, completed_at, parent_id, error_message,"
            " error_type, incarnation, key, input) VALUES (%(id)s, %(namespace)s, %(workflow)s,"
            " %(version)s, %(version_hash)s, %(state)s, %(json)s, %(started_at)s, %(updated_at)s,"
            " %(completed_at)s, %(parent_id)s, %(error)s, %(error_type)s, %(incarnation)s,"
            " %(key)s, '[]')",
            [run | {"json": json.dumps(run["attributes"])} for run in runs],
        )
        cursor.executemany(
            "INSERT INTO continuum_leases (run_id, version_id, lease_owner, lease_token, ready,"
            " waiting_on) VALUES (%(id)s, %(version_id)s, %(owner)s, 1, false, %(waiting_on)s)",
            [run | {"version_id": version_id(run)} for run in runs if run["completed_at"] is None],
        )


def version_id(run: dict[str, Any]) -> int:
    """As the lease has it."""
    plain = UNKNOWN_VERSION if run["stuck"] else LOADED_VERSION
    return ~plain if run.get("marked") else plain


def insert_pauses(dsn: str) -> None:
    """One that counts, and two that do not."""
    with psycopg.connect(dsn) as connection:
        for namespace, workflow, queue, lifted in (
            ("billing", PAUSED_WORKFLOW, None, None),
            (None, PAUSED_WORKFLOW, None, START),
            (None, None, "billing", None),
        ):
            connection.execute(
                "INSERT INTO continuum_pauses (namespace, workflow, queue, operator, lifted_at)"
                " VALUES (%s, %s, %s, 'ann', %s)", [namespace, workflow, queue, lifted],
            )  # fmt: skip


def insert_nodes(dsn: str) -> None:
    """A live node that runs LOADED_VERSION; a dead and a silent one that ran UNKNOWN_VERSION."""
    with psycopg.connect(dsn) as connection:
        for node, version, expires, dead in (
            (UUID(int=1), LOADED_VERSION, "1 hour", None),
            (UUID(int=2), UNKNOWN_VERSION, "1 hour", START),
            (UUID(int=3), UNKNOWN_VERSION, "-1 second", None),
        ):
            connection.execute(
                "INSERT INTO continuum_nodes (id, host, pid, version, build, lock_key, capacity,"
                " expires_at, dead_at) VALUES (%s, 'h', 1, '0', 'b', 1, 1,"
                " clock_timestamp() + %s::interval, %s)",
                [node, expires, dead],
            )
            connection.execute(
                "INSERT INTO continuum_node_versions VALUES (%s, %s)", [node, version]
            )
