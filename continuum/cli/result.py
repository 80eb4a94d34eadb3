"""`continuum result`: wait for a run to end and print its value."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, application
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_run
from continuum.cli.output import write_value


async def result(
    options: Options,
    run: Annotated[str, typer.Argument(metavar="RUN", hidden=True)],
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="How long to wait; for ever.")
    ] = None,
) -> None:
    """Wait for a run to end and print its value as JSON.

    RUN is the id or the key of the run. Exits with 1 when the run failed or was cancelled, or has
    not ended in time.
    """
    options.without_effect("result", namespace=False)
    if options.format in (Format.CSV, Format.IDS):
        raise UsageError("a result is one JSON value", hint="use --format json or jsonl")
    run_id = parse_run(run)
    async with connection.connect(options) as client:
        value = await client.result(run_id, timeout, namespace=options.namespace)
    write_value(value, options.shape)


app = application(result, usage="[OPTIONS] RUN")
