"""The version hash: what it covers, what it leaves out, and that every Python agrees."""

from __future__ import annotations

import ast
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from continuum.versions.hashing import version_hash
from continuum.versions.normalise import normalised

FIXTURE = Path(__file__).with_name("fixture_flows.py")
ROOT = Path(__file__).parents[3]
HASH_FIXTURE = """
import ast, hashlib, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("normalise", sys.argv[1])
normalise = importlib.util.module_from_spec(spec)
spec.loader.exec_module(normalise)
tree = ast.parse(open(sys.argv[2]).read())
print(json.dumps({
    node.name: normalise.normalised(node)
    for node in tree.body if isinstance(node, ast.AsyncFunctionDef)
}))
"""
GOLDEN = {
    "plain": "1f41cd467d7fae62b8f38a2d86e00b2ee81b8f55df1fb3c94d16326dbbca9f0c",
    "control": "d044bf6d9c4427b1826cdadff160430c814c1cd5e2abe3b5880ce70c90414f69",
    "nested": "142237ac16262817765e63f38cdd666793bee053f600c5196922f6b6bc936f7e",
}


def source_text(source: str) -> str:
    (function,) = ast.parse(source).body
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
    return normalised(function)


def other_pythons() -> list[str]:
    """Every other supported Python of this machine, on PATH or under pyenv."""
    found = {sys.executable}
    for minor in (11, 12, 13, 14):
        on_path = shutil.which(f"python3.{minor}")
        if on_path is not None and "shims" not in on_path:  # a shim may stand for nothing
            found.add(on_path)
        found.update(map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python")))
    return sorted(found)


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
        "@workflow(version=3)\nasync def f(\n order,\n):\n total = order + 1\n return (\n total)\n",
        "async def renamed(order):\n    total = order + 1; return total\n",
        "async def flow(order):\n    later: str\n    total = order + 0x1\n    return total\n",
    ],
)
def test_what_changes_nothing_keeps_the_hash(source: str) -> None:
    """Docstrings, comments, layout, annotations, decorators and the function's own name."""
    assert source_text(source) == source_text(BASE)


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
    assert source_text(source) != source_text(BASE)


@pytest.mark.parametrize(
    ("one", "other"),
    [("'1'", "1"), ("b'a'", "'a'"), ("[1, 2]", "(1, 2)"), ("a.b", "a['b']"), ("f(*a)", "f(a)"),
     ("f(a=1)", "f(b=1)"), ("f'{a}'", "f'{a!r}'"), ("f'{a}b'", "f'{a}c'"), ("a or b", "a and b"),
     ("f'{a:b}'", "f'{a}b'"), ("{**a}", "{a}"), ("[a[1:]]", "[a[:1]]"), ("-1", "1"),
     ("f([], [a])", "f([a], [])"), ("lambda a: 1", "lambda b: 1")],
)  # fmt: skip
def test_expressions_that_differ_are_told_apart(one: str, other: str) -> None:
    """The canonical text is not ambiguous."""
    assert source_text(f"async def f():\n  {one}; x") != source_text(
        f"async def f():\n  {other}; x"
    )


@pytest.mark.parametrize("python", other_pythons())
def test_every_python_gives_the_same_text(python: str) -> None:
    """A run started under one Python minor has the hash that another would compute."""
    answer = subprocess.run(
        [python, "-c", HASH_FIXTURE, ROOT / "continuum/versions/normalise.py", FIXTURE],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    tree = ast.parse(FIXTURE.read_text())
    here = {n.name: normalised(n) for n in tree.body if isinstance(n, ast.AsyncFunctionDef)}
    assert json.loads(answer.stdout) == here


def load_fixture() -> dict[str, Callable[..., Any]]:
    names: dict[str, Any] = {}
    exec(compile(FIXTURE.read_text(), str(FIXTURE), "exec"), names)
    return {name: names[name] for name in GOLDEN}


def test_golden_hashes() -> None:
    """A release that changed these would strand every run of the one before."""
    hashes = {name: version_hash(fn) for name, fn in load_fixture().items()}
    assert hashes == GOLDEN


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
