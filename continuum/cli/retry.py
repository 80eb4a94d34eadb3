"""`continuum retry`: failed runs go on from the activity that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from continuum.cli.bulk import Action
from continuum.cli.command import Options, Outcome, application
from continuum.cli.repairing import EXECUTE_HELP, WHERE_HELP, YES_HELP, Chosen, repair

if TYPE_CHECKING:
    from continuum.client import Continuum


async def retry(
    options: Options,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", hidden=True, help="Ids or keys."),
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help=WHERE_HELP)] = None,
    once: Annotated[
        str | None, typer.Option(metavar="KEY", help="Each run at most once with this key.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also when nobody knows what a crashed activity did.")
    ] = False,
    execute: Annotated[bool, typer.Option("--execute", help=EXECUTE_HELP)] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=YES_HELP)] = False,
) -> Outcome:
    """Try failed runs again, each from the activity that failed.

    RUN is the id or the key of a failed run. It is live again under the same id: steps that had
    completed are not executed again, and the activity gets a new attempt and all its retries. A
    run is left alone when no activity failed, or when others have seen what the workflow did about
    it, such as a compensation.

    Repeat the command when it was interrupted: what it had done is not failed any more. With
    --once a run that fails again meanwhile is not tried twice, either.
    """

    async def try_again(client: Continuum, run_id: UUID) -> str | None:
        done = await client.retry(
            run_id, reason=options.reason, force=force, once=once, namespace=options.namespace
        )
        return None if done else "retried before"

    action = Action("retry", "retried", try_again, "retry", {"force": force, "once": once})
    return await repair(options, "retry", Chosen(runs or (), where, execute, yes), action)


app = application(retry, usage="[OPTIONS] [RUN]...", acts=True, seals=True)
