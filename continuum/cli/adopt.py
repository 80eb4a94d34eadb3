"""`continuum adopt`: let the loaded code go on with runs that it replays without a difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.cli import connection
from continuum.cli.app_loading import require
from continuum.cli.command import Format, Options, Outcome, application, note
from continuum.cli.conditions import read_selection
from continuum.cli.failures import ExitCode, UsageError
from continuum.cli.output import Rows
from continuum.cli.replays import replaying
from continuum.cli.table import Column

if TYPE_CHECKING:
    from continuum.maintenance.adopt import Adopted

_FIELDS: Final = ("id", "workflow", "outcome", "version_hash", "detail")
_SUMMARY: Final = (
    Column("outcome"), Column("runs"), Column("workflow", 12), Column("detail", 20),
    Column("sample", 36),
)  # fmt: skip
_SAMPLE: Final = 5
_WOULD: Final = {"adopted": "would be adopted", "released": "would be released"}


async def adopt(
    options: Options,
    where: Annotated[
        str | None, typer.Option(metavar="EXPR", help="Only live runs that match.")
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Do it; otherwise only say what would be done.")
    ] = False,
) -> Outcome:
    """Bind live runs to the code of --app that replays them without a difference.

    That is for runs whose code was only rearranged, so that its hash is another one, and for
    runs that drifted in a build that is gone. A run that a worker has, or that went on since it
    was replayed, is skipped. Tables show counts and samples; the other formats every run. Exits
    with 1 when the code cannot go on with some run.
    """
    app = require(options.app, "adopt")
    selection = read_selection(where)
    if where is None:
        raise UsageError(
            "continuum adopt needs --where", hint="for example: --where \"workflow = 'order'\""
        )
    assert options.app is not None
    async with (
        connection.connect(options) as client,
        replaying(client, options.app, selection, options.searched) as (pool, progress),
    ):
        runs = await client.adopt(
            app.versions, **selection, namespace=options.searched, execute=execute, pool=pool,
            progress=progress.show,
        )  # fmt: skip
    _print(options.shape, runs, execute=execute)
    if not execute and any(run.changed for run in runs):
        note("nothing was changed; --execute does it")
    return ExitCode.NO if any(run.refused for run in runs) else ExitCode.OK


def _print(shape: Format, runs: Sequence[Adopted], *, execute: bool) -> None:
    if shape is Format.TABLE:
        _print_summary(runs, execute=execute)
        return
    rows = Rows(shape, [], fields=_FIELDS)
    for run in runs:
        if shape is not Format.IDS or run.changed:
            rows.add(_record(run, execute=execute))
    rows.close()


def _record(run: Adopted, *, execute: bool) -> dict[str, Any]:
    return {
        "id": run.run_id,
        "workflow": run.workflow,
        "outcome": run.outcome if execute else _WOULD.get(run.outcome, run.outcome),
        "version_hash": run.version_hash,
        "detail": run.detail,
    }


def _print_summary(runs: Sequence[Adopted], *, execute: bool) -> None:
    groups: dict[tuple[str, str, str | None], list[str]] = defaultdict(list)
    for run in runs:
        record = _record(run, execute=execute)
        groups[record["outcome"], run.workflow, run.detail].append(str(run.run_id))
    rows = Rows(Format.TABLE, _SUMMARY, fields=())
    for (outcome, workflow, detail), ids in sorted(groups.items(), key=lambda g: -len(g[1])):
        summary = {"outcome": outcome, "runs": len(ids), "workflow": workflow}
        rows.add({**summary, "detail": detail, "sample": ids[:_SAMPLE]})
    rows.close()


app = application(adopt, usage="[OPTIONS] --where EXPR", acts=True)
