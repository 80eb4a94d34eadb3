"""`continuum demo`: a small shop with live workflows."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, Outcome, application, note
from continuum.cli.failures import UsageError


async def demo(
    options: Options,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="SECONDS", help="How long; until Ctrl-C or SIGTERM."),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.1, max=5000, metavar="N", help="Runs to start per second.")
    ] = 5.0,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Use a database that holds other runs, too.")
    ] = False,
) -> Outcome:
    """Run a small shop to look at, with live workflows.

    Orders wait for a fraud review and are undone when they fail, payments are tried again,
    refunds wait for approval, subscriptions sleep and start afresh, reports fan out to children.
    They live in the namespaces orders, billing and reports.
    Without a database named, the embedded PostgreSQL is used. A summary is printed at the end.
    """
    options.without_effect("demo")
    if options.format is Format.IDS:
        raise UsageError("a summary has no ids", hint="use --format table, json, jsonl or csv")
    from continuum.cli.demo_view import StatusLine, print_summary
    from continuum.demo.load import refuse_foreign_runs, run_demo, stop_on_signals

    async with connection.connect(options) as client:
        if not yes:
            await refuse_foreign_runs(client)
        span = f"for {seconds:g} s" if seconds else "until Ctrl-C"
        note(f"the shop starts {rate:g} runs a second {span}; look at them: continuum query -A")
        with stop_on_signals() as stop, StatusLine() as line:
            summary = await run_demo(
                client, rate=rate, seconds=seconds, stop=stop, progress=line.show
            )
    print_summary(summary, options.shape)
    return None


app = application(demo, writes=True)
