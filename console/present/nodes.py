"""Workers, queues and leases, as a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from rich.style import Style
from rich.text import Text

from console.present import ages
from console.present.blocks import (
    Block,
    Cell,
    Opening,
    facts_line,
    heading,
    paragraph,
    rows,
    without_gap,
)
from console.present.plain import one_line, short_id
from console.source import Workforce
from console.themes import Palette
from continuum.health.report import Facts
from continuum.model import NodeInfo

WIDE: Final = 96
XWIDE: Final = 130
MOST: Final = 10_000
"""The report counts no further."""


def title(workforce: Workforce) -> str:
    """How many workers there are."""
    alive = sum(node.alive for node in workforce.nodes)
    return f"{alive} worker{'' if alive == 1 else 's'} alive, {len(workforce.nodes) - alive} not"


def summary(workforce: Workforce, width: int, palette: Palette) -> Text:
    """Whether there are workers for everything, and what they hold."""
    alive = [node for node in workforce.nodes if node.alive]
    bold = Style(bold=True)
    taking = sum(not node.draining for node in alive)
    takes = "1 worker takes" if taking == 1 else f"{taking} workers take"
    verdict = Text(f"✓ {takes} runs", palette.good)
    if not taking:
        verdict = Text("! every worker is draining", palette.warn + bold)
    if not alive:
        verdict = Text(" no worker is alive ", palette.bad + bold + Style(reverse=True))
    facts: list[Text] = []
    cluster = workforce.facts.cluster
    if cluster is not None and cluster.orphaned:
        text = f"{_many(cluster.orphaned)} runs owned by dead workers"
        facts.append(Text(text, palette.warn + bold))
    owned = sum(node.owned_runs for node in alive)
    facts.append(Text("1 run owned" if owned == 1 else f"{owned:,} runs owned", palette.muted))
    waits = workforce.wake_lag
    if waits is not None:
        lag = ages.duration(waits.total_seconds())
        facts.append(Text(f"longest wait for a worker {lag}", palette.muted))
    return facts_line(verdict, facts, width)


def blocks(workforce: Workforce, now: datetime, width: int, palette: Palette) -> list[Block]:
    """The whole report for a width."""
    found: list[Block] = []
    if not workforce.nodes:
        found.append(Block((Text("No worker has joined this database.", palette.strong),)))
        starts = Text().append("continuum worker --app MODULE", palette.accent)
        found.append(Block((starts.append("  starts one", palette.muted),)))
    else:
        found.append(heading("workers", len(workforce.nodes), width, palette))
        found += _workers(workforce.nodes, now, width, palette)
    found += _queues(workforce.facts, now, width, palette)
    found += _lost(workforce.facts, width, palette)
    found += _takeovers(workforce.facts, now, width, palette)
    return without_gap(found)


def _titles(names: Sequence[str], right: Sequence[str], palette: Palette) -> list[Cell]:
    look = palette.faint + Style(bold=True)
    return [Cell(Text(name, look), name in right) for name in names]


# workers


def _workers(
    nodes: Sequence[NodeInfo], now: datetime, width: int, palette: Palette
) -> Iterator[Block]:
    names = ["STATE", "NODE", "HOST", "PID", "RUNS", "HEARTBEAT", "UP"]
    names += ["BUILD", "QUEUES"] if width >= WIDE else []
    names += ["WORKFLOWS"] if width >= XWIDE else []
    first, *lines = rows(
        [
            _titles(names, ("PID", "RUNS", "HEARTBEAT", "UP"), palette),
            *(_worker(node, now, width, palette) for node in nodes),
        ],
        width,
    )
    yield Block((first,))
    for line, node in zip(lines, nodes, strict=True):
        where = f"owner = '{node.id}'" if node.owned_runs else None
        opening = Opening(where, f"owned by {short_id(node.id)}", "it owns no run")
        yield Block((line,), ("node", node.id), opening)


def _worker(node: NodeInfo, now: datetime, width: int, palette: Palette) -> list[Cell]:
    state, look = "✓ alive", palette.good
    if node.dead_at is not None:
        state, look = "✗ dead", palette.bad
    elif not node.alive:
        state, look = "! silent", palette.warn + Style(bold=True)
    elif node.draining:
        state, look = "◌ draining", palette.accent
    ended = node.dead_at or now
    found = [
        Cell(Text(state, look)),
        Cell(Text(short_id(node.id), palette.text)),
        Cell(Text(one_line(node.host, 40), palette.text)),
        Cell(Text(str(node.pid), palette.muted), right=True),
        Cell(Text(f"{node.owned_runs:,}", palette.text), right=True),
        Cell(Text(ages.ago(node.heartbeat_at, now), palette.muted), right=True),
        Cell(
            Text(ages.rough((ended - node.started_at).total_seconds()), palette.muted), right=True
        ),
    ]
    if width >= WIDE:
        found.append(Cell(Text(one_line(node.build, 24), palette.faint)))
        found.append(Cell(Text(one_line(", ".join(node.queues), 60), palette.muted)))
    if width >= XWIDE:
        found.append(Cell(Text(one_line(", ".join(node.workflows), 200), palette.faint)))
    return found


# queues


def _queues(facts: Facts, now: datetime, width: int, palette: Palette) -> Iterator[Block]:
    if facts.queues is None:
        yield heading("queues", None, width, palette)
        why = one_line(facts.unknown.get("queues", "no answer"), 300)
        yield Block((Text(f"not known: {why}", palette.warn),))
        return
    if not facts.queues:
        return
    yield heading("queues", len(facts.queues), width, palette)
    names = ("QUEUE", "WAITING", "RUNNING", "WORKERS", "FIRST WAITS")
    cells = [_titles(names, names[1:], palette)]
    for queue in facts.queues:
        served = palette.text if queue.workers else palette.bad + Style(bold=True)
        age = None if queue.head_at is None else (now - queue.head_at).total_seconds()
        alarming = queue.waiting and not queue.workers
        cells.append(
            [
                Cell(Text(one_line(queue.queue, 60), palette.text)),
                _number(queue.waiting, palette),
                _number(queue.running, palette),
                Cell(Text(f"{queue.workers}", served), right=True),
                Cell(
                    Text(
                        "" if age is None else ages.duration(age),
                        palette.warn if alarming else palette.muted,
                    ),
                    right=True,
                ),
            ]
        )
    first, *lines = rows(cells, width)
    yield Block((first,))
    for line, queue in zip(lines, facts.queues, strict=True):
        opening = Opening(None, why_not="a queue holds attempts of activities, no query finds them")
        yield Block((line,), ("queue", queue.queue), opening)


# what takeovers left


def _lost(facts: Facts, width: int, palette: Palette) -> Iterator[Block]:
    parked = [each for each in facts.parked or () if each.reason == "quarantine"]
    if not parked:
        return
    yield heading("taken over four times, now in quarantine", len(parked), width, palette)
    for each in parked:
        line = Text().append("! ", palette.warn + Style(bold=True))
        line.append(one_line(each.workflow, 80), palette.strong)
        runs = "1 run" if each.runs == 1 else f"{_many(each.runs)} runs"
        line.append(f"  {runs}", palette.warn)
        why = paragraph(Text(one_line(each.why or "", 400), palette.muted), width, 2)
        listed = ", ".join(f"'{run}'" for run in each.sample)
        opening = Opening(f"id in ({listed})" if listed else None, "in quarantine")
        yield Block((line, *why), ("quarantine", each.workflow, each.version_hash), opening)


def _takeovers(facts: Facts, now: datetime, width: int, palette: Palette) -> Iterator[Block]:
    if facts.takeovers is None:
        if "takeovers" in facts.unknown:
            yield heading("takeovers", None, width, palette)
            why = one_line(facts.unknown["takeovers"], 300)
            yield Block((Text(f"not known: {why}", palette.warn),))
        return
    if not facts.takeovers:
        return
    yield heading("takeovers", len(facts.takeovers), width, palette)
    names = ["WHEN", "RUNS", "OF THE DEAD", "NOW WITH"]
    names[2:2] = ["DIED"] if width >= WIDE else []
    cells = [_titles(names, ("WHEN", "RUNS", "DIED"), palette)]
    for each in facts.takeovers:
        row = [
            Cell(Text(ages.ago(each.last_at, now), palette.muted), right=True),
            _number(each.runs, palette),
            Cell(_worker_name(each.from_node, each.from_host, each.from_pid, palette)),
            Cell(_worker_name(each.by_node, each.by_host, each.by_pid, palette)),
        ]
        if width >= WIDE:
            died = "" if each.died_at is None else ages.ago(each.died_at, now)
            row.insert(2, Cell(Text(died, palette.muted), right=True))
        cells.append(row)
    first, *lines = rows(cells, width)
    yield Block((first,))
    for line, each in zip(lines, facts.takeovers, strict=True):
        listed = ", ".join(f"'{run}'" for run in each.sample)
        crumb = f"taken over from {short_id(each.from_node)}"
        if each.runs > len(each.sample):
            crumb += f", {len(each.sample)} of {each.runs:,}"
        yield Block(
            (line,), ("takeover", each.from_node, each.by_node), Opening(f"id in ({listed})", crumb)
        )


def _worker_name(node: UUID, host: str | None, pid: int | None, palette: Palette) -> Text:
    name = Text(short_id(node), palette.text)
    if host is not None:
        name.append(f"  {one_line(host, 40)} {pid}", palette.muted)
    return name


def _number(number: int, palette: Palette) -> Cell:
    return Cell(Text(_many(number), palette.text if number else palette.faint), right=True)


def _many(number: int) -> str:
    return f"{number:,}" if number < MOST else f"{MOST:,}+"
