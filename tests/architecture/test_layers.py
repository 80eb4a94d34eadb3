"""The shape of the code: layers, file length, what an import loads, who may ask the clock."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LONGEST_FILE = 400

INJECTED = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "os.urandom",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.uuid7",
    "asyncio.sleep",
    "anyio.sleep",
}
"""Time, chance and waiting come through `continuum.system`, or a test cannot be repeated."""

INJECTED_MODULES = {"random", "secrets", "time"}

ALLOWED = {
    # A workflow's sleep is asyncio's, on the run's own loop, where it is a durable timer.
    "continuum/engine/api.py": {"asyncio.sleep"},
}

DETERMINISTIC = ("engine", "query", "journal", "codec", "versions", "declare")
"""Packages that decide; the same input must give the same output on every machine."""


def sources(*folders: str) -> list[Path]:
    """The Python files of these folders."""
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def relative(path: Path) -> str:
    """A path as it is shown in a test's name."""
    return str(path.relative_to(REPOSITORY))


def loaded_by(statement: str) -> set[str]:
    """The top-level modules loaded after `statement` in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return set(done.stdout.splitlines()[-1].split())


def test_import_contracts() -> None:
    """Every import contract of pyproject.toml is kept."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", ["continuum", "console", "tests", "bench"])
def test_no_file_is_long(folder: str) -> None:
    """No module is longer than one can hold in mind."""
    long = {
        relative(path): lines
        for path in sources(folder)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_import_loads_nothing_heavy() -> None:
    """`import continuum` loads no driver, parser, command line or console."""
    heavy = {"psycopg", "psycopg_pool", "sqlglot", "textual", "typer", "rich", "pydantic"}
    assert not heavy & loaded_by("import continuum")


def test_declaring_workflows_needs_no_database() -> None:
    """A module that only declares workflows loads no driver, parser, command line or console."""
    statement = "from continuum import Retry, activity, sleep, wait_signal, workflow"
    assert not {"psycopg", "psycopg_pool", "sqlglot", "textual", "typer"} & loaded_by(statement)


def test_library_loads_no_console() -> None:
    """A client loads neither the command line nor the console."""
    assert not {"textual", "typer", "console"} & loaded_by("from continuum import Continuum")


def test_public_names_exist() -> None:
    """Every name in `__all__` can be had, and `dir` shows it."""
    import continuum

    for name in continuum.__all__:
        assert getattr(continuum, name) is not None
        assert name in dir(continuum)


def calls_and_imports(path: Path) -> Iterator[str]:
    """Dotted names that a file uses, and the modules it imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from (f"import {alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield f"import {node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden_names(path: Path) -> set[str]:
    """What a file takes from the clock or from chance behind `continuum.system`'s back."""
    forbidden = INJECTED | {f"import {module}" for module in INJECTED_MODULES}
    return {name for name in calls_and_imports(path) if name in forbidden}


def test_clock_lint_finds_what_it_forbids(tmp_path: Path) -> None:
    """The test below would see each way of asking the clock."""
    offender = tmp_path / "offender.py"
    offender.write_text("import random\nfrom asyncio import sleep\nx = datetime.now()\n")
    assert forbidden_names(offender) == {"import random", "asyncio.sleep", "datetime.now"}


@pytest.mark.parametrize(
    "path", sources(*(f"continuum/{name}" for name in DETERMINISTIC)), ids=relative
)
def test_clock_and_chance_are_injected(path: Path) -> None:
    """Code that decides never asks the host's clock or a random source itself."""
    assert forbidden_names(path) == ALLOWED.get(relative(path), set())


def test_presentation_is_plain() -> None:
    """`console.present` turns data into text; it knows no screen, widget or client."""
    heavy = ("textual.app", "textual.screen", "textual.widget", "continuum.client")
    found = {
        (relative(path), name)
        for path in sources("console/present")
        for name in calls_and_imports(path)
        if name.removeprefix("import ").startswith(heavy)
    }
    assert found == set()


def test_every_test_says_what_it_shows() -> None:
    """Every test function begins with a sentence about the property it shows."""
    silent = [
        f"{relative(path)}::{node.name}"
        for path in sources("tests")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []
