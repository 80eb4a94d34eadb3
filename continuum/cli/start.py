"""`continuum start`: start a run and print its id."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from continuum.cli import connection
from continuum.cli.app_loading import find_workflow, load
from continuum.cli.command import Format, Options, Outcome, application
from continuum.cli.failures import ExitCode, UsageError, report
from continuum.cli.inputs import (
    parse_json,
    parse_pairs,
    parse_run_id,
    parse_time,
    read_inputs,
    read_text,
)
from continuum.cli.output import write, write_record, write_value
from continuum.cli.records import run_record
from continuum.errors import WorkflowCancelled, WorkflowFailed

if TYPE_CHECKING:
    from uuid import UUID

    from continuum.client import Continuum


async def start(
    options: Options,
    flow: Annotated[str, typer.Argument(metavar="FLOW", hidden=True)],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="JSON", help="One positional argument; @FILE or - to read it."
        ),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option(
            "--attribute", metavar="KEY=VALUE", help="A search attribute; JSON, else a string."
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the end, print the value.")
    ] = False,
    key: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What you call the run; one live run has it."),
    ] = None,
    key_reuse: Annotated[
        str,
        typer.Option(
            metavar="POLICY", help="After its end: allow, allow_if_failed or reject another."
        ),
    ] = "allow",
    on_conflict: Annotated[
        str, typer.Option(metavar="WHAT", help="A live run has the key: existing or fail.")
    ] = "existing",
    delay: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Start so much later.")
    ] = None,
    start_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Start then; ISO 8601, UTC unless it says.")
    ] = None,
    execution_timeout: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Then it is asked to end, and fails."),
    ] = None,
    timeout_grace: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="After that it is ended by force.")
    ] = 60.0,
    signal: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Signal the run with --key, started or found."),
    ] = None,
    payload: Annotated[
        str | None, typer.Option(metavar="JSON", help="Of --signal; @FILE or - to read it.")
    ] = None,
    delivery_id: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A second --signal with it changes nothing.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A second start with this key answers the first run."),
    ] = None,
    run_id: Annotated[str | None, typer.Option(metavar="UUID", help="Use this run id.")] = None,
) -> Outcome:
    """Start a run and print its id.

    FLOW is the registered name of a workflow, module:qualname, or the bare function name when only
    one is called so. With --app the inputs are checked against the code; without it FLOW must be a
    workflow that a live worker has loaded. --wait prints the value of the run below its id and
    exits with 1 when the run fails. --format json prints the whole run instead.

    With --key the live run that has it is answered when there is one; other commands take the key
    in place of the id. --key and --signal send a signal to that run, or start it with the signal.
    """
    if options.all_namespaces:
        raise UsageError("a run starts in one namespace, not in all", hint="use -n NAMESPACE")
    _check_shape(options.format)
    from continuum.codec.attributes import check_attributes, check_json

    values = read_inputs(inputs or [])
    for number, value in enumerate(values, start=1):
        check_json(value, f"--input {number}")
    checked = check_attributes(parse_pairs(attributes or []))
    chosen = parse_run_id(run_id) if run_id else None
    if key is None and (key_reuse, on_conflict) != ("allow", "existing"):
        raise UsageError("--key-reuse and --on-conflict need --key")
    sent = _signal(key, signal, payload, delivery_id)
    moment = None
    if start_at is not None:
        moment = parse_time(start_at, "--start-at", hint="as in 2026-12-24T18:00:00Z")
    more: dict[str, Any] = {
        "namespace": options.own_namespace,
        "attributes": checked,
        "key": key,
        "key_reuse": key_reuse,
        "execution_timeout": execution_timeout,
        "timeout_grace": timeout_grace,
    }
    if sent is None:
        more |= {
            "on_conflict": on_conflict,
            "delay": delay,
            "start_at": moment,
            "idempotency_key": idempotency_key,
            "run_id": chosen,
        }
    elif (delay, start_at, idempotency_key, run_id) != (None, None, None, None):
        raise UsageError(
            "--signal goes with none of --delay, --start-at, --idempotency-key and --run-id"
        )
    elif on_conflict != "existing":
        raise UsageError(
            "--signal goes to the live run with the key, so it has no --on-conflict",
            hint="leave it out",
        )
    target: Any = None
    if options.app is not None:
        target = find_workflow(load(options.app), flow)
        values = target.signature.decode(json.dumps(values).encode())
    target = flow if target is None else target
    async with connection.connect(options) as client:
        if sent is None:
            handle = await client.start(target, *values, **more)
        else:
            handle = await client.signal_with_start(target, *values, **more, **sent)
        return await _answer(client, handle.id, options.format, wait=wait)


def _signal(
    key: str | None, name: str | None, payload: str | None, delivery_id: str | None
) -> dict[str, Any] | None:
    """Arguments of `signal_with_start` about its signal."""
    if name is None:
        if payload is not None or delivery_id is not None:
            raise UsageError("--payload and --delivery-id need --signal")
        return None
    if key is None:
        raise UsageError("--signal needs --key", hint="the run that gets it is found by its key")
    value = None if payload is None else parse_json(read_text(payload, "--payload"), "--payload")
    return {"signal": name, "payload": value, "delivery_id": delivery_id}


def _check_shape(shape: Format | None) -> None:
    if shape is Format.CSV:
        raise UsageError("start prints an id, not csv", hint="use --format ids or json")


async def _answer(client: Continuum, run_id: UUID, shape: Format | None, *, wait: bool) -> Outcome:
    """The id is printed at once, so that an interrupted wait leaves it on the screen."""
    whole = shape in (Format.JSON, Format.JSONL)
    if not whole:
        write(str(run_id))
        sys.stdout.flush()
    code: Outcome = ExitCode.OK
    value: Any = None
    if wait:
        try:
            value = await client.result(run_id)
        except (WorkflowFailed, WorkflowCancelled) as error:
            code = report(error)
    if whole:
        write_record(run_record(await client.get_run(run_id)), shape or Format.JSON)
    elif wait and code == ExitCode.OK and shape is not Format.IDS:
        write_value(value, shape or Format.JSONL)
    return code


app = application(start, usage="[OPTIONS] FLOW", acts=True, seals=True)
