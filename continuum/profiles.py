"""Connection profiles: databases by name, with what people want to be reminded of there.

`~/.config/continuum/profiles.toml` has a table for each. Command line and console read it; the
library does not, since it would then depend on the home directory of whoever runs it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from continuum.errors import ConfigurationError
from continuum.settings import DSN_VARIABLE, PROFILE_VARIABLE, CodecName, user_file

if TYPE_CHECKING:
    from continuum.codec.hooks import PayloadCodec

FILE_VARIABLE: Final = "CONTINUUM_PROFILES"
"""Another file than the one in the user's configuration directory."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One database.

    Attributes:
        name: of its table.
        dsn: PostgreSQL URL or connection string.
        direct_dsn: the same database around the transaction pooler that `dsn` leads through.
        read_dsn: a replica that answers queries and counts.
        namespace: where to look unless told otherwise.
        danger: people shall notice before they change something there.
        read_only: nothing may be changed.
        codec: `module:object` of the codec of its payloads.
        theme: of the console.
    """

    name: str
    dsn: str
    direct_dsn: str | None = None
    read_dsn: str | None = None
    namespace: str | None = None
    danger: bool = False
    read_only: bool = False
    theme: str | None = None
    codec: str | None = None


def profiles_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where the profiles are.

    Example:
        >>> str(profiles_file({"XDG_CONFIG_HOME": "/etc/ann"}))
        '/etc/ann/continuum/profiles.toml'
    """
    return user_file(FILE_VARIABLE, "profiles.toml", environ)


def read_profiles(path: Path) -> dict[str, Profile]:
    """Every profile of a file, by name; none when there is no such file.

    Raises:
        ConfigurationError: it cannot be read, or has a key or value that means nothing.
    """
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    return {name: _profile(name, table, path) for name, table in document.items()}


def chosen_profile(
    name: str | None, dsn: str | None = None, *, environ: Mapping[str, str] | None = None
) -> Profile | None:
    """The profile to use; None when none was asked for.

    Args:
        name: what `--profile` gave; else CONTINUUM_PROFILE counts.
        dsn: what `--dsn` gave: then CONTINUUM_PROFILE does not count.
        environ: the environment to look at (default: this process').

    Raises:
        ConfigurationError: there is no such profile, its file cannot be read, or two databases are
            named at once.
    """
    environ = os.environ if environ is None else environ
    if name is not None and dsn is not None:
        raise ConfigurationError("--profile and --dsn exclude each other: each names a database")
    if name is None:
        name = environ.get(PROFILE_VARIABLE) or None
        if name is None or dsn is not None:
            return None
        if DSN_VARIABLE in environ:
            raise ConfigurationError(
                f"{PROFILE_VARIABLE} and {DSN_VARIABLE} each name a database",
                hint="unset one of them, or say --profile or --dsn",
            )
    path = profiles_file(environ)
    found = read_profiles(path)
    if name not in found:
        known = f"there are {', '.join(found)}" if found else "it has none"
        if not path.exists():
            known = "there is no such file"
        raise ConfigurationError(f"no profile {name!r} in {path}", hint=known)
    return found[name]


def profile_codec(profile: Profile) -> PayloadCodec | None:
    """The codec that a profile names; None when it names none.

    Raises:
        ConfigurationError: it cannot be imported, or is no codec.
    """
    if profile.codec is None:
        return None
    from continuum.codec.loading import load_codec

    return load_codec(CodecName(profile.codec, f"profile {profile.name}"))


def _profile(name: str, table: object, path: Path) -> Profile:
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"{path}: {name} is not a table", hint=f"a profile is [{name}] and its dsn below"
        )
    given = cast("dict[str, Any]", table)
    types = {field.name: field.type for field in fields(Profile) if field.name != "name"}
    for key, value in given.items():
        if key not in types:
            near = get_close_matches(key, types, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(types)}"
            raise ConfigurationError(
                f"{path}: profile {name} has an unknown key {key!r}", hint=hint
            )
        wanted, words = (bool, "true or false") if types[key] == "bool" else (str, "text")
        if not isinstance(value, wanted) or value == "":
            raise ConfigurationError(f"{path}: {key} of profile {name} is {words}, not {value!r}")
    if "dsn" not in given:
        raise ConfigurationError(
            f"{path}: profile {name} has no dsn",
            hint="for example: postgresql://user@host/database",
        )
    return Profile(name, **given)
