"""The peek pane: facts of a run, what it waits for, and its last events, in the room there is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.style import Style
from rich.text import Text

from console.peek import Glance
from console.present import ages, facts
from console.present.history import HistoryRows, look
from console.present.notices import explain
from console.themes import Palette
from continuum.model import HistoryEvent, Run

LOW: Final = 6
"""Lines below which only the most important is shown."""
TALL: Final = 20
"""Lines from which on there is a fact on each."""
LEAST: Final = 6
"""Lines of events that the facts leave, where there are so many."""


def peek(
    run: Run,
    glance: Glance | None,
    error: Exception | None,
    now: datetime,
    width: int,
    height: int,
    palette: Palette,
) -> list[Text]:
    """At most `height` lines, none wider than `width`.

    Args:
        run: as the list has it.
        glance: what was read of it, None before that.
        error: why it could not be read.
        now: the database's clock.
        width: cells.
        height: lines.
        palette: to paint with.
    """
    seen = facts.Seen(run, now, None if glance is None else glance.chain)
    tail = _tail(run, glance, error, palette)
    if height < LOW:
        # The run, what it waits for, and what happened last; attributes and heading give way.
        state, which, _, waits = facts.brief(seen, palette)
        head = [state, which, waits, *tail[1:][-max(1, height - 3) :]][:height]
        for line in head:
            line.truncate(width, overflow="ellipsis")
        return head
    if height < TALL:
        head = facts.brief(seen, palette)[: max(1, height)]
    else:
        head = facts.facts(seen, palette, width)
        head = head[: max(4, height - min(len(tail), LEAST) - 1)]
    room = height - len(head)
    first, *events = tail
    if room >= 2:
        head += [first, *events[max(0, len(events) - (room - 1)) :]]
    for line in head:
        line.truncate(width, overflow="ellipsis")
    return head


def _tail(
    run: Run, glance: Glance | None, error: Exception | None, palette: Palette
) -> Sequence[Text]:
    """A heading, and what was read below it."""
    title = Text("LAST EVENTS", palette.muted + Style(bold=True))
    if error is not None:
        told = Text(f"cannot read them: {explain(error)}", palette.warn)
        return [title, told]
    if glance is None:
        return [title, Text("reading…", palette.faint)]
    if not glance.events:
        return [title, Text("none yet: no worker has taken it", palette.faint)]
    rows = HistoryRows()
    for event in glance.events:
        rows.learn(event)
    return [title, *(_event(run, event, rows, palette) for event in glance.events)]


def _event(run: Run, event: HistoryEvent, rows: HistoryRows, palette: Palette) -> Text:
    glyph, words, tone = look(event.type)
    after = ages.duration((event.at - run.started_at).total_seconds())
    line = Text(f"{event.seq:>5} ", palette.faint).append(f"{f'+{after}':>8}  ", palette.muted)
    line.append(f"{glyph} {words}  ", getattr(palette, tone))
    return line.append_text(rows.detail(event, palette))
