"""`continuum fork`: a new run with the history of another up to an event."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, application
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_run
from continuum.cli.output import write, write_record
from continuum.cli.records import run_record


async def fork(
    options: Options,
    run: Annotated[str, typer.Argument(metavar="RUN", hidden=True)],
    at: Annotated[int, typer.Option(min=1, metavar="SEQ", help="The last event that they share.")],
    latest: Annotated[
        bool, typer.Option("--latest", help="Go on with the newest code, not with that of the run.")
    ] = False,
    once: Annotated[
        str | None, typer.Option(metavar="KEY", help="Fork there once more with another key.")
    ] = None,
) -> None:
    """Start a run with the history of another up to an event, and print its id.

    RUN is the id or the key of any run; it is not touched. `continuum show RUN --history` lists its
    events. What had completed by then is not executed again in the new run, everything after it is;
    activities that were in flight at the event are executed again, too. The new run's attributes
    `forked_from` and `forked_at` name the place. Repeating the command forks nothing twice.
    """
    options.without_effect("fork", namespace=False)
    if options.format is Format.CSV:
        raise UsageError("fork prints an id, not csv", hint="use --format ids or json")
    named = parse_run(run)
    async with connection.connect(options) as client:
        handle = await client.fork(
            named, at=at, latest=latest, once=once, namespace=options.namespace
        )
        shape = options.format
        if shape is Format.JSON or shape is Format.JSONL:
            write_record(run_record(await client.get_run(handle.id)), shape)
        else:
            write(str(handle.id))


app = application(fork, usage="[OPTIONS] RUN", acts=True, seals=True)
