"""`continuum worker`: run workflows until SIGTERM, in one process or several."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from continuum.cli import connection
from continuum.cli.app_loading import require
from continuum.cli.command import Options, Outcome, application, note
from continuum.cli.failures import ExitCode, UsageError


async def worker(
    options: Options,
    queues: Annotated[
        str | None, typer.Option(metavar="A,B", help="Named queues to serve, too.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option(min=1, metavar="N", help="Activities at once; runs are not limited.")
    ] = 200,
    processes: Annotated[
        int, typer.Option(min=1, max=256, metavar="N", help="Worker processes to supervise.")
    ] = 1,
    drain_timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long SIGTERM lets activities end.")
    ] = 10.0,
    ttl: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Silence after which a worker is dead.")
    ] = 30.0,
    heartbeat: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How often it says that it lives.")
    ] = 10.0,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> Outcome:
    """Run the workflows and activities of --app until SIGTERM or Ctrl-C, then drain.

    Draining takes nothing new, lets activities end within the drain time, and gives every run
    back for another worker. With --processes a supervisor restarts workers that crash.
    """
    options.without_effect("worker", app=False)
    if heartbeat >= ttl:
        raise UsageError(f"--heartbeat {heartbeat:g} must be shorter than --ttl {ttl:g}")
    app = require(options.app, "worker")
    if processes > 1:
        from continuum.cli.supervisor import Supervisor

        return await Supervisor(processes, _environment(options), drain_timeout).run()
    if supervised:
        from continuum.cli.supervisor import drain_with_supervisor

        drain_with_supervisor()
    settings: dict[str, Any] = {
        "queues": _queue_names(queues),
        "concurrency": concurrency,
        "drain_timeout": drain_timeout,
        "ttl": ttl,
        "heartbeat": heartbeat,
    }
    async with connection.connect(options) as client:
        activities = list(app.activities.values())
        async with client.worker(app.versions, activities=activities, **settings) as node:
            note(f"worker {os.getpid()} runs {', '.join(sorted(app.workflows)) or 'activities'}")
            await node.run()
    note(f"worker {os.getpid()} has drained")
    return ExitCode.OK


def _queue_names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError("--queues has an empty name", hint="for example: --queues mail,images")
    return names


def _environment(options: Options) -> dict[str, str]:
    """For the children: the DSN travels in the environment, where `ps` does not show it."""
    named = {"CONTINUUM_DSN": options.dsn} if options.dsn is not None else {}
    return {**os.environ, **named}


app = application(worker)
