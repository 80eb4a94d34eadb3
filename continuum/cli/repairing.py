"""What the commands that put runs right share: runs by id or key, or by condition and on demand.

By condition they only show what they would do, unless `--execute` is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from continuum.cli.bulk import Action, Consent, act_on_matches, act_on_named
from continuum.cli.command import Options, Outcome, note
from continuum.cli.conditions import read_selection
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_run

WHERE_HELP = "Every run that matches, no RUN; only shown without --execute."
EXECUTE_HELP = "With --where: do it."
YES_HELP = "Do not ask before it."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs as they were given on the command line."""

    runs: Sequence[str]
    where: str | None
    execute: bool
    yes: bool


async def repair(options: Options, command: str, chosen: Chosen, action: Action) -> Outcome:
    """Do it to the named runs, or to all that match.

    Raises:
        UsageError: neither or both are given.
    """
    options.without_effect(command, namespace=False)
    selection = read_selection(chosen.where)
    named = [parse_run(text) for text in chosen.runs]
    if bool(named) == (chosen.where is not None):
        raise UsageError("give runs or --where", hint=f"see: continuum {command} --help")
    if chosen.where is None:
        if chosen.execute:
            raise UsageError("--execute needs --where")
        return await act_on_named(options, list(dict.fromkeys(named)), action)
    consent = Consent(dry_run=not chosen.execute, yes=chosen.yes)
    code = await act_on_matches(options, selection, action, consent)
    if not chosen.execute:
        note("nothing was changed; add --execute to do it")
    return code
