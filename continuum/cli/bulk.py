"""One action on many runs: frozen selection, preview, confirmation, batches, outcome per run."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from continuum.cli import connection
from continuum.cli.columns import table_columns
from continuum.cli.command import Format, Options, Outcome, note
from continuum.cli.failures import ExitCode, UsageError, report
from continuum.cli.output import Rows, write_record
from continuum.cli.progress import Progress
from continuum.cli.records import run_record
from continuum.cli.table import Column, render_table, terminal_width
from continuum.errors import RepairRefused, RunNotFound, RunTerminal

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.model import Run

_BATCH: Final = 100
_PAGE: Final = 1000
_SAMPLE: Final = 5

Act = Callable[["Continuum", UUID], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Action:
    """What is done to each run.

    Args:
        what: for the question, such as "signal fraud_review".
        done: outcome of a run it was done to, such as "signalled".
        act: does it to one run; may answer another outcome.
    """

    what: str
    done: str
    act: Act


@dataclass(frozen=True, slots=True)
class Consent:
    """`--dry-run` and `--yes`."""

    dry_run: bool
    yes: bool

    def check(self) -> None:
        """Refuse at once what would have to ask where nobody can answer."""
        if self.dry_run or self.yes or (sys.stdin.isatty() and sys.stderr.isatty()):
            return
        raise UsageError("cannot ask without a terminal", hint="add --yes, or --dry-run to look")


async def act_on_named(options: Options, named: Sequence[UUID | str], action: Action) -> Outcome:
    """Do it to runs by id or key; every run it could not be done to is a line on stderr, exit 1."""
    code = ExitCode.OK
    done: list[tuple[UUID, str]] = []
    async with connection.connect(options) as client:
        for name in named:
            try:
                run_id = name if isinstance(name, UUID) else await _find(client, options, name)
                outcome = await action.act(client, run_id)
            except (RunNotFound, RunTerminal, RepairRefused) as error:
                code = report(error)
            else:
                done.append((run_id, outcome or action.done))
    if done:
        rows = Rows(options.shape, [Column("id"), Column("outcome")], fields=("id", "outcome"))
        for run_id, outcome in done:
            rows.add({"id": run_id, "outcome": outcome})
        rows.close()
    return code


async def _find(client: Continuum, options: Options, key: str) -> UUID:
    return (await client.get_run(key, namespace=options.namespace)).id


async def act_on_matches(
    options: Options, selection: Mapping[str, Any], action: Action, consent: Consent
) -> Outcome:
    """Do it to every run that matches now; runs that start to match meanwhile are left alone."""
    consent.check()
    async with connection.connect(options) as client:
        found = await _select(client, options, selection)
        if consent.dry_run:
            _print_dry_run(options, found, action)
            return ExitCode.OK
        if not consent.yes and not _confirmed(options, found, action):
            note("nothing was changed")
            return ExitCode.NO
        outcomes = await _apply(client, found.run_ids, action)
    _print_outcomes(options.shape, outcomes, action)
    return ExitCode.OK


@dataclass(slots=True)
class _Selection:
    run_ids: list[UUID] = field(default_factory=list[UUID])
    sample: list[Run] = field(default_factory=list["Run"])


async def _select(client: Continuum, options: Options, conditions: Mapping[str, Any]) -> _Selection:
    selection = _Selection()
    cursor: str | None = None
    while True:
        page = await client.query(
            **conditions, namespace=options.searched, limit=_PAGE, cursor=cursor
        )
        selection.run_ids += [run.id for run in page.entries]
        missing = _SAMPLE - len(selection.sample)
        selection.sample += page.entries[:missing]
        cursor = page.next_cursor
        if cursor is None:
            return selection


def _print_dry_run(options: Options, selection: _Selection, action: Action) -> None:
    if options.shape is Format.IDS:
        rows = Rows(Format.IDS, [], fields=())
        for run_id in selection.run_ids:
            rows.add({"id": run_id})
    elif options.shape is Format.TABLE:
        _preview(options, selection, action)
    else:
        sample = [str(run.id) for run in selection.sample]
        record = {"action": action.what, "matches": len(selection.run_ids), "sample": sample}
        write_record(record, options.shape)


def _preview(options: Options, selection: _Selection, action: Action) -> None:
    count, shown = len(selection.run_ids), len(selection.sample)
    place = f"namespace {options.searched}" if options.searched else "all namespaces"
    runs = "run matches" if count == 1 else "runs match"
    first = f", the first {shown}" if shown < count else ""
    note(f"{action.what}: {count} {runs} in {place}{first}{':' if shown else ''}")
    if not shown:
        return
    columns = table_columns(None, namespaces=options.searched is None)
    records = [run_record(run, [column.name for column in columns]) for run in selection.sample]
    for line in render_table(records, columns, width=terminal_width()):
        note(f"  {line}")


def _confirmed(options: Options, selection: _Selection, action: Action) -> bool:
    _preview(options, selection, action)
    if not selection.run_ids:
        return True
    print(f"do this to {len(selection.run_ids)} runs? [y/N] ", end="", file=sys.stderr)  # noqa: T201
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _apply(
    client: Continuum, run_ids: Sequence[UUID], action: Action
) -> list[tuple[UUID, str]]:
    outcomes: list[tuple[UUID, str]] = []
    progress = Progress(_BATCH)
    for at in range(0, len(run_ids), _BATCH):
        batch = run_ids[at : at + _BATCH]
        results = await asyncio.gather(*(_outcome(client, run_id, action) for run_id in batch))
        outcomes += zip(batch, results, strict=True)
        progress.show(len(outcomes), len(run_ids))
    progress.clear()
    return outcomes


async def _outcome(client: Continuum, run_id: UUID, action: Action) -> str:
    try:
        outcome = await action.act(client, run_id)
    except RunNotFound:
        return "not found"
    except RunTerminal as error:
        return f"already {error.state}"
    except RepairRefused as error:
        return error.reason
    return outcome or action.done


def _print_outcomes(shape: Format, outcomes: Sequence[tuple[UUID, str]], action: Action) -> None:
    if shape is Format.IDS:
        rows = Rows(shape, [], fields=())
        for run_id, outcome in outcomes:
            if outcome == action.done:
                rows.add({"id": run_id})
        return
    counts = Counter(outcome for _, outcome in outcomes)
    fields = ("outcome", "runs", "sample")
    rows = Rows(shape, [Column("outcome"), Column("runs"), Column("sample", 36)], fields=fields)
    for outcome, runs in counts.most_common():
        sample = [str(run_id) for run_id, its in outcomes if its == outcome][:_SAMPLE]
        rows.add({"outcome": outcome, "runs": runs, "sample": sample})
    rows.close()
