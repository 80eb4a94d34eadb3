"""`continuum release`: let workers try runs in quarantine again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from continuum.cli.bulk import Action
from continuum.cli.command import Options, Outcome, application
from continuum.cli.repairing import EXECUTE_HELP, WHERE_HELP, YES_HELP, Chosen, repair

if TYPE_CHECKING:
    from continuum.client import Continuum


async def release(
    options: Options,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", hidden=True, help="Ids or keys."),
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help=WHERE_HELP)] = None,
    execute: Annotated[bool, typer.Option("--execute", help=EXECUTE_HELP)] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=YES_HELP)] = False,
) -> Outcome:
    """Let workers try runs in quarantine again.

    RUN is the id or the key of a run with which four workers were lost before it committed
    anything. Find out why first (the logs of the workers, `continuum show RUN --history`): it may
    take down the next ones, too. `continuum health` lists such runs. Or RUN is one that is blocked
    because the codec of a worker could not open something of it: then it need not rest any more.
    """

    async def let_go(client: Continuum, run_id: UUID) -> None:
        await client.release(run_id, namespace=options.namespace)

    action = Action("release from quarantine", "released", let_go, "release", {})
    return await repair(options, "release", Chosen(runs or (), where, execute, yes), action)


app = application(release, usage="[OPTIONS] [RUN]...", acts=True)
