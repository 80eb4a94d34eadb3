"""`continuum schedules ...`: look at schedules and steer them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, application
from continuum.cli.failures import UsageError
from continuum.cli.output import Rows, write, write_lines, write_record
from continuum.cli.records import format_time
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.schedules.model import Schedule, ScheduleFiring

_FIELDS: Final = (
    "name", "namespace", "workflow", "times", "status", "next_at", "waiting_at", "failures",
    "resting_until", "last_error", "last_run_id", "last_fired_at", "overlap", "catch_up",
    "back_off", "jitter", "starts_at", "ends_at", "attributes", "note", "created_at", "updated_at",
)  # fmt: skip
_COLUMNS: Final = (
    Column("name", 12),
    Column("namespace", 8),
    Column("workflow", 12, droppable=True),
    Column("times", 12),
    Column("status"),
    Column("next_at"),
    Column("failures", droppable=True),
    Column("last_fired_at", droppable=True),
)
_SHOWN: Final = 5
"""Times to come, and times gone by, that `show` prints."""

_Name = Annotated[str, typer.Argument(metavar="NAME", hidden=True)]
_Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why, for people.")]


async def list_schedules(options: Options) -> None:
    """List the schedules of a namespace, or of all with -A.

    A schedule is active, paused, ended, waiting for the run before it, or backing off because its
    runs fail.
    """
    options.without_effect("schedules list", namespace=False)
    async with connection.connect(options) as client:
        found = await client.schedules(namespace=options.searched)
    rows = Rows(options.shape, _COLUMNS, fields=_FIELDS, key="name")
    for schedule in found:
        rows.add(_record(schedule))
    rows.close()


async def show(options: Options, name: _Name) -> None:
    """Show a schedule, its next times and what became of the latest ones."""
    namespace = _one_namespace(options, "schedules show")
    async with connection.connect(options) as client:
        schedule = await client.get_schedule(name, namespace=namespace)
        firings = await client.schedule_firings(name, namespace=namespace, limit=_SHOWN)
    record = _record(schedule)
    record["next_times"] = schedule.next_times(_SHOWN)
    record["firings"] = [_firing(each) for each in firings]
    if options.shape is not Format.TABLE:
        write_record(record, options.shape, key="name")
        return
    next_times = [format_time(each) for each in record.pop("next_times")]
    gone = [" ".join(filter(None, map(_text, each.values()))) for each in record.pop("firings")]
    write_record(record, Format.TABLE)
    write_lines(["", "next times", *(f"  {each}" for each in next_times)])
    write_lines(["", "latest times", *(f"  {each}" for each in gone or ["none yet"])])


async def create(
    options: Options,
    name: _Name,
    flow: Annotated[str, typer.Argument(metavar="FLOW", hidden=True)],
    cron: Annotated[
        str | None, typer.Option("--cron", metavar="EXPR", help='As "0 3 * * mon-fri".')
    ] = None,
    every: Annotated[
        float | None, typer.Option("--every", metavar="SECONDS", help="An interval, instead.")
    ] = None,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="NAME", help="Of --cron, as Europe/Berlin.")
    ] = "UTC",
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="POLICY", help="skip, buffer, cancel or allow.")
    ] = "skip",
    catch_up: Annotated[
        float, typer.Option("--catch-up", metavar="SECONDS", help="Make up for times this old.")
    ] = 3600.0,
    jitter: Annotated[
        float, typer.Option("--jitter", metavar="SECONDS", help="Start up to so much later.")
    ] = 0.0,
    back_off: Annotated[
        bool, typer.Option("--back-off/--no-back-off", help="Wait longer after failed runs.")
    ] = True,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="JSON", help="One positional argument; @FILE or -."),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option("--attribute", metavar="KEY=VALUE", help="A search attribute of its runs."),
    ] = None,
    note: _Note = None,
    paused: Annotated[bool, typer.Option("--paused", help="Start nothing yet.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Change the one that exists.")] = False,
) -> None:
    """Create a schedule: runs of FLOW start by themselves, each time exactly once.

    FLOW is a workflow as for `continuum start`. --overlap says what happens while the run before is
    still live: skip this time, buffer one start until it has ended, cancel it, or allow both.
    """
    import json

    from continuum.cli.app_loading import find_workflow, load
    from continuum.cli.inputs import parse_pairs, read_inputs

    namespace = _one_namespace(options, "schedules create", app=False)
    target: Any = flow
    values = read_inputs(inputs or [])
    if options.app is not None:
        target = find_workflow(load(options.app), flow)
        values = target.signature.decode(json.dumps(values).encode())
    async with connection.connect(options) as client:
        schedule = await client.create_schedule(
            name, target, *values, cron=cron, every=every, timezone=timezone, jitter=jitter,
            overlap=overlap,  # pyright: ignore[reportArgumentType]  # checked there
            catch_up=catch_up, back_off=back_off, paused=paused, note=note, namespace=namespace,
            attributes=parse_pairs(attributes or []), replace=replace,
        )  # fmt: skip
    write_record(_record(schedule), options.shape, key="name")


async def pause(options: Options, name: _Name, note: _Note = None) -> None:
    """Start nothing until it is resumed; the times in between are not made up for."""
    namespace = _one_namespace(options, "schedules pause")
    async with connection.connect(options) as client:
        schedule = await client.pause_schedule(name, note=note, namespace=namespace)
    write_record(_record(schedule), options.shape, key="name")


async def resume(options: Options, name: _Name, note: _Note = None) -> None:
    """Be due again from now on; this also ends a back-off."""
    namespace = _one_namespace(options, "schedules resume")
    async with connection.connect(options) as client:
        schedule = await client.resume_schedule(name, note=note, namespace=namespace)
    write_record(_record(schedule), options.shape, key="name")


async def trigger(options: Options, name: _Name) -> None:
    """Start a run now, whatever the times say, and print its id."""
    namespace = _one_namespace(options, "schedules trigger")
    async with connection.connect(options) as client:
        write(str(await client.trigger_schedule(name, namespace=namespace)))


async def delete(options: Options, name: _Name) -> None:
    """Remove a schedule; its runs stay."""
    namespace = _one_namespace(options, "schedules delete")
    async with connection.connect(options) as client:
        await client.delete_schedule(name, namespace=namespace)


def _one_namespace(options: Options, command: str, *, app: bool = True) -> str:
    options.without_effect(command, namespace=False, app=app)
    if options.all_namespaces:
        raise UsageError("a schedule is in one namespace", hint="use -n NAMESPACE")
    return options.own_namespace


def _record(schedule: Schedule) -> dict[str, Any]:
    times = schedule.times
    own = {"times": times.text, "overlap": str(schedule.overlap), "jitter": times.jitter,
           "starts_at": times.starts_at, "ends_at": times.ends_at}  # fmt: skip
    return {name: own[name] if name in own else getattr(schedule, name) for name in _FIELDS}


def _firing(firing: ScheduleFiring) -> dict[str, Any]:
    return {
        "due_at": firing.due_at, "fired_at": firing.fired_at, "outcome": str(firing.outcome),
        "run_id": firing.run_id, "state": firing.state and str(firing.state),
    }  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return format_time(value.astimezone(UTC))
    return "" if value is None else str(value)


list_app = application(list_schedules)
show_app = application(show, usage="[OPTIONS] NAME")
create_app = application(create, usage="[OPTIONS] NAME FLOW", acts=True, seals=True)
pause_app = application(pause, usage="[OPTIONS] NAME", acts=True, seals=True)
resume_app = application(resume, usage="[OPTIONS] NAME", acts=True, seals=True)
trigger_app = application(trigger, usage="[OPTIONS] NAME", acts=True, seals=True)
delete_app = application(delete, usage="[OPTIONS] NAME", acts=True, seals=True)
