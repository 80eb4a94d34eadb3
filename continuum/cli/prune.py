"""`continuum prune`: delete runs that ended long ago."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.audit.findings import counted
from continuum.cli import connection
from continuum.cli.command import Format, Options, application, note
from continuum.cli.conditions import read_selection
from continuum.cli.durations import read_duration
from continuum.cli.output import Rows
from continuum.cli.progress import Progress
from continuum.cli.table import Column, format_duration

if TYPE_CHECKING:
    from continuum.maintenance.prune import PrunedRuns, PruneReport

_FIELDS: Final = ("namespace", "workflow", "retention", "runs", "events", "size", "kept")
_MONTH: Final = ("month", "given_back")
"""Of a month whose journals are gone with their files, which is a record of its own."""
_COLUMNS: Final = (
    Column("namespace"),
    Column("workflow", 28),
    Column("runs"),
    Column("events"),
    Column("size"),
    Column("kept", 28),
    Column("retention", droppable=True),
)
_NOTHING: Final[dict[str, Any]] = dict.fromkeys((*_FIELDS, *_MONTH))
_SHOWN_FROM: Final = 2000
"""Runs from which on progress is shown."""


async def prune(
    options: Options,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Since their end, such as 30d; default: as workflows declare."
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Only runs that match; an expression or JSON."),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Delete them; else they are only counted.")
    ] = False,
    ignore_retention: Annotated[
        bool, typer.Option("--ignore-retention", help="Also runs that their workflow keeps longer.")
    ] = False,
    keep_results: Annotated[
        str, typer.Option(metavar="DURATION", help="Keep results of idempotency keys for so long.")
    ] = "90d",
    keep_deliveries: Annotated[
        str, typer.Option(metavar="DURATION", help="Keep delivery ids for so long after the end.")
    ] = "30d",
    rest: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Rest for each second of deleting.")
    ] = 1.0,
) -> None:
    """Delete runs that ended long ago, with their journals, or count them.

    Without --older-than each workflow is pruned by the retention that it declares, and runs of one
    that declares none are kept. Live runs and those that live runs need are never touched. It can
    be interrupted and repeated at any time, beside any load. With --where only runs are deleted,
    else idempotency results and delivery ids, too. Journals of months that are over and have no
    runs left give their disk back.
    """
    options.without_effect("prune", app=True)
    asked: dict[str, Any] = {
        "older_than": None if older_than is None else read_duration(older_than, "--older-than"),
        "keep_results": read_duration(keep_results, "--keep-results"),
        "keep_deliveries": read_duration(keep_deliveries, "--keep-deliveries"),
    }
    selection = {} if where is None else read_selection(where)
    progress = Progress(_SHOWN_FROM)
    last: list[PruneReport] = []

    def told(report: PruneReport) -> None:
        last[:] = [report]
        progress.show(report.looked, report.total)

    async with connection.connect(options) as client:
        try:
            report = await client.prune(
                **selection,
                **asked,
                namespace=options.searched,
                execute=execute,
                ignore_retention=ignore_retention,
                rest=rest,
                on_progress=told,
            )
        except asyncio.CancelledError:
            progress.clear()
            if execute and last:
                note(f"interrupted; {_total(last[0])}; repeat the command to go on")
            raise
    progress.clear()
    _print(options.shape, report)
    note(_total(report) if execute else f"{_total(report)}; delete with --execute")
    if report.months:
        months = ", ".join(f"{each.month} ({_bytes(each.given_back)})" for each in report.months)
        note(f"{_bytes(report.given_back)} of disk given back: journals of {months}")
    if older_than is None and not report.total:
        note("no workflow with ended runs declares a retention; name an age: --older-than 30d")


def _print(shape: Format, report: PruneReport) -> None:
    rows = Rows(shape, _COLUMNS, fields=(*_FIELDS, *_MONTH), key="workflow")
    for group in report.groups:
        rows.add(_row(group) if shape is Format.TABLE else _record(group))
    if shape not in (Format.TABLE, Format.IDS):
        for month in report.months:
            rows.add(_NOTHING | {name: getattr(month, name) for name in _MONTH})
    rows.close()


def _total(report: PruneReport) -> str:
    done = "deleted" if report.executed else "to delete:"
    runs, events = counted(report.runs, "run"), counted(report.events, "event")
    parts = [f"{done} {runs} with {events} ({_bytes(report.size)})"]
    if report.results:
        parts.append(counted(report.results, "idempotency result"))
    if report.deliveries:
        parts.append(counted(report.deliveries, "delivery id"))
    text = ", ".join(parts)
    kept = ", ".join(f"{n} {reason}" for reason, n in sorted(report.kept.items()))
    return f"{text}; kept: {kept}" if kept else text


def _record(group: PrunedRuns) -> dict[str, Any]:
    return _NOTHING | {name: getattr(group, name) for name in _FIELDS}


def _row(group: PrunedRuns) -> dict[str, Any]:
    kept = [f"{n} {reason}" for reason, n in sorted(group.kept.items())]
    return _record(group) | {
        "size": _bytes(group.size),
        "kept": ", ".join(kept),
        "retention": "" if group.retention is None else format_duration(group.retention),
    }


def _bytes(size: int) -> str:
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} B"


app = application(prune, acts=True)
