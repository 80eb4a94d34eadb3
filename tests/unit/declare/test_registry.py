"""Resolving and loading applications."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from continuum.declare.activity import activity
from continuum.declare.registry import load_app, resolve_activities, resolve_workflows
from continuum.declare.workflow import workflow
from continuum.errors import ConfigurationError, DefinitionError

SHOP = """
from continuum import activity, workflow
from library_of_shop import imported

@activity
async def charge() -> None: ...

@workflow
async def order() -> None: ...

@workflow
async def refund() -> None: ...

both = [order, refund]
mixed = [order, 3]
empty = []
"""
LIBRARY = """
from continuum import workflow

@workflow
async def imported() -> None: ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with an application, made the current one; its modules are forgotten again."""
    (tmp_path / "shop_app.py").write_text(SHOP)
    (tmp_path / "library_of_shop.py").write_text(LIBRARY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


def test_a_module_gives_what_it_defines(project: Path) -> None:
    """Every workflow and activity of the module itself, not what it imports."""
    app = load_app("shop_app")
    assert set(app.workflows) == {"shop_app:order", "shop_app:refund"}
    assert set(app.activities) == {"shop_app:charge"}


@pytest.mark.parametrize(
    ("target", "workflows", "activities"),
    [
        ("shop_app:order", {"shop_app:order"}, set[str]()),
        ("shop_app:both", {"shop_app:order", "shop_app:refund"}, set[str]()),
        ("shop_app:charge", set[str](), {"shop_app:charge"}),
        ("shop_app:imported", {"library_of_shop:imported"}, set[str]()),
    ],
)
def test_a_name_gives_just_that(
    project: Path, target: str, workflows: set[str], activities: set[str]
) -> None:
    """One object or a list of them, also imported ones."""
    app = load_app(target)
    assert (set(app.workflows), set(app.activities)) == (workflows, activities)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module", "no module named 'no_such_module'"),
        ("shop_app.inner", "no module named 'shop_app.inner'"),
        ("shop_app:missing", "module shop_app has no missing"),
        ("shop_app:mixed", "shop_app:mixed is neither workflow nor activity: 3"),
        ("shop_app:empty", "declares no workflow and no activity"),
        ("shop_app.py", "no module named 'shop_app.py'"),
        ("./shop_app.py", "is not a module"),
        ("", "is not a module"),
        ("json", "json declares no workflow and no activity"),
    ],
)
def test_wrong_targets_are_explained(project: Path, target: str, message: str) -> None:
    """One line that says what is missing."""
    with pytest.raises(ConfigurationError) as caught:
        load_app(target)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\nraise ValueError('two\\nlines')", "broken.py:2: ValueError: two lines"),
        ("import no_such_dependency", "broken.py:1: ModuleNotFoundError: No module named 'no_such"),
        ("def f(:\n", "broken.py:1: invalid syntax"),
        ("import sys\nsys.exit(3)", "broken.py:2: SystemExit: 3"),
        ("import json\n\njson.loads('{')", "JSONDecodeError"),
    ],
)
def test_an_error_inside_the_module_names_its_line(
    project: Path, source: str, message: str
) -> None:
    """The user's own file and line, in one line, told apart from a missing module."""
    (project / "broken.py").write_text(source)
    with pytest.raises(ConfigurationError) as caught:
        load_app("broken")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_declaration_names_its_line(project: Path) -> None:
    """A DefinitionError comes through as it is."""
    (project / "wrong.py").write_text("from continuum import workflow\n@workflow\ndef f(): ...\n")
    with pytest.raises(DefinitionError, match=r"wrong\.py:2: workflow f must be an `async def`"):
        load_app("wrong")


def test_duplicates_are_refused() -> None:
    """Two functions under one name, with both places; the same object twice is one."""

    @workflow(name="same")
    async def first() -> None: ...

    @workflow(name="same")
    async def second() -> None: ...

    with pytest.raises(DefinitionError, match=r"same is declared twice: .*:\d+ and .*:\d+"):
        resolve_workflows([first, second])
    assert resolve_workflows([first, first]) == {"same": first}


def test_only_declared_objects() -> None:
    """Plain functions, and activities among workflows, are refused."""

    @activity
    async def step() -> None: ...

    async def plain() -> None: ...

    with pytest.raises(DefinitionError, match="is not a workflow"):
        resolve_workflows([step])
    with pytest.raises(DefinitionError, match="is not an activity"):
        resolve_activities([plain])
    assert resolve_activities([step, step.options(timeout=3)]) == {step.name: step}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["-m", "main_app"], "main_app:flow"), (["main_app.py"], "__main__:flow"),
     (["-m", "main_package"], "main_package.__main__:flow")],
)  # fmt: skip
def test_names_of_scripts(tmp_path: Path, arguments: list[str], name: str) -> None:
    """`python -m` gives the importable name, so that other workers find the runs."""
    source = "from continuum import workflow\n@workflow\nasync def flow(): ...\nprint(flow.name)\n"
    (tmp_path / "main_app.py").write_text(source)
    (tmp_path / "main_package").mkdir()
    (tmp_path / "main_package" / "__main__.py").write_text(source)
    answer = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert answer.stdout.strip() == name
