"""`make release-check`, the checklist of a release: each step exists, and none is missing."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
from functools import cache

import pytest

from continuum.cli.catalogue import COMMANDS
from tests.docs.documents import REPOSITORY

STEPS = [
    "make lint", "make test", "make test-cluster", "CONTINUUM_PARANOID=1 make test",
    "make simulate", "continuum check", "continuum audit",
]  # fmt: skip
"""Format, lint, types; tests; clusters; paranoid tests; seed sweep; determinism; audit."""


SETUP = ("python3 ", "echo ", "touch ", ".venv/bin/python -m pip ")
"""How the lines begin that set up `.venv` where there is none."""


@cache
def steps() -> list[str]:
    """What the target would do, as make says without doing it; set-up left out."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "release-check"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = map(str.strip, done.stdout.replace("\\\n", " ").splitlines())
    return [line for line in lines if line and not line.startswith(SETUP)]


def test_the_checklist_is_complete_and_in_order() -> None:
    """Each item of the migration guide's checklist, the cheapest first."""
    said = [re.sub(r"\S*python -m continuum\.cli", "continuum", line) for line in steps()]
    places = [
        next((n for n, line in enumerate(said) if line == step or line.startswith(f"{step} ")), -1)
        for step in STEPS
    ]
    assert -1 not in places, said
    assert places == sorted(places)


def test_every_step_exists() -> None:
    """What make would run are modules that can be imported, and commands that the CLI has."""
    ran: set[str] = set()
    for line in steps():
        words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]
        if words[0] == "make":
            continue
        assert words[0].endswith("python"), line
        assert words[1] == "-m", line
        assert importlib.util.find_spec(words[2]) is not None, line
        if words[2] == "continuum.cli":
            assert words[3] in COMMANDS, line
        ran.add(words[2])
    assert ran == {"ruff", "basedpyright", "compileall", "pytest", "continuum.cli"}


@pytest.mark.parametrize("app", ["continuum.demo.shop", "shop.flows"])
def test_the_audit_is_of_the_application_that_is_named(app: str) -> None:
    """APP names the code that is about to be deployed."""
    done = subprocess.run(
        ["make", "--dry-run", f"APP={app}", "release-check"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"audit --app {app} --strict" in done.stdout
