"""What a strict type checker says about user code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import continuum

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RIGHT, WRONG = HERE / "snippets_right.py", HERE / "snippets_wrong.py"


def findings() -> list[dict[str, Any]]:
    """Every error that basedpyright reports for both files."""
    answer = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable,
         RIGHT, WRONG],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = json.loads(answer.stdout)
    assert report["summary"]["filesAnalyzed"] == 2, answer.stdout
    return report["generalDiagnostics"]


def test_right_code_is_accepted_and_every_mistake_is_found() -> None:
    """Every `assert_type` holds; wrong arguments, results and options are errors, nothing else is.

    One test, so that the type checker runs once.
    """
    found = findings()
    assert [each for each in found if Path(each["file"]) == RIGHT] == []
    marked = {
        number
        for number, line in enumerate(WRONG.read_text().splitlines(), start=1)
        if line.endswith("# wrong")
    }
    assert {each["range"]["start"]["line"] + 1 for each in found} == marked


def test_lazy_names_exist() -> None:
    """Everything in `__all__` can be had, and is what `dir` and `import *` offer."""
    for name in continuum.__all__:
        assert getattr(continuum, name) is not None, name
    assert set(continuum.__all__) <= set(dir(continuum))
    assert len(set(continuum.__all__)) == len(continuum.__all__)


def test_a_wrong_name_is_an_attribute_error() -> None:
    """A typing mistake in user code is the usual error."""
    assert not hasattr(continuum, "wrokflow")


def test_importing_continuum_loads_almost_nothing() -> None:
    """Neither the driver nor any interface, not even asyncio; declaring needs no driver either."""
    script = (
        "import sys, continuum; print('asyncio' in sys.modules, 'msgspec' in sys.modules)\n"
        "from continuum import Retry, activity, workflow\n"
        "print([m for m in ('typer', 'textual', 'sqlglot', 'psycopg') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert answer.stdout.splitlines() == ["False False", "[]"]
