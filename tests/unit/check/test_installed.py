"""`@continuum.pure` in installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from continuum.check.checking import check_paths

FLOW = """import acme, continuum
from acme.prices import lookup as find, unmarked
from acme import discount
@continuum.workflow
async def flow(x): return find(x) + discount(x) + unmarked(x) + acme.prices.stamped(x)
"""
PRICES = """import time, numbers_of_others
from continuum import pure
from .clock import stamp
@pure
def lookup(x): return numbers_of_others.round(x) + helper(x)
def helper(x): return x
def unmarked(x): return x
@pure
def stamped(x): return stamp(x)
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """An application, and site-packages with `acme` in it."""
    package = tmp_path / "lib" / "site-packages" / "acme"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .rates import discount\nraise SystemExit(1)\n")
    (package / "rates.py").write_text("import continuum as c\n@c.pure\ndef discount(x): return x\n")
    (package / "prices.py").write_text(PRICES)
    (package / "clock.py").write_text("import time\ndef stamp(x): return time.time()\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "flows.py").write_text(FLOW)
    return tmp_path / "app", package.parent


def test_marked_functions_of_installed_packages_are_accepted_and_checked(
    folders: tuple[Path, Path],
) -> None:
    """Re-exports and aliases are followed, nothing is imported, and a mark launders no clock."""
    app, packages = folders
    findings = check_paths([app], installed=[packages])
    assert [(Path(each.path).name, each.line, each.code) for each in findings] == [
        ("flows.py", 5, "CTM101"), ("clock.py", 2, "CTM001"),
    ]  # fmt: skip
    warning, error = findings
    assert "acme.prices.unmarked()" in warning.message
    assert error.message == "time.time(): clock in stamp(), reached from pure function stamped"


def test_without_the_package_all_of_them_are_opaque(folders: tuple[Path, Path]) -> None:
    """What is not installed here cannot be looked into."""
    app, _ = folders
    codes = [each.code for each in check_paths([app], installed=[])]
    assert codes == ["CTM101"] * 4
