"""`continuum show`: one run, what it waits for, its children, its history."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, application
from continuum.cli.failures import UsageError
from continuum.cli.history_part import Part, events_of
from continuum.cli.inputs import parse_run
from continuum.cli.output import (
    Rows,
    colour,
    table_width,
    write,
    write_json,
    write_lines,
    write_record,
)
from continuum.cli.pending import pending_activities
from continuum.cli.records import EVENT_FIELDS, event_record, run_record, to_json
from continuum.cli.table import Column, render_facts, render_table

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.model import HistoryEvent, Run
    from continuum.operators.acts import OperatorAct

_POLL_SECONDS: Final = 0.5
_ACTS: Final = 100
"""Acts of operators that are looked at each time."""
_COLUMNS: Final = (
    Column("seq"),
    Column("at"),
    Column("type"),
    Column("command"),
    Column("data", 10),
)
_CHILDREN: Final = 20
_CHILD: Final = (
    Column("child"),
    Column("state"),
    Column("workflow", 12),
    Column("waiting_on", 12, droppable=True),
)
_PENDING: Final = (
    Column("command"),
    Column("activity", 12),
    Column("attempt"),
    Column("scheduled_at", droppable=True),
    Column("retry_at"),
    Column("last_error", 12),
)


async def show(
    options: Options,
    run: Annotated[str, typer.Argument(metavar="RUN", hidden=True)],
    history: Annotated[bool, typer.Option("--history", help="Print its journal, too.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print the journal as it grows, until the run ends.")
    ] = False,
    published: Annotated[
        bool, typer.Option("--published", help="Print what it publishes instead, as JSON.")
    ] = False,
    newest: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Of the journal only the last N events."),
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(metavar="SEQ", min=0, help="Of the journal only what follows event SEQ."),
    ] = None,
    before: Annotated[
        int | None,
        typer.Option(metavar="SEQ", min=1, help="Of the journal only what precedes event SEQ."),
    ] = None,
) -> None:
    """Show one run, what it waits for, its children, and its history.

    RUN is the id or the key of the run. JSON is one object with the fields of the run; with
    --history it is {"run": ..., "history": [...]}, and jsonl and csv print the events only. What
    operators did to the run stands in its history as `operator_cancel` and the like. --published
    prints the last value of each name that the run published, as one object. --newest,
    --after and --before say which part of the history: `--history --newest 50` is its end.
    """
    options.without_effect("show", namespace=False)
    part = Part(after or 0, before, newest)
    if part != Part() and (follow or not history):
        raise UsageError(
            "--newest, --after and --before choose a part of --history",
            hint="add --history; --follow prints all of it",
        )
    if published and (history or follow):
        raise UsageError("--published goes without --history and --follow")
    run_id = parse_run(run)
    async with connection.connect(options) as client:
        found = await client.get_run(run_id, namespace=options.namespace)
        if published:
            write_json(await client.published(found.id))
        elif follow:
            await _follow(client, found, options)
        elif history:
            await _history(client, found, options, part)
        else:
            await _run(client, found, options)


async def _run(client: Continuum, run: Run, options: Options) -> None:
    if options.shape is Format.TABLE:
        await _facts(client, run, options.namespace)
    else:
        write_record(_record(run), options.shape)


def _record(run: Run) -> dict[str, Any]:
    """The fields of a run, with its key when it has one, and whether it is paused when it is."""
    record = run_record(run)
    if run.key is not None:
        record["key"] = run.key
    if run.paused:
        record["paused"] = True
    return record


async def _facts(client: Continuum, run: Run, namespace: str | None) -> None:
    record = _record(run)
    if run.error is not None:
        record["error"] = f"{run.error.type}: {run.error.message}"
    record["cancelling_since"] = run.cancelling_since
    write_lines(render_facts(record, colour=colour()))
    await _children(client, run, namespace)
    if run.state.terminal:
        return
    pending = pending_activities(
        [event async for event in events_of(client, run.id, operators=False)]
    )
    if pending:
        write("")
        records = [activity.record() for activity in pending]
        lines = render_table(records, _PENDING, width=table_width(), colour=colour())
        write_lines(lines)


async def _children(client: Continuum, run: Run, namespace: str | None) -> None:
    where = [("eq", "parent_id", run.id)]
    page = await client.query(
        namespace=namespace, where=where, order_by=("asc", "started_at"), limit=_CHILDREN
    )
    if not page.entries:
        return
    write("")
    records = [
        {**run_record(child, ("state", "workflow", "waiting_on")), "child": child.id}
        for child in page.entries
    ]
    write_lines(render_table(records, _CHILD, width=table_width(), colour=colour()))
    if page.next_cursor is not None:
        count = await client.count(namespace=namespace, where=where)
        condition = to_json([["eq", "parent_id", str(run.id)]])
        write(f"and {count - len(records)} more: continuum query -A --where '{condition}'")


async def _history(client: Continuum, run: Run, options: Options, part: Part) -> None:
    shape, events = options.shape, events_of(client, run.id, part)
    if shape is Format.JSON:
        listed = [event_record(event) async for event in events]
        write_json({"run": _record(run), "history": listed})
        return
    if shape is Format.TABLE:
        await _facts(client, run, options.namespace)
        write("")
    rows = _event_rows(shape, run)
    async for event in events:
        rows.add(event_record(event))
    rows.close()


def _event_columns(run: Run) -> tuple[Column, ...]:
    """The incarnation takes room only for a run that has had more than one."""
    return _COLUMNS if run.incarnation == 1 else (Column("incarnation"), *_COLUMNS)


def _event_rows(shape: Format, run: Run) -> Rows:
    return Rows(shape, _event_columns(run), fields=EVENT_FIELDS, key="seq")


async def _follow(client: Continuum, run: Run, options: Options) -> None:
    """Print events as they come; on JSON they are lines, since the list has no end yet."""
    line = Format.JSONL if options.shape is Format.JSON else options.shape
    if line is Format.TABLE:
        await _facts(client, run, options.namespace)
        write("")
    rows = _event_rows(line, run)
    last = 0
    shown = 0  # the newest act of an operator that was printed
    while True:
        ended = (await client.get_run(run.id)).state.terminal
        events = [event async for event in events_of(client, run.id, Part(last), operators=False)]
        acts = [act for act in await _newest_acts(client, run.id) if act.id > shown]
        shown = max([shown, *(act.id for act in acts)])
        entries = [act.as_event(last, run.incarnation) for act in acts]
        for event in sorted([*events, *entries], key=lambda event: event.at):
            _print_event(rows, event, line, run)
        last = events[-1].seq if events else last
        if ended:
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _newest_acts(client: Continuum, run_id: UUID) -> list[OperatorAct]:
    page = await client.operator_journal(run_id=run_id, limit=_ACTS)
    return [*reversed(page.entries)]


def _print_event(rows: Rows, event: HistoryEvent, shape: Format, run: Run) -> None:
    import sys

    record = event_record(event)
    if shape is Format.TABLE:
        write_lines(render_table([record], _event_columns(run), width=table_width())[1:])
    else:
        rows.add(record)
    sys.stdout.flush()


app = application(show, usage="[OPTIONS] RUN")
