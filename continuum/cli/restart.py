"""`continuum restart`: runs that have ended, started anew with the same input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from continuum.cli.bulk import Action
from continuum.cli.command import Options, Outcome, application
from continuum.cli.repairing import EXECUTE_HELP, WHERE_HELP, YES_HELP, Chosen, repair

if TYPE_CHECKING:
    from continuum.client import Continuum


async def restart(
    options: Options,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", hidden=True, help="Ids or keys."),
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="EXPR", help=WHERE_HELP)] = None,
    once: Annotated[
        str | None, typer.Option(metavar="KEY", help="Each run once more with another key.")
    ] = None,
    execute: Annotated[bool, typer.Option("--execute", help=EXECUTE_HELP)] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=YES_HELP)] = False,
) -> Outcome:
    """Start runs that have ended anew: same workflow, input and attributes, a new id.

    RUN is the id or the key of a run that has ended, however it did. Everything is executed again,
    by the newest code. The new run's attribute `restarted_from` names the old one. Repeating the
    command starts nothing twice; --once KEY restarts once more.
    """

    async def start_anew(client: Continuum, run_id: UUID) -> str:
        new = await client.restart(run_id, once=once, namespace=options.namespace)
        return f"restarted as {new.id}"

    action = Action("restart", "restarted", start_anew, "restart", {"once": once})
    return await repair(options, "restart", Chosen(runs or (), where, execute, yes), action)


app = application(restart, usage="[OPTIONS] [RUN]...", acts=True, seals=True)
