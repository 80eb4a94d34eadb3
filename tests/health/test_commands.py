"""`continuum health`, `continuum doctor` and `continuum release` as they are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.processes import Shell, lines, new_shell

NOWHERE = "postgresql://127.0.0.1:1/none?connect_timeout=1"
NO_RUN = "01a20315-3d0a-71a3-972b-4747caa3612a"


@pytest.fixture
def shell(tmp_path: Path, dsn: str) -> Shell:
    """Commands on a migrated database of this test's own."""
    return new_shell(tmp_path, dsn)


def test_health_as_scripts_and_people_read_it(shell: Shell) -> None:
    """Well: exit 0. A finding: exit 1 with --strict only; every format says the same."""
    done = shell.run("health", "--strict", "--sample", "0")
    assert (done.returncode, done.stdout) == (0, "")
    report = json.loads(shell.answer("health", "--format", "json"))
    assert (report["status"], report["findings"]) == ("ok", [])
    assert report["facts"]["cluster"]["nodes"] == []
    assert report["facts"]["transactions_per_second"] >= 0
    run_id = shell.answer("start", "flows:add", "--input", "1", "--app", "flows")
    assert shell.run("health", "--sample", "0").returncode == 0
    done = shell.run("health", "--strict", "--sample", "0")
    assert done.returncode == 1
    [found] = [json.loads(line) for line in lines(done.stdout)]
    assert (found["severity"], found["code"]) == ("error", "no-worker")
    assert found["fix"] == "continuum worker --app MODULE"
    table = shell.answer("health", "--format", "table", "--sample", "0")
    assert table.startswith("status")
    assert "error: no-worker: no worker is alive" in table
    assert "  continuum worker --app MODULE" in lines(table)
    header, row = lines(shell.answer("health", "--format", "csv", "--sample", "0"))
    assert header == "severity,code,message,fix,runs"
    assert row.startswith("error,no-worker,")
    assert run_id


def test_doctor_as_scripts_and_people_read_it(shell: Shell) -> None:
    """A check that fails makes exit 1; each check is a record with what to do."""
    done = shell.run("doctor")
    assert done.returncode == 1  # the test's server does not flush to disk
    checks = [json.loads(line) for line in lines(done.stdout)]
    assert {"result", "name", "message", "fix"} == set(checks[0])
    assert {check["name"] for check in checks if check["result"] == "fail"} == {"durability"}
    table = shell.run("doctor", "--format", "table").stdout
    assert "ok      schema       is of this release" in lines(table)
    assert "ALTER SYSTEM SET fsync = on;" in table


@pytest.mark.parametrize("command", ["health", "doctor"])
def test_a_database_that_is_not_there(tmp_path: Path, command: str) -> None:
    """Exit 3 and one line; a wrong option is 2."""
    done = new_shell(tmp_path, NOWHERE).run(command)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: cannot use the database")
    assert new_shell(tmp_path, NOWHERE).run(command, "--nonsense").returncode == 2


def test_health_of_an_old_schema_is_exit_3(tmp_path: Path, empty_dsn: str) -> None:
    """health needs our tables and says so; doctor looks at any database."""
    shell = new_shell(tmp_path, empty_dsn)
    done = shell.run("health")
    assert done.returncode == 3
    assert "continuum migrate" in done.stderr
    done = shell.run("doctor")
    assert done.returncode == 1
    assert '"fix":"continuum migrate"' in done.stdout


def test_release_refuses_what_is_not_in_quarantine(shell: Shell) -> None:
    """Exit 1 and the reason; by condition it only shows, and counts what could not be done."""
    run_id = shell.answer("start", "flows:add", "--input", "1", "--app", "flows")
    done = shell.run("release", run_id)
    assert done.returncode == 1
    assert done.stderr == (f"error: run {run_id} cannot be released: it is not in quarantine\n")
    assert shell.run("release", NO_RUN).returncode == 1
    assert shell.run("release").returncode == 2
    assert shell.run("release", run_id, "--where", "state = 'running'").returncode == 2
    assert shell.run("release", run_id, "--execute").returncode == 2
    done = shell.run("release", "--where", "state = 'running'")
    assert (done.returncode, json.loads(done.stdout)["matches"]) == (0, 1)
    assert "nothing was changed; add --execute to do it" in done.stderr
    done = shell.run("release", "--where", "state = 'running'", "--execute", "--yes")
    assert done.returncode == 0
    assert json.loads(done.stdout)["outcome"] == "it is not in quarantine"
