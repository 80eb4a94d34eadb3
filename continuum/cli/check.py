"""`continuum check`: the determinism check on files and directories."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from continuum.cli.command import Options, application, note
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.output import write


class CheckFormat(enum.StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


async def check(
    _: Options,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", show_default=False)],
    format: Annotated[  # noqa: A002
        CheckFormat, typer.Option("--format", help="How findings are printed.")
    ] = CheckFormat.TEXT,
    warnings: Annotated[
        str | None,
        typer.Option("-W", metavar="error", help="`-W error` treats warnings as errors."),
    ] = None,
) -> ExitCode:
    """Find what a replay of your workflows could not repeat.

    Reads the files (all below a directory) and the helpers that their workflows reach; runs none
    of them. Silence a line with `# noqa: CTM001`. Exits with 1 when there is an error.
    """
    if warnings not in (None, "error"):
        raise UsageError(f"-W takes error, not {warnings}")
    chosen = [Path(path) for path in paths]
    for path in chosen:
        if not path.exists():
            raise UsageError(f"no such file or directory: {path}")
    from continuum.check import report
    from continuum.check.checking import check_paths
    from continuum.check.rules import Severity
    from continuum.settings import trusted_helpers

    findings = check_paths(chosen, trusted_helpers(chosen[0].resolve()))
    if format is CheckFormat.JSON:
        write(report.as_json(findings))
    elif format is CheckFormat.TEXT:
        write(report.as_text(findings))
    else:
        if findings:
            write(report.as_github(findings))
        note(report.summary(findings))
    failing = [f for f in findings if warnings or f.severity is Severity.ERROR]
    return ExitCode.NO if failing else ExitCode.OK


app = application(check, usage="[OPTIONS] PATH...", common=False)
