"""How plans and what became of their runs are printed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from continuum.cli.columns import table_columns
from continuum.cli.command import Format, note
from continuum.cli.output import Rows
from continuum.cli.records import run_record
from continuum.cli.table import Column, render_table, terminal_width

if TYPE_CHECKING:
    from continuum.client import Continuum
    from continuum.operators.plans import BulkPlan, PlanRun

SAMPLE: Final = 5
PLAN_FIELDS: Final = (
    "id", "act", "status", "count", "matched", "pending", "done", "skipped", "failed", "namespace",
    "expression", "arguments", "reason", "operator", "host", "program", "created_at", "expires_at",
    "applied_at", "sample",
)  # fmt: skip
_OUTCOMES: Final = (Column("outcome"), Column("runs"), Column("sample", 36))


def plan_record(plan: BulkPlan) -> dict[str, Any]:
    """A plan with its numbers."""
    record = {name: getattr(plan, name) for name in PLAN_FIELDS}
    return record | {"sample": [str(run_id) for run_id in plan.sample]}


async def preview(client: Continuum, plan: BulkPlan, what: str) -> None:
    """Say on stderr how many runs there are, show the first, and tell which are skipped."""
    matched, shown = plan.matched, min(SAMPLE, len(plan.sample))
    place = f"namespace {plan.namespace}" if plan.namespace else "all namespaces"
    runs = "run matches" if matched == 1 else "runs match"
    first = f", the first {shown}" if shown < matched else ""
    note(f"{what}: {matched} {runs} in {place}{first}{':' if shown else ''}")
    if not shown:
        return
    ids = [str(run_id) for run_id in plan.sample[:shown]]
    page = await client.query(where=[("in", "id", ids)], namespace=None, limit=shown)
    places = {run_id: n for n, run_id in enumerate(plan.sample)}
    found = sorted(page.entries, key=lambda run: places[run.id])
    columns = table_columns(None, namespaces=plan.namespace is None)
    records = [run_record(run, [column.name for column in columns]) for run in found]
    for line in render_table(records, columns, width=terminal_width()):
        note(f"  {line}")
    if plan.count < matched:
        note(f"{matched - plan.count} of them are skipped, because of the state they are in")


async def runs_of(
    client: Continuum, plan: BulkPlan, outcome: Any = None
) -> AsyncGenerator[PlanRun]:
    """All runs of a plan (with this outcome), in its order."""
    cursor: str | None = None
    while True:
        page = await client.plan_runs(plan.id, outcome, cursor=cursor)
        for run in page.entries:
            yield run
        cursor = page.next_cursor
        if cursor is None:
            return


async def print_outcomes(client: Continuum, plan: BulkPlan, shape: Format) -> None:
    """What became of the runs: how many, why, and some ids; as ids those it was done to."""
    counts: dict[str, int] = {}
    samples: dict[str, list[str]] = {}
    rows = Rows(shape, _OUTCOMES, fields=("outcome", "runs", "sample"))
    async for run in runs_of(client, plan):
        if shape is Format.IDS:
            if run.outcome == "done":
                rows.add({"id": run.run_id})
            continue
        words = run.detail or run.outcome
        counts[words] = counts.get(words, 0) + 1
        if counts[words] <= SAMPLE:
            samples.setdefault(words, []).append(str(run.run_id))
    for words in sorted(counts, key=lambda each: -counts[each]):
        rows.add({"outcome": words, "runs": counts[words], "sample": samples[words]})
    rows.close()
