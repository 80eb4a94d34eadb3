"""`continuum nodes`: the worker processes of the cluster."""

from __future__ import annotations

from typing import Final

from continuum.cli import connection
from continuum.cli.command import Options, application, note
from continuum.cli.output import Rows
from continuum.cli.records import NODE_FIELDS, node_record
from continuum.cli.table import Column

_COLUMNS: Final = (
    Column("state"),
    Column("id"),
    Column("host", 8),
    Column("pid"),
    Column("owned_runs"),
    Column("capacity", droppable=True),
    Column("workflows", 12, droppable=True),
    Column("queues", 6, droppable=True),
    Column("started_at", droppable=True),
    Column("heartbeat_at", droppable=True),
)


async def nodes(options: Options) -> None:
    """List the worker processes of the cluster.

    A worker is live, draining (it takes nothing new), or dead (its runs are free for others). Work
    that is paused is none of them; a note on stderr says that there is some.
    """
    options.without_effect("nodes")
    async with connection.connect(options) as client:
        found = await client.nodes()
        paused = await client.pauses()
    rows = Rows(options.shape, _COLUMNS, fields=NODE_FIELDS)
    for node in found:
        rows.add(node_record(node))
    rows.close()
    if paused:
        note(f"{len(paused)} pauses keep them from some work; see: continuum pauses")


app = application(nodes)
