"""`continuum migrate`: bring the database schema up to date."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.cli.command import Format, Options, application, note
from continuum.cli.failures import UsageError
from continuum.cli.output import Rows
from continuum.cli.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIELDS: Final = ("version", "name", "state", "applied_at")


async def migrate(
    options: Options,
    status: Annotated[
        bool, typer.Option("--status", help="Only list the migrations and which are missing.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Only print the SQL, for psql; connects to nothing.")
    ] = False,
    roles: Annotated[
        bool,
        typer.Option("--roles", help="Only create continuum_reader and continuum_operator."),
    ] = False,
) -> None:
    """Bring the database schema up to date, and print what was applied.

    Many processes may migrate at once; each migration is applied once, all or none of them. Room
    for the journals of the next months is made, too, as workers do once a day.

    --roles creates the roles continuum_reader, which reads everything and writes nothing, and
    continuum_operator, which can act on runs besides; or renews what they may. Run it again after
    a migration. With --sql it is only printed.
    """
    options.without_effect("migrate")
    if status and (sql or roles):
        other = "--sql" if sql else "--roles"
        raise UsageError(f"--status and {other} exclude each other")
    from continuum.client import administration

    if sql:
        sys.stdout.write(administration.migration_sql(roles=roles))
        return
    if roles:
        rows = Rows(options.shape, [Column("role")], fields=("role",), key="role")
        created = await administration.create_roles(options.dsn, options.direct_dsn)
        rows.add(*({"role": name} for name in created))
        rows.close()
        return
    if options.shape is Format.IDS:
        raise UsageError("migrations have no run ids", hint="use --format table, json or jsonl")
    if status:
        found = await administration.migration_status(options.dsn, options.direct_dsn)
        records = [
            (each.version, each.name, "applied" if each.applied_at else "pending", each.applied_at)
            for each in found
        ]
    else:
        applied, months = await administration.migrate_database(options.dsn, options.direct_dsn)
        records = [(each.version, each.name, "applied", None) for each in applied]
        if months:
            note(f"made room for the journals of {', '.join(months)}")
    _print(options.shape, records)


def _print(shape: Format, records: Iterable[tuple[Any, ...]]) -> None:
    columns = [Column(name) for name in _FIELDS]
    rows = Rows(shape, columns, fields=_FIELDS)
    for record in records:
        rows.add(dict(zip(_FIELDS, record, strict=True)))
    rows.close()


app = application(migrate, writes=True)
