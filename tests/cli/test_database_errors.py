"""A database that cannot be used: exit 3, one line, the way out named, no password shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.processes import Shell, lines, new_shell

NOWHERE = "postgresql://ann:s3cret@127.0.0.1:1/shop"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Commands that name a server where nobody listens."""
    return new_shell(tmp_path, NOWHERE)


@pytest.mark.parametrize(
    "words",
    [
        ["query"],
        ["nodes"],
        ["start", "order_flow"],
        ["migrate"],
        ["worker", "--app", "flows"],
        ["demo", "--seconds", "1"],
    ],
    ids=lambda words: words[0],
)
def test_unreachable(shell: Shell, words: list[str]) -> None:
    """Every command that needs the database says so in one line."""
    done = shell.run(*words)
    assert (done.returncode, done.stdout) == (3, "")
    assert lines(done.stderr)[-1].startswith("error: cannot use the database shop at 127.0.0.1:1")
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_expression_comes_before_the_database(shell: Shell) -> None:
    """Exit 2, not 3: nothing was connected to."""
    assert shell.run("query", "--where", '[["eq","stat","x"]]').returncode == 2


def test_unknown_role(tmp_path: Path, dsn: str) -> None:
    """A server that refuses us is a database that cannot be reached."""
    done = new_shell(tmp_path, f"{dsn} user=nobody_of_that_name").run("query")
    assert (done.returncode, done.stdout) == (3, "")
    assert len(lines(done.stderr)) == 1


def test_a_dsn_that_is_none(tmp_path: Path) -> None:
    """Text that is no DSN, or empty, is wrong usage."""
    shell = new_shell(tmp_path, None)
    for text in ("not a dsn", ""):
        done = shell.run("query", "--dsn", text)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(lines(done.stderr)) == 1


def test_unmigrated(tmp_path: Path, empty_dsn: str) -> None:
    """A named database is never migrated in passing: the command to run is named."""
    shell = new_shell(tmp_path, empty_dsn)
    for words in (["query"], ["worker", "--app", "flows"], ["demo", "--seconds", "1"]):
        done = shell.run(*words)
        assert (done.returncode, done.stdout) == (3, "")
        assert "continuum migrate" in lines(done.stderr)[-1]


def test_migrate_status_and_again(tmp_path: Path, empty_dsn: str) -> None:
    """--status lists, migrate applies and prints what it applied, a second time nothing."""
    shell = new_shell(tmp_path, empty_dsn)

    def states() -> set[str]:
        return {json.loads(line)["state"] for line in lines(shell.answer("migrate", "--status"))}

    assert states() == {"pending"}
    applied = [json.loads(line)["version"] for line in lines(shell.answer("migrate"))]
    assert applied == list(range(1, len(applied) + 1))
    assert states() == {"applied"}
    assert shell.answer("migrate") == ""
    assert shell.answer("query", "-A", "--count") == "0"


def test_migration_sql_needs_no_database(shell: Shell) -> None:
    """--sql prints the script and connects to nothing."""
    script = shell.answer("migrate", "--sql")
    assert script.startswith("BEGIN;")
    assert "CREATE TABLE continuum_runs" in script
