"""`continuum attributes set`: change the search attributes of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from continuum.cli import connection
from continuum.cli.command import Options, application
from continuum.cli.failures import UsageError
from continuum.cli.inputs import parse_pairs, parse_run
from continuum.cli.output import write_record
from continuum.cli.records import LIST_FIELDS, run_record


async def set_attributes(
    options: Options,
    run: Annotated[str, typer.Argument(metavar="RUN", hidden=True)],
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", hidden=True),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="KEY", help="Remove this attribute.")
    ] = None,
) -> None:
    """Change the search attributes of a run and print the run.

    RUN is the id or the key of the run. A VALUE that is JSON is taken as such, other text is a
    string. Keys that are not named stay as they are. Attributes of a finished run can be changed,
    too.
    """
    options.without_effect("attributes set", namespace=False)
    from continuum.codec.attributes import check_attributes

    run_id = parse_run(run)
    changes = check_attributes(parse_pairs(pairs or []))
    removed = tuple(unset or ())
    if not changes and not removed:
        raise UsageError("nothing to change", hint="give KEY=VALUE or --unset KEY")
    both = sorted(set(removed) & set(changes))
    if both:
        raise UsageError(f"attribute {both[0]} cannot be set and removed at once")
    async with connection.connect(options) as client:
        await client.set_attributes(run_id, changes, unset=removed, namespace=options.namespace)
        changed = await client.get_run(run_id, namespace=options.namespace)
    write_record(run_record(changed, LIST_FIELDS), options.shape)


app = application(set_attributes, usage="[OPTIONS] RUN KEY=VALUE...", acts=True)
