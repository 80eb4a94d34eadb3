"""The version hash: what it covers, what it leaves out, and that every Python agrees."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from continuum.versions.hashing import version_hash
from tests.pythons import ask, every_python
from tests.unit.versions.loading import hash_of

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HASH_FIXTURE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import fixture_flows
from continuum.versions.hashing import VersionedCode
codes = {name: VersionedCode(getattr(fixture_flows, name)) for name in sys.argv[2:]}
print(json.dumps({name: [each.hash(), each.hash(each.patches)] for name, each in codes.items()}))
"""
GOLDEN = {
    "plain": [
        "b8bea86c02d878dec4b758b3477bc5be91daae7379cefc66bb98ea32a51776dd",
        "b8bea86c02d878dec4b758b3477bc5be91daae7379cefc66bb98ea32a51776dd",
    ],
    "control": [
        "b9677b4bf5d93b2cf27a5c7921722593db78e4556a02366e4c0591eace04589b",
        "b9677b4bf5d93b2cf27a5c7921722593db78e4556a02366e4c0591eace04589b",
    ],
    "nested": [
        "93c1957a35aa0bf3c9f6166df7f1b40fd4145e206cf69f318f46387d2d20799f",
        "93c1957a35aa0bf3c9f6166df7f1b40fd4145e206cf69f318f46387d2d20799f",
    ],
    "reaching": [
        "97d8dc5518a4d898631e80f8267855db7aef5e52ee4de1274f8895cbecff5aee",
        "0030f77ebeeb383fb55708e3daa9596736c238f96d03a87a6753480fb9faac10",
    ],
}


BASE = """
async def flow(order):
    total = order + 1
    return total
"""


@pytest.mark.parametrize(
    "source",
    [
        'async def flow(order):\n    """Docs."""\n    total = order + 1\n    return total\n',
        "async def flow(order: int) -> str:\n  total: int = (order+1)\n\n  # why\n  return total",
        "async def flow(\n order,\n):\n total = order + 1\n return (\n total)\n",
        "async def renamed(order):\n    total = order + 1; return total\nflow = renamed",
        """
        from continuum import workflow as durable
        @durable(version=3)
        async def flow(order):
            total = order + 1
            pass
            return total
            total = 2
        """,
        "async def flow(order):\n    later: str\n    total = order + 0x1\n    return total\n",
    ],
)
def test_what_changes_nothing_keeps_the_hash(source: str) -> None:
    """Docstrings, comments, layout, annotations, decorators and the function's own name."""
    assert hash_of(source) == hash_of(BASE)


@pytest.mark.parametrize(
    "source",
    [
        "async def flow(order):\n    total = order + 2\n    return total\n",
        "async def flow(order):\n    total = order + 1.0\n    return total\n",
        "async def flow(order):\n    total = order + True\n    return total\n",
        "async def flow(order):\n    total = order - 1\n    return total\n",
        "async def flow(order, more=1):\n    total = order + 1\n    return total\n",
        "async def flow(order):\n    total = order + 1\n    return order\n",
        "async def flow(order):\n    total = order + 1\n    total\n    return total\n",
        "def flow(order):\n    total = order + 1\n    return total\n",
    ],
)
def test_what_may_change_behaviour_changes_the_hash(source: str) -> None:
    """Constants with their types, operators, parameters, statements, async or not."""
    assert hash_of(source) != hash_of(BASE)


@pytest.mark.parametrize(
    ("one", "other"),
    [("'1'", "1"), ("b'a'", "'a'"), ("[1, 2]", "(1, 2)"), ("a.b", "a['b']"), ("f(*a)", "f(a)"),
     ("f(a=1)", "f(b=1)"), ("f'{a}'", "f'{a!r}'"), ("f'{a}b'", "f'{a}c'"), ("a or b", "a and b"),
     ("f'{a:b}'", "f'{a}b'"), ("{**a}", "{a}"), ("[a[1:]]", "[a[:1]]"), ("-1", "1"),
     ("f([], [a])", "f([a], [])"), ("lambda a: 1", "lambda b: 1")],
)  # fmt: skip
def test_expressions_that_differ_are_told_apart(one: str, other: str) -> None:
    """The canonical text is not ambiguous."""
    source = "async def flow(a, b, f):\n  a = {}"
    assert hash_of(source.replace("{}", one)) != hash_of(source.replace("{}", other))


@pytest.mark.parametrize("python", every_python())
def test_golden_hashes_on_every_python(python: str) -> None:
    """A release, or a Python, that changed these would strand every run of the one before."""
    assert json.loads(ask(python, "-c", HASH_FIXTURE, HERE, *GOLDEN)) == GOLDEN


def test_functions_of_one_name_are_told_apart_by_position() -> None:
    """Two local functions with one name get the hash of their own body."""

    def make_first() -> Any:
        async def flow() -> int:
            return 1

        return flow

    def make_second() -> Any:
        async def flow() -> int:
            return 2

        return flow

    assert version_hash(make_first()) == version_hash(make_first())
    assert version_hash(make_first()) != version_hash(make_second())


def test_a_wrapper_hides_nothing() -> None:
    """Changing the wrapped function or its wrapper changes the hash."""

    def logged(fn: Any) -> Any:
        @functools.wraps(fn)
        async def wrapper() -> Any:
            return await fn()

        return wrapper

    async def one() -> int:
        return 1

    async def two() -> int:
        return 2

    hashes = {version_hash(each) for each in (one, two, logged(one), logged(two))}
    assert len(hashes) == 4
    assert version_hash(logged(one)) == version_hash(logged(one))


def without_source(body: str) -> FunctionType:
    names: dict[str, Any] = {}
    exec(compile(body, "<no such file>", "exec"), names)
    return names["flow"]


def test_without_source_the_byte_code_decides() -> None:
    """Functions from `exec` or a REPL have a hash too: stable, and different for other code."""
    first = without_source("async def flow(a):\n    'doc'\n    return a in {1, 'x', 3}\n")
    moved = without_source("\n\nasync def flow(a):\n    'doc'\n    return a in {1, 'x', 3}\n")
    other = without_source("async def flow(a):\n    'doc'\n    return a in {1, 'x', 4}\n")
    assert version_hash(first) == version_hash(moved) != version_hash(other)


def test_byte_code_hashes_do_not_depend_on_the_process() -> None:
    """Sets in the byte code have another order in every process; the hash has not."""
    script = (
        "from continuum.versions.hashing import version_hash as h; n = {};"
        'exec(\'async def flow(a): return a in {"a", "b", "c", "d"}\', n); print(h(n[\'flow\']))'
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(answers) == 1
