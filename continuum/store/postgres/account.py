"""The account that the embedded server runs under. PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from continuum.errors import ConfigurationError

CANDIDATES = ("postgres", "nobody")
"""Accounts that exist already; Continuum never adds one to the machine."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine that is not root."""

    name: str
    uid: int
    gid: int


def server_account(data: Path) -> Account | None:
    """The account for the server of `data`; None means: this process' own user.

    Root lends the server to the owner of the data, or to the first account of `CANDIDATES`.

    Raises:
        ConfigurationError: the data belongs to somebody else, or no account can be found.
    """
    user = os.geteuid()
    owner = _owner(data)
    if user != 0:
        if owner not in (None, user):
            raise ConfigurationError(
                f"{data} belongs to another user",
                hint="set CONTINUUM_EMBEDDED_DIR to a directory of yours",
            )
        return None
    if owner:
        return _account(pwd.getpwuid(owner))
    for name in CANDIDATES:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise ConfigurationError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody",
        hint="run as an ordinary user, or name a database: --dsn",
    )


def reachable(path: Path, account: Account) -> bool:
    """Whether `account` may enter every directory above `path`, and `path` itself."""
    resolved = path.resolve()
    return all(_may_enter(directory, account) for directory in (resolved, *resolved.parents))


def _may_enter(directory: Path, account: Account) -> bool:
    status = directory.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigurationError(
            f"{path} belongs to another user",
            hint="set CONTINUUM_EMBEDDED_DIR to a directory of yours",
        ) from error


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
