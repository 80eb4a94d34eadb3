"""`continuum check`: formats, exit codes, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_startup import loaded_by

SINNER = """import time
from continuum import workflow
import acme

@workflow
async def flow():
    {}
"""


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a directory."""
    return subprocess.run(
        [sys.executable, "-m", "continuum.cli", "check", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A directory with an application to fill."""
    (tmp_path / "pyproject.toml").write_text("[tool.continuum]\n")
    return tmp_path


def test_an_error_ends_with_one(app: Path) -> None:
    """Text names place, code and hint; the exit code is the answer."""
    (app / "flows.py").write_text(SINNER.format("time.time()"))
    done = check(app, ".")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "flows.py:7:5: CTM001 time.time(): clock"
    assert done.stderr == ""


def test_warnings_count_when_asked(app: Path) -> None:
    """A warning is printed and passes; with `-W error` it does not pass."""
    (app / "flows.py").write_text(SINNER.format("acme.price()"))
    assert check(app, "flows.py").returncode == 0
    assert "CTM101 warning: acme.price()" in check(app, "flows.py").stdout
    assert check(app, "-W", "error", "flows.py").returncode == 1
    (app / "pyproject.toml").write_text("[tool.continuum]\ntrusted = ['acme']\n")
    assert check(app, "-W", "error", "flows.py").stdout == "All checks passed.\n"


def test_json_and_github(app: Path) -> None:
    """JSON is a list, also an empty one; GitHub annotations are one a line."""
    (app / "flows.py").write_text(SINNER.format("time.time()"))
    [finding] = json.loads(check(app, "--format", "json", "flows.py").stdout)
    assert (finding["code"], finding["line"], finding["column"]) == ("CTM001", 7, 5)
    assert check(app, "--format", "github", "flows.py").stdout.startswith("::error file=flows.py")
    (app / "flows.py").write_text("")
    assert json.loads(check(app, "--format", "json", "flows.py").stdout) == []


@pytest.mark.parametrize(
    "words", [[], ["missing.py"], ["-W", "all", "."], ["--format", "table", "."]]
)
def test_wrong_usage(app: Path, words: list[str]) -> None:
    """No path, a path that is not there, an unknown format: exit code 2, one line."""
    done = check(app, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_the_code_is_read_and_not_run(app: Path) -> None:
    """A module that would fail when imported is checked like any other."""
    (app / "flows.py").write_text("raise SystemExit(9)\n" + SINNER.format("pass"))
    assert check(app, "flows.py").returncode == 0


def test_checking_loads_no_database(app: Path) -> None:
    """Neither driver nor SQL builder nor terminal library."""
    (app / "flows.py").write_text(SINNER.format("pass"))
    loaded = loaded_by("check", str(app / "flows.py"))
    assert loaded[0] == "0"
    assert not set(loaded) & {"psycopg", "sqlglot", "textual", "rich", "pydantic"}
