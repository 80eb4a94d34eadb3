"""A plan before, while and after it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from rich.text import Text

from console.bulk_source import Groups, Selection
from console.present import states
from console.present.header import address
from console.present.plain import one_line, short_id, short_name
from console.present.values import preview
from console.themes import Palette
from continuum.model import Run, ServerInfo
from continuum.operators.plans import BulkPlan, PlanRun

MOST_GROUPS: Final = 6
SHOWN_IDS: Final = 3
STATE_WIDTH: Final = 11
_VERBS: Final = {"signal": "signal", "cancel": "cancel", "attributes": "change",
                 "pause": "pause", "resume": "resume"}  # fmt: skip
_CONSEQUENCES: Final = {
    "signal": "Each of them gets the signal {name} {payload}.",
    "attributes": "Attributes change in place: {changes}.",
    "cancel": "They are asked to stop; clean-up and compensations run. This cannot be undone.",
    "pause": "They begin nothing until they are resumed; what is under way ends and is kept.",
    "resume": "They go on, unless their workflow or namespace is paused.",
    "force": "They end at once, without clean-up or compensations. This cannot be undone.",
}


def runs(count: int) -> str:
    """`1 run`, `1,204 runs`."""
    return "1 run" if count == 1 else f"{count:,} runs"


def verb(plan: BulkPlan) -> str:
    """What it does, in a word or two."""
    return "force cancel" if plan.arguments.get("force") else _VERBS[plan.act]


def upon(selection: Selection) -> str:
    """`3 marked runs, 1 of them not in view`, or `every run of state = 'failed'`."""
    if selection.ids:
        hidden = f", {selection.hidden:,} of them not in view" if selection.hidden else ""
        count = len(selection.ids)
        return f"{'the marked run' if count == 1 else f'{count:,} marked runs'}{hidden}"
    query = one_line(selection.expression, 120)
    return f"every run of {query}" if query else "every run"


def place(namespace: str | None) -> str:
    """Where a query looks."""
    return "all namespaces" if namespace is None else f"namespace {one_line(namespace, 60)}"


def target(
    plan: BulkPlan, selection: Selection, server: ServerInfo | None, palette: Palette
) -> Text:
    """Which database, which namespace, and which runs were asked for."""
    line = Text()
    if server is not None:
        line.append(f"database {server.database}", palette.strong)
        line.append(f" at {address(server)} as {server.user}", palette.muted)
    line.append(f", {place(selection.namespace if not selection.ids else None)}\n", palette.muted)
    line.append(upon(selection), palette.accent)
    return line.append(f"\nplan {plan.id}", palette.faint)


def numbers(plan: BulkPlan, palette: Palette) -> Text:
    """`400 runs to cancel, 12 of 412 are skipped`."""
    if not plan.count:
        what = "No run matches" if not plan.matched else f"None of {runs(plan.matched)} fits"
        return Text(f"{what}: there is nothing to {verb(plan)}.", palette.warn)
    line = Text(f"{runs(plan.count)} to {verb(plan)}", palette.strong)
    skipped = plan.matched - plan.count
    if skipped:
        line.append(f", {skipped:,} of {plan.matched:,} skipped: already ended", palette.warn)
    return line


def consequences(plan: BulkPlan) -> str:
    """What will happen, and whether it can be undone."""
    given = plan.arguments
    if plan.act == "cancel":
        return _CONSEQUENCES["force" if given.get("force") else "cancel"]
    if plan.act in ("pause", "resume"):
        return _CONSEQUENCES[plan.act]
    if plan.act == "signal":
        payload = preview(given.get("payload"), 100)
        return _CONSEQUENCES["signal"].format(name=one_line(given["name"], 60), payload=payload)
    return _CONSEQUENCES["attributes"].format(
        changes=changes(given.get("attributes", {}), given.get("unset", ()))
    )


def changes(attributes: dict[str, Any], unset: Sequence[str]) -> str:
    """`set plan "pro", remove region`."""
    parts = [f"set {one_line(key, 60)} {preview(attributes[key], 60)}" for key in attributes]
    parts += [f"remove {one_line(key, 60)}" for key in unset]
    return ", ".join(parts)


def groups(found: Groups | None, palette: Palette) -> list[Text]:
    """How many it acts upon of each sort: namespace, workflow, state."""
    if found is None:
        return [Text("counting…", palette.faint)]
    listed = list(found.of.items())
    lines = list[Text]()
    for (namespace, workflow, state), count in listed[:MOST_GROUPS]:
        line = Text(f"{count:>8,}  ", palette.text)
        line.append_text(_state(state, palette))
        line.append(f"  {short_name(workflow)}", palette.text)
        lines.append(line.append(f"  {one_line(namespace, 30)}", palette.faint))
    rest = sum(count for _, count in listed[MOST_GROUPS:])
    if rest:
        sorts = len(listed) - MOST_GROUPS
        lines.append(Text(f"{rest:>8,}  of {sorts:,} more sorts", palette.muted))
    if found.now or not found.exact:
        told = "as the query counts them now" if found.exact else "at least, as far as was counted"
        lines.append(Text(f"          {told}", palette.faint))
    return lines


def sample(found: Sequence[Run], plan: BulkPlan, palette: Palette) -> list[Text]:
    """The first of them."""
    if not found:
        return []
    head = "These" if len(found) == plan.count else f"The first {len(found)}"
    lines = [Text(f"{head}:", palette.muted)]
    for run in found:
        line = Text(f"  {short_id(run.id)}  ", palette.text)
        line.append_text(_state(run.state, palette))
        line.append(f"  {short_name(run.workflow)}", palette.muted)
        lines.append(line.append(f"  {one_line(run.namespace, 30)}", palette.faint))
    return lines


def _state(state: str, palette: Palette) -> Text:
    """Its badge, as wide as that of any state."""
    badge = states.badge(state, palette, changed=False)
    return badge.append(" " * max(0, STATE_WIDTH - badge.cell_len))


def bar(plan: BulkPlan, behind: int, width: int, palette: Palette) -> Text:
    """`████░░░ 250 of 400`, and what became of those."""
    total = max(1, plan.matched)
    full = min(width, behind * width // total)
    line = Text("█" * full, palette.info).append("░" * (width - full), palette.faint)
    return line.append(f"\n{behind:,} of {total:,} · ", palette.text).append_text(
        outcome(plan, palette)
    )


def outcome(plan: BulkPlan, palette: Palette) -> Text:
    """`388 done · 12 skipped · 0 failed`."""
    line = Text(f"{plan.done:,} done", palette.good)
    line.append(" · ", palette.faint).append(f"{plan.skipped:,} skipped", palette.warn)
    line.append(" · ", palette.faint)
    line.append(f"{plan.failed:,} failed", palette.bad if plan.failed else palette.muted)
    if plan.pending:
        line.append(" · ", palette.faint).append(f"{plan.pending:,} not tried", palette.warn)
    return line


def report(found: Sequence[PlanRun], palette: Palette) -> list[Text]:
    """How many runs came to each outcome, why, and some of their ids."""
    sorts = dict[tuple[str, str], list[UUID]]()
    for run in found:
        sorts.setdefault((run.outcome.value, run.detail or run.outcome.value), []).append(
            run.run_id
        )
    lines = list[Text]()
    for (kind, why), ids in sorted(sorts.items(), key=lambda item: -len(item[1])):
        look = palette.good if kind == "done" else palette.bad if kind == "failed" else palette.warn
        line = Text(f"{len(ids):>8,}  ", palette.text).append(f"{kind:<8}", look)
        line.append(f"  {one_line(why, 60) if kind != 'done' else ''}", palette.text)
        shown = " ".join(short_id(each) for each in ids[:SHOWN_IDS])
        lines.append(line.append(f"  {shown}{' …' if len(ids) > SHOWN_IDS else ''}", palette.faint))
    return lines
