"""`continuum health`: the report for people, scripts and monitors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from continuum.cli import connection
from continuum.cli.command import Format, Options, Outcome, application
from continuum.cli.failures import ExitCode
from continuum.cli.output import Rows, write_json, write_lines, write_record
from continuum.cli.sanitize import one_line

if TYPE_CHECKING:
    from continuum.health.report import Facts, Finding, HealthReport
    from continuum.store.health import ClusterFacts

_FIELDS: Final = ("severity", "code", "message", "fix", "runs")


async def health(
    options: Options,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when there is an error or a warning.")
    ] = False,
    sample: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0, help="Count transactions for so long; 0 does not."),
    ] = 1.0,
) -> Outcome:
    """Say whether runs go on, what fails, and what will slow the database down or stop it.

    Each finding has a severity (error, warning, unknown, info), a stable code, and the command
    that helps. What could not be looked at is unknown, with the reason. table and json print the
    facts, too; jsonl and csv the findings only; ids the runs that they name.
    """
    options.without_effect("health")
    async with connection.connect(options) as client:
        report = await client.health(sample=sample)
    _print(report, options.shape)
    return ExitCode.NO if strict and report.needs_attention else ExitCode.OK


def _print(report: HealthReport, shape: Format) -> None:
    if shape is Format.JSON:
        write_json(
            {
                "status": report.status or "ok",
                "at": report.at,
                "findings": [_record(finding) for finding in report.findings],
                "wake_lag": report.wake_lag,
                "facts": asdict(report.facts),
            }
        )
    elif shape is Format.TABLE:
        write_record(_summary(report), shape)
        for finding in report.findings:
            write_lines(_lines(finding))
    elif shape is Format.IDS:
        ids = Rows(shape, [], fields=())
        for run_id in dict.fromkeys(run for each in report.findings for run in each.runs):
            ids.add({"id": run_id})
    else:
        rows = Rows(shape, [], fields=_FIELDS)
        for finding in report.findings:
            rows.add(_record(finding))
        rows.close()


def _record(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding, name) for name in _FIELDS}


def _lines(finding: Finding) -> Iterator[str]:
    yield ""
    yield one_line(f"{finding.severity}: {finding.code}: {finding.message}")
    yield one_line(f"  {finding.fix}")


def _summary(report: HealthReport) -> dict[str, Any]:
    facts = report.facts
    found: dict[str, Any] = {"status": report.status or "ok", "at": report.at}
    if facts.cluster is not None:
        found |= _cluster(facts.cluster)
    found["wake_lag"] = report.wake_lag
    return found | _rest(facts)


def _cluster(cluster: ClusterFacts) -> dict[str, Any]:
    alive = [node for node in cluster.nodes if node.alive]
    draining = sum(node.draining for node in alive)
    return {
        "workers": f"{len(alive)} live" + (f", {draining} of them draining" if draining else ""),
        "runs": ", ".join(f"{n:,} {state}" for state, n in sorted(cluster.runs.items()) if n),
        "deployed_at": cluster.deployed_at,
    }


def _rest(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if facts.inbox is not None:
        found["unread_messages"] = facts.inbox.unread
    if facts.queues is not None:
        found["queues"] = ", ".join(f"{q.queue}: {q.waiting} waiting" for q in facts.queues)
    if facts.paused is not None:
        found["paused"] = f"{facts.paused.runs + facts.paused.held} runs"
    if facts.families is not None:
        found["failing"] = f"{len(facts.families)} families in the last day"
    if facts.database is not None:
        found["server"] = f"PostgreSQL {facts.database.version}"
    if facts.connections is not None:
        found["connections"] = f"{facts.connections.used} of {facts.connections.limit}"
    if facts.transactions_per_second is not None:
        found["transactions"] = f"{facts.transactions_per_second:.0f} a second"
    return found


app = application(health)
