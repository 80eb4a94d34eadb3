"""`continuum gc-versions`: clean the registry of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.audit.findings import SHOWN_HASH, counted
from continuum.cli import connection
from continuum.cli.command import Format, Options, application, note
from continuum.cli.output import Rows
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.maintenance.gc_versions import UnusedVersion

_FIELDS: Final = (
    "workflow", "version", "version_hash", "runtime", "source", "first_seen_at", "last_seen_at",
    "deleted",
)  # fmt: skip
_COLUMNS: Final = (
    Column("workflow", 28),
    Column("version"),
    Column("hash"),
    Column("deleted"),
    Column("source", 8, droppable=True),
    Column("last_seen_at", droppable=True),
)


async def gc_versions(
    options: Options,
    execute: Annotated[
        bool, typer.Option("--execute", help="Delete them; else they are only listed.")
    ] = False,
) -> None:
    """List the registered versions that no live worker has loaded and no live run needs.

    Only rows of the registry go, never runs. Safe beside workers that start at the same moment.
    """
    options.without_effect("gc-versions")
    async with connection.connect(options) as client:
        found = await client.gc_versions(execute=execute)
    shape = options.shape
    rows = Rows(shape, _COLUMNS, fields=_FIELDS, key="version_hash")
    for each in found:
        rows.add(_row(each) if shape is Format.TABLE else _record(each))
    rows.close()
    if execute:
        deleted = sum(each.deleted for each in found)
        note(f"deleted {counted(deleted, 'version')}; {len(found) - deleted} came into use again")
    else:
        note(f"{counted(len(found), 'unused version')}; delete with --execute")


def _record(each: UnusedVersion) -> dict[str, Any]:
    return {name: getattr(each, name) for name in _FIELDS}


def _row(each: UnusedVersion) -> dict[str, Any]:
    return _record(each) | {
        "version": each.version if each.version_hash else "",
        "hash": each.version_hash[:SHOWN_HASH] or "(not begun)",
        "deleted": "yes" if each.deleted else "no",
    }


app = application(gc_versions, acts=True)
