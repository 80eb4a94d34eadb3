"""`continuum versions drain`: when the last live run of a version can have ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from continuum.audit.findings import SHOWN_HASH, counted, when
from continuum.audit.record import forecast_record
from continuum.cli import connection
from continuum.cli.command import Format, Options, application
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.inputs import parse_time
from continuum.cli.output import write, write_json, write_lines
from continuum.cli.paragraphs import text_width, wrapped
from continuum.cli.records import to_json
from continuum.cli.table import format_duration

if TYPE_CHECKING:
    from continuum.audit.draining import Drain
    from continuum.query.tree import Relative


async def drain(
    options: Options,
    version_hash: Annotated[str, typer.Argument(metavar="HASH", show_default=False)],
    by: Annotated[
        str | None,
        typer.Option(
            "--by", metavar="DATE", help="2026-12-31, 2026-12-31T18:00 (UTC), or +12h, +2d."
        ),
    ] = None,
) -> ExitCode:
    """Tell when the live runs of a version can have ended, and which may never end by themselves.

    HASH may be cut to four characters or more. An estimate, from the deadlines of these runs and
    from how long past runs took. With --by, exits with 1 if they will not all have ended by then.
    """
    shape = options.shape
    if shape in (Format.CSV, Format.IDS):
        raise UsageError(f"a forecast is not {shape}", hint="use --format table or json")
    options.without_effect("versions drain")
    deadline = None if by is None else _deadline(by)
    async with connection.connect(options) as client:
        found = await client.drain_forecast(version_hash)
    limit = None if deadline is None else _moment(deadline, found.generated_at)
    will = None if limit is None else found.will_have_drained(limit)
    if shape is Format.TABLE:
        write_lines(_lines(found, limit, text_width()))
    elif shape is Format.JSON:
        write_json(_record(found, limit, will))
    else:
        write(to_json(_record(found, limit, will)))
    return ExitCode.NO if will is False else ExitCode.OK


def _record(found: Drain, by: datetime | None, will: bool | None) -> dict[str, Any]:
    return {
        "generated_at": found.generated_at,
        "version_hash": found.version_hash,
        "workflows": sorted({each.workflow for each in found.versions}),
        "nodes": sorted({node for each in found.versions for node in each.nodes}),
        "drained": found.drained,
        "by": by,
        "will_have_drained": will,
        **forecast_record(found.forecast),
    }


def _lines(found: Drain, by: datetime | None, width: int) -> Iterator[str]:
    forecast = found.forecast
    names = ", ".join(sorted({each.workflow for each in found.versions}))
    yield from wrapped(
        f"{names} {found.version_hash[:SHOWN_HASH]}: {counted(forecast.runs, 'live run')}", width
    )
    ending = forecast.runs - forecast.endless
    if ending and forecast.ends_at is not None:
        who = "They" if not forecast.endless else f"Of these, {counted(ending, 'run')}"
        until = (
            f"can have ended by {when(forecast.ends_at)}"
            if forecast.ends_at > found.generated_at
            else "may end at any moment"
        )
        yield from wrapped(f"{who} {until}{_why(found)}.", width)
    elif ending:
        yield from wrapped(
            f"Nothing tells when {counted(ending, 'run')} will end: no deadline is pending, and no"
            " run of the workflow has completed yet.",
            width,
        )
    if forecast.endless:
        who = "1 run may never end by itself" if forecast.endless == 1 else (
            f"{forecast.endless:,} runs may never end by themselves"
        )  # fmt: skip
        yield f"{who}:"
        for run in forecast.examples:
            yield from wrapped(
                f"{run.run_id} waits for {run.waiting_on or 'a worker'}", width, "  ", "    "
            )
        if forecast.endless > len(forecast.examples):
            yield f"  and {forecast.endless - len(forecast.examples):,} more"
    loading = {node for each in found.versions for node in each.nodes}
    if loading:
        yield from wrapped(
            f"{counted(len(loading), 'live worker')} can run it; runs that begin on it from now on"
            " are not counted.",
            width,
        )
    if by is not None:
        answer = "will have drained" if found.will_have_drained(by) else "will not have drained"
        yield f"By {when(by)} it {'has' if found.drained else answer}" + (
            " drained" if found.drained else ""
        )


def _why(found: Drain) -> str:
    forecast = found.forecast
    if forecast.p99 is None:
        return ", their last deadline"
    taken = format_duration(forecast.p99)
    return f" (99 in 100 of {forecast.past_runs:,} past runs took up to {taken})"


def _deadline(text: str) -> datetime | Relative:
    from continuum.query.times import parse_relative

    relative = parse_relative(text)
    if relative is not None:
        return relative
    return parse_time(text, "--by", hint="for example 2026-12-31, 2026-12-31T18:00 or +2d")


def _moment(deadline: datetime | Relative, now: datetime) -> datetime:
    from continuum.query.times import moment_of

    return deadline if isinstance(deadline, datetime) else moment_of(deadline, now)


app = application(drain, usage="HASH [--by DATE] [OPTIONS]")
