"""`continuum demo` in a process of its own, against a real database."""

from __future__ import annotations

import json
import signal
from datetime import date
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from continuum import Continuum
from continuum.demo import shop
from tests.cli.processes import Shell, lines, new_shell


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


def test_eight_seconds_show_every_state(shell: Shell) -> None:
    """At rate 20 billing has completed, suspended and failed runs; nothing is left owned."""
    summary = json.loads(shell.answer("demo", "--seconds", "8", "--rate", "20"))
    assert summary["started"] >= 100
    assert {"completed", "suspended", "failed"} <= set(summary["counts"]["billing"])
    assert summary["counts"]["reports"]["completed"] >= 1
    assert sum(sum(states.values()) for states in summary["counts"].values()) == summary["started"]
    assert summary["completed_per_second"] > 1
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


async def test_large_orders_wait_for_the_fraud_desk(dsn: str) -> None:
    """The shop's own logic: a rejected order fails, its stock is given back and no card charged."""
    order = shop.Order("o1", "cus_1", "eu", shop.REVIEW_FROM, "tok_visa", ("lamp",))
    async with Continuum(dsn) as client, client.worker(shop.WORKFLOWS):
        run = await client.start(shop.order_flow, order)
        await client.signal(run.id, "fraud_review", "rejected")
        with pytest.raises(Exception, match="rejected by the fraud desk"):
            await run.result(timeout=20)
        names = await scheduled(client, run.id)
    assert names == ["shop:reserve_stock", "shop:release_stock"]


async def test_a_report_asks_all_regions_at_once(dsn: str) -> None:
    """The fan-out schedules every region before the first answer comes."""
    arguments = (date(2026, 11, 23), shop.REGIONS)
    async with Continuum(dsn) as client, client.worker(shop.WORKFLOWS):
        run = await client.start(shop.nightly_report, *arguments)
        assert (await run.result(timeout=20)).startswith("2026-11-23: ")
        kinds = [event.type for event in await client.history(run.id)]
    first = kinds.index("activity_completed")
    assert kinds[:first].count("activity_scheduled") == len(shop.REGIONS)


async def scheduled(client: Continuum, run_id: UUID) -> list[str]:
    """The activities that a run has asked for, in order."""
    events = await client.history(run_id)
    return [event.data["name"] for event in events if event.type == "activity_scheduled"]
