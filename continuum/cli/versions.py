"""`continuum versions`: the registry, and how many live runs each version has."""

from __future__ import annotations

from typing import Any, Final

from continuum.audit.record import entry_record
from continuum.audit.report import VersionEntry
from continuum.cli import connection
from continuum.cli.audit_text import version_row
from continuum.cli.command import Format, Options, application
from continuum.cli.output import Rows
from continuum.cli.table import Column

_FIELDS: Final = (
    "workflow", "version", "version_hash", "runtime", "loaded", "live_runs", "nodes", "source",
    "first_seen_at", "last_seen_at", "last_started_at", "taken", "patch_sites",
)  # fmt: skip
_COLUMNS: Final = (
    Column("workflow", 28),
    Column("version"),
    Column("hash"),
    Column("runs"),
    Column("nodes"),
    Column("patches", 7, droppable=True),
    Column("source", 8, droppable=True),
    Column("last_seen_at", droppable=True),
    Column("first_seen_at", droppable=True),
)


async def versions(options: Options) -> None:
    """List every version of a workflow that a worker has registered or a live run has.

    A version is one hash of its code under one Python; a workflow with patches has one for each set
    of patches that runs have taken.
    """
    options.without_effect("versions")
    async with connection.connect(options) as client:
        found = await client.versions()
    shape = options.shape
    rows = Rows(shape, _COLUMNS, fields=_FIELDS, key="version_hash")
    for entry in found:
        if shape is Format.IDS and not entry.version_hash:
            continue
        rows.add(version_row(entry) if shape is Format.TABLE else _record(entry))
    rows.close()


def _record(entry: VersionEntry) -> dict[str, Any]:
    places = [{"name": s.name, "file": s.file, "line": s.line} for s in entry.known_sites]
    return entry_record(entry) | {"patch_sites": places}


app = application(versions)
