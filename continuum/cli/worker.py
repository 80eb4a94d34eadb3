"""`continuum worker`: run workflows until SIGTERM, in one process or several."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from continuum.cli import connection
from continuum.cli.app_loading import require
from continuum.cli.command import Options, Outcome, application, note
from continuum.cli.durations import read_duration
from continuum.cli.failures import ExitCode, UsageError
from continuum.settings import DSN_VARIABLE, PROFILE_VARIABLE

if TYPE_CHECKING:
    from continuum.client.local_worker import LocalWorker
    from continuum.telemetry.serving import Address


class LogFormat(StrEnum):
    """How a worker logs."""

    TEXT = "text"
    JSON = "json"


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
    http: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve /metrics, /livez and /readyz there."),
    ] = None,
    prune_every: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Prune so often, by what workflows declare."),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="How log lines are written on stderr.")
    ] = LogFormat.TEXT,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> Outcome:
    """Run the workflows and activities of --app until SIGTERM or Ctrl-C, then drain.

    Draining takes nothing new, lets activities end within the drain time, and gives every run
    back for another worker. With --processes a supervisor restarts workers that crash.
    """
    options.without_effect("worker", app=False)
    if heartbeat >= ttl:
        raise UsageError(f"--heartbeat {heartbeat:g} must be shorter than --ttl {ttl:g}")
    address = None if http is None else _address(http)
    every = None if prune_every is None else read_duration(prune_every, "--prune-every")
    if every is not None and not every:
        raise UsageError("--prune-every must be more than 0", hint="for example --prune-every 1h")
    app = require(options.app, "worker")
    if log_format is LogFormat.JSON:
        from continuum.telemetry.logs import log_as_json

        log_as_json()
    if processes > 1:
        from continuum.cli.supervisor import Supervisor

        return await Supervisor(processes, _environment(options), drain_timeout).run()
    if supervised:
        from continuum.cli.supervisor import drain_with_supervisor

        drain_with_supervisor()
    say = logging.getLogger("continuum.cli").info if log_format is LogFormat.JSON else note
    settings: dict[str, Any] = {
        "queues": _queue_names(queues),
        "concurrency": concurrency,
        "drain_timeout": drain_timeout,
        "ttl": ttl,
        "heartbeat": heartbeat,
        "prune_every": every,
    }
    async with connection.connect(options) as client:
        activities = list(app.activities.values())
        node = client.worker(app.versions, activities=activities, **settings)
        async with AsyncExitStack() as stack:
            where = ""
            if address is not None:
                where = f", {await stack.enter_async_context(_served(node, address))}"
            stack.enter_context(node.heeding_signals())
            await stack.enter_async_context(node)
            names = ", ".join(sorted(app.workflows)) or "activities"
            say(f"worker {os.getpid()} runs {names}{where}")
            await node.run()
    say(f"worker {os.getpid()} has drained")
    return ExitCode.OK


@asynccontextmanager
async def _served(node: LocalWorker, address: Address) -> AsyncGenerator[str]:
    """The HTTP server beside the worker; yields what to tell people of it."""
    from continuum.telemetry.prometheus import PrometheusObserver
    from continuum.telemetry.serving import WorkerServer

    observer = PrometheusObserver(node.worker)
    node.observe(observer)
    async with WorkerServer(node.worker, observer.registry, address) as server:
        yield f"serves http://{server.address}/metrics"


def _address(text: str) -> Address:
    """Where to listen; of several supervised workers each has the next port."""
    try:
        from continuum.telemetry.serving import parse_address
    except ModuleNotFoundError:
        raise UsageError(
            "--http needs the extra prometheus",
            hint="pip install 'continuum-engine[embedded,prometheus]'",
        ) from None
    from continuum.cli.supervisor import PLACE_VARIABLE

    address = parse_address(text)
    place = int(os.environ.get(PLACE_VARIABLE, "0"))
    return replace(address, port=address.port + place) if address.port else address


def _queue_names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError("--queues has an empty name", hint="for example: --queues mail,images")
    return names


def _environment(options: Options) -> dict[str, str]:
    """For the children: the DSN travels in the environment, where `ps` does not show it."""
    if options.dsn is None or options.profile is not None:  # that is among the words of each child
        return dict(os.environ)
    kept = {name: value for name, value in os.environ.items() if name != PROFILE_VARIABLE}
    return {**kept, DSN_VARIABLE: options.dsn}


app = application(worker, writes=True)
