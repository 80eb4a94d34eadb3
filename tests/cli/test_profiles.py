"""`--profile` and CONTINUUM_PROFILE."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.processes import Shell, lines, new_shell


@pytest.fixture
def shell(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Commands without a database of their own, and three profiles of this test's database."""
    path = tmp_path / "profiles.toml"
    path.write_text(
        f'[plain]\ndsn = "{dsn}"\nnamespace = "billing"\n'
        f'[guarded]\ndsn = "{dsn}"\nread_only = true\n'
        f'[prod]\ndsn = "{dsn}"\ndanger = true\nread_dsn = "{dsn}"\n'
    )
    monkeypatch.setenv("CONTINUUM_PROFILES", str(path))
    return new_shell(tmp_path, None)


def start(shell: Shell, *words: str) -> str:
    """Start a run; its id."""
    return shell.answer("start", "add", "--app", "flows", "--input", "1", "--format", "ids", *words)


def test_a_profile_names_database_and_namespace(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By option or variable, before or after the command; what is given goes before it."""
    first = start(shell, "--profile", "plain")
    second = start(shell, "--profile", "plain", "-n", "orders")
    assert shell.answer("--profile", "plain", "query", "--format", "ids") == first
    monkeypatch.setenv("CONTINUUM_PROFILE", "plain")
    assert shell.answer("query", "--format", "ids") == first
    assert shell.answer("query", "-n", "orders", "--format", "ids") == second
    assert len(lines(shell.answer("query", "-A", "--format", "ids"))) == 2
    assert '"server","message":"PostgreSQL' in shell.run("doctor", "--format", "jsonl").stdout
    assert shell.run("migrate", "--status").returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ("start", "add", "--app", "flows", "--input", "1"),
        ("cancel", "01a20315-3d0a-71a3-972b-4747caa3612a"),
        ("signal", "01a20315-3d0a-71a3-972b-4747caa3612a", "go"),
        ("retry", "01a20315-3d0a-71a3-972b-4747caa3612a"),
        ("retry", "-A", "--where", "state = 'failed'", "--execute", "--yes"),
        ("restart", "01a20315-3d0a-71a3-972b-4747caa3612a"),
        ("release", "01a20315-3d0a-71a3-972b-4747caa3612a"),
        ("attributes", "set", "01a20315-3d0a-71a3-972b-4747caa3612a", "plan=pro"),
        ("attributes", "index", "plan"),
        ("schedules", "delete", "nightly"),
        ("gc-versions", "--execute"),
        ("prune", "--older-than", "30d", "--execute"),
        ("migrate",),
        ("worker", "--app", "flows"),
        ("demo", "--seconds", "1"),
    ],
)
def test_a_read_only_profile_changes_nothing(shell: Shell, words: tuple[str, ...]) -> None:
    """Every command that would is refused before it connects."""
    done = shell.run(*words, "--profile", "guarded")
    assert done.returncode == 2
    [line] = lines(done.stderr)
    assert "profile guarded is read-only: nothing was changed" in line


@pytest.mark.parametrize(
    "words",
    [
        ("query",),
        ("gc-versions",),
        ("prune", "--older-than", "30d"),
        ("migrate", "--status"),
        ("retry", "-A", "--where", "state = 'failed'"),
        ("cancel", "-A", "--where", "state = 'failed'", "--dry-run"),
    ],
)
def test_a_read_only_profile_lets_people_look(shell: Shell, words: tuple[str, ...]) -> None:
    """Also with what would write, while it only shows what it would do."""
    done = shell.run(*words, "--profile", "guarded")
    assert done.returncode == 0, done.stderr


def test_danger_is_said_before_something_changes(shell: Shell) -> None:
    """On stderr, and only then; queries are answered by the replica that it names."""
    done = shell.run("start", "add", "--app", "flows", "--input", "1", "--profile", "prod")
    assert (done.returncode, "profile prod is marked danger" in done.stderr) == (0, True)
    done = shell.run("query", "--profile", "prod", "--format", "json")
    assert len(json.loads(done.stdout)["entries"]) == 1
    assert done.stderr == ""


def test_what_is_wrong_is_one_error(shell: Shell) -> None:
    """Exit code 2, before anything connects."""
    for words, message in (
        (("query", "--profile", "none"), "no profile 'none'"),
        (("query", "--profile", "plain", "--dsn", "x"), "exclude each other"),
    ):
        done = shell.run(*words)
        assert done.returncode == 2
        [line] = lines(done.stderr)
        assert message in line


def test_workers_of_a_supervisor_take_the_profile(shell: Shell) -> None:
    """Each child reads it itself."""
    with shell.start(
        "worker", "--app", "flows", "--processes", "2", "--profile", "plain"
    ) as parent:
        assert parent.stderr is not None
        assert "runs" in parent.stderr.readline()
        assert len(lines(shell.answer("nodes", "--profile", "plain", "--format", "jsonl"))) >= 1
