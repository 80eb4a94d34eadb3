"""What the check finds, and what it leaves alone."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from continuum.check.checking import check_paths
from tests.unit.check.samples import FOLDER, check_source, found, marked, unpack


def test_all_seeded_sins_are_found(tmp_path: Path) -> None:
    """Aliases, from-imports, chains, helpers two calls away, shadowed and bound names: all."""
    findings = check_paths([unpack("sins", tmp_path)])
    expected = marked(tmp_path)
    workflows = re.findall(r"^async def sin_|^sin_\d+ =", (FOLDER / "sins.txt").read_text(), re.M)
    assert len(workflows) >= 60
    assert found(findings, tmp_path) == expected


def test_look_alike_innocents_are_left_alone(tmp_path: Path) -> None:
    """Not one finding, error or warning, in sixty workflows that only look alike."""
    sample = unpack("innocents", tmp_path)
    assert len(re.findall(r"^async def ok_", sample.read_text(), re.M)) >= 60
    assert check_paths([sample]) == []


def test_ten_thousand_lines_in_two_seconds(tmp_path: Path) -> None:
    """Dense workflow code of that size, all of it reached, is checked in time."""
    text = unpack("innocents", tmp_path).read_text()
    lines = 0
    for number in range(10_000 // text.count("\n") + 1):
        (tmp_path / f"part_{number}.py").write_text(text)
        lines += text.count("\n")
    begun = time.process_time()
    assert check_paths(sorted(tmp_path.glob("part_*.py"))) == []
    assert lines >= 10_000
    assert time.process_time() - begun < 2


HELPERS = """
from continuum import workflow
import acme
from acme.prices import lookup
def price(x): return lookup(x)
@workflow
async def flow(x): return price(x) + acme.round(x)
"""


def test_helpers_it_cannot_see_into_are_warnings(tmp_path: Path) -> None:
    """A function of an unknown package is named, where it is called."""
    assert check_source(HELPERS, tmp_path) == ["5 CTM101", "7 CTM101"]


def test_trusted_names_are_accepted_unseen(tmp_path: Path) -> None:
    """A listed module covers what is below it, a listed function itself."""
    assert check_source(HELPERS, tmp_path, trusted=["acme"]) == []
    assert check_source(HELPERS, tmp_path, trusted=["acme.prices"]) == ["7 CTM101"]
    assert check_source(HELPERS, tmp_path, trusted=["acm"]) == ["5 CTM101", "7 CTM101"]


def test_pure_covers_the_unseen_and_launders_nothing(tmp_path: Path) -> None:
    """A pure helper may call what cannot be seen; what can be seen is checked all the same."""
    source = """
import time, acme, continuum
@continuum.pure
def price(x): return acme.lookup(x) + inner()
def inner(): return acme.other() + time.time()
"""
    assert check_source(source, tmp_path) == ["5 CTM001"]
    flow = "@continuum.workflow\nasync def flow(x): return price(x) + acme.more()\n"
    assert check_source(source + flow, tmp_path) == ["5 CTM001", "7 CTM101"]


def test_trust_waives_no_error(tmp_path: Path) -> None:
    """What is known to be impure stays an error, listed or not."""
    source = """
import requests, continuum
@continuum.workflow
async def flow(): return requests.get("x")
"""
    assert check_source(source, tmp_path, trusted=["requests"]) == ["4 CTM005"]


@pytest.mark.parametrize(
    ("comment", "silent"),
    [
        ("# noqa: CTM001", True),
        ("# noqa", True),
        ("#noqa:CTM001", True),
        ("# NOQA: E501, CTM001", True),
        ("# a word first # noqa: CTM001 and a reason", True),
        ("# noqa: CTM002", False),
        ("# noqa: E501", False),
        ("# nothing", False),
    ],
)
def test_noqa(comment: str, silent: bool, tmp_path: Path) -> None:
    """A comment silences its line: everything, or the codes it names."""
    source = f"""
import time, continuum
@continuum.workflow
async def flow(): return time.time()  {comment}
"""
    assert check_source(source, tmp_path) == ([] if silent else ["4 CTM001"])


def test_globals_that_other_code_changes_are_shared_state(tmp_path: Path) -> None:
    """Reading a global is fine until some function rebinds it."""
    source = """
import continuum
rate = 1
fixed = 2
def refresh():
    global rate
    rate = 3
@continuum.workflow
async def flow(): return rate + fixed
"""
    assert check_source(source, tmp_path) == ["9 CTM008"]


def test_a_file_that_cannot_be_parsed_is_a_finding(tmp_path: Path) -> None:
    """It is named with its line; the other files are checked all the same."""
    (tmp_path / "broken.py").write_text("x = 1\ndef (:\n")
    source = "import time, continuum\n@continuum.workflow\nasync def f(): time.time()\n"
    (tmp_path / "fine.py").write_text(source)
    codes = [(Path(each.path).name, each.line, each.code) for each in check_paths([tmp_path])]
    assert codes == [("broken.py", 2, "CTM000"), ("fine.py", 3, "CTM001")]


def test_relative_and_package_imports_are_followed(tmp_path: Path) -> None:
    """Helpers in sibling modules, parents and re-exports of the same application are seen."""
    package = tmp_path / "shop"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("from .clocks import stamp\n")
    (package / "clocks.py").write_text("import time\ndef stamp(): return time.time()\n")
    (package / "deep" / "__init__.py").write_text("")
    (package / "deep" / "flows.py").write_text(
        "from continuum import workflow\nfrom .. import stamp\nimport shop.clocks as c\n"
        "@workflow\nasync def one(): return stamp()\n"
        "@workflow\nasync def two(): return c.time.monotonic()\n"
    )
    places = [
        (Path(each.path).name, each.line) for each in check_paths([package / "deep" / "flows.py"])
    ]
    assert places == [("clocks.py", 2), ("flows.py", 7)]


def test_hidden_and_installed_directories_are_left_out(tmp_path: Path) -> None:
    """A directory means the application, not its environment."""
    source = "import time, continuum\n@continuum.workflow\nasync def f(): time.time()\n"
    for folder in (".venv", "site-packages", "node_modules", "app"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.py").write_text(source)
    assert [Path(each.path).parent.name for each in check_paths([tmp_path])] == ["app"]


def test_endless_definitions_end(tmp_path: Path) -> None:
    """Names that mean each other, classes that inherit from themselves, recursion: no hang."""
    source = """
import continuum
from app import a as b
a = b
c = c.d
class X(X): pass
def loop(): return loop() + again()
def again(): return loop()
@continuum.workflow
async def flow(): return a.x(), b(), c(), X().y(), loop()
"""
    assert check_source(source, tmp_path) == []
