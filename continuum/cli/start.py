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
from continuum.cli.inputs import parse_pairs, parse_run_id, read_inputs
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
    target: Any = None
    if options.app is not None:
        target = find_workflow(load(options.app), flow)
        values = target.signature.decode(json.dumps(values).encode())
    async with connection.connect(options) as client:
        handle = await client.start(
            flow if target is None else target,
            *values,
            namespace=options.own_namespace,
            attributes=checked,
            idempotency_key=idempotency_key,
            run_id=chosen,
        )
        return await _answer(client, handle.id, options.format, wait=wait)


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


app = application(start, usage="[OPTIONS] FLOW", writes=True)
