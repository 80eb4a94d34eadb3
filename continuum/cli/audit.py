"""`continuum audit`: what can be deployed, what can be removed, what nobody will pick up."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.audit.record import report_record
from continuum.cli import app_loading, connection
from continuum.cli.audit_text import audit_lines
from continuum.cli.command import Format, Options, application
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.output import colour, write, write_json, write_lines
from continuum.cli.paragraphs import text_width
from continuum.cli.records import to_json


async def audit(
    options: Options,
    replay: Annotated[
        bool, typer.Option("--replay", help="Replay the journals of live runs instead.")
    ] = False,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Replay only runs that match.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Replay only so many of them.")
    ] = None,
    per_version: Annotated[
        bool, typer.Option("--per-version", help="So many of each version.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when something must be done.")
    ] = False,
    split: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Replay N runs to tell the old branch from not reached yet."
        ),
    ] = 1000,
) -> ExitCode:
    """Compare the live runs of all namespaces with the code of a release; changes nothing.

    With --app, against that code: which of its patches are still needed, which live runs it cannot
    run. Without, against what the live workers have loaded. --strict exits with 1 on a patch that
    is safe to remove, a live run that nothing can run, or a lease expired for more than ten TTLs.

    With --replay every live run (of --namespace, if given) is replayed against the code of --app:
    same, drift with the line of the first difference, or not loadable, and which branches the
    replays came through. Exits with 1 on drift.
    """
    if replay:
        from continuum.cli.replaying import replay as replay_runs

        if strict:
            raise UsageError("--strict and --replay exclude each other")
        return await replay_runs(options, where=where, sample=sample, per_version=per_version)
    if where is not None or sample is not None or per_version:
        raise UsageError("--where, --sample and --per-version need --replay")
    shape = options.shape
    if shape in (Format.CSV, Format.IDS):
        raise UsageError(f"a report is not {shape}", hint="use --format table or json")
    options.without_effect("audit", app=False)
    flows = None if options.app is None else app_loading.load(options.app).versions
    async with connection.connect(options) as client:
        report = await client.audit(flows, split=split)
    if shape is Format.TABLE:
        write_lines(audit_lines(report, width=text_width(), colour=colour()))
    elif shape is Format.JSON:
        write_json(report_record(report))
    else:
        write(to_json(report_record(report)))
    return ExitCode.NO if strict and not report.strict_ok else ExitCode.OK


app = application(audit, usage="[--app MODULE[:OBJECT]] [--strict] [OPTIONS]")
