"""Settings from argument, environment and nearest pyproject.toml; above all, which database.

Continuum never connects to a database that the user did not name; the embedded server is its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from continuum.errors import ConfigurationError

DSN_VARIABLE = "CONTINUUM_DSN"
DIRECT_DSN_VARIABLE = "CONTINUUM_DIRECT_DSN"
PROFILE_VARIABLE = "CONTINUUM_PROFILE"
CHECK_VARIABLE = "CONTINUUM_CHECK"
CODEC_VARIABLE = "CONTINUUM_CODEC"


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where the database is, and who said so.

    Attributes:
        text: a PostgreSQL connection string or URL; None means the embedded server.
        source: for messages: "argument", "CONTINUUM_DSN", a pyproject.toml, or "embedded".
        direct: a second way to the same database around a transaction pooler, for LISTEN and
            session locks; `text` then leads through the pooler.
    """

    text: str | None
    source: str
    direct: str | None = None


def resolve_dsn(
    argument: str | None = None,
    *,
    direct: str | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Dsn:
    """Find the DSN in the documented order.

    Args:
        argument: what the caller or `--dsn` gave; wins over everything.
        direct: the way around a transaction pooler, instead of CONTINUUM_DIRECT_DSN.
        environ: the environment to look at (default: this process').
        directory: where the search for pyproject.toml starts (default: the current directory).

    Raises:
        ConfigurationError: a DSN is given but empty, a direct one without another, or
            pyproject.toml cannot be read.

    Example:
        >>> resolve_dsn("postgresql://db/shop", environ={}).source
        'argument'
    """
    environ = os.environ if environ is None else environ
    if direct is None:
        direct = _checked(environ.get(DIRECT_DSN_VARIABLE) or None, DIRECT_DSN_VARIABLE)
    else:
        _checked(direct, "the direct DSN")
    if argument is not None:
        return Dsn(_checked(argument, "the DSN argument"), "argument", direct)
    if DSN_VARIABLE in environ:
        return Dsn(_checked(environ[DSN_VARIABLE], DSN_VARIABLE), DSN_VARIABLE, direct)
    project = nearest_pyproject(Path.cwd() if directory is None else directory)
    if project is not None:
        from_project = _project_dsn(project)
        if from_project is not None:
            return Dsn(from_project, str(project), direct)
    if direct is not None:
        raise ConfigurationError(
            f"{DIRECT_DSN_VARIABLE} leads around the pooler of a DSN, and no DSN is given",
            hint=f"name the database: --dsn, or {DSN_VARIABLE}",
        )
    return Dsn(None, "embedded")


def user_file(variable: str, name: str, environ: Mapping[str, str] | None = None) -> Path:
    """A file of the user's: the one that a variable names, else in the configuration directory.

    Example:
        >>> str(user_file("CONTINUUM_KEYS", "keys.toml", {"XDG_CONFIG_HOME": "/etc/ann"}))
        '/etc/ann/continuum/keys.toml'
    """
    environ = os.environ if environ is None else environ
    named = environ.get(variable)
    if named:
        return Path(named).expanduser()
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "continuum" / name


def nearest_pyproject(directory: Path) -> Path | None:
    """The first pyproject.toml in `directory` or a directory above it."""
    for candidate in (directory, *directory.parents):
        path = candidate / "pyproject.toml"
        if path.is_file():
            return path
    return None


@dataclass(frozen=True, slots=True)
class CodecName:
    """Where the payload codec is.

    Attributes:
        target: `module:object`.
        source: for messages: CONTINUUM_CODEC, a pyproject.toml, or a profile.
    """

    target: str
    source: str


def codec_name(
    environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> CodecName | None:
    """The codec that the settings name: CONTINUUM_CODEC, else `[tool.continuum] codec`.

    Raises:
        ConfigurationError: it is not text, or pyproject.toml cannot be read.

    Example:
        >>> codec_name({"CONTINUUM_CODEC": "shop.sealing:codec"}).target
        'shop.sealing:codec'
    """
    named = (os.environ if environ is None else environ).get(CODEC_VARIABLE)
    if named:
        return CodecName(named, CODEC_VARIABLE)
    project = nearest_pyproject(Path.cwd() if directory is None else directory)
    target = None if project is None else _project_table(project).get("codec")
    if target is None:
        return None
    if not isinstance(target, str):
        raise ConfigurationError(f"[tool.continuum] codec in {project} must be a string")
    return CodecName(target, str(project))


def trusted_helpers(directory: Path | None = None) -> tuple[str, ...]:
    """`[tool.continuum] trusted`: modules or functions that the determinism check accepts unseen.

    Raises:
        ConfigurationError: it is not a list of dotted names, or pyproject.toml cannot be read.
    """
    project = nearest_pyproject(Path.cwd() if directory is None else directory)
    names = None if project is None else _project_table(project).get("trusted")
    if names is None:
        return ()
    if not isinstance(names, list) or not all(
        isinstance(name, str) and all(part.isidentifier() for part in name.split("."))
        for name in cast("list[Any]", names)
    ):
        raise ConfigurationError(f"[tool.continuum] trusted in {project} is a list of dotted names")
    return tuple(cast("list[str]", names))


def check_mode(environ: Mapping[str, str] | None = None) -> str:
    """What `@workflow` does about findings: "warn", "error" or "off" (CONTINUUM_CHECK).

    Raises:
        ConfigurationError: it is something else.
    """
    mode = (os.environ if environ is None else environ).get(CHECK_VARIABLE) or "warn"
    if mode not in ("warn", "error", "off"):
        raise ConfigurationError(f"{CHECK_VARIABLE} is warn, error or off, not {mode!r}")
    return mode


def _project_dsn(path: Path) -> str | None:
    table = _project_table(path)
    if "dsn" not in table:
        return None
    dsn: Any = table["dsn"]
    if not isinstance(dsn, str):
        raise ConfigurationError(f"[tool.continuum] dsn in {path} must be a string")
    return _checked(dsn, f"[tool.continuum] dsn in {path}")


def _project_table(path: Path) -> dict[str, Any]:
    """`[tool.continuum]`, empty when there is none."""
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(
            f"cannot read {path}: {error}", hint="correct the file, or name the database: --dsn"
        ) from error
    tool: Any = document.get("tool")
    table: Any = cast("dict[str, Any]", tool).get("continuum") if isinstance(tool, dict) else None
    return cast("dict[str, Any]", table) if isinstance(table, dict) else {}


def _checked(dsn: str | None, where: str) -> str | None:
    if dsn is not None and not dsn.strip():
        raise ConfigurationError(
            f"{where} is empty", hint="give a PostgreSQL URL, or leave it out altogether"
        )
    return dsn
