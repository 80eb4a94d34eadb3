"""`continuum cancel`: runs by id, or all that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from continuum.cli.bulk import Action, Consent, act_on_matches, act_on_named
from continuum.cli.command import Options, Outcome, application
from continuum.cli.conditions import read_selection
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_run

if TYPE_CHECKING:
    from continuum.client import Continuum


async def cancel(
    options: Options,
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", hidden=True, help="Ids or keys."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Cancel every run that matches, no RUN.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="End at once, without any clean-up of the workflow.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what --where matches.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --where.")] = False,
) -> Outcome:
    """Cancel runs: each is asked to clean up and end.

    RUN is the id or the key of a run; with --where there is none, and every run that matches is
    cancelled, after showing how many they are and asking. With --force a run ends now, whoever
    runs it, and nothing is cleaned up.
    """
    options.without_effect("cancel", namespace=False)
    selection = read_selection(where)
    named = [parse_run(text) for text in runs or ()]
    if bool(named) == (where is not None):
        raise UsageError("give runs or --where", hint="see: continuum cancel --help")

    async def stop(client: Continuum, run_id: UUID) -> None:
        await client.cancel(run_id, reason=options.reason, force=force, namespace=options.namespace)

    what = "cancel by force" if force else "cancel"
    action = Action(
        what, "cancelled" if force else "cancel requested", stop, "cancel", {"force": force}
    )
    if where is not None:
        return await act_on_matches(options, selection, action, Consent(dry_run, yes))
    if dry_run:
        raise UsageError("--dry-run needs --where")
    return await act_on_named(options, list(dict.fromkeys(named)), action)


app = application(cancel, usage="[OPTIONS] [RUN]...", acts=True, seals=True)
