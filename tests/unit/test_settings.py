"""The order in which a DSN is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from continuum.errors import ConfigurationError
from continuum.settings import Dsn, resolve_dsn


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose pyproject.toml names a database; returns a directory inside it."""
    (tmp_path / "pyproject.toml").write_text('[tool.continuum]\ndsn = "postgresql://project"\n')
    inner = tmp_path / "src" / "shop"
    inner.mkdir(parents=True)
    return inner


def test_argument_goes_before_everything(project: Path) -> None:
    """An explicit DSN wins over environment and project."""
    environ = {"CONTINUUM_DSN": "postgresql://environment"}
    found = resolve_dsn("postgresql://argument", environ=environ, directory=project)
    assert found == Dsn("postgresql://argument", "argument")


def test_environment_goes_before_the_project(project: Path) -> None:
    """CONTINUUM_DSN wins over pyproject.toml."""
    environ = {"CONTINUUM_DSN": "postgresql://environment"}
    found = resolve_dsn(environ=environ, directory=project)
    assert found == Dsn("postgresql://environment", "CONTINUUM_DSN")


def test_nearest_pyproject(project: Path) -> None:
    """The nearest pyproject.toml above the working directory is asked."""
    found = resolve_dsn(environ={}, directory=project)
    assert found.text == "postgresql://project"
    assert found.source == str(project.parents[1] / "pyproject.toml")


def test_only_the_nearest_pyproject_counts(project: Path) -> None:
    """A nearer pyproject.toml without a DSN hides one further up: it is another project."""
    (project / "pyproject.toml").write_text("[project]\nname = 'inner'\n")
    assert resolve_dsn(environ={}, directory=project) == Dsn(None, "embedded")


def test_embedded_when_nobody_names_a_database(tmp_path: Path) -> None:
    """Without any DSN the embedded server is meant, never a guess such as localhost."""
    environ = {"PGHOST": "production", "DATABASE_URL": "postgresql://production"}
    (tmp_path / "pyproject.toml").write_text("")
    assert resolve_dsn(environ=environ, directory=tmp_path) == Dsn(None, "embedded")


def test_direct_dsn_travels_along() -> None:
    """CONTINUUM_DIRECT_DSN names the way around a pooler, whoever named the DSN."""
    environ = {"CONTINUUM_DIRECT_DSN": "postgresql://direct"}
    assert resolve_dsn("postgresql://pooler", environ=environ).direct == "postgresql://direct"


@pytest.mark.parametrize(
    ("argument", "environ"),
    [("", {}), ("  ", {}), (None, {"CONTINUUM_DSN": ""}), (None, {"CONTINUUM_DSN": " "})],
)
def test_empty_dsn_is_an_error(argument: str | None, environ: dict[str, str]) -> None:
    """An empty DSN (an unset shell variable) is refused, not taken for `embedded`."""
    with pytest.raises(ConfigurationError, match="is empty"):
        resolve_dsn(argument, environ=environ)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[tool.continuum\n", "cannot read"),
        ("[tool.continuum]\ndsn = 5\n", "must be a string"),
        ("[tool.continuum]\ndsn = ''\n", "is empty"),
    ],
)
def test_bad_pyproject_is_an_error(project: Path, text: str, problem: str) -> None:
    """A pyproject.toml that cannot be read, or holds no DSN where one is due, is named."""
    path = project.parents[1] / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        resolve_dsn(environ={}, directory=project)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\ncontinuum = 3\n", "[tool.continuum]\n"])
def test_pyproject_without_a_dsn_is_passed_over(project: Path, text: str) -> None:
    """Other shapes of pyproject.toml simply name no database."""
    (project.parents[1] / "pyproject.toml").write_text(text)
    assert resolve_dsn(environ={}, directory=project).text is None
