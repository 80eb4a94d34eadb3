"""`continuum plan ...` and `continuum apply`: act upon many runs in two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.cli import connection
from continuum.cli.bulk import BATCH
from continuum.cli.command import CommandFunction, Format, Options, application, note
from continuum.cli.conditions import read_selection
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_json, parse_pairs, parse_run_id, read_text
from continuum.cli.output import Rows, write_record
from continuum.cli.plan_view import PLAN_FIELDS, plan_record, preview, print_outcomes, runs_of
from continuum.cli.progress import Progress
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.operators.plans import BulkPlan, PlannedAct

_LISTED: Final = (
    Column("id", 36),
    Column("act"),
    Column("status"),
    Column("count"),
    Column("done"),
    Column("skipped"),
    Column("failed"),
    Column("operator", 8),
    Column("created_at", droppable=True),
    Column("namespace", 8, droppable=True),
    Column("expression", 12, droppable=True),
)
_RUN_FIELDS: Final = ("id", "state", "outcome", "detail", "at")
_RUNS: Final = (
    Column("id"), Column("state"), Column("outcome"), Column("detail", 12), Column("at"),
)  # fmt: skip

_Where = Annotated[
    str | None, typer.Option(metavar="EXPR", help="Which runs: an expression, or JSON.")
]
_Expires = Annotated[
    float, typer.Option("--expires", metavar="SECONDS", help="How long it can be applied.")
]
_Force = Annotated[bool, typer.Option("--force", help="As for the command on one run.")]
_Once = Annotated[
    str | None, typer.Option(metavar="KEY", help="As for the command on one run.")
]  # fmt: skip
_DAY: Final = 86_400.0


async def cancel(
    options: Options, where: _Where = None, force: _Force = False, expires: _Expires = _DAY
) -> None:
    """Plan to cancel every run that matches now."""
    await _plan(options, "cancel", where, {"force": force}, expires)


async def signal(
    options: Options,
    name: Annotated[str, typer.Argument(metavar="NAME", hidden=True)],
    payload: Annotated[str | None, typer.Argument(metavar="JSON", hidden=True)] = None,
    where: _Where = None,
    expires: _Expires = _DAY,
) -> None:
    """Plan to signal every run that matches now.

    NAME is the name of the signal, PAYLOAD a JSON value (@FILE or - to read it), null when absent.
    """
    value = None if payload is None else parse_json(read_text(payload, "payload"), "payload")
    await _plan(options, "signal", where, {"name": name, "payload": value}, expires)


async def retry(
    options: Options,
    where: _Where = None,
    force: _Force = False,
    once: _Once = None,
    expires: _Expires = _DAY,
) -> None:
    """Plan to try failed runs again, each from the activity that failed."""
    await _plan(options, "retry", where, {"force": force, "once": once}, expires)


async def restart(
    options: Options, where: _Where = None, once: _Once = None, expires: _Expires = _DAY
) -> None:
    """Plan to start runs that have ended anew."""
    await _plan(options, "restart", where, {"once": once}, expires)


async def release(options: Options, where: _Where = None, expires: _Expires = _DAY) -> None:
    """Plan to let workers try runs in quarantine again."""
    await _plan(options, "release", where, {}, expires)


async def pause(options: Options, where: _Where = None, expires: _Expires = _DAY) -> None:
    """Plan to pause every live run that matches now."""
    await _plan(options, "pause", where, {}, expires)


async def resume(options: Options, where: _Where = None, expires: _Expires = _DAY) -> None:
    """Plan to let paused runs go on."""
    await _plan(options, "resume", where, {}, expires)


async def attributes(
    options: Options,
    pairs: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", hidden=True)] = None,
    where: _Where = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="KEY", help="Remove this attribute.")
    ] = None,
    expires: _Expires = _DAY,
) -> None:
    """Plan to change the attributes of every run that matches now, whatever its state."""
    arguments = {"attributes": parse_pairs(pairs or []), "unset": unset or []}
    await _plan(options, "attributes", where, arguments, expires)


async def _plan(
    options: Options, act: PlannedAct, where: str | None, arguments: dict[str, Any], expires: float
) -> None:
    options.without_effect(f"plan {act}", namespace=False)
    if where is None:
        raise UsageError(
            f"continuum plan {act} needs --where", hint="for example: --where \"state = 'failed'\""
        )
    selection = read_selection(where)
    async with connection.connect(options) as client:
        plan = await client.plan(
            act, **selection, namespace=options.searched, arguments=arguments,
            expires_after=expires,
        )  # fmt: skip
        if options.shape is Format.TABLE:
            await preview(client, plan, act)
    _print_plan(options.shape, plan)
    if plan.count:
        note(f"nothing was changed; to do it: continuum apply {plan.id} --count {plan.count}")
    else:
        note("there is nothing to do")


async def apply(
    options: Options,
    plan: Annotated[str, typer.Argument(metavar="PLAN", hidden=True)],
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", help="The plan's count: runs you mean.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="N", help="Runs a second, at most.")
    ] = None,
) -> None:
    """Do what a plan says to each of its runs, once, and print what became of them.

    --count must be the number that the plan told. A run that is not as it was when the plan was
    made is skipped. After an interruption the same command goes on with what is left.
    """
    options.without_effect("apply")
    plan_id = parse_run_id(plan)
    if count is None:
        raise UsageError("--count is missing", hint=f"see: continuum plan show {plan_id}")
    async with connection.connect(options) as client:
        progress = Progress(BATCH)
        done = await client.apply_plan(plan_id, count=count, rate=rate, on_progress=progress.show)
        progress.clear()
        await print_outcomes(client, done, options.shape)


async def list_plans(
    options: Options,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Plans, at most.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="TEXT", help="Go on where a page ended.")
    ] = None,
) -> None:
    """List plans, newest first, of every namespace unless --namespace names one.

    A plan is planned, applying (begun and not ended), applied, or expired.
    """
    options.without_effect("plan list", namespace=False)
    async with connection.connect(options) as client:
        page = await client.plans(namespace=options.namespace, limit=limit, cursor=cursor)
    fields = [name for name in PLAN_FIELDS if name not in ("arguments", "sample")]
    rows = Rows(options.shape, _LISTED, fields=fields)
    for plan in page.entries:
        record = plan_record(plan)
        rows.add({name: record[name] for name in fields})
    rows.close()
    if page.next_cursor is not None:
        note(f"there is more: --cursor '{page.next_cursor}'")


async def show(
    options: Options,
    plan: Annotated[str, typer.Argument(metavar="PLAN", hidden=True)],
    runs: Annotated[bool, typer.Option("--runs", help="Print its runs instead.")] = False,
    outcome: Annotated[
        str | None,
        typer.Option(metavar="OUTCOME", help="Only runs that are pending, done, skipped, failed."),
    ] = None,
) -> None:
    """Show a plan and how far it is, or its runs and what became of each.

    With --format ids it prints the ids of its runs, for other commands.
    """
    options.without_effect("plan show")
    plan_id = parse_run_id(plan)
    shape = options.shape
    async with connection.connect(options) as client:
        found = await client.get_plan(plan_id)
        if not (runs or outcome or shape is Format.IDS):
            _print_plan(shape, found)
            return
        rows = Rows(shape, _RUNS, fields=_RUN_FIELDS)
        async for run in runs_of(client, found, outcome):
            rows.add({
                "id": run.run_id, "state": run.state, "outcome": run.outcome,
                "detail": run.detail, "at": run.at,
            })  # fmt: skip
        rows.close()


def _print_plan(shape: Format, plan: BulkPlan) -> None:
    write_record(plan_record(plan), shape)


def _acting(function: CommandFunction, usage: str) -> typer.Typer:
    return application(function, usage=usage, acts=True, seals=True)


cancel_app = _acting(cancel, "[OPTIONS] --where EXPR")
signal_app = _acting(signal, "[OPTIONS] --where EXPR NAME [PAYLOAD]")
retry_app = _acting(retry, "[OPTIONS] --where EXPR")
restart_app = _acting(restart, "[OPTIONS] --where EXPR")
release_app = _acting(release, "[OPTIONS] --where EXPR")
pause_app = _acting(pause, "[OPTIONS] --where EXPR")
resume_app = _acting(resume, "[OPTIONS] --where EXPR")
attributes_app = _acting(attributes, "[OPTIONS] --where EXPR KEY=VALUE...")
apply_app = _acting(apply, "[OPTIONS] PLAN --count N")
list_app = application(list_plans)
show_app = application(show, usage="[OPTIONS] PLAN")
