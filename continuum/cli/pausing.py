"""`continuum pause`, `resume` and `pauses`: hold runs, or all of a kind, and let them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from uuid import UUID

import typer

from continuum.cli import connection
from continuum.cli.bulk import Action
from continuum.cli.command import Options, Outcome, application, note
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.output import Rows
from continuum.cli.repairing import EXECUTE_HELP, WHERE_HELP, YES_HELP, Chosen, repair
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.client import Continuum

_FIELDS: Final = ("namespace", "workflow", "queue", "operator", "reason", "paused_at")
_COLUMNS: Final = (
    Column("namespace", 8), Column("workflow", 12), Column("queue", 6), Column("operator", 8),
    Column("reason", 12), Column("paused_at"),
)  # fmt: skip

_Runs = Annotated[list[str] | None, typer.Argument(metavar="RUN", hidden=True, help="Ids or keys.")]
_Where = Annotated[str | None, typer.Option(metavar="EXPR", help=WHERE_HELP)]
_Workflow = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="All its runs, with --namespace those there, and new ones."),
]
_Queue = Annotated[str | None, typer.Option(metavar="NAME", help="Attempts in this queue.")]
_Whole = Annotated[
    bool, typer.Option("--whole-namespace", help="All runs of --namespace, and new ones.")
]
_Execute = Annotated[bool, typer.Option("--execute", help=EXECUTE_HELP)]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help=YES_HELP)]


async def pause(
    options: Options,
    runs: _Runs = None,
    where: _Where = None,
    workflow: _Workflow = None,
    queue: _Queue = None,
    whole_namespace: _Whole = False,
    execute: _Execute = False,
    yes: _Yes = False,
) -> Outcome:
    """Hold runs, a workflow, a queue or a namespace, until they are resumed.

    RUN is the id or the key of a live run. A paused run begins nothing: what is under way ends,
    what came of it is kept, and signals and timers wait. New runs of a paused workflow or namespace
    start and wait. A queue that is paused gives no attempts out. `continuum cancel --force` ends a
    paused run all the same.
    """
    return await _do(
        options, "pause", Chosen(runs or (), where, execute, yes), workflow, queue,
        whole=whole_namespace,
    )  # fmt: skip


async def resume(
    options: Options,
    runs: _Runs = None,
    where: _Where = None,
    workflow: _Workflow = None,
    queue: _Queue = None,
    whole_namespace: _Whole = False,
    execute: _Execute = False,
    yes: _Yes = False,
) -> Outcome:
    """Let runs, a workflow, a queue or a namespace go on.

    Take the arguments of the pause: each is taken back by itself. A run that was paused by its id
    stays paused when its workflow is resumed. `continuum pauses` lists the others, and
    `continuum query paused` the runs.
    """
    return await _do(
        options, "resume", Chosen(runs or (), where, execute, yes), workflow, queue,
        whole=whole_namespace,
    )  # fmt: skip


async def pauses(options: Options) -> None:
    """List the workflows, queues and namespaces that are paused, oldest first.

    Runs that were paused one by one are found by `continuum query paused`.
    """
    options.without_effect("pauses")
    async with connection.connect(options) as client:
        found = await client.pauses()
    rows = Rows(options.shape, _COLUMNS, fields=_FIELDS)
    for each in found:
        rows.add({name: getattr(each, name) for name in _FIELDS})
    rows.close()


async def _do(
    options: Options,
    command: Literal["pause", "resume"],
    chosen: Chosen,
    workflow: str | None,
    queue: str | None,
    *,
    whole: bool,
) -> Outcome:
    runs = bool(chosen.runs) or chosen.where is not None
    if runs + (workflow is not None) + (queue is not None) + whole > 1:
        raise UsageError(
            "give only one of runs, --where, --workflow, --queue and --whole-namespace"
        )
    if workflow is None and queue is None and not whole:
        return await repair(options, command, chosen, _action(options, command))
    if chosen.execute or chosen.yes:
        raise UsageError("--execute and --yes need --where")
    if whole and options.namespace is None:
        raise UsageError("--whole-namespace needs --namespace")
    if queue is not None and options.namespace is not None:
        raise UsageError("a queue is in no namespace", hint="leave --namespace out")
    scope: dict[str, Any] = {
        "workflow": workflow, "queue": queue, "namespace": options.namespace,
        "reason": options.reason,
    }  # fmt: skip
    async with connection.connect(options) as client:
        done = await (client.pause(**scope) if command == "pause" else client.resume(**scope))
    if command == "pause":
        note("paused" if done else "it was paused already")
        return ExitCode.OK
    note("resumed" if done else "it is not paused; see: continuum pauses")
    return ExitCode.OK if done else ExitCode.NO


def _action(options: Options, command: Literal["pause", "resume"]) -> Action:
    async def hold(client: Continuum, run_id: UUID) -> str | None:
        done = await client.pause(run_id, reason=options.reason, namespace=options.namespace)
        return None if done else "paused before"

    async def let_go(client: Continuum, run_id: UUID) -> str | None:
        done = await client.resume(run_id, reason=options.reason, namespace=options.namespace)
        return None if done else "not paused"

    if command == "pause":
        return Action("pause", "paused", hold, "pause", {})
    return Action("resume", "resumed", let_go, "resume", {})


_USAGE: Final = "[OPTIONS] [RUN]..."
pause_app = application(pause, usage=_USAGE, acts=True, seals=True)
resume_app = application(resume, usage=_USAGE, acts=True, seals=True)
pauses_app = application(pauses)
