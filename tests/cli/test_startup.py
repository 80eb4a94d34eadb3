"""What the command loads: the reason why it starts fast, checked without a clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("psycopg", "sqlglot", "textual", "rich", "typer", "asyncio", "msgspec", "pydantic")
PROBE = """
import sys
sys.argv[1:] = {words!r}
from continuum.cli.main import run
code = run(sys.argv[1:])
loaded = sorted({{name.partition('.')[0] for name in sys.modules}} & set({heavy!r}))
print(code, *loaded, file=sys.stderr)
"""


def loaded_by(*words: str) -> list[str]:
    """Exit code and heavy packages that a command line loads in a fresh process."""
    code = PROBE.format(words=list(words), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1].split()


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["attributes", "--help"], ["--version"]])
def test_help_loads_nothing(words: list[str]) -> None:
    """The list of commands is plain data: not even the option parser is imported."""
    assert loaded_by(*words) == ["0"]


@pytest.mark.parametrize("command", ["query", "show", "worker", "demo", "migrate", "signal"])
def test_help_of_a_command_loads_no_database(command: str) -> None:
    """Help of one command needs the option parser only."""
    assert not set(loaded_by(command, "--help")) & {
        "psycopg",
        "sqlglot",
        "textual",
        "rich",
        "pydantic",
    }


def test_checking_a_condition_loads_no_database() -> None:
    """A wrong condition is found without driver, SQL builder or terminal library."""
    loaded = loaded_by("query", "--where", '[["eq","stat","x"]]')
    assert loaded[0] == "2"
    assert not set(loaded) & {"psycopg", "sqlglot", "textual", "rich", "pydantic"}
