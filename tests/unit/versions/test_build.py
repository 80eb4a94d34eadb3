"""The build fingerprint and the runtime tag."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from continuum.versions.runtime import LOOP_SEMANTICS, runtime_tag

ROOT = Path(__file__).parents[3]
FLOWS = """
from continuum import workflow
from shop.prices import total
import helpers_of_shop, json
if json:
    from . import rules

@workflow
async def order(): return total(1)
"""
PRINT = """
from continuum.versions.build import build_fingerprint
from shop.flows import order
{extra}
print(build_fingerprint([order]))
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An application of a package, its own helper module and a module it never uses."""
    package = tmp_path / "app" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "flows.py").write_text(FLOWS)
    (package / "prices.py").write_text("from shop.tax import tax\ndef total(n): return n + tax\n")
    (package / "tax.py").write_text("tax = 7\n")
    (package / "rules.py").write_text("from .tax import tax\n")
    (package / "views.py").write_text("colour = 'red'\n")
    (tmp_path / "app" / "helpers_of_shop.py").write_text("def help(): pass\n")
    return tmp_path / "app"


def fingerprint(directory: Path, extra: str = "") -> str:
    """The fingerprint that a fresh process computes there."""
    answer = subprocess.run(
        [sys.executable, "-c", PRINT.format(extra=extra)], cwd=directory, capture_output=True,
        text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return answer.stdout.strip()


def test_the_same_source_is_the_same_build(shop: Path, tmp_path: Path) -> None:
    """Wherever it is installed and whatever else the process has imported."""
    moved = tmp_path / "elsewhere" / "deep"
    shutil.copytree(shop, moved)
    assert fingerprint(shop) == fingerprint(moved) == fingerprint(shop, extra="import shop.views")


@pytest.mark.parametrize(
    "file",
    [
        "shop/flows.py",
        "shop/prices.py",
        "shop/__init__.py",
        "shop/tax.py",
        "shop/rules.py",
        "helpers_of_shop.py",
    ],
)
def test_any_reachable_source_makes_another_build(shop: Path, file: str) -> None:
    """A fixed helper outside the version hash is a new deploy too."""
    before = fingerprint(shop)
    with (shop / file).open("a") as source:
        source.write("# fixed\n")
    assert fingerprint(shop) != before


def test_the_runtime_tag_names_loop_and_python() -> None:
    """Runs move only between equal loop semantics and equal Python minors."""
    expected = f"{LOOP_SEMANTICS}-py{sys.version_info.major}.{sys.version_info.minor}"
    assert runtime_tag() == expected
