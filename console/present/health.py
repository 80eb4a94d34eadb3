"""The health report in words: findings, what fails, how much is done, and the database below."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from rich.style import Style
from rich.text import Text

from console.present import ages
from console.present.blocks import (
    Block,
    Cell,
    Opening,
    facts_line,
    heading,
    labelled,
    rows,
    without_gap,
)
from console.present.findings import finding
from console.present.plain import one_line
from console.present.runs import error_line
from console.present.throughput import Throughput, strip
from console.themes import Palette
from continuum.health.report import Facts, FailureFamily, Finding, HealthReport, Severity
from continuum.model import RunError

WIDE: Final = 96
LABEL: Final = 18
_QUERY: Final = re.compile(r'continuum query -A "(.*)"')
MOST: Final = 10_000
"""The report counts no further."""


def title(report: HealthReport) -> str:
    """How many findings there are."""
    return "health, of all namespaces"


def summary(report: HealthReport, width: int, palette: Palette) -> Text:
    """The worst of it, and how many of each."""
    counts = {
        severity: sum(each.severity is severity for each in report.findings)
        for severity in Severity
    }
    bold = Style(bold=True)
    verdict = Text("✓ all that was looked at is well", palette.good + bold)
    if counts[Severity.ERROR]:
        loud = palette.bad + bold + Style(reverse=True)
        verdict = Text(f" {_counted(counts[Severity.ERROR], 'error')} ", loud)
    elif counts[Severity.WARNING]:
        verdict = Text(f"! {_counted(counts[Severity.WARNING], 'warning')}", palette.warn + bold)
    elif counts[Severity.UNKNOWN]:
        verdict = Text("? not all could be looked at", palette.accent + bold)
    facts: list[Text] = []
    if counts[Severity.ERROR] and counts[Severity.WARNING]:
        facts.append(Text(_counted(counts[Severity.WARNING], "warning"), palette.warn))
    if counts[Severity.UNKNOWN]:
        facts.append(Text(f"{counts[Severity.UNKNOWN]} not known", palette.accent))
    if report.at is not None:
        facts.append(Text(f"read {ages.clock(report.at)[:8]}", palette.muted))
    if report.wake_lag is not None:
        lag = ages.duration(report.wake_lag.total_seconds())
        facts.append(Text(f"longest wait for a worker {lag}", palette.muted))
    return facts_line(verdict, facts, width)


def blocks(
    report: HealthReport, throughput: Throughput, now: datetime, width: int, palette: Palette
) -> list[Block]:
    """The whole report for a width."""
    found: list[Block] = []
    if report.findings:
        found.append(heading("findings", len(report.findings), width, palette))
        for each in report.findings:
            opening = Opening(_behind(each), each.code, "it is not about single runs")
            found.append(
                finding(
                    each.severity, each.code, each.message, each.fix, opening,
                    width=width, palette=palette,
                )
            )  # fmt: skip
    found += _families(report.facts, now, width, palette)
    found += _throughput(report.facts, throughput, width, palette)
    found += _database(report.facts, now, width, palette)
    found += _tables(report.facts, now, width, palette)
    return without_gap(found)


def _behind(each: Finding) -> str | None:
    """The query that its fix proposes, else the runs that it names."""
    if proposed := _QUERY.fullmatch(each.fix):
        return proposed[1]
    listed = ", ".join(f"'{run}'" for run in each.runs)
    return f"id in ({listed})" if listed else None


# what fails


def _families(facts: Facts, now: datetime, width: int, palette: Palette) -> Iterator[Block]:
    if facts.families is None:
        return
    yield heading("failing now, by cause", len(facts.families), width, palette)
    if not facts.families:
        yield Block((Text("Nothing has failed within a day.", palette.muted),))
        return
    look = palette.faint + Style(bold=True)
    names = ["", "CAUSE", "HOUR", "DAY", "LAST"]
    names += ["FIRST", "WORKFLOWS", "VERSIONS"] if width >= WIDE else []
    cells = [[Cell(Text(name, look), name in ("HOUR", "DAY", "LAST", "FIRST")) for name in names]]
    cells += [_family(each, now, width, palette) for each in facts.families]
    first, *lines = rows(cells, width)
    yield Block((first,))
    for line, each in zip(lines, facts.families, strict=True):
        where = f"state = 'failed' and error_family = '{each.name}'"
        yield Block(
            (line,),
            ("family", each.name),
            Opening(where, one_line(cause(each, palette).plain, 40)),
        )


def cause(each: FailureFamily, palette: Palette) -> Text:
    """What the failures have in common; of a failed activity what it failed of."""
    name, _, message = each.message.partition(": ")
    return error_line(RunError(name, message), palette)


def _family(each: FailureFamily, now: datetime, width: int, palette: Palette) -> list[Cell]:
    fact = each.fact
    found = [
        Cell(Text("new" if each.is_new else "", palette.bad + Style(bold=True))),
        Cell(cause(each, palette)),
        Cell(Text(_many(fact.last_hour), palette.bad if fact.last_hour else palette.faint), True),
        Cell(Text(_many(fact.last_day), palette.muted), True),
        Cell(Text(ages.ago(fact.last_at, now), palette.muted), True),
    ]
    if width >= WIDE:
        found.append(Cell(Text(ages.ago(fact.first_at, now), palette.muted), True))
        found.append(Cell(Text(one_line(", ".join(fact.workflows), 60), palette.muted)))
        versions = ", ".join(f"v{version}" for version in fact.versions)
        found.append(Cell(Text(one_line(versions, 30), palette.faint)))
    return found


# how much is done


def _throughput(
    facts: Facts, throughput: Throughput, width: int, palette: Palette
) -> Iterator[Block]:
    if facts.cluster is None:
        return
    yield heading("runs a minute", None, width, palette)
    if not throughput.rates or throughput.since is None:
        yield Block((Text("measured from the second look on", palette.muted),))
        return
    room = max(10, min(60, width - 2 * LABEL))
    last = throughput.rates[-1]
    measured = [
        ("started", [rate.started for rate in throughput.rates], last.started, palette.info),
        ("ended", [rate.ended for rate in throughput.rates], last.ended, palette.good),
        ("failed", [rate.failed for rate in throughput.rates], last.failed, palette.bad),
    ]
    lines: list[Text] = []
    for label, values, now, look in measured:
        line = Text().append(label.ljust(LABEL), palette.muted)
        line.append(strip(values, room).rjust(room), look if any(values) else palette.faint)
        lines.append(line.append(f"  {now:,.0f}", palette.text))
    since = f"since {ages.clock(throughput.since)[:8]}, all namespaces"
    yield Block((*lines, Text(since, palette.faint)))


# the database


def _database(facts: Facts, now: datetime, width: int, palette: Palette) -> Iterator[Block]:
    if facts.database is None:
        return
    database, told = facts.database, list[tuple[str, Text]]()
    yield heading("database", None, width, palette)
    told.append(("PostgreSQL", Text(database.version, palette.text)))
    held = facts.snapshot
    if held is None:
        unknown = "snapshot" in facts.unknown
        words = "not known" if unknown else "nobody holds one"
        told.append(("oldest snapshot", Text(words, palette.muted)))
    else:
        who = f"{held.holder} {one_line(held.name, 60)}"
        if held.pid is not None:
            who += f", process {held.pid}"
        if held.since is not None:
            who += f", for {ages.duration((now - held.since).total_seconds())}"
        told.append(("oldest snapshot", Text(who, palette.text)))
    share = palette.text if database.notify_usage < 0.1 else palette.warn
    told.append(("NOTIFY queue", Text(f"{database.notify_usage:.1%} full", share)))
    if facts.connections is not None:
        used = facts.connections
        text = f"{used.used} of {used.limit}, {used.ours} of this database"
        told.append(("connections", Text(text, palette.text)))
    if facts.transactions_per_second is not None:
        rate = f"{facts.transactions_per_second:,.0f} a second"
        told.append(("transactions", Text(rate, palette.text)))
    frozen = f"{database.frozen_age:,} transactions old; at {database.freeze_limit:,} writing stops"
    told.append(("oldest row", Text(frozen, palette.muted)))
    for index in facts.invalid_indexes or ():
        text = Text(f"{one_line(index.index, 80)} on {index.table} is not valid", palette.warn)
        told.append(("index", text))
    for label, text in told:
        yield Block(tuple(labelled(Text(label, palette.muted), text, width, LABEL)))


def _tables(facts: Facts, now: datetime, width: int, palette: Palette) -> Iterator[Block]:
    if not facts.tables:
        return
    yield heading("tables", len(facts.tables), width, palette)
    look = palette.faint + Style(bold=True)
    names = ("TABLE", "ROWS", "DEAD", "VACUUMED", "ANALYSED")
    cells = [[Cell(Text(name, look), name != "TABLE") for name in names]]
    for table in facts.tables:
        dead = palette.warn if table.dead > max(1000, table.live // 5) else palette.muted
        cells.append([
            Cell(Text(table.table.removeprefix("continuum_"), palette.text)),
            Cell(Text(f"{table.live:,}", palette.muted), True),
            Cell(Text(f"{table.dead:,}", dead if table.dead else palette.faint), True),
            Cell(_when(table.vacuumed_at, now, palette), True),
            Cell(_when(table.analysed_at, now, palette), True),
        ])  # fmt: skip
    yield from (Block((line,)) for line in rows(cells, width))


def _when(moment: datetime | None, now: datetime, palette: Palette) -> Text:
    return Text("never" if moment is None else ages.ago(moment, now), palette.muted)


def _many(number: int) -> str:
    return f"{number:,}" if number < MOST else f"{MOST:,}+"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
