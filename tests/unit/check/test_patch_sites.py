"""Patches are named by literals, decide as conditions, and are few in one workflow."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

import pytest

from continuum import DefinitionError, DeterminismWarning
from continuum.check.checking import check_paths
from continuum.check.rules import Finding
from tests.unit.check.samples import check_source

HEAD = "import continuum\nfrom continuum import patched, workflow\n"
SITES = "".join(f"    if patched('p{number}'): x += 1\n" for number in range(10))
MANY = f"""{HEAD}
def helper(x):
{SITES}    return deeper(x)
def deeper(x):
{SITES.replace("'p", "'q")}    return x
@workflow
async def few(x: int) -> int: return deeper(x)
@workflow
async def many(x: int) -> int: return helper(x)
@workflow
async def same(x: int) -> int:
{SITES}{SITES}    return x
"""


def test_a_name_that_is_no_literal_is_an_error(tmp_path: Path) -> None:
    """Variables, constants, f-strings, no name, and `patched` handed on: each at its line."""
    source = f"""{HEAD}
NAME = "n"
p = continuum.patched
@workflow
async def flow(name):
    if patched(name): return 1
    if continuum.patched(NAME): return 2
    if patched(f"{{name}}-v2"): return 3
    if patched(): return 4
    if p(name): return 5
    if patched(name="fine") and p("fine"): return 6
    return list(map(patched, ["x"]))
"""
    codes = check_source(source, tmp_path)
    assert codes == [f"{line} CTM016" for line in (8, 9, 10, 11, 12, 14)]
    messages = [each.message for each in check_paths([tmp_path / "app.py"])]
    assert messages[0] == "patched(name): patch without a literal name"


def test_a_patch_whose_value_escapes_is_a_warning(tmp_path: Path) -> None:
    """The version hash folds conditions only."""
    source = f"""{HEAD}
@workflow
async def flow():
    if patched("a") and not patched("b"): return 1
    kept = patched("c")
    return 2 if patched("d") else kept
"""
    assert check_source(source, tmp_path) == ["7 CTM102"]


def test_more_than_sixteen_patches_in_one_workflow_are_a_warning(tmp_path: Path) -> None:
    """Counted by name over all that the workflow reaches, whoever reached it before."""
    findings = [each for each in _checked(MANY, tmp_path) if each.code == "CTM103"]
    assert [each.message for each in findings] == [
        "workflow many has 20, more than 16: many patches"
    ]
    assert "async def many" in MANY.splitlines()[findings[0].line - 1]


def test_both_are_told_when_the_workflow_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computed name and too many patches are warnings at their own file and line."""
    source = MANY + "@workflow\nasync def computed(x: str) -> bool: return patched(x) or False\n"
    (tmp_path / "patched_flows.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CONTINUUM_CHECK", "warn")
    lines = source.splitlines()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        importlib.import_module("patched_flows")
    del sys.modules["patched_flows"]
    told = {lines[each.lineno - 1][:18]: str(each.message)[:6] for each in caught}
    assert told == {"async def many(x: ": "CTM103", "async def computed": "CTM016"}
    assert {each.category for each in caught} == {DeterminismWarning}
    assert {Path(each.filename).name for each in caught} == {"patched_flows.py"}
    monkeypatch.setenv("CONTINUUM_CHECK", "error")
    with pytest.raises(DefinitionError, match=r"patched_flows\.py:\d+: CTM016 patched\(x\)"):
        importlib.import_module("patched_flows")


def _checked(source: str, folder: Path) -> list[Finding]:
    (folder / "app.py").write_text(source)
    return check_paths([folder / "app.py"])
