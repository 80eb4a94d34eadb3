"""`continuum demo` in a process of its own, against a real database."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psycopg
import pytest

from tests.cli.processes import Shell, lines, new_shell

MEANT = ("CardDeclined", "GatewayTimeout", "CarrierRefused", "OrderRejected")
"""What an order or an invoice of the shop may fail of."""


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """Commands on a migrated database of this test's own."""
    return new_shell(tmp_path, dsn)


def leases_owned(dsn: str) -> int:
    """How many runs a worker still claims to own."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM continuum_leases WHERE lease_owner IS NOT NULL"
        ).fetchone()
    assert row is not None
    return int(row[0])


def count_of(shell: Shell, condition: list[object]) -> int:
    """How many runs meet a condition."""
    return int(shell.answer("query", "-A", "--where", json.dumps([condition]), "--count"))


def wrong_failures(shell: Shell) -> list[str]:
    """Errors of failed runs that the shop does not mean to have."""
    where = json.dumps([["eq", "state", "failed"]])
    words = ("query", "-A", "--all", "--where", where, "--columns", "error")
    errors = [json.loads(line)["error"] for line in lines(shell.answer(*words))]
    return [
        f"{error['type']}: {error['message']}"
        for error in errors
        if not any(name in f"{error['type']} {error['message']}" for name in MEANT)
    ]


def test_eight_seconds_show_every_state(shell: Shell) -> None:
    """At rate 20 billing has completed, suspended and failed runs; nothing is left owned."""
    summary = json.loads(shell.answer("demo", "--seconds", "8", "--rate", "20"))
    assert summary["started"] >= 100
    assert {"completed", "suspended", "failed"} <= set(summary["counts"]["billing"])
    assert summary["counts"]["reports"]["completed"] >= 1
    runs = sum(sum(states.values()) for states in summary["counts"].values())
    assert runs == summary["started"] + summary["children"]
    assert str(runs) == shell.answer("query", "-A", "--count")
    assert summary["children"] == count_of(shell, ["eq", "workflow", "shop:region_report"]) > 0
    assert summary["completed_per_second"] > 1
    assert wrong_failures(shell) == []
    assert {each["workflow"] for each in summary["durations"]} >= {"shop:invoice_flow"}
    assert shell.answer("nodes") == ""
    assert shell.dsn is not None
    assert leases_owned(shell.dsn) == 0
    row = json.loads(lines(shell.answer("query", "-n", "billing", "--limit", "1"))[0])
    assert {"customer_id", "plan", "region", "amount", "kind"} <= set(row["attributes"])


def test_sigterm_drains_and_sums_up(shell: Shell) -> None:
    """Without --seconds it runs until SIGTERM, then prints the summary and exits with 0."""
    with shell.start("demo", "--rate", "20") as process:
        assert process.stderr is not None
        assert "runs a second" in process.stderr.readline()
        while shell.answer("query", "-A", "--count") == "0":
            pass
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
    assert json.loads(out)["started"] > 0
    assert shell.answer("nodes") == ""


def test_a_database_with_other_runs_is_refused(shell: Shell) -> None:
    """Somebody's runs are somebody's: exit 2 and nothing started, unless --yes."""
    assert shell.dsn is not None
    with shell.worker():
        shell.answer("start", "order_flow", "--input", '{"id": "o1", "amount": 1}')
    refused = shell.run("demo", "--seconds", "1")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "flows:order_flow" in refused.stderr
    assert "--yes" in refused.stderr
    assert shell.answer("query", "-A", "--count") == "1"
    assert json.loads(shell.answer("demo", "--seconds", "1", "--yes"))["started"] > 0
