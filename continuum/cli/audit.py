"""`continuum audit`: what can be deployed, what can be removed, what nobody will pick up."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.audit.record import report_record
from continuum.audit.report import AuditReport
from continuum.cli import app_loading, connection
from continuum.cli.audit_text import audit_lines
from continuum.cli.command import Format, Options, application, note
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.output import colour, write, write_json, write_lines
from continuum.cli.paragraphs import text_width
from continuum.cli.records import to_json


async def audit(
    options: Options,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when something must be done.")
    ] = False,
    split: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Replay N runs to tell the old branch from not reached yet."
        ),
    ] = 1000,
    replay: Annotated[
        bool,
        typer.Option("--replay", help="Replay live runs instead, and print what would differ."),
    ] = False,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="With --replay: only runs that match.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="With --replay: only N runs.")
    ] = None,
    per_version: Annotated[
        bool, typer.Option("--per-version", help="With --replay: N runs of each version.")
    ] = False,
) -> ExitCode:
    """Compare the live runs of all namespaces with the code of a release; changes nothing.

    With --app, against that code: which of its patches are still needed, which live runs it cannot
    run. Without, against what the live workers have loaded. --strict exits with 1 on a patch that
    is safe to remove, a live run that nothing can run, or a lease expired for more than ten TTLs.

    With --replay every live run is replayed against the code; exits with 1 when one differs, and
    with --strict also for the reasons above, which are then told on stderr.
    """
    if replay:
        from continuum.cli.replaying import replay as print_replay

        answer = await print_replay(options, where=where, sample=sample, per_version=per_version)
        return await _strictly(options) if strict and answer is ExitCode.OK else answer
    if where is not None or sample is not None or per_version:
        raise UsageError("--where, --sample and --per-version need --replay")
    shape = options.shape
    if shape in (Format.CSV, Format.IDS):
        raise UsageError(f"a report is not {shape}", hint="use --format table or json")
    options.without_effect("audit", app=False)
    report = await _report(options, split)
    if shape is Format.TABLE:
        write_lines(audit_lines(report, width=text_width(), colour=colour()))
    elif shape is Format.JSON:
        write_json(report_record(report))
    else:
        write(to_json(report_record(report)))
    return ExitCode.NO if strict and not report.strict_ok else ExitCode.OK


async def _report(options: Options, split: int) -> AuditReport:
    flows = None if options.app is None else app_loading.load(options.app).versions
    async with connection.connect(options) as client:
        return await client.audit(flows, split=split)


async def _strictly(options: Options) -> ExitCode:
    """The answer of a strict audit, its reasons on stderr."""
    report = await _report(options, 0)
    for finding in report.findings:
        if finding.strict:
            note(f"{finding.severity} {finding.code}: {finding.message}; to do: {finding.fix}")
    return ExitCode.OK if report.strict_ok else ExitCode.NO


app = application(audit, usage="[--app MODULE[:OBJECT]] [--strict] [--replay] [OPTIONS]")
