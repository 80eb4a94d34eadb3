"""What is known about one run, as labelled lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.style import Style
from rich.text import Text

from console.present import ages, states
from console.present.chain import ChainTree, chain_rows, in_one_line
from console.present.family import summary
from console.present.plain import lines, one_line, short_id
from console.present.runs import attributes, error_line, version, workflow_name
from console.present.values import pretty, preview
from console.present.waits import cancelling, waiting
from console.themes import Palette
from continuum.model import Omitted, Run, StoredValue, WaitNode

LABEL: Final = 12
_WRAP: Final = Console(width=80)
"""Wrapping asks for a console, and uses nothing of it."""
_CHAIN: Final = 12
"""Lines of the wait chain; all of it is a tab of its own."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as it was read at `now` by the database's clock.

    Attributes:
        chain: what it waits for, followed; None when that was not asked.
        children: how many it has in each state.
    """

    run: Run
    now: datetime
    chain: WaitNode | None = None
    children: Mapping[str, int] = field(default_factory=dict[str, int])


def facts(seen: Seen, palette: Palette, width: int = 100) -> list[Text]:
    """Everything, one fact a line or block, for a pane of `width` cells."""
    found = _facts(seen, palette)
    return [line for fact in found for line in _hanging(fact, width)]


def _hanging(line: Text, width: int) -> list[Text]:
    """The line wrapped, what follows under its content, not under its label."""
    first, *rest = line.wrap(_WRAP, width) or [line]
    if not rest:
        return [first]
    rest_of_it = Text(" ").join(rest)
    indent = Text(" " * LABEL) if line.plain[:LABEL].strip() else Text("    ")
    wrapped = rest_of_it.wrap(_WRAP, max(8, width - indent.cell_len))
    return [first, *(indent.copy().append_text(part) for part in wrapped)]


def _facts(seen: Seen, palette: Palette) -> list[Text]:
    run, now = seen.run, seen.now
    found = [
        _line("state", states.badge(run.state, palette), palette),
        _line("run", Text(str(run.id), palette.text), palette),
        _line("workflow", Text(one_line(run.workflow), palette.text), palette),
        _line("version", version(run, palette), palette),
        _line("namespace", Text(one_line(run.namespace), palette.text), palette),
        _line("started", _when(run.started_at, now, palette), palette),
    ]
    if run.completed_at is not None:
        found.append(_line("ended", _when(run.completed_at, now, palette), palette))
    else:
        found.append(_line("updated", _when(run.updated_at, now, palette), palette))
    lasted = ages.duration(run.duration.total_seconds())
    found.append(_line("duration", Text(lasted, palette.text), palette))
    found.extend(_live_facts(seen, palette))
    if run.parent_id is not None:
        found.append(_line("parent", Text(str(run.parent_id), palette.text), palette))
    if run.incarnation > 1:
        found.append(_line("incarnation", Text(str(run.incarnation), palette.text), palette))
    if children := summary(seen.children):
        found.append(_line("children", Text(children, palette.text), palette))
    found.extend(_block("attributes", dict(run.attributes), palette))
    found.extend(_block("input", value(run.stored_input), palette))
    if run.stored_output is not None and run.state == "completed":
        found.extend(_block("output", value(run.stored_output), palette))
    found.extend(_error(run, palette))
    return found


def brief(seen: Seen, palette: Palette) -> list[Text]:
    """Four lines for a screen too small for the side pane."""
    run, now = seen.run, seen.now
    first = (
        Text()
        .append_text(states.badge(run.state, palette))
        .append("  ")
        .append_text(workflow_name(run.workflow, palette))
    )
    first.append("  ").append_text(version(run, palette))
    first.append(f"  ns {one_line(run.namespace, 40)}", palette.muted)
    lasted = ages.duration(run.duration.total_seconds())
    second = Text(str(run.id), palette.muted)
    second.append(f"  started {ages.ago(run.started_at, now)}, {lasted}", palette.muted)
    third = _family(seen, palette)
    third.append_text(attributes(run.attributes, palette) or Text("no attributes", palette.faint))
    if run.error is not None:
        fourth = error_line(run.error, palette)
    elif run.waiting_on or run.cancelling_since:
        fourth = Text()
        if run.cancelling_since:
            fourth.append(f"{cancelling(run.cancelling_since, now)}  ", palette.warn)
        fourth.append("waits for ", palette.faint)
        followed = seen.chain is not None and seen.chain.waits
        words = in_one_line(seen.chain, now) if seen.chain and followed else ""
        fourth.append(words or waiting(run.waiting_on or "nothing", now), palette.accent)
    elif run.state == "completed" and run.stored_output is not None:
        fourth = Text("output ", palette.faint).append(
            preview(value(run.stored_output)), palette.text
        )
    else:
        fourth = Text("input ", palette.faint).append(
            preview(value(run.stored_input)), palette.text
        )
    return [first, second, third, fourth]


def value(stored: StoredValue) -> Any:
    """The decoded payload; what cannot be decoded here says so instead of failing the screen."""
    try:
        return stored.decode()
    except ValueError:  # sealed by a payload codec that this console was not given
        return Omitted(stored.size)


def _line(label: str, content: Text, palette: Palette) -> Text:
    return Text(label.ljust(LABEL), palette.faint).append_text(content)


def _when(at: datetime, now: datetime, palette: Palette) -> Text:
    return Text(ages.ago(at, now), palette.text).append(f"  {ages.stamp(at)}", palette.faint)


def _live_facts(seen: Seen, palette: Palette) -> list[Text]:
    run, now = seen.run, seen.now
    if run.state not in states.LIVE:
        return []
    waits = waiting(run.waiting_on, now) if run.waiting_on else "nothing: it can go on"
    style = palette.accent if run.waiting_on else palette.muted
    owner = (
        Text(one_line(run.owner, 60), palette.text) if run.owner else Text("none", palette.muted)
    )
    found = [
        _line("waits for", Text(waits, style), palette),
        _line("owner", owner, palette),
    ]
    found[1:1] = [Text("  ").append_text(line) for line in _followed(seen, palette)]
    if run.paused:
        found.insert(0, _line("paused", Text("no worker may go on with it", palette.warn), palette))
    if run.cancelling_since is not None:
        since = _when(run.cancelling_since, now, palette)
        since.stylize(palette.warn, 0, len(since.plain.partition("  ")[0]))
        found.insert(0, _line("cancelling", Text("since ", palette.warn) + since, palette))
    return found


def _followed(seen: Seen, palette: Palette) -> list[Text]:
    """What the runs it waits for wait for; nothing when it says all itself."""
    if seen.chain is None or not (seen.chain.stuck or any(w.then for w in seen.chain.waits)):
        return []
    tree = ChainTree()
    tree.now = seen.now
    rows = chain_rows(seen.chain)
    column = tree.columns(200)[0]
    shown = [tree.cell(row, column, palette, changed=False) for row in rows[:_CHAIN]]
    if len(rows) > _CHAIN:
        shown.append(Text(f"and {len(rows) - _CHAIN} more: w", palette.faint))
    return shown


def _family(seen: Seen, palette: Palette) -> Text:
    """Where the run stands among others, in a few words before its attributes."""
    run = seen.run
    words: list[str] = []
    if run.parent_id is not None:
        words.append(f"child of {short_id(run.parent_id)}")
    if run.incarnation > 1:
        words.append(f"incarnation {run.incarnation}")
    if children := summary(seen.children):
        words.append(f"children {children}")
    return Text("".join(f"{each}  " for each in words), palette.text)


def _block(label: str, content: Any, palette: Palette) -> list[Text]:
    shown = pretty(content, palette, max_lines=60)
    if len(shown) == 1:
        return [_line(label, shown[0], palette)]
    return [Text(""), Text(label, palette.faint), *(Text("  ").append_text(line) for line in shown)]


def _error(run: Run, palette: Palette) -> list[Text]:
    if run.error is None:
        return []
    found = [
        Text(""),
        Text("error", palette.faint),
        Text("  ").append(one_line(run.error.type, 300), palette.bad + Style(bold=True)),
        *(Text("  ").append(line, palette.text) for line in lines(run.error.message, 20)),
    ]
    if run.error.details:
        found.append(Text(""))
        found += [Text("  ").append(line, palette.muted) for line in lines(run.error.details, 200)]
    return found
