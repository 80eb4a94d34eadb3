"""`continuum journal`: what operators did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, application, note
from continuum.cli.inputs import parse_run, parse_run_id, parse_time
from continuum.cli.output import Rows, write_json
from continuum.cli.table import Column
from continuum.operators.acts import ACT_FIELDS, OperatorAct

_COLUMNS: Final = (
    Column("at"),
    Column("operator", 10),
    Column("act"),
    Column("run_id", 36),
    Column("outcome", 10),
    Column("reason", 10),
    Column("namespace", 8, droppable=True),
    Column("detail", 10, droppable=True),
)


async def journal(
    options: Options,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Only acts upon this run.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Only this operator's.")
    ] = None,
    act: Annotated[
        str | None, typer.Option("--act", metavar="ACT", help="Only such acts, as cancel.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option("--plan", metavar="PLAN", help="Only what belongs to this plan.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only since then: -2h, ISO 8601.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Entries, at most.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="TEXT", help="Go on where a page ended.")
    ] = None,
) -> None:
    """List what operators did: who, from where, when, what, why, and what came of it.

    Newest first, of every namespace unless --namespace names one. JSON is one object with the
    entries and `next_cursor`; the other formats print entries only, and the cursor goes to stderr.
    With --format ids the ids of the runs that were acted upon.
    """
    options.without_effect("journal", namespace=False)
    named = None if run is None else parse_run(run)
    plan_id = None if plan is None else parse_run_id(plan)
    begins = None if since is None else parse_since(since)
    async with connection.connect(options) as client:
        page = await client.operator_journal(
            run_id=named,
            operator=by,
            namespace=options.namespace,
            act=act,
            plan_id=plan_id,
            since=begins,
            limit=limit,
            cursor=cursor,
        )
    shape, records = options.shape, [_record(entry) for entry in page.entries]
    if shape is Format.JSON:
        write_json({"entries": records, "next_cursor": page.next_cursor})
        return
    rows = Rows(shape, _COLUMNS, fields=ACT_FIELDS, key="run_id")
    for record in records:
        if shape is not Format.IDS or record["run_id"] is not None:
            rows.add(record)
    rows.close()
    if page.next_cursor is not None:
        note(f"there is more: --cursor {page.next_cursor}")


def _record(entry: OperatorAct) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ACT_FIELDS}


def parse_since(text: str) -> datetime | timedelta:
    """A time, or how long ago.

    Raises:
        UsageError: neither.

    Example:
        >>> parse_since("-2h")
        datetime.timedelta(seconds=7200)
    """
    from continuum.query.times import parse_relative

    relative = parse_relative(text)
    if relative is not None and relative.base == "now":
        return -relative.offset
    return parse_time(text, "--since", hint="for example -2h or 2026-11-29T08:00:00Z")


app = application(journal)
