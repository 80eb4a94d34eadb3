"""`continuum signal`: to one run, or to all that match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from continuum.cli.bulk import Action, Consent, act_on_matches, act_on_named
from continuum.cli.command import Options, Outcome, application
from continuum.cli.conditions import read_selection
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_json, parse_run, read_text

if TYPE_CHECKING:
    from continuum.client import Continuum

_USAGE = "[OPTIONS] RUN NAME [PAYLOAD]"


async def signal(
    options: Options,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN NAME [JSON]",
            hidden=True,
        ),
    ],
    where: Annotated[
        str | None, typer.Option(metavar="JSON", help="Signal every run that matches, no RUN.")
    ] = None,
    delivery_id: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A second signal with this id changes nothing."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what --where matches.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --where.")] = False,
) -> Outcome:
    """Send a signal to one run, or to all that match.

    RUN is the id or the key of the run (an id may also come last, as xargs puts it), NAME the name
    of the signal, PAYLOAD a JSON value (@FILE or - to read it), null when absent. Signals are
    durable and delivered in order per name.

    With --where there is no RUN: the signal goes to every run that matches, after showing how
    many they are and asking. A negative number as payload needs -- before it.
    """
    options.without_effect("signal", namespace=False)
    selection = read_selection(where)
    run_text, name, payload = _split(words, matching=where is not None)

    async def send(client: Continuum, run_id: UUID) -> None:
        await client.signal(
            run_id, name, payload, namespace=options.namespace, delivery_id=delivery_id
        )

    arguments = {"name": name, "payload": payload, "delivery_id": delivery_id}
    action = Action(f"signal {name}", "signalled", send, "signal", arguments)
    if run_text is None:
        return await act_on_matches(options, selection, action, Consent(dry_run, yes))
    if dry_run:
        raise UsageError("--dry-run needs --where")
    return await act_on_named(options, [parse_run(run_text)], action)


def _split(words: list[str], *, matching: bool) -> tuple[str | None, str, Any]:
    """RUN (absent with --where), NAME and payload."""
    from continuum.codec.attributes import check_json

    rest = list(words)
    # A bare UUID is neither JSON nor likely a name, so `xargs` may put the run id last.
    last = len(rest) > 1 and not _is_run_id(rest[0]) and _is_run_id(rest[-1])
    run_text = None if matching else rest.pop(-1 if last else 0)
    if not rest or len(rest) > 2:
        form = "--where EXPR NAME [JSON]" if matching else "RUN NAME [JSON]"
        raise UsageError(f"signal takes {form}", hint="a payload with spaces needs quotes")
    if run_text is not None:
        parse_run(run_text)
    payload = parse_json(read_text(rest[1], "payload"), "payload") if len(rest) == 2 else None
    check_json(payload, "payload")
    return run_text, rest[0], payload


def _is_run_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


app = application(signal, usage=_USAGE, acts=True, seals=True)
