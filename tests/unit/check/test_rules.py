"""Rules say what to do instead, and what they say exists."""

from __future__ import annotations

import asyncio
import builtins
import hashlib
import json
import re
import sys
from pathlib import Path

import pytest

import continuum
from continuum.check import report
from continuum.check.forbidden import code_of, code_of_call
from continuum.check.rules import RULES, Finding, Rule

DOCUMENT = Path(__file__).parents[3] / "docs" / "determinism.md"
_MODULES = {"continuum": continuum, "asyncio": asyncio, "hashlib": hashlib, "dict": dict}


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
def test_hints_name_apis_that_exist(rule: Rule) -> None:
    """Every name in backticks can be imported, or is Python's own syntax."""
    for text in re.findall(r"`([^`]+)`", f"{rule.hint} {rule.why}"):
        name = text.strip("@").removesuffix("()")
        module, _, attribute = name.partition(".")
        if attribute:
            assert hasattr(_MODULES[module], attribute), text
        else:
            syntax = {"await", "finally", "raise", "if", "=="}
            assert name in syntax or hasattr(builtins, name), text


def test_the_document_is_the_table_of_rules() -> None:
    """docs/determinism.md describes each rule in the words of the check, and no other."""
    rows = re.findall(
        r"^\| (CTM\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), re.M
    )
    assert [(code, severity, name, why, hint) for code, severity, name, why, hint in rows] == [
        (rule.code, str(rule.severity), rule.name, rule.why, rule.hint) for rule in RULES.values()
    ]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("time.time", "CTM001"),
        ("posix.getpid", "CTM003"),
        ("os.remove", "CTM004"),
        ("os.execvp", "CTM006"),
        ("os.path.join", None),
        ("posixpath.exists", "CTM004"),
        ("urllib.parse.quote", None),
        ("urllib.request.urlopen", "CTM005"),
        ("continuum.engine.api.now", None),
        ("continuum.client.client.Continuum.start", "CTM013"),
        ("timely.time", None),
    ],
)
def test_names(name: str, code: str | None) -> None:
    """The longest prefix decides, by the name under which a thing is known."""
    assert code_of(name) == code


def test_arguments_decide() -> None:
    """A seed, a time zone or a moment given makes some calls repeatable."""
    assert code_of_call("random.Random", 0) == "CTM002"
    assert code_of_call("random.Random", 1) is None
    assert code_of_call("datetime.datetime.fromtimestamp", 1) == "CTM003"
    assert code_of_call("datetime.datetime.fromtimestamp", 2) is None
    assert code_of_call("time.gmtime", 0) == "CTM001"
    assert code_of_call("time.gmtime", 1) is None


FINDINGS = [
    Finding("shop.py", 3, 5, "CTM001", "time.time(): clock"),
    Finding("a,b%.py", 9, 1, "CTM101", "acme.x() is\nopaque"),
]


def test_text_is_like_ruffs() -> None:
    """Place, code and message on one line, the hint below, a summary last."""
    lines = report.as_text(FINDINGS).splitlines()
    assert lines[0] == "shop.py:3:5: CTM001 time.time(): clock"
    assert lines[1].startswith("  help: use `continuum.now()`")
    assert lines[-1] == "Found 1 error, 1 warning."
    assert report.as_text([]) == "All checks passed."


def test_json_has_exactly_the_documented_fields() -> None:
    """A list of flat objects."""
    first = json.loads(report.as_json(FINDINGS))[0]
    assert list(first) == ["code", "severity", "path", "line", "column", "message", "hint"]
    assert first["severity"] == "error"
    assert json.loads(report.as_json([])) == []


def test_github_annotations_are_escaped() -> None:
    """One line each, whatever the message holds."""
    first, second = report.as_github(FINDINGS).splitlines()
    assert first.startswith("::error file=shop.py,line=3,col=5,title=CTM001::time.time(): clock (")
    assert second.startswith("::warning file=a%2Cb%25.py,line=9,col=1,title=CTM101::acme.x() is%0A")


def test_standard_library_names_exist() -> None:
    """A forbidden name of the standard library is not misspelt (some are of other releases)."""
    import importlib

    from continuum.check.forbidden import _TABLE

    other = {"os.getenvb", "os.process_cpu_count", "spwd", "nntplib", "telnetlib", "uuid.uuid6",
             "uuid.uuid7", "uuid.uuid8", "pathlib.Path.walk", "builtins.__builtins__", "syslog",
             "cffi", "builtins.help", "asyncio.AbstractEventLoop", "os._exit"}  # fmt: skip
    missing: list[str] = []
    for name in _TABLE:
        top = name.partition(".")[0]
        known = top in sys.stdlib_module_names or top == "builtins"
        if known and name not in other and not _exists(name, importlib.import_module):
            missing.append(name)
    assert missing == []


def _exists(name: str, load: object) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value = load(".".join(parts[:cut]))  # type: ignore[operator]
        except ImportError:
            continue
        for part in parts[cut:]:
            if not hasattr(value, part):
                return False
            value = getattr(value, part)
        return True
    return False
