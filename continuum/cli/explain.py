"""`continuum query --explain`: how an answer was found, instead of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from continuum.cli.command import Format, Options
from continuum.cli.failures import UsageError
from continuum.cli.output import colour, table_width, write, write_json, write_lines
from continuum.cli.records import stamp_record
from continuum.cli.table import Column, render_facts, render_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from continuum.client import Continuum
    from continuum.model import Plan, Stamp, Step
    from continuum.query.tree import Query

_STEPS: Final = (
    Column("strategy"), Column("index", 12), Column("rows_read"), Column("found"),
    Column("milliseconds"),
)  # fmt: skip


def check_format(options: Options) -> None:
    """Refuse the formats for lists of runs.

    Raises:
        UsageError.
    """
    if options.shape in (Format.CSV, Format.IDS):
        raise UsageError(
            f"an explanation is no list of runs, not {options.shape}",
            hint="use --format table, json or jsonl",
        )


async def explain_page(
    client: Continuum, options: Options, query: Query, spec: dict[str, Any]
) -> None:
    """Fetch a page and print how.

    Args:
        client: to ask.
        options: of the command.
        query: as it was understood.
        spec: the same as keyword arguments of `Continuum.query`.
    """
    page = await client.query(**spec)
    found = len(page.entries)
    _print(options, _explanation(query, None, found, page.complete, page.stamp, page.plan))


async def explain_count(
    client: Continuum, options: Options, query: Query, spec: dict[str, Any]
) -> None:
    """Count and print how; `spec` is for `Continuum.counts`."""
    counts = await client.counts(**spec)
    found = sum(group.count for group in counts.groups)
    stamp = counts.stamp
    _print(
        options,
        _explanation(query, spec["group_by"], found, stamp.complete, stamp, counts.plan),
    )


def _explanation(
    query: Query,
    group_by: Sequence[str] | None,
    found: int,
    complete: bool,
    stamp: Stamp,
    plan: Plan,
) -> dict[str, Any]:
    return {
        "query": query.text,
        "namespace": query.namespace,
        "group_by": group_by,
        "found": found,
        "complete": complete,
        "steps": [_step_record(step) for step in plan.steps],
        "advice": plan.advice,
        "stamp": stamp_record(stamp),
    }


def _step_record(step: Step) -> dict[str, Any]:
    return {
        "strategy": step.strategy,
        "index": step.index,
        "rows_read": step.rows_read,
        "found": step.found,
        "milliseconds": round(step.elapsed * 1000, 3),
    }


def _print(options: Options, explanation: dict[str, Any]) -> None:
    if options.shape is not Format.TABLE:
        write_json(explanation)
        return
    steps, stamp = explanation.pop("steps"), explanation.pop("stamp")
    advice = explanation.pop("advice")
    facts = explanation | {
        "query": explanation["query"] or "(every run)",
        "namespace": explanation["namespace"] or "(all)",
        "group_by": ", ".join(explanation["group_by"] or ()) or None,
        "exact": stamp["exact"],
        "read at": stamp["at"],
        "source": stamp["source"],
        "behind by": None if stamp["lag"] is None else f"{stamp['lag']:.1f} s",
        "milliseconds": round(stamp["elapsed"] * 1000, 3),
        "advice": advice,
    }
    write_lines(render_facts(facts, colour=colour()))
    write("")
    shown = [step | {"index": step["index"] or "none"} for step in steps]
    write_lines(render_table(shown, _STEPS, width=table_width(), colour=colour()))
