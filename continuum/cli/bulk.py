"""One action on named runs, or on all that match: preview, confirmation, outcome per run."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from continuum.cli import connection
from continuum.cli.command import Format, Options, Outcome, note
from continuum.cli.failures import ExitCode, UsageError, report
from continuum.cli.output import Rows, write_record
from continuum.cli.plan_view import SAMPLE, preview, print_outcomes
from continuum.cli.progress import Progress
from continuum.cli.table import Column
from continuum.errors import RepairRefused, RunNotFound, RunTerminal

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.operators.plans import BulkPlan, PlannedAct

BATCH: Final = 100
"""With fewer runs no progress is shown."""

Act = Callable[["Continuum", UUID], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Action:
    """What is done to each run.

    Args:
        what: for the question, such as "signal fraud_review".
        done: outcome of a run it was done to, such as "signalled".
        act: does it to one run; may answer another outcome.
        planned: what does the same to many, as `Continuum.plan` names it.
        arguments: of that.
    """

    what: str
    done: str
    act: Act
    planned: PlannedAct
    arguments: Mapping[str, Any]


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
    """Do it to every run that matches now; runs that start to match meanwhile are left alone.

    It is a plan that is applied at once: after an interruption `continuum apply` ends it.
    """
    consent.check()
    async with connection.connect(options) as client:
        plan = await client.plan(
            action.planned, **selection, arguments=action.arguments, namespace=options.searched,
            save=not consent.dry_run,
        )  # fmt: skip
        if consent.dry_run:
            await _print_dry_run(client, options, selection, plan, action)
            return ExitCode.OK
        if not consent.yes and not await _confirmed(client, plan, action):
            note(f"nothing was changed; to do it: continuum apply {plan.id} --count {plan.count}")
            return ExitCode.NO
        progress = Progress(BATCH)
        plan = await client.apply_plan(plan.id, count=plan.count, on_progress=progress.show)
        progress.clear()
        await print_outcomes(client, plan, options.shape)
    return ExitCode.OK


async def _print_dry_run(
    client: Continuum,
    options: Options,
    selection: Mapping[str, Any],
    plan: BulkPlan,
    action: Action,
) -> None:
    if options.shape is Format.IDS:
        rows = Rows(Format.IDS, [], fields=())
        async for page in client.records(["id"], **selection, namespace=options.searched):
            rows.add(*({"id": run_id} for (run_id,) in page.entries))
    elif options.shape is Format.TABLE:
        await preview(client, plan, action.what)
    else:
        sample = [str(run_id) for run_id in plan.sample[:SAMPLE]]
        record = {"action": action.what, "matches": plan.matched, "sample": sample}
        write_record(record, options.shape)


async def _confirmed(client: Continuum, plan: BulkPlan, action: Action) -> bool:
    await preview(client, plan, action.what)
    if not plan.count:
        return True
    print(f"do this to {plan.count} runs? [y/N] ", end="", file=sys.stderr)  # noqa: T201
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
