"""`continuum prune` as it is called, killed, interrupted, and by logins that may not."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from continuum import ConfigurationError, Continuum
from continuum.store.retention import BATCH
from tests.cli.processes import new_shell
from tests.retention.loading import assert_nothing_loose, load, rows


def left(dsn: str) -> int:
    """How many runs there are."""
    [(count,)] = rows(dsn, "SELECT count(*) FROM continuum_runs")
    return count


def test_prune_as_it_is_called(dsn: str, tmp_path: Path) -> None:
    """It counts unless it is told to delete, in every format; the sums go to stderr."""
    load(dsn, 3)
    load(dsn, 2, namespace="billing", workflow="shop:order")
    shell = new_shell(tmp_path, dsn)
    done = shell.run("prune", "--older-than", "30d", "-A")
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["namespace"], row["workflow"], row["runs"], row["events"]) for row in found] == [
        ("billing", "shop:order", 2, 6), ("default", "old:flow", 3, 9),
    ]  # fmt: skip
    assert found[0].keys() == {
        "namespace", "workflow", "retention", "runs", "events", "size", "kept",
        "month", "given_back",
    }  # fmt: skip
    assert "to delete: 5 runs with 15 events" in done.stderr
    assert "delete with --execute" in done.stderr
    table = shell.run("prune", "--older-than", "12w", "-A", "--format", "table")
    assert "to delete: 0 runs" in table.stderr
    done = shell.run("prune", "-A", "--execute")
    assert "no workflow with ended runs declares a retention" in done.stderr
    done = shell.run("prune", "--older-than", "30d", "--where", "attributes.n = 1", "--execute")
    assert "deleted 1 run with 3 events" in done.stderr
    done = shell.run("prune", "--older-than", "30d", "--execute", "--reason", "tidy up")
    assert "deleted 2 runs with 6 events" in done.stderr
    assert left(dsn) == 2
    acts = [json.loads(line) for line in shell.answer("journal").splitlines()]
    assert [act["outcome"] for act in acts] == [
        "2 runs of old:flow deleted", "began", "1 runs of old:flow deleted", "began",
    ]  # fmt: skip
    assert acts[0]["reason"] == "tidy up"
    assert acts[2]["expression"] == "attributes.n = 1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--older-than", "30"], "--older-than"),
        (["--older-than", "soon"], "--older-than"),
        (["--older-than", ""], "--older-than"),
        (["--older-than", "200000w"], "100 years"),
        (["--older-than", "1 month"], "--older-than"),
        (["--keep-results", "x"], "--keep-results"),
        (["--keep-deliveries", "-3d"], "--keep-deliveries"),
        (["--rest", "-1"], "--rest"),
        (["--where", "stat = 1"], "stat"),
        (["--older-than", "1d", "--where", "true order by id"], "order"),
        (["-n", "a", "-A"], "exclude"),
    ],
)
def test_wrong_usage_is_found_before_connecting(
    tmp_path: Path, words: list[str], said: str
) -> None:
    """Exit 2 and one line that names the option."""
    done = new_shell(tmp_path, "postgresql://localhost:1/nothing").run("prune", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 3


def test_a_killed_prune_is_repeated(dsn: str, tmp_path: Path) -> None:
    """SIGKILL at any moment: whole runs are gone, the others are whole; repeating ends it."""
    load(dsn, BATCH * 6)
    shell = new_shell(tmp_path, dsn)
    killed = 0
    while killed < 3 and left(dsn) > BATCH:
        before = left(dsn)
        with shell.start("prune", "--older-than", "30d", "--execute") as process:
            deadline = time.monotonic() + 60
            while left(dsn) == before and time.monotonic() < deadline:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
        killed += 1
        assert left(dsn) < before
        assert rows(
            dsn,
            "SELECT DISTINCT (SELECT count(*) FROM continuum_events e WHERE e.run_id = r.id)"
            " FROM continuum_runs r",
        ) in ([(3,)], [])
        assert_nothing_loose(dsn)
    assert killed >= 2
    shell.answer("prune", "--older-than", "30d", "--execute", "--rest", "0")
    assert left(dsn) == 0
    assert_nothing_loose(dsn)


def test_ctrl_c_tells_how_far_it_came(dsn: str, tmp_path: Path) -> None:
    """The batches before stay done, and the command says that it can be repeated."""
    load(dsn, BATCH * 4)
    shell = new_shell(tmp_path, dsn)
    with shell.start("prune", "--older-than", "30d", "--execute", "--rest", "20") as process:
        deadline = time.monotonic() + 60
        while left(dsn) == BATCH * 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert f"interrupted; deleted {BATCH * 4 - left(dsn):,} runs".replace(
        ",", ""
    ) in errors.replace(",", "")
    assert "repeat the command to go on" in errors
    assert "Traceback" not in errors
    assert_nothing_loose(dsn)


@pytest.fixture
def roles(dsn: str, tmp_path: Path) -> Iterator[list[str]]:
    """The DSNs of the reader and of the operator."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    made = new_shell(tmp_path, dsn).answer("migrate", "--roles", "--format", "ids").split()
    yield [conninfo.make_conninfo(dsn, user=name) for name in made]
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("DROP OWNED BY continuum_reader, continuum_operator")


async def test_readers_and_operators_may_only_look(
    dsn: str, roles: list[str], tmp_path: Path
) -> None:
    """They count what would go; deleting is refused with what to do, and nothing is gone."""
    load(dsn, 3)
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO continuum_deliveries SELECT id, 'go', 'd' FROM continuum_runs"
        )
    for role in roles:
        async with Continuum(role, operator="ann") as mine:
            report = await mine.prune(older_than=timedelta(days=30))
            assert (report.runs, report.deliveries) == (3, 3)
            with pytest.raises(ConfigurationError, match="may not prune"):
                await mine.prune(older_than=timedelta(days=30), execute=True)
        done = await asyncio.to_thread(
            new_shell(tmp_path, role).run, "prune", "--older-than", "30d", "--execute"
        )
        assert done.returncode == 2
        assert "leave out --execute" in done.stderr
    assert left(dsn) == 3
    assert_nothing_loose(dsn)


def test_the_blocking_client_prunes(dsn: str) -> None:
    """The same call for synchronous code."""
    load(dsn, 3)
    seen: list[int] = []
    with Continuum.blocking(dsn) as ct:
        assert ct.prune(older_than=timedelta(days=30)).runs == 3
        report = ct.prune(
            older_than=timedelta(days=30), execute=True, on_progress=lambda r: seen.append(r.runs)
        )
        assert (report.runs, ct.count()) == (3, 0)
    assert seen[-1] == 3
