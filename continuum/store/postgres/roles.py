"""The roles `continuum_reader` and `continuum_operator`, which may do what they need only."""

from __future__ import annotations

from typing import Any, Final

from psycopg import AsyncConnection, errors

from continuum.errors import SchemaError
from continuum.store.postgres.migrate import check
from continuum.store.postgres.statements import statements

ROLES: Final = ("continuum_reader", "continuum_operator")
_PARTS: Final = ("create", "reader", "operator")


def roles_sql() -> str:
    """All of it as a script for `psql`."""
    parts = statements("roles")
    return "BEGIN;\n" + "".join(f"{parts[name].decode()};\n" for name in _PARTS) + "COMMIT;\n"


async def create_roles(connection: AsyncConnection[Any]) -> tuple[str, ...]:
    """Create the roles, or grant anew what they may, in one transaction; answers their names.

    Raises:
        SchemaError: the schema is not that of this release, or the role in use may not do it.
    """
    await check(connection)
    parts = statements("roles")
    try:
        async with connection.transaction():
            for name in _PARTS:
                await connection.execute(parts[name], prepare=False)
    except errors.InsufficientPrivilege as error:
        raise SchemaError(
            f"the role in use may not create roles: {error.diag.message_primary}",
            hint="run continuum migrate --roles as a role with CREATEROLE that owns the tables,"
            " or print it with --roles --sql",
        ) from error
    return ROLES
