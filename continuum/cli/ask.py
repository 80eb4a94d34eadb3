"""`continuum ask`: ask a run something and print its answer."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, application
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_json, parse_run, read_text
from continuum.cli.output import write_value


async def ask(
    options: Options,
    run: Annotated[str, typer.Argument(metavar="RUN", hidden=True)],
    name: Annotated[str, typer.Argument(metavar="NAME", hidden=True)],
    payload: Annotated[str | None, typer.Argument(metavar="JSON", hidden=True)] = None,
    question_id: Annotated[
        str | None,
        typer.Option("--id", metavar="TEXT", help="Of the question; asking again waits on."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="How long to wait; for ever.")
    ] = None,
) -> None:
    """Ask a run something, wait for its answer and print it as JSON.

    RUN is the id or the key of the run, NAME the name of the question, PAYLOAD a JSON value (@FILE
    or - to read it), null when absent. A negative number as payload needs -- before it.

    The question stays when the wait is over; the same command with the same --id waits on, or
    prints the answer that came meanwhile. Exits with 1 when the run refused the question, ended
    without an answer, or has not answered in time.
    """
    options.without_effect("ask", namespace=False)
    if options.format in (Format.CSV, Format.IDS):
        raise UsageError("an answer is one JSON value", hint="use --format json or jsonl")
    run_id = parse_run(run)
    given = None if payload is None else parse_json(read_text(payload, "payload"), "payload")
    async with connection.connect(options) as client:
        answer = await client.ask(
            run_id, name, given, id=question_id, timeout=timeout, namespace=options.namespace
        )
    write_value(answer, options.shape)


app = application(ask, usage="[OPTIONS] RUN NAME [PAYLOAD]", acts=True, seals=True)
