"""The one-line header: where we are connected, what we may do, how old the data is."""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style
from rich.text import Text

from console.present import ages
from console.present.plain import one_line
from console.source import MOST_STUCK, Pulse
from console.themes import Palette
from continuum.model import ServerInfo

NAME = "continuum"


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What the header tells; None is what is not known yet."""

    server: str
    database: str
    user: str
    namespace: str | None
    read_only: bool
    pulse: Pulse | None
    zone: str
    age: float | None
    interval: float
    paused: bool
    failing: bool
    danger: bool = False


def address(server: ServerInfo) -> str:
    """`db1:5432`, or `socket`; a replica says so, its data may lag."""
    where = server.host if server.host == "socket" else f"{server.host}:{server.port}"
    return f"{where} replica" if server.replica else where


def freshness(facts: HeaderFacts, palette: Palette) -> Text:
    """`live 2s`, `paused 14s old` or `stale 14s`."""
    if facts.age is None:
        return Text("no data yet" if facts.failing else "reading…", palette.muted)
    if facts.failing:
        return Text(f"stale {ages.rough(facts.age)}", palette.warn + Style(bold=True))
    if facts.paused:
        return Text(f"paused {ages.rough(facts.age)} old", palette.warn)
    return Text("live ", palette.good).append(f"{ages.rough(facts.interval)}", palette.muted)


def header(facts: HeaderFacts, width: int, palette: Palette) -> Text:
    """Exactly `width` cells; user, zone, running runs and nodes give way, in this order."""
    for detail in (5, 4, 3, 2, 1, 0):
        left, right = _left(facts, detail, palette), _right(facts, detail, palette)
        if left.cell_len + right.cell_len + 2 <= width:
            break
    gap = width - left.cell_len - right.cell_len
    if gap < 1:  # the place gives way before the rights do
        left = _left(facts, 0, palette, 1 - gap)
        gap = width - left.cell_len - right.cell_len
    if gap < 1:
        left.truncate(max(0, width - right.cell_len - 1), overflow="ellipsis")
        gap = max(0, width - left.cell_len - right.cell_len)
    return left.append(" " * gap).append_text(right)


def _right(facts: HeaderFacts, detail: int, palette: Palette) -> Text:
    line = Text()
    if detail >= 4 and facts.zone:
        line.append(f"{facts.zone}  ", palette.faint)
    return line.append_text(freshness(facts, palette)).append(" ")


def _left(facts: HeaderFacts, detail: int, palette: Palette, excess: int = 0) -> Text:
    line = Text().append(f" {NAME}", palette.strong)
    where = f"{one_line(facts.server, 40)}/{one_line(facts.database, 40)}"
    if detail >= 5 and facts.user:
        where = f"{one_line(facts.user, 20)}@{where}"
    if excess:
        where = f"…{where[min(len(where), max(1, excess + 1)) :]}"
    line.append("  ").append(where, palette.text)
    line.append("  ns ", palette.faint)
    line.append(
        "all" if facts.namespace is None else one_line(facts.namespace, 24 if detail else 12),
        palette.accent + Style(bold=True),
    )
    if facts.read_only:
        line.append("  ").append(" READ-ONLY ", palette.warn + Style(reverse=True, bold=True))
    elif facts.danger:
        line.append("  ").append(" RW DANGER ", palette.bad + Style(reverse=True, bold=True))
    else:
        line.append("  RW", palette.muted)
    return line if facts.pulse is None else line.append_text(_numbers(facts.pulse, detail, palette))


def _numbers(pulse: Pulse, detail: int, palette: Palette) -> Text:
    line, loud = Text(), palette.warn + Style(bold=True)
    if not pulse.live_nodes and detail >= 1:
        line.append("  no worker", loud)
    elif detail >= 2:
        line.append(
            f"  {pulse.live_nodes} node{'' if pulse.live_nodes == 1 else 's'}", palette.muted
        )
    if detail >= 3:
        line.append(f"  {pulse.running:,} running", palette.muted)
    if detail >= 1 and pulse.stuck:
        shown = f"{MOST_STUCK - 1}+" if pulse.stuck >= MOST_STUCK else pulse.stuck
        line.append(f"  {shown} stuck", loud)
    if detail >= 1 and pulse.paused:
        line.append(f"  {pulse.paused:,} paused", loud)
    return line
